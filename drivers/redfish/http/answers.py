"""The meaning of a BMC's answer: its resource, or the text of its refusal (DSP0266, "Error responses")."""

import contextlib
import email.utils
import json
import time
import zlib
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from podium import echoes, errors
from podium.drivers.redfish.http import texts
from podium.drivers.redfish.http.connection import MAX_BODY, Answer
from podium.masking import MASK

_MESSAGES: Final = 16
_TEXT: Final = 300  # characters of a BMC's text in an error of ours
_ETAG: Final = 256  # characters
_LONGEST_ARGUMENT: Final = 2048  # characters
_AROUND_ERRORS: Final = frozenset({"error", "Messages", "Name", "Type"})  # the last three in iLO 4
_FOR_PEOPLE: Final = frozenset({"Message", "MessageArgs", "Resolution", "error", "message"})
_SUCCESSES: Final = frozenset({"Success", "NoOperation"})
_SEVERITIES: Final = frozenset({"OK", "Warning", "Critical"})
_LONGEST_PAUSE: Final = 600.0  # maximum seconds that a BMC is left alone at its own request
_GZIP: Final = b"\x1f\x8b"  # how it begins (RFC 1952, 2.3.1), and JSON does not
# zlib's wbits; the second is for "deflate" without the wrapper that it should have (RFC 9110, 8.4.1.2).
_GZIP_OR_ZLIB: Final = 47
_RAW: Final = -15


class Refused(errors.DriverError):
    """The BMC refused the request.

    :param status: of HTTP
    :param messages: their MessageIds
    :param arguments: all arguments of the messages that are texts
    """

    def __init__(
        self, text: str, status: int, messages: tuple[str, ...] = (), arguments: tuple[str, ...] = ()
    ) -> None:
        super().__init__(text)
        self.status = status
        self.messages = messages
        self.arguments = arguments


class BMCBusy(errors.DriverError):
    """The BMC asked for a pause that is not over."""


#: Failures of the whole BMC rather than of the requested resource.
ENDS: Final = (errors.BMCUnreachable, errors.AuthenticationRefused, BMCBusy)


class Response:
    """The answer to a request that was carried out.

    :param status: of HTTP; 304 if the resource still has the given ETag
    :param body: the resource, empty if there is none
    """

    __slots__ = ("_received", "body", "status")

    def __init__(self, status: int, received: list[tuple[bytes, bytes]], body: dict[str, Any]) -> None:
        self.status = status
        self.body = body
        self._received = received

    @property
    def headers(self) -> dict[str, str]:
        """Values by names in lower case; of those with several values, the last."""
        return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in self._received}

    @property
    def etag(self) -> str | None:
        """The resource's ETag, if it can be sent back."""
        etag = header(self._received, b"etag")
        return etag if etag and is_etag(etag) else None


def is_etag(text: str) -> bool:
    """Whether a text can be sent as an ETag."""
    return text.isascii() and text.isprintable() and 0 < len(text) <= _ETAG


def header(received: list[tuple[bytes, bytes]], wanted: bytes) -> str | None:
    """Return the value of a header whose name is given in lower case."""
    for name, value in received:
        if name.lower() == wanted:
            return value.decode("latin-1").strip()
    return None


def resource(answer: Answer) -> dict[str, Any] | None:
    """Return the JSON object in an answer, whatever content type it claims; None when there is none."""
    try:
        found = json.loads(answer.body.decode())  # UTF-8, without guessing each time
    except (ValueError, RecursionError):
        found = _odd_resource(answer)
    return found if isinstance(found, dict) else None


def is_enough(came: Answer, *, reads: bool) -> bool:
    """Whether an incomplete answer is sufficient.

    Refusals, redirects and confirmations are in the head. An iDRAC 8 announces a body to users it does not
    know, and closes. A JSON object marks its own end: no part of it is a whole object.

    :param reads: whether it answers a GET
    """
    return came.status >= 200 and (came.status >= 300 or not reads or resource(came) is not None)


def _odd_resource(answer: Answer) -> Any:
    """Parse the JSON of a BMC that compresses unasked, or whose JSON is not quite JSON."""
    body = answer.body
    encoded = (header(answer.headers, b"content-encoding") or "").lower() in ("gzip", "x-gzip", "deflate")
    with contextlib.suppress(zlib.error, ValueError, RecursionError):
        if encoded or body.startswith(_GZIP):
            try:
                body = zlib.decompressobj(_GZIP_OR_ZLIB).decompress(body, MAX_BODY)
            except zlib.error:
                body = zlib.decompressobj(_RAW).decompress(body, MAX_BODY)
        return texts.loads(body)
    return None


def retry_after(answer: Answer) -> float | None:
    """Return the seconds of the pause that the BMC asks for (RFC 9110, 10.2.3), at most 600; or None.

    A date is compared with that of the answer (6.6.1), because the clocks of many BMCs are wrong.
    """
    given = header(answer.headers, b"retry-after")
    if given is None:
        return None
    if given.isascii() and given.isdigit() and len(given) < 10:
        return min(float(given), _LONGEST_PAUSE)
    until, now = _moment(given), _moment(header(answer.headers, b"date"))
    if until is None:
        return None
    return min(max(until - (time.time() if now is None else now), 0.0), _LONGEST_PAUSE)


def _moment(date: str | None) -> float | None:
    try:
        return email.utils.parsedate_to_datetime(date).timestamp() if date else None
    except (ValueError, OverflowError):
        return None


def messages(body: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """Return the messages in an error's body, or those of a task."""
    error = (body or {}).get("error")
    for place in (error, body):
        if isinstance(place, dict):
            for key in ("@Message.ExtendedInfo", "Messages"):
                found = place.get(key)
                listed = found if isinstance(found, list) else [found]
                usable = [one for one in listed[:_MESSAGES] if isinstance(one, dict)]
                if usable:
                    return usable
    return []


def message_ids(body: Mapping[str, Any] | None) -> tuple[str, ...]:
    """Return their MessageIds."""
    return tuple(words[:_TEXT] for one in messages(body) if isinstance(words := _message_id(one), str))


def _message_id(message: Mapping[str, Any]) -> Any:
    return message.get("MessageId") or message.get("MessageID")  # iLO 4's spelling


def is_error(body: Mapping[str, Any]) -> bool:
    """Whether the body is an error and not a resource, whatever the status."""
    error, others = body.get("error"), body.keys() - _AROUND_ERRORS
    is_text = isinstance(error, str) and bool(error.strip())
    return (is_text or isinstance(error, dict)) and all(key.startswith("@") for key in others)


def is_failure(body: Mapping[str, Any]) -> bool:
    """Whether the body of an answer that claims success says that nothing was done.

    Some firmware reports a success in the form of an error, whose messages say that it is none (DSP0266,
    section "Error responses"; the message Success of the registry Base, DSP8011).
    """
    told = {str(one.get("MessageSeverity") or one.get("Severity")) for one in messages(body)}
    severities = told & _SEVERITIES
    if not is_error(body):
        return "@Message.ExtendedInfo" in body and "Critical" in severities
    error = body["error"]
    code = str(error.get("code") if isinstance(error, dict) else error)[:_TEXT]
    names = {name.rpartition(".")[2] for name in message_ids(body) or [code]}
    return not (names & _SUCCESSES or severities == {"OK"}) or "Critical" in severities


def refusal(what: str, answer: Answer) -> Refused:
    """Return the error for an answer that refuses.

    :param what: what was refused by which BMC, as the beginning of a sentence
    """
    body = resource(answer)
    others = ((body or {}).get(key) for key in ("error", "message"))  # of servers other than Redfish
    why = clean(words(body) or next((text for text in others if text and isinstance(text, str)), ""))
    why = why or _phrase(answer)
    text = f"{what} (HTTP {answer.status}): {why}"
    return Refused(text, answer.status, message_ids(body), _arguments(body))


def _arguments(body: Mapping[str, Any] | None) -> tuple[str, ...]:
    lists = (one.get("MessageArgs") for one in messages(body))
    listed = (one for found in lists if isinstance(found, list) for one in found[:_MESSAGES])
    return tuple(one[:_LONGEST_ARGUMENT] for one in listed if isinstance(one, str))


def without(answer: Answer, secret: str) -> Answer:
    """Mask a secret that was sent in the answer: some firmware repeats what it refuses.

    In texts for people it is masked in whatever form it is repeated, see :mod:`podium.echoes`.
    """
    if not secret:
        return answer
    try:
        body = json.dumps(_masked(resource(answer), secret)).encode()
    except RecursionError:
        body = b""
    return Answer(answer.status, answer.headers, body)


def _masked(value: Any, secret: str, *, is_for_people: bool = False) -> Any:
    if isinstance(value, str):
        plain = value.replace(secret, MASK)
        return echoes.hidden(plain, secret, MASK) if is_for_people else plain
    if isinstance(value, list):
        return [_masked(one, secret, is_for_people=is_for_people) for one in value]
    if not isinstance(value, dict):
        return value
    return {key: _masked(one, secret, is_for_people=key in _FOR_PEOPLE) for key, one in value.items()}


def clean(words: str) -> str:
    """Return a BMC's text for the middle of a line: a final full stop is left out."""
    line = " ".join("".join(c if c.isprintable() else " " for c in words[: 4 * _TEXT]).split())
    line = line if line.endswith("..") else line.removesuffix(".")
    return line if len(line) <= _TEXT else f"{line[: _TEXT - 3]}..."


def words(body: Mapping[str, Any] | None) -> str:
    """Return the text of an error's body or of a task, for people; may be empty."""
    found = messages(body)
    texts = [one.get("Message") or _message_id(one) for one in found]
    error = (body or {}).get("error")
    if isinstance(error, dict) and not any(one.get("Message") for one in found):
        texts = [error.get("message") or error.get("code"), *texts]
    return "; ".join(text for text in texts if isinstance(text, str))


def _phrase(answer: Answer) -> str:
    location = header(answer.headers, b"location")
    if 300 <= answer.status < 400 and location:
        return f"it redirects to {location!r}"
    try:
        return HTTPStatus(answer.status).phrase
    except ValueError:
        return "no reason given"
