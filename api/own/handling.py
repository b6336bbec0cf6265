"""Turns requests into calls, and the answers of calls into HTTP; the same for every call."""

import asyncio
import functools
import gzip
import hashlib
import json
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from typing import Any, Final, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from podium.api import asking, bodies
from podium.api.callers import caller
from podium.api.faults import Fault
from podium.api.own.kept import is_kept
from podium.api.services import services
from podium.client.calls import wire
from podium.client.calls.call import Call, Page
from podium.client.calls.hardware import AskHardware
from podium.client.local.answers import answer
from podium.db.engine import Database
from podium.db.kept_answers import Key

C = TypeVar("C", bound=Call[Any])

#: The smallest answer in bytes that is compressed.
_WORTH_IT: Final = 1000
#: Items in memory at a time while a whole list is sent.
_AT_ONCE: Final = 500
#: The same for a list of named nodes: each page looks for all of them again.
_NAMED_AT_ONCE: Final = 5000
#: The approximate number of bytes that are sent at a time.
_PIECE: Final = 65_536
#: The most characters of the header with warnings, and of a client's key.
_MOST_WARNED: Final = 4000
_LONGEST_KEY: Final = 255
_ENCODER: Final = msgspec.json.Encoder()


def handler(call: type[C]) -> Callable[[Request], Awaitable[Response]]:
    """Return the request handler of a call."""

    async def handle(request: Request) -> Response:
        if call.is_large:
            async with services(request).large:
                return await respond(request)
        return await respond(request)

    async def respond(request: Request) -> Response:
        asked = await read(request, call)
        if "limit" in call.__struct_fields__ and not issubclass(call, AskHardware):
            if wire.NDJSON in request.headers.get("Accept", ""):
                return await _stream(request, asked)
            most = services(request).config.api.max_limit
            asked = msgspec.structs.replace(asked, limit=min(getattr(asked, "limit", None) or most, most))
        if isinstance(asked, AskHardware):
            return await asking.read(request, asked, functools.partial(_response, request, asked))
        its = services(request)
        sql = its.sql
        if is_kept(asked):
            found = await its.kept.get(asked, lambda: sql.look(_answer, request, asked))
            return _response(request, asked, *found)
        run = sql.wait if asked.patience else sql.look if asked.is_safe else sql.use
        try:
            response: Response = await run(_respond, request, asked)
        finally:
            if not asked.is_safe:
                its.kept.forget()
        return response

    return handle


async def read(request: Request, call: type[C]) -> C:
    """Return the call of a request.

    :raises podium.errors.InvalidNode: it has a wrong parameter
    """
    inside = wire.of_path(call, request.path_params)
    if request.method in wire.WITH_BODY:
        body = await (bodies.read_large(request) if call.is_large else bodies.read(request))
        if not isinstance(body, dict | None):
            raise Fault(400, "the body must be an object of JSON")
        given = body or {}
        if twice := given.keys() & inside.keys():
            raise Fault(400, f"{', '.join(sorted(twice))} belongs into the path, not into the body")
        return wire.made(call, {**given, **inside}, texts=False)
    return wire.made(call, {**wire.of_query(call, request.query_params.multi_items()), **inside}, texts=True)


def _key(request: Request) -> Key | None:
    key = request.headers.get(wire.KEY)
    if key is not None and not 1 <= len(key) <= _LONGEST_KEY:
        raise Fault(400, f"{wire.KEY} has 1 to {_LONGEST_KEY} characters")
    return None if key is None else Key(caller(request).name, key)


def _respond(database: Database, request: Request, call: Call[Any]) -> Response:
    """Answer a call, in a thread."""
    return _response(request, call, *_answer(database, request, call))


def _answer(database: Database, request: Request, call: Call[Any]) -> tuple[Any, list[str]]:
    """Return the answer to a call, and its warnings."""
    warnings: list[str] = []
    return answer(asking.backend(request, database, warnings, _key(request)), call), warnings


def _response(request: Request, call: Call[Any], found: Any, warnings: list[str]) -> Response:
    headers = {"Vary": "Accept, Accept-Encoding"}
    if warnings:
        headers[wire.WARNINGS] = _warned(warnings)
    if found is None:
        return Response(status_code=204, headers=headers)
    body = _ENCODER.encode(found)
    if call.is_safe:
        headers["ETag"] = tag = f'W/"{hashlib.blake2b(body, digest_size=16).hexdigest()}"'
        if tag in request.headers.get("If-None-Match", ""):
            return Response(status_code=304, headers=headers)
    if len(body) >= _WORTH_IT and "gzip" in request.headers.get("Accept-Encoding", ""):
        body = gzip.compress(body, 1)
        headers["Content-Encoding"] = "gzip"
    return Response(body, call.status, headers, "application/json")


def _warned(warnings: list[str]) -> str:
    """Return as many warnings as fit into a header."""
    while len(text := json.dumps(warnings)) > _MOST_WARNED:
        warnings = warnings[:-1]
    return text


async def _stream(request: Request, call: Any) -> Response:
    """Return all items of a list, or as many as its limit allows, one per line.

    An interrupted answer lacks the last chunk of HTTP, so clients do not take it for complete. The warnings
    are those of the first page, because they are sent before the first item.
    """
    streams = services(request).streams
    if streams.locked():
        raise Fault(503, "too many lists are being sent; try again later", {"Retry-After": "5"})
    await streams.acquire()
    warnings: list[str] = []
    try:
        pages = [await _page(request, call, call.limit, warnings)]
    except BaseException:
        streams.release()
        raise

    async def lines() -> AsyncIterator[bytes]:
        found, left = pages.pop(), call.limit
        while True:
            pieces = deque(_pieces(found.items))
            left = None if left is None else left - len(found.items)
            marker = None if left == 0 else found.next
            del found  # it takes several times the memory of its text
            while pieces:
                yield pieces.popleft()
            if marker is None:
                return
            found = await _page(request, msgspec.structs.replace(call, marker=marker), left, [])

    headers = {wire.WARNINGS: _warned(warnings)} if warnings else None
    return _Lines(streams, lines(), headers)


class _Lines(StreamingResponse):
    """An answer that makes room for another one when it ends, for whatever reason."""

    def __init__(
        self, streams: asyncio.Semaphore, lines: AsyncIterator[bytes], headers: Mapping[str, str] | None
    ) -> None:
        super().__init__(lines, headers=headers, media_type=wire.NDJSON)
        self._streams = streams

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._streams.release()


def _pieces(items: Iterable[Any]) -> Iterator[bytes]:
    """Yield items as lines; a stream that waits for a slow client keeps only these in memory."""
    piece = bytearray()
    for item in items:
        _ENCODER.encode_into(item, piece, -1)
        piece += b"\n"
        if len(piece) >= _PIECE:
            yield bytes(piece)
            piece.clear()
    if piece:
        yield bytes(piece)


async def _page(request: Request, call: Any, left: int | None, warnings: list[str]) -> Page[Any]:
    most = _NAMED_AT_ONCE if getattr(call, "nodes", ()) else _AT_ONCE
    page = msgspec.structs.replace(call, limit=most if left is None else min(left, most))

    def ask(database: Database) -> Any:
        return answer(asking.backend(request, database, warnings), page)

    found: Page[Any] = await services(request).sql.look(ask)
    return found
