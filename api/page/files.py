"""The files of the page: read once, when the daemon starts, so that no other file can be served.

Browsers ask each time whether a file has changed (``no-cache``), and get a 304 if it has not, so nobody keeps
the old page, or a part of it, after an upgrade.
"""

import functools
import gzip
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Final

from starlette.datastructures import Headers
from starlette.responses import Response

#: The file of the page itself.
INDEX: Final = "index.html"
#: By file name extension; other files are not served.
TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
#: Whatever gets into the page's text, the page runs only these scripts, and sends nothing elsewhere.
POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "img-src 'self'",
        "form-action 'none'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
}


@dataclass(frozen=True)
class File:
    """A file of the page.

    :param kind: its Content-Type
    """

    kind: str
    body: bytes
    packed: bytes = field(init=False)
    tag: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "packed", gzip.compress(self.body, mtime=0))
        object.__setattr__(self, "tag", hashlib.sha256(self.body).hexdigest()[:32])

    def answer(self, asked: Headers, vary: str = "Accept-Encoding") -> Response:
        """Return the answer to a request: the file, or 304 if it has not changed.

        :param asked: the headers of the request
        """
        is_packed = _takes_gzip(asked.get("Accept-Encoding", ""))
        tag = f'"{self.tag}-gzip"' if is_packed else f'"{self.tag}"'
        headers = {**HEADERS, "ETag": tag, "Cache-Control": "no-cache", "Vary": vary}
        known = {one.strip().removeprefix("W/") for one in asked.get("If-None-Match", "").split(",")}
        if known & {tag, "*"}:
            return Response(None, 304, headers)
        if is_packed:
            headers["Content-Encoding"] = "gzip"
        return Response(self.packed if is_packed else self.body, 200, headers | {"Content-Type": self.kind})


@functools.cache
def site() -> Mapping[str, File]:
    """Return the files by their path, such as ``style/base.css``."""
    return dict(_read(resources.files("podium.api.page") / "site", ""))


def _read(folder: Traversable, path: str) -> Iterator[tuple[str, File]]:
    for one in folder.iterdir():
        if one.is_dir():
            yield from _read(one, f"{path}{one.name}/")
        elif kind := TYPES.get(f".{one.name.rpartition('.')[2]}"):
            yield path + one.name, File(kind, one.read_bytes())


def _takes_gzip(accepted: str) -> bool:
    """Return whether an Accept-Encoding header names gzip, with a weight other than 0."""
    for one in accepted.lower().split(","):
        name, _, weight = one.replace(" ", "").partition(";q=")
        if name in ("gzip", "x-gzip"):
            return weight.strip("0.") != "" or weight == ""
    return False
