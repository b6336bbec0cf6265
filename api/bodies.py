"""Bodies of requests: JSON within limits."""

import asyncio
import json
import math
from typing import Any, Final

import msgspec
from starlette.requests import ClientDisconnect, Request

from podium.api.faults import Fault
from podium.api.services import services
from podium.client import texts

#: The most levels of a JSON text.
_DEEPEST: Final = 20
#: The most lists and objects of a JSON text: creating them triggers garbage collection, which blocks others.
_MOST_PARTS: Final = 50_000
#: The most bytes that are parsed in the event loop, without a noticeable delay.
_QUICK: Final = 16_384


async def read(request: Request) -> Any:
    """Return the value of a request's JSON body; None for an empty body.

    :raises podium.api.faults.Fault: it is too large, too deep, or not JSON
    """
    body = await _receive(request, services(request).config.api.max_json_body_size, "max_json_body_size")
    if not body.strip():
        return None
    if len(body) <= _QUICK:
        return _value(body)
    async with services(request).parsing:
        return await asyncio.to_thread(_value, body)


async def read_large(request: Request) -> Any:
    """Like :func:`read` for an object with long lists, without blocking the event loop."""
    body = await _receive(request, services(request).config.api.max_import_size, "max_import_size")
    return await asyncio.to_thread(_pieces, body) if body.strip() else None


def _pieces(body: bytes) -> Any:
    """Return the value of a body, parsed in pieces, so that other threads get their turn in between."""
    _check_texts(body)
    try:
        if not body.lstrip().startswith(b"{"):
            return _value(body)
        found = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
        return {name: _part(bytes(one)) for name, one in found.items()}
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as fault:
        raise Fault(400, f"the body is not JSON: {str(fault)[:200]}") from None


def _part(body: bytes) -> Any:
    if not body.startswith(b"["):
        return _value(body)
    return [_value(bytes(one)) for one in msgspec.json.decode(body, type=list[msgspec.Raw])]


def _value(body: bytes) -> Any:
    _check_texts(body)
    if body.count(b"[") + body.count(b"{") > _MOST_PARTS:
        raise Fault(413, f"the body has more than {_MOST_PARTS} lists and objects")
    try:
        value = json.loads(body.decode(), parse_constant=_refuse, parse_float=_float)
        if b"\\u" in body:
            json.dumps(value, ensure_ascii=False).encode()  # half of a surrogate pair is not text
    except (ValueError, RecursionError) as fault:
        raise Fault(400, f"the body is not JSON: {str(fault)[:200]}") from None
    if not _is_shallow(value, _DEEPEST):
        raise Fault(400, f"the body is more than {_DEEPEST} levels deep")
    return value


def _check_texts(body: bytes) -> None:
    if texts.has_null(body):
        raise Fault(400, texts.NULL)


async def _receive(request: Request, most: int, option: str) -> bytes:
    too_large = Fault(413, f"the body is larger than {most} bytes, [api] {option}")
    announced = request.headers.get("Content-Length", "")
    if announced.isdigit() and int(announced[:20]) > most:
        raise too_large  # before a client that waits for 100 Continue sends the body
    body = bytearray()
    try:
        async for part in request.stream():
            body += part
            if len(body) > most:
                raise too_large
    except ClientDisconnect:
        raise Fault(400, "the body did not arrive") from None
    return bytes(body)


def _float(text: str) -> float:
    found = float(text)
    if not math.isfinite(found):
        raise ValueError(f"{text[:80]} is too large a number")
    return found


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no number of JSON")


def _is_shallow(value: Any, levels: int) -> bool:
    if isinstance(value, dict):
        return levels > 0 and all(_is_shallow(one, levels - 1) for one in value.values())
    if isinstance(value, list):
        return levels > 0 and all(_is_shallow(one, levels - 1) for one in value)
    return True
