"""``GET /podium/v1/changes``: Server-Sent Events, as defined by the HTML standard.

A stream is only a place among all changes, see :mod:`podium.client.local.changes`. It reads the changes
before the queue of its :class:`Feed` from the database, and then sends that queue. Its only buffer is that of
its connection, which is cut when the client takes nothing for a minute, see podium.api.serving.connections.
"""

import asyncio
import functools
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeAlias

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from podium import errors
from podium.api.callers import LASTS_KEY, caller
from podium.api.faults import Fault
from podium.api.own import handling
from podium.api.own.feeds import Feed, Feeds
from podium.api.own.messages import Chunk, chunked, encode
from podium.api.services import Services, services
from podium.api.sql import Sql
from podium.client.calls.changes import Dropped, FollowChanges
from podium.client.local.backend import Backend
from podium.client.local.changes import AT_ONCE, Beginning, Selection, Shared, begin, reset
from podium.db import news
from podium.db.engine import Database
from podium.db.news import Place

#: Returns whether the login of a request is still valid; None if it cannot be looked up.
Lasts: TypeAlias = Callable[[], Awaitable[bool | None]]

#: Seconds without a message after which an empty comment is sent.
_SILENCE: Final = 15.0
#: Seconds between checks whether the login of a stream is still valid.
_LOOK_EVERY: Final = 5.0
#: How many consecutive checks without a result end the stream.
_MOST_DOUBTS: Final = 2
#: Seconds after which a stream ends, so that its caller is checked again when it is resumed.
_LONGEST: Final = 900.0
#: Milliseconds after which browsers resume a stream.
_RETRY: Final = b"retry: 2000\n\n"
_CURSOR: Final = "Last-Event-ID"
_HEADERS: Final = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
_BEHIND: Final = "the client takes less than what changes; it goes on from its last id"
_AWAY: Final = "the database cannot be reached; it goes on from its last id"


async def follow(request: Request) -> Response:
    """Answer with a stream of changes.

    :raises podium.errors.PodiumError: it has a wrong parameter
    """
    call = await handling.read(request, FollowChanges)
    its = services(request)
    if (cursor := request.headers.get(_CURSOR)) is not None:
        call = msgspec.structs.replace(call, after=cursor)
    key = msgspec.json.encode(msgspec.structs.replace(call, after=None))
    backend = _backend(its)
    selection, beginning = await its.sql.look(_prepare, backend, call)
    who = caller(request).name
    if not its.feeds.has_room(key, who):  # nothing may be awaited before the room is taken
        raise Fault(503, "there are too many streams of changes; try again later", {"Retry-After": "5"})
    if request.method == "HEAD":
        return Response(media_type=call.media, headers=_HEADERS)
    lasts = request.scope.get(LASTS_KEY)
    join = functools.partial(its.feeds.join, key, who, functools.partial(Feed, selection, backend))
    return _EventStream(its, key, join, beginning, lasts)


def _backend(its: Services) -> Backend:
    return Backend(
        config=its.config,
        connect=lambda: its.sql.database,
        drivers=lambda: its.catalog,
        who="",
        warn=lambda _: None,
    )


def _prepare(database: Database, backend: Backend, call: FollowChanges) -> tuple[Selection, Beginning]:
    selection = Selection(call)
    with database.snapshot() as connection:
        selection.check(backend, connection)
        return selection, begin(connection, call.after, selection.kinds)


class _EventStream(Response):
    """An answer that continues until the client or the server ends it."""

    media_type = FollowChanges.media

    def __init__(
        self,
        its: Services,
        key: bytes,
        join: Callable[[Callable[[], object]], Feed],
        beginning: Beginning,
        lasts: Lasts | None,
    ) -> None:
        self.status_code = 200
        self.background = None
        self.body = b""
        self.init_headers(_HEADERS)
        del self.headers["Content-Length"]
        self._feeds: Feeds = its.feeds
        self._sql: Sql = its.sql
        self._key = key
        self._join = join
        self._place, self._first = beginning
        self._lasts = lasts
        self._bell = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        sender = Sender(self._sql, self._place, send, self._bell, self._lasts)
        feed = self._join(self._bell.set)
        gone = asyncio.ensure_future(_until_gone(receive))
        gone.add_done_callback(lambda _: self._bell.set())
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            await sender.send(_RETRY + (b"" if self._first is None else encode(self._first)))
            await sender.run(feed, gone)
            await send({"type": "http.response.body", "body": b""})
        finally:
            gone.cancel()
            self._feeds.leave(self._key, feed, self._bell.set)


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


class Sender:
    """Sends one stream of a feed.

    :param place: the place after which the stream begins
    :param bell: set when there may be something to send
    :param lasts: returns whether the login of the stream is still valid
    """

    def __init__(
        self, sql: Sql, place: Place, send: Send, bell: asyncio.Event, lasts: Lasts | None = None
    ) -> None:
        self._sql = sql
        self._place = place
        self._send = send
        self._bell = bell
        self._lasts = lasts
        self._doubts = 0
        self._loop = asyncio.get_running_loop()
        self._began_at = self._sent_at = self._looked_at = self._loop.time()
        #: The next chunk to send; None before the queue is reached.
        self._number: int | None = None

    async def send(self, data: bytes) -> None:
        """Send some bytes once the client has taken most of the previous ones."""
        await self._send({"type": "http.response.body", "body": data, "more_body": True})
        self._sent_at = self._loop.time()

    async def run(self, feed: Feed, gone: "asyncio.Future[None]") -> None:
        """Send messages until there is a reason to end."""
        resets = feed.resets
        while not gone.done():
            self._bell.clear()
            if feed.end is not None:
                return await self._drop(feed.end)
            if await self._is_over():
                return None
            if not feed.is_ready:
                await self._wait()
            elif feed.resets != resets:
                resets, self._number, self._place = feed.resets, feed.first, feed.base
                await self.send(encode(reset(feed.base, "the database is older than what was seen of it")))
            elif (self._number is None or self._number < feed.first) and self._place < feed.base:
                if self._number is not None:
                    return await self._drop(_BEHIND)
                if not await self._catch_up(feed):
                    return await self._drop(_AWAY)
            elif not await self._send_next(feed):
                if self._loop.time() - self._began_at >= _LONGEST:
                    return None
                await self._wait()
        return None

    async def _send_next(self, feed: Feed) -> bool:
        """Send the next chunk of the queue; return False if there is none."""
        number = feed.first if self._number is None else max(self._number, feed.first)
        chunk = feed.chunk(number)
        if chunk is None:
            self._number = number
            self._place = max(self._place, feed.top)
            return False
        self._number = number + 1
        if data := chunk.after(self._place):
            self._place = chunk.places[-1]
            await self.send(data)
        return True

    async def _catch_up(self, feed: Feed) -> bool:
        """Send some of the changes before the queue; return False if the database does not answer."""
        try:
            chunks, place = await self._sql.look(_page, feed.backend, feed.selection, self._place)
        except (errors.PodiumError, Fault):
            return False
        for chunk in chunks:
            await self.send(chunk.data)
        self._place = place
        return True

    async def _drop(self, reason: str) -> None:
        await self.send(encode(Dropped(cursor=str(self._place), reason=reason)))

    async def _is_over(self) -> bool:
        """Return whether the login of the stream has ended, or could not be checked for some time."""
        if self._lasts is None or self._loop.time() < self._looked_at + _LOOK_EVERY:
            return False
        self._looked_at = self._loop.time()
        lasts = await self._lasts()
        self._doubts = 0 if lasts else self._doubts + 1
        return lasts is False or self._doubts >= _MOST_DOUBTS

    async def _wait(self) -> None:
        """Wait for the feed; after a long silence, send a comment."""
        left = self._sent_at + _SILENCE - self._loop.time()
        if left <= 0:
            await self.send(b":\nid: %b\n\n" % str(self._place).encode())
            return
        if self._lasts is not None:
            left = min(left, max(self._looked_at + _LOOK_EVERY - self._loop.time(), 0))
        timer = self._loop.call_later(left, self._bell.set)
        await self._bell.wait()
        timer.cancel()


def _page(
    database: Database, backend: Backend, selection: Selection, place: Place
) -> tuple[Sequence[Chunk], Place]:
    """Return the changes that follow a place, and the place up to which they are complete."""
    with database.snapshot() as connection:
        top = news.newest(connection)
        found = news.after(connection, place, top, selection.kinds, AT_ONCE)
        shared = Shared.read(connection, found)
        changes = selection.changes(backend, connection, found, shared)
        chunks = chunked((at, encode(change)) for at, change in changes)
    return chunks, found[-1].place if len(found) == AT_ONCE else max(place, Place.after(top))
