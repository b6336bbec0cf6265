"""Changes that faults make to the answers of a simulated Redfish BMC."""

import dataclasses
import posixpath
import re
from typing import Any, Final

from podium.simulator.faults import Faults
from podium.simulator.redfish.answers import Answer, Message, answer, refusal
from podium.simulator.redfish.documents import ROOT
from podium.simulator.redfish.request import Request

_LINK: Final = re.compile(rb'("|Location: )(/redfish/v1[^"\r#]*)')
_LOGIN_PAGE: Final = "/login.html"
_STATUSES: Final = {"error": b"200 OK", "440": b"440 Login Time-out"}  # with the body of a 401
_NOBODY: Final = Message(401, "NoValidSession", "There is no valid session established.")
_FOREIGN: Final = "https://192.0.2.1"  # a documentation address (RFC 5737)


def with_foreign_links(value: Any) -> Any:
    """Return a document in which all links lead to another host."""
    if isinstance(value, list):
        return [with_foreign_links(one) for one in value]
    if isinstance(value, dict):
        return {name: with_foreign_links(one) for name, one in value.items()}
    return f"{_FOREIGN}{value}" if isinstance(value, str) and value.startswith(f"{ROOT}/") else value


def nobody(form: str, path: str) -> Answer:
    """Return a BMC's answer to an unknown client, in another form than 401.

    :param form: one of podium.simulator.fault_values.NOBODY
    """
    if form == "page" or path == _LOGIN_PAGE:
        page = b"<!DOCTYPE html><html><body>Log in</body></html>"
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n" % len(page)
        return Answer(head + page, 200)
    if form == "nothing":
        return answer(200, {})
    if form == "redirect":
        return answer(302, headers={"Location": _LOGIN_PAGE})
    if form in _STATUSES:
        made, line = refusal(_NOBODY), _STATUSES[form]
        return dataclasses.replace(
            made, wire=made.wire.replace(b"401 Unauthorized", line, 1), status=int(line[:3])
        )
    return refusal(Message(int(form), "GeneralError", "A general error has occurred."))


def spoil(made: Answer, wrong: Faults, request: Request) -> Answer:
    """Return an answer as faults change it."""
    wire, closes = made.wire, made.closes or wrong.half_closes or wrong.cuts
    if made.streams:
        return dataclasses.replace(made, late=wrong.slow)
    if wrong.absolute_links:
        wire = _LINK.sub(rf"\1{request.origin}\2".encode(), wire)
    if wrong.relative_links:
        folder = request.path.rpartition("/")[0]
        wire = _LINK.sub(lambda link: link[1] + posixpath.relpath(link[2].decode(), folder).encode(), wire)
    if wrong.odd_texts or wrong.odd_json:
        wire = _with_odd_json(wire, wrong)
    if wire is not made.wire:
        wire = with_length(wire)
    if wrong.wrong_type:
        wire = wire.replace(b"application/json", b"text/html", 1)
    done = made.status < 300 and request.method in (b"POST", b"PATCH", b"DELETE")
    if (wrong.cut_errors and made.status >= 400) or (wrong.cut_actions and done):
        wire, closes = _without_body(wire), True
    elif wrong.wrong_lengths and made.status not in (204, 304):
        wire, closes = with_length(wire, 7), True
    if wrong.odd_heads:
        wire = _with_odd_head(wire)
    if wrong.cuts:
        wire = wire[: 2 * len(wire) // 3]
    return dataclasses.replace(made, wire=wire, late=made.late + wrong.slow, closes=closes)


def _with_odd_json(wire: bytes, wrong: Faults) -> bytes:
    """Return an answer with malformed JSON."""
    head, end, body = wire.partition(b"\r\n\r\n")
    if not body:
        return wire
    if wrong.odd_texts:
        body = (
            body.replace(b'"SerialNumber":"', b'"SerialNumber":"\xff\xfe\t\x01\\x') + b'\0"PowerState":"?"}'
        )
    if wrong.odd_json:
        body = b'\xef\xbb\xbf{"Oem":-nan,' + body[1:].replace(b"}", b",}").replace(b"{,}", b"{}")
    return head + end + body


def _with_odd_head(wire: bytes) -> bytes:
    line, _, rest = wire.partition(b"\r\n")
    odd = line.replace(b"HTTP", b"http") + b"\r\nX-Caf\xe9: 1\r\nno header\r\n"
    return odd + re.sub(rb"(Content-Length: \d+\r\n)", rb"\1\1", rest, count=1)


def _without_body(wire: bytes) -> bytes:
    """Return only the head of an answer, announcing a chunked body."""
    head, end, _ = wire.partition(b"\r\n\r\n")
    return re.sub(rb"\r\nContent-Length: \d+", b"", head) + b"\r\nTransfer-Encoding: chunked" + end


def with_length(wire: bytes, more: int = 0) -> bytes:
    """Return an answer that announces its length, or a greater one."""
    head, end, body = wire.partition(b"\r\n\r\n")
    length = b"Content-Length: %d" % (len(body) + more)
    return re.sub(rb"Content-Length: \d+", length, head, count=1) + end + body
