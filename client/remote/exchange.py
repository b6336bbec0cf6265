"""Requests for calls, and the meaning of answers: the same with and without an event loop."""

import json
import re
import secrets
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

import httpx
import msgspec

from podium import __version__, errors, masking
from podium.client.calls import wire
from podium.client.calls.call import Call, Page, answer_of
from podium.client.remote.attempts import TryAgain, asked_to_wait
from podium.client.remote.server import check_private

T = TypeVar("T")

#: Maximum characters of a URL's query; longer parameters are sent as a body.
_LONGEST_QUERY: Final = 4000
#: Temporary statuses: of podium-api without its database or under too much load, and of proxies.
_PASSING: Final = (429, 502, 503, 504)
#: Maximum characters of a refusal in plain text that are shown.
_LONGEST_TEXT: Final = 300
_HEADERS: Final = {"Accept": "application/json", "User-Agent": f"podium/{__version__}"}

#: The beginning of Python's text for a system error.
_ERRNO: Final = re.compile(r"^\[Errno -?\d+\] ")

#: OpenSSL's X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH.
_NAMES_DIFFER: Final = (62, 64)
#: OpenSSL's errors for an answer that is not TLS; the newest versions use the last.
_NO_TLS: Final = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE")
_OTHER_NAME: Final = "the URL has to have the name, or the address, that the certificate is for"
_UNTRUSTED: Final = "--cafile, or [client] cafile, names the certificates that its own must lead to"

Warn = Callable[[str], None]


@contextmanager
def naming(request: httpx.Request) -> Iterator[None]:
    """Add the request to errors that are not about its contents."""
    try:
        yield
    except errors.ApiError as fault:
        raise type(fault)(f"{fault} ({request.method} {request.url.path})") from None


def check_secrets(call: Call[Any], where: str) -> None:
    """Check that nobody else can read a call with a secret in it, or in its answer.

    :raises podium.errors.ConfigError: somebody can read it
    """
    if call.has_secrets:
        check_private(where)
    elif where.startswith("http:") and call.method in wire.WITH_BODY:
        _, values = wire.target(call)
        if msgspec.json.encode(masking.mask(values)) != msgspec.json.encode(values):
            check_private(where)


def request(client: httpx.Client | httpx.AsyncClient, call: Call[Any], accept: str) -> httpx.Request:
    """Return the request for a call, with a key of its own if it changes anything."""
    path, values = wire.target(call)
    headers = _HEADERS | {"Accept": accept}
    if not call.is_safe:
        headers[wire.KEY] = secrets.token_hex(16)
    if call.method in wire.WITH_BODY:
        timeout = httpx.Timeout(client.timeout)
        if timeout.read is not None:
            timeout.read += call.patience
        return client.build_request(call.method, path, json=values, headers=headers, timeout=timeout)
    query = wire.query(values)
    is_long = sum(len(name) + len(str(text)) for name, text in query) > _LONGEST_QUERY
    # A query has no empty lists: an empty list would look as if nothing were named, which means all.
    is_empty = any(not value for name, value in values.items() if name in wire.LONG)
    if is_empty or (is_long and wire.LONG & values.keys()):
        return client.build_request("POST", f"{path}{wire.AS_BODY}", json=values, headers=headers)
    return client.build_request(call.method, path, params=query, headers=headers)


@contextmanager
def translated(where: str) -> Iterator[None]:
    """Translate httpx's exceptions to Podium's errors.

    :raises TryAgain: for a temporary error
    """
    try:
        yield
    except httpx.TimeoutException:
        raise TryAgain(errors.ApiUnavailable(f"{where} did not answer in time")) from None
    except httpx.UnsupportedProtocol as fault:
        raise errors.ConfigError(f"{where} is not a URL that can be asked: {fault}") from None
    except httpx.TransportError as fault:
        if (refused := _of_tls(fault)) is not None:
            raise errors.ApiError(f"{where} cannot be trusted: {refused}") from None
        text = _ERRNO.sub("", errors.one_line(fault).partition(": ")[2]) or type(fault).__name__
        if isinstance(fault, httpx.RemoteProtocolError) and where.startswith("http:"):
            text = f"{text.rstrip('.')}; if this port speaks TLS, the URL has to begin with https://"
        if _is_plain(fault):
            text = "what answers there does not speak TLS; without it the URL begins with http://"
        raise TryAgain(errors.ApiUnavailable(f"{where} cannot be reached: {text}")) from None
    except httpx.InvalidURL as fault:
        raise errors.ConfigError(f"{where} is not a URL that can be asked: {fault}") from None
    except httpx.DecodingError as fault:
        raise errors.ApiError(f"{where} answered what this Podium does not understand: {fault}") from None


def _of_tls(fault: BaseException) -> str | None:
    """Return why a certificate was refused, and the remedy, if that is the reason of an error."""
    for reason in _reasons(fault):
        if isinstance(reason, ssl.SSLCertVerificationError):
            remedy = _OTHER_NAME if getattr(reason, "verify_code", None) in _NAMES_DIFFER else _UNTRUSTED
            return f"{str(reason.verify_message).rstrip('.')}; {remedy}"
    return None


def _is_plain(fault: BaseException) -> bool:
    """Return whether the answer to a TLS greeting was not TLS at all."""
    return any(
        isinstance(one, ssl.SSLError) and getattr(one, "reason", None) in _NO_TLS for one in _reasons(fault)
    )


def _reasons(fault: BaseException) -> Iterator[BaseException]:
    reason: BaseException | None = fault
    while reason is not None:
        yield reason
        reason = reason.__cause__ or reason.__context__


def result(call: Call[T], response: httpx.Response, where: str, warn: Warn) -> T:
    """Return the answer, once received as a whole.

    :raises podium.errors.PodiumError: the one that the server raised
    :raises TryAgain: for a temporary error
    """
    check(response, where)
    for warning in warnings(response):
        warn(warning)
    if response.status_code == 204:
        return None  # type: ignore[return-value]  # the answer is None then
    try:
        found: T = msgspec.json.decode(response.content, type=answer_of(type(call)))
    except msgspec.MsgspecError as fault:
        raise errors.ApiError(f"{where} answered what this Podium does not understand: {fault}") from None
    return found


def item(call: Call[Page[T]], line: bytes, where: str) -> T:
    """Return the item of a list in one line.

    :raises podium.errors.ApiError: it is not an item
    """
    kind = answer_of(type(call)).__args__[0]
    try:
        found: T = msgspec.json.decode(line, type=kind)
    except msgspec.MsgspecError as fault:
        raise errors.ApiError(f"{where} answered what this Podium does not understand: {fault}") from None
    return found


def check(response: httpx.Response, where: str) -> None:
    """Raise the error that an answer stands for, if it is an error.

    :raises podium.errors.PodiumError: the one that the server raised
    :raises TryAgain: for a temporary error
    """
    if response.is_success:
        return
    code, text, more = _refusal(response)
    if response.status_code in _PASSING:
        raise TryAgain(errors.ApiUnavailable(f"{where}: {text}"), asked_to_wait(response))
    if response.is_redirect:
        raise errors.ApiError(
            f"{where} sends its clients to {response.headers['Location'][:200]!r}; give that address"
        )
    if response.status_code == 401:
        raise errors.LoginRefused(f"{where}: {text}")
    kind = getattr(errors, code, None)
    if response.status_code == 403 and kind is not errors.NodeProtected:
        raise errors.NotAllowed(f"{where}: {text}")
    if kind is errors.OtherFleet:
        raise errors.OtherFleet(f"{where}: {text}")
    faults = [str(one) for one in more.get("faults", ())]
    if kind in (errors.InvalidNode, errors.NodeExists) and faults:
        raise kind(faults)
    if kind is errors.DriverLoadError and faults:
        raise errors.DriverLoadError(text, faults)
    if kind is errors.NeedsConfirmation:
        raise errors.NeedsConfirmation(text, more.get("nodes", 0), more.get("limit", 0))
    if isinstance(kind, type) and issubclass(kind, errors.PodiumError):
        raise kind(text)
    raise errors.ApiError(f"{where}: {text}")


def _refusal(response: httpx.Response) -> tuple[str, str, dict[str, Any]]:
    """Return the name and the text of an answer that is an error, and its other details."""
    try:
        error = dict(response.json()["error"])
        return str(error["code"]), str(error["message"]), error
    except (ValueError, KeyError, TypeError, AttributeError):
        what = f": {said}" if (said := _said(response)) else f" {response.reason_phrase}"
        return "", f"the answer is {response.status_code}{what}", {}


def _said(response: httpx.Response) -> str:
    """Return, in one line, an answer in plain text, which podium-api sends before it reads a request."""
    if not response.headers.get("Content-Type", "").startswith("text/plain"):
        return ""
    text = "".join(c if c.isprintable() else " " for c in response.text[:_LONGEST_TEXT])
    return " ".join(text.split())


def warnings(response: httpx.Response) -> list[str]:
    """Return the warnings that belong to an answer."""
    try:
        found = json.loads(response.headers.get(wire.WARNINGS, "[]"))
    except ValueError:
        return []
    return [one for one in found if isinstance(one, str)] if isinstance(found, list) else []
