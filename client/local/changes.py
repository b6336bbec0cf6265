"""Changes, read from the database for clients that follow them.

The data: every change that people see has a place, see :mod:`podium.db.news`. A cursor is a place as a text.
It holds all that must be known about a client, so that any process can continue any stream, even after it was
killed: what follows a place stays in the database for a day.

Nothing is missing: numbers are in the order of commits, so nothing is ever added before a place that was
read. A node or operation that changes again after it was read then has a greater number, and is read again;
if it changes twice before it is read, it is sent once, in its present state. Every event is sent.

Nothing comes twice: what is read follows the cursor, and the cursor of every message is its own place.

When to look: PostgreSQL notifies of each commit; with other databases the counter of changes is read four
times a second. Several changes within a quarter of a second are read together.
"""

import re
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

import sqlalchemy as sa

from podium import errors, node_ranges
from podium.client.calls.changes import (
    KINDS,
    Change,
    ConductorChange,
    ConductorPresence,
    EventChange,
    FollowChanges,
    NodeChange,
    OperationChange,
    Reset,
    Started,
)
from podium.client.calls.nodes import Node
from podium.client.local import choosing, events, nodes
from podium.client.local import operations as asked
from podium.client.local.backend import Backend
from podium.client.local.choosing import Named
from podium.db import ledger, news, operations
from podium.db.changes import CHANNEL, LEARNED
from podium.db.hearing import Hearing
from podium.db.news import News, Place

#: Minimum seconds between two looks; also the maximum, if nothing notifies of changes.
LOOK_EVERY: Final = 0.25
#: Maximum changes that are read at a time.
AT_ONCE: Final = 500
#: Seconds until a database that did not answer is asked again.
_AGAIN: Final = 1.0
#: Fields that are always shown of a node.
_ALWAYS: Final = ("uuid", "name")


class Selection:
    """The changes that a client wants.

    :raises podium.errors.PodiumError: it names things that do not exist
    """

    def __init__(self, call: FollowChanges) -> None:
        self.kinds = frozenset(call.kinds or KINDS)
        self._chosen = call
        self._fields = tuple(dict.fromkeys((*_ALWAYS, *nodes.fields_of(call.fields))))
        names = None if call.nodes is None else choosing.expanded(call.nodes)
        self._names = None if names is None else frozenset(names)
        patterns = [one for one in names or () if node_ranges.is_pattern(one)]
        self._fits = re.compile("|".join(map(_pattern, patterns))).fullmatch if patterns else None

    def check(self, backend: Backend, connection: sa.Connection) -> None:
        """Check that nodes can be selected by the conditions.

        :raises podium.errors.PodiumError: they cannot
        """
        nodes.select(backend, connection, self._chosen, _ALWAYS, limit=1)

    def changes(
        self, backend: Backend, connection: sa.Connection, found: Sequence[News], shared: "Shared"
    ) -> Iterator[tuple[Place, Change]]:
        """Yield the wanted changes among those that were found."""
        wanted = [one for one in found if one.kind in self.kinds and self._names_it(one)]
        alive = [one.uuid for one in wanted if one.kind == news.NODES and not one.is_deleted]
        there: Mapping[str, Node] = self._nodes(backend, connection, alive) if alive else {}
        for one in wanted:
            if one.kind != news.NODES:
                change = shared.changes.get(one.place)
            elif (node := there.get(one.uuid)) is not None and not one.is_deleted:
                change = NodeChange(cursor=str(one.place), node=node)
            else:
                gone = Node(uuid=one.uuid, name=one.name)
                change = NodeChange(cursor=str(one.place), node=gone, gone=True)
            if change is not None:
                yield one.place, change

    def _names_it(self, one: News) -> bool:
        if self._names is None or one.kind not in (news.NODES, news.EVENTS):
            return True
        if one.uuid in self._names or one.name in self._names:
            return True
        return self._fits is not None and self._fits(one.name) is not None

    def _nodes(self, backend: Backend, connection: sa.Connection, uuids: Sequence[str]) -> dict[str, Node]:
        rows = nodes.select(backend, connection, self._chosen, self._fields, Named(uuids))
        return {row["uuid"]: Node(**row) for row in rows}


def _pattern(text: str) -> str:
    """Return a pattern of names as a regular expression."""
    return re.escape(text).replace(r"\*", ".*").replace(r"\?", ".")


class Shared(NamedTuple):
    """Changes of operations, events and conductors, which are the same for everybody."""

    changes: Mapping[Place, Change]

    @classmethod
    def read(cls, connection: sa.Connection, found: Sequence[News]) -> "Shared":
        """Return the changes that were found."""
        keys: dict[str, list[int]] = {news.OPERATIONS: [], news.EVENTS: []}
        for one in found:
            if one.kind in keys:
                keys[one.kind].append(int(one.key))
        hosts = [one.name for one in found if one.kind == news.CONDUCTORS]
        of_operations = {
            one.id: asked.shown(one) for one in operations.operations_of(connection, keys[news.OPERATIONS])
        }
        of_events = {one.id: events.as_seen(one) for one in ledger.events_with(connection, keys[news.EVENTS])}
        of_hosts = {
            host: ConductorPresence(**one._asdict())
            for host, one in news.presences(connection, hosts).items()
        }
        changes: dict[Place, Change] = {}
        for one in found:
            cursor = str(one.place)
            if one.kind == news.OPERATIONS and (operation := of_operations.get(int(one.key))):
                changes[one.place] = OperationChange(cursor=cursor, operation=operation)
            elif one.kind == news.EVENTS and (event := of_events.get(int(one.key))):
                changes[one.place] = EventChange(cursor=cursor, event=event)
            elif one.kind == news.CONDUCTORS:
                there = None if one.is_deleted else of_hosts.get(one.name)
                changes[one.place] = ConductorChange(cursor=cursor, hostname=one.name, conductor=there)
        return cls(changes)


class Beginning(NamedTuple):
    """Where a stream begins.

    :param message: its first message, if it does not continue an earlier stream
    """

    place: Place
    message: Started | Reset | None


def begin(connection: sa.Connection, after: str | None, kinds: Collection[str]) -> Beginning:
    """Return where a stream that follows a cursor begins.

    :raises podium.errors.BadRequest: the text is not a cursor
    """
    now = Place.after(news.newest(connection))
    if after is None:
        return Beginning(now, Started(cursor=str(now)))
    try:
        place = Place.parse(after)
    except ValueError:
        raise errors.BadRequest(f"after: {after[:80]!r} is no cursor of a stream of changes") from None
    if place.number > now.number:
        return Beginning(now, reset(now, "the database is older than what was seen of it"))
    if place.number < news.oldest(connection, kinds):
        return Beginning(now, reset(now, "what changed since is no longer known"))
    return Beginning(place, None)


def reset(place: Place, reason: str) -> Reset:
    """Return the message that a stream continues from a place."""
    return Reset(cursor=str(place), reason=f"{reason}; list again")


class Following:
    """A stream of changes from the database, read by one thread at a time.

    :param call: what the client wants
    """

    def __init__(
        self, backend: Backend, call: FollowChanges, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._backend = backend
        self._clock = clock
        self._selection = Selection(call)
        self._closing = threading.Event()
        self._hearing = Hearing(backend.database, self._closing, channels=(CHANNEL, LEARNED))
        with backend.database.snapshot() as connection:
            self._selection.check(backend, connection)
            beginning = begin(connection, call.after, self._selection.kinds)
        self._place, self._first = beginning
        self._is_behind = True
        self._is_up = True

    def read(self, seconds: float) -> list[Change]:
        """Return the next changes, in order; empty if none comes in this time.

        :raises podium.errors.PodiumError: the conditions are not valid any more
        """
        if self._first is not None:
            first, self._first = self._first, None
            return [first]
        end = self._clock() + seconds
        while not self._closing.is_set() and self._clock() < end:
            if self._is_behind or self._hearing.wait(LOOK_EVERY, end):
                self._hearing.note_look()
                if found := self._look():
                    return found
        return []

    def _look(self) -> list[Change]:
        try:
            with self._backend.database.snapshot() as connection:
                found = self._read(connection)
        except errors.DatabaseUnavailable as error:
            if self._is_up:
                self._backend.warn(f"warning: {errors.one_line(error)}; the changes go on when it answers")
            self._is_up = self._is_behind = False
            self._closing.wait(_AGAIN)
            return []
        if not self._is_up:
            self._backend.warn("the database answers again, and the changes go on")
        self._is_up = True
        return found

    def _read(self, connection: sa.Connection) -> list[Change]:
        top = news.newest(connection)
        self._hearing.note_found(top != self._place.number)
        if top < self._place.number:
            self._place = Place.after(top)
            return [reset(self._place, "the database is older than what was seen of it")]
        found = news.after(connection, self._place, top, self._selection.kinds, AT_ONCE)
        self._is_behind = len(found) == AT_ONCE
        shared = Shared.read(connection, found)
        changes = [one for _, one in self._selection.changes(self._backend, connection, found, shared)]
        self._place = found[-1].place if self._is_behind else Place.after(top)
        return changes

    def interrupt(self) -> None:
        """Make a read end at once; from any thread."""
        self._closing.set()
        self._hearing.interrupt()

    def close(self) -> None:
        """Close the connections, once nobody reads any longer."""
        self._hearing.close()
