"""The messages of all streams of one process: read once, encoded once per selection, and limited in size.

Streams with the same selection share a :class:`Feed`: a queue of recent changes, in chunks that are ready to
be sent. A stream is a place in that queue and has no buffer of its own, so a thousand streams need no more
memory than one. If the queue is full, its oldest chunk is dropped even if a stream has not sent it yet: that
stream has fallen behind, reports this to its client, and ends. A resumed stream reads what it missed from the
database.

One thread reads, only while there are streams: see :mod:`podium.client.local.changes` for what and when.
"""

import asyncio
import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

import sqlalchemy as sa
from oslo_log import log

from podium import errors
from podium.api.own.messages import Chunk, chunked, encode
from podium.client.local.backend import Backend
from podium.client.local.changes import AT_ONCE, LOOK_EVERY, Selection, Shared
from podium.db import news
from podium.db.changes import CHANNEL, LEARNED
from podium.db.hearing import Hearing
from podium.db.news import Place

LOG = log.getLogger(__name__)

#: The most bytes in all queues together.
_MOST_BYTES: Final = 32 * 2**20
#: Seconds between the parts of many changes, so that streams send one part before the next comes.
_BREATH: Final = 0.1
#: Seconds after which a database that did not answer is asked again.
_AGAIN: Final = 1.0
#: The most streams, and the most different selections.
_MOST_STREAMS, _MOST_FEEDS = 2000, 200

_CLOSED: Final = "podium-api ends"
_FAILED: Final = "podium-api failed to read what changed; its log says why"


class Feed:
    """The messages for streams with one selection; used in the event loop.

    :ivar base: the place up to which chunks were dropped from the queue
    :ivar top: the place up to which everything was read
    :ivar first: the number of the first chunk in the queue
    :ivar is_ready: whether it has begun
    :ivar end: the reason why its streams end
    """

    def __init__(self, selection: Selection, backend: Backend) -> None:
        self.selection = selection
        self.backend = backend
        self.base = self.top = Place.after(0)
        self.first = 0
        self.is_ready = False
        self.resets = 0
        self.end: str | None = None
        self.streams: set[Callable[[], object]] = set()
        self._chunks: deque[Chunk] = deque()
        self._size = 0

    def begin(self, place: Place) -> None:
        """Begin at a place."""
        self.base = self.top = place
        self.is_ready = True
        self.wake()

    def chunk(self, number: int) -> Chunk | None:
        """Return the chunk with a number; None if it has not come yet."""
        return self._chunks[number - self.first] if number < self.first + len(self._chunks) else None

    def publish(self, chunks: Sequence[Chunk], top: Place, most: int) -> None:
        """Add chunks to the queue.

        :param top: the place up to which the chunks are complete
        :param most: the most bytes in the queue; a single chunk may be larger
        """
        for chunk in chunks:
            self._chunks.append(chunk)
            self._size += len(chunk.data)
        while self._size > most and len(self._chunks) > 1:
            oldest = self._chunks.popleft()
            self._size -= len(oldest.data)
            self.first += 1
            self.base = oldest.places[-1]
        self.top = top
        if chunks:
            self.wake()

    def reset(self, place: Place) -> None:
        """Make streams continue from a place, whatever they have sent."""
        self.first += len(self._chunks)
        self._chunks.clear()
        self._size = 0
        self.resets += 1
        self.begin(place)

    def stop(self, reason: str) -> None:
        """End the streams."""
        self.end = reason
        self.wake()

    def wake(self) -> None:
        """Wake every stream."""
        for wake in list(self.streams):
            wake()


class Feeds:
    """The feeds of a process, and the thread that reads for them; used in the event loop."""

    def __init__(self) -> None:
        self._feeds: dict[bytes, Feed] = {}
        #: The selection and the user of each stream.
        self._streams: dict[Callable[[], object], tuple[bytes, str]] = {}
        self._reader: _Reader | None = None
        self.is_closed = False

    def join(self, key: bytes, who: str, make: Callable[[], Feed], wake: Callable[[], object]) -> Feed:
        """Add a stream to the feed of a selection, and return the feed.

        :param who: the user of the stream
        :param make: creates the feed if there is none
        :param wake: called when there is something to send
        """
        feed = self._feeds.get(key)
        if feed is None or feed.end is not None:
            feed = self._feeds[key] = make()
        feed.streams.add(wake)
        self._streams[wake] = key, who
        if self.is_closed:
            feed.stop(_CLOSED)
        elif self._reader is None or self._reader.is_over:
            self._reader = _Reader(
                feed.backend, asyncio.get_running_loop(), lambda: tuple(self._feeds.values())
            )
        return feed

    def has_room(self, key: bytes, who: str) -> bool:
        """Whether a user may have one more stream with this selection.

        No user may have more streams, or selections, than are left, so a user without any finds room.
        """
        own = [taken for taken, other in self._streams.values() if other == who]
        is_new = key not in self._feeds
        return (
            not self.is_closed
            and len(own) < _MOST_STREAMS - len(self._streams)
            and (not is_new or len(set(own)) < _MOST_FEEDS - len(self._feeds))
        )

    def leave(self, key: bytes, feed: Feed, wake: Callable[[], object]) -> None:
        """Note that a stream has ended."""
        feed.streams.discard(wake)
        self._streams.pop(wake, None)
        if not feed.streams and self._feeds.get(key) is feed:
            del self._feeds[key]
        if not self._feeds and self._reader is not None:
            self._reader.stop()
            self._reader = None

    def close(self) -> None:
        """End every stream properly; clients resume them at the next process."""
        self.is_closed = True
        for feed in list(self._feeds.values()):
            feed.stop(_CLOSED)


class _Reader:
    """The thread that reads; it ends by itself after :meth:`stop`.

    :param feeds: returns the present feeds, in any thread
    :ivar is_over: whether it failed
    """

    def __init__(
        self, backend: Backend, loop: asyncio.AbstractEventLoop, feeds: Callable[[], Sequence[Feed]]
    ) -> None:
        self._backend = backend
        self._loop = loop
        self._feeds = feeds
        self._begun: set[Feed] = set()
        self._place: Place | None = None
        self._closing = threading.Event()
        self._hearing = Hearing(backend.database, self._closing, channels=(CHANNEL, LEARNED))
        self._is_up = True
        self.is_over = False
        threading.Thread(target=self._run, name="changes", daemon=True).start()

    def stop(self) -> None:
        """Make the thread end; called from the event loop."""
        self._closing.set()
        self._hearing.interrupt()

    def _run(self) -> None:
        try:
            while not self._closing.is_set():
                self._turn()
        except Exception:
            LOG.exception("What changes cannot be read; its streams end")
            self._tell(self._fail)
        finally:
            self._hearing.close()

    def _fail(self) -> None:
        self.is_over = True
        for feed in self._feeds():
            feed.stop(_FAILED)

    def _turn(self) -> None:
        feeds = self._feeds()
        if self._place is not None:
            self._begin(feeds, self._place)
        try:
            if self._place is None or self._hearing.wait(LOOK_EVERY, time.monotonic() + LOOK_EVERY):
                self._hearing.note_look()
                self._look(feeds)
            self._is_up = True
        except errors.DatabaseUnavailable as error:
            if self._is_up and not self._closing.is_set():
                LOG.error("Streams of changes wait for the database: %s", errors.one_line(error))
            self._is_up = False
            self._closing.wait(_AGAIN)

    def _begin(self, feeds: Sequence[Feed], place: Place) -> None:
        for feed in feeds:
            if feed not in self._begun:
                self._tell(feed.begin, place)
        self._begun = set(feeds)

    def _look(self, feeds: Sequence[Feed]) -> None:
        with self._backend.database.snapshot() as connection:
            top = news.newest(connection)
            place = self._place
            self._hearing.note_found(place is not None and top != place.number)
            if place is None:
                self._place = Place.after(top)
                self._begin(feeds, self._place)
            elif top < place.number:
                self._place = Place.after(top)
                for feed in feeds:
                    self._tell(feed.reset, self._place)
            elif top > place.number:
                self._read(connection, feeds, place, top)

    def _read(self, connection: sa.Connection, feeds: Sequence[Feed], place: Place, top: int) -> None:
        kinds = frozenset[str]().union(*(feed.selection.kinds for feed in feeds))
        most = _MOST_BYTES // max(len(feeds), 1)
        while not self._closing.is_set():
            found = news.after(connection, place, top, kinds, AT_ONCE)
            is_last = len(found) < AT_ONCE
            place = Place.after(top) if is_last else found[-1].place
            shared = Shared.read(connection, found)
            encoded = {at: encode(change) for at, change in shared.changes.items()}
            for feed in feeds:
                try:
                    messages = [
                        (at, encoded.get(at) or encode(change))
                        for at, change in feed.selection.changes(feed.backend, connection, found, shared)
                    ]
                except errors.DatabaseError:
                    raise
                except errors.PodiumError as error:
                    self._tell(feed.stop, errors.one_line(error))
                    continue
                self._tell(feed.publish, chunked(messages), place, most)
            self._place = place
            if is_last:
                return
            self._closing.wait(_BREATH)

    def _tell(self, function: Callable[..., object], *arguments: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has been closed
            self._loop.call_soon_threadsafe(function, *arguments)
