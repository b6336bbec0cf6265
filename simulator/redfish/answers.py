"""HTTP answers as bytes, and the bodies of errors (DSP0266, clause "Error responses")."""

import dataclasses
import functools
import hashlib
import http
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

_BASE: Final = "Base.1.18"


@dataclass(frozen=True, slots=True)
class Message:
    """A message of an error answer.

    :param name: name in the registry Base, such as ``ResourceInUse``
    :param text: text for people
    :param arguments: the message's arguments in the registry
    """

    status: int
    name: str
    text: str
    arguments: tuple[str, ...] = ()

    @property
    def extended_info(self) -> dict[str, Any]:
        """Return the message as an object of the schema Message."""
        return {
            "@odata.type": "#Message.v1_2_1.Message",
            "MessageId": f"{_BASE}.{self.name}",
            "Message": self.text,
            "MessageArgs": list(self.arguments),
            "MessageSeverity": "Critical",
            "Resolution": "None.",
        }


DEMANDED: Final = Message(428, "PreconditionRequired", "The request needs a precondition: If-Match.")


@dataclass(slots=True)
class Answer:
    """One answer.

    :param wire: head and body
    :param etag: ETag of the resource, empty for none
    :param late: seconds by which it is late
    :param streams: whether events follow until the connection ends
    :param closes: whether the connection is then closed without announcement
    """

    wire: bytes
    status: int
    etag: bytes = b""
    late: float = 0.0
    streams: bool = False
    closes: bool = False


def answer(
    status: int,
    document: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
    *,
    etag: bytes = b"",
    content_type: str = "application/json",
) -> Answer:
    """Return an answer with a JSON body, or without a body."""
    body = b"" if document is None else json.dumps(document, separators=(",", ":")).encode()
    lines = [f"HTTP/1.1 {status} {http.HTTPStatus(status).phrase}", "OData-Version: 4.0"]
    if document is not None:
        lines += [f"Content-Type: {content_type}", "Cache-Control: no-cache"]
    if etag:
        lines.append(f"ETag: {etag.decode()}")
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    if status not in (204, 304):
        lines.append(f"Content-Length: {len(body)}")
    return Answer("\r\n".join((*lines, "", "")).encode() + body, status, etag)


@functools.lru_cache(maxsize=16384)  # one for each BMC that is read continually
def not_modified(etag: bytes) -> Answer:
    """Return "not modified" for the ETag."""
    return answer(304, etag=etag)


def refusal(message: Message, headers: Mapping[str, str] | None = None) -> Answer:
    """Return an error."""
    body = {
        "error": {
            "code": f"{_BASE}.{message.name}",
            "message": message.text,
            "@Message.ExtendedInfo": [message.extended_info],
        }
    }
    return answer(message.status, body, headers)


def without_body(made: Answer) -> Answer:
    """Return the answer to a HEAD."""
    head, end, _ = made.wire.partition(b"\r\n\r\n")
    return dataclasses.replace(made, wire=head + end, streams=False)


def not_found(path: str) -> Answer:
    """Return the error for an unknown path."""
    text = f"The resource at the URI '{path}' was not found."
    return refusal(Message(404, "ResourceMissingAtURI", text, (path,)))


def not_allowed(method: bytes, allowed: str) -> Answer:
    """Return the error for a method that a resource does not support."""
    text = f"The method {method.decode('ascii', 'replace')} is not allowed here."
    return refusal(Message(405, "OperationNotAllowed", text), {"Allow": allowed})


def json_object(body: bytes) -> dict[str, Any] | None:
    """Return the JSON object in the body of a request, or None if there is none."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def event_stream() -> Answer:
    """Return the head of an event stream, which ends with its connection."""
    lines = (
        "HTTP/1.1 200 OK",
        "Content-Type: text/event-stream",
        "Cache-Control: no-cache",
        "Connection: close",
    )
    return Answer("\r\n".join((*lines, "", "")).encode(), 200, streams=True)


def etag_of(document: Mapping[str, Any]) -> str:
    """Return an ETag that changes with the document."""
    text = json.dumps(document, separators=(",", ":")).encode()
    return f'W/"{hashlib.blake2b(text, digest_size=8).hexdigest()}"'
