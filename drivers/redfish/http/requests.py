"""The bytes of requests to a BMC: each is exactly one request, to a path of the BMC's own."""

import json
import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

_PATH: Final = re.compile(r"/(?!/)[!-~]{0,1023}")


def request(method: str, path: str, head: str, rest: str = "\r\n") -> bytes:
    """Return the bytes of a request.

    :param head: lines that all requests to this BMC have
    :param rest: the other lines, an empty one, and the body
    """
    return f"{method} {path} HTTP/1.1\r\n{head}{rest}".encode("latin-1")


def content(body: Mapping[str, Any]) -> str:
    """Return the rest of a request that has a body."""
    text = json.dumps(body)  # ASCII only
    return f"Content-Type: application/json\r\nContent-Length: {len(text)}\r\n\r\n{text}"


def is_path(text: str) -> bool:
    """Whether a text is a path: one slash, then at most 1,023 of printable ASCII without spaces."""
    return _PATH.fullmatch(text) is not None


def own_path(location: str | None) -> str | None:
    """Return the path in a Location, whatever host the BMC puts there; None when it is not a path."""
    if location is None or not location.isprintable():  # urlsplit leaves out what is not
        return None
    try:
        parts = urlsplit(location)
    except ValueError:
        return None
    path = f"{parts.path}?{parts.query}" if parts.query else parts.path
    return path if is_path(path) else None
