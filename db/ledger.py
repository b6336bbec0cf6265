"""Reading the ledger of power events, as people list it and as notifications and followers go through it."""

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from podium.db.api import chunks
from podium.db.models import nodes, notification_cursors
from podium.db.models import power_events as events

#: Seconds that a number passed over may still turn up: transactions do not commit in the order of numbers.
_AWAITED: Final = 30.0
_MOST_GAPS: Final = 200


@dataclass(frozen=True, slots=True)
class Chosen:
    """Whose events are meant; everybody's where both are empty.

    :param uuids: of nodes
    :param names: of nodes that there are no more
    """

    uuids: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()

    def __contains__(self, event: sa.Row[Any]) -> bool:
        everybody = not (self.uuids or self.names)
        return everybody or event.node_uuid in self.uuids or event.node_name in self.names


def choose(connection: sa.Connection, wanted: Sequence[str]) -> tuple[Chosen, list[str]]:
    """Whose events some names and UUIDs stand for, of nodes that were deleted too.

    :returns: and those that neither a node nor an event has
    """
    uuids: set[str] = set()
    names: set[str] = set()
    missing: list[str] = []
    for chunk in chunks(wanted):
        query = sa.select(nodes.c.uuid, nodes.c.name).where(
            sa.or_(nodes.c.name.in_(chunk), nodes.c.uuid.in_(chunk))
        )
        rows = connection.execute(query).all()
        uuids |= {row.uuid for row in rows}
        unknown = set(chunk).difference(*((row.uuid, row.name) for row in rows))
        if unknown:
            told = events.c.node_uuid.in_(unknown), events.c.node_name.in_(unknown)
            query = sa.select(events.c.node_uuid, events.c.node_name).where(sa.or_(*told)).distinct()
            gone = connection.execute(query).all()
            uuids |= {row.node_uuid for row in gone} & unknown
            names |= {row.node_name for row in gone} & unknown
            missing += [one for one in chunk if one in unknown - uuids - names]
    return Chosen(frozenset(uuids), frozenset(names)), missing


def newest_events(
    connection: sa.Connection,
    chosen: Chosen,
    *,
    limit: int,
    since: datetime | None = None,
    cause: str | None = None,
) -> list[sa.Row[Any]]:
    """The newest events that meet every condition, the oldest of them first.

    :param limit: how many at the most
    :param since: none from before that
    """
    query = sa.select(events).order_by(events.c.id.desc()).limit(limit)
    if since is not None:
        query = query.where(events.c.at >= since)
    if cause is not None:
        query = query.where(events.c.cause == cause)
    if not (chosen.uuids or chosen.names):
        return list(connection.execute(query))[::-1]
    found: dict[int, sa.Row[Any]] = {}
    for column, values in ((events.c.node_uuid, chosen.uuids), (events.c.node_name, chosen.names)):
        for chunk in chunks(sorted(values)):
            found |= {row.id: row for row in connection.execute(query.where(column.in_(chunk)))}
    return [found[number] for number in sorted(found)[-limit:]]


def newest_number(connection: sa.Connection) -> int:
    """The number of the newest event, 0 when there is none."""
    return connection.scalar(sa.select(sa.func.max(events.c.id))) or 0


def oldest_number(connection: sa.Connection) -> int | None:
    """The number of the oldest event that was not pruned."""
    number: int | None = connection.scalar(sa.select(sa.func.min(events.c.id)))
    return number


def count_after(connection: sa.Connection, conductor: str, number: int) -> int:
    """How many events of one conductor are newer than that number."""
    query = sa.select(sa.func.count()).where(events.c.id > number, events.c.conductor == conductor)
    return connection.scalar(query) or 0


@dataclass(frozen=True, slots=True)
class _Gap:
    """Numbers that were passed over, and when."""

    first: int
    last: int
    noted: float


class Stream:
    """Every event from one on, each once, as they are committed.

    An event gets its number before its transaction commits, so that a greater number may be seen first. The
    numbers that were passed over are looked for once more for a while. Events of one node are never out of
    order: who writes them has the node's row locked.

    :param after: the number of the last event that is known already
    :param clock: seconds
    """

    def __init__(self, after: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._last = after
        self._clock = clock
        self._gaps: list[_Gap] = []

    @property
    def last(self) -> int:
        """The greatest number that was passed."""
        return self._last

    @property
    def position(self) -> int:
        """Where a stream must begin after which nothing is to be missing: some may come again."""
        self._forget()
        return self._gaps[0].first - 1 if self._gaps else self._last

    def read(self, connection: sa.Connection, most: int = 500) -> list[sa.Row[Any]]:
        """The next events; the same again until they are :meth:`passed`."""
        self._forget()
        late = (events.c.id.between(gap.first, gap.last) for gap in self._gaps)
        query = sa.select(events).where(sa.or_(events.c.id > self._last, *late))
        return list(connection.execute(query.order_by(events.c.id).limit(most)))

    def passed(self, number: int) -> None:
        """Go on after an event that was read."""
        if number > self._last:
            if number > self._last + 1:
                self._gaps.append(_Gap(self._last + 1, number - 1, self._clock()))
                self._gaps = self._gaps[-_MOST_GAPS:]
            self._last = number
            return
        self._gaps = [part for gap in self._gaps for part in _without(gap, number)]

    def _forget(self) -> None:
        oldest = self._clock() - _AWAITED
        self._gaps = [gap for gap in self._gaps if gap.noted > oldest]


def _without(gap: _Gap, number: int) -> list[_Gap]:
    """What is left of a gap in which a number turned up."""
    if not gap.first <= number <= gap.last:
        return [gap]
    parts = replace(gap, last=number - 1), replace(gap, first=number + 1)
    return [part for part in parts if part.first <= part.last]


def open_cursors(connection: sa.Connection, conductor: str, sinks: Collection[str]) -> list[sa.Row[Any]]:
    """The cursors of a conductor's sinks; a new one begins at the newest event.

    :param sinks: all there are: the cursors of others are forgotten
    """
    cursors, mine = notification_cursors, notification_cursors.c.conductor == conductor
    connection.execute(sa.delete(cursors).where(mine, cursors.c.sink.not_in(sinks)))
    known = set(connection.scalars(sa.select(cursors.c.sink).where(mine)))
    for sink in sinks:
        if sink not in known:
            values = {"conductor": conductor, "sink": sink, "event_id": newest_number(connection)}
            connection.execute(sa.insert(cursors).values(**values))
    return list(connection.execute(sa.select(cursors).where(mine)))


def save_cursor(
    connection: sa.Connection,
    conductor: str,
    sink: str,
    event_id: int,
    failing_since: datetime | None,
    last_error: str | None,
) -> None:
    """Write down how far a sink has been notified, and since when and why it fails."""
    cursors = notification_cursors
    mine = cursors.c.conductor == conductor, cursors.c.sink == sink
    values = {"event_id": event_id, "failing_since": failing_since, "last_error": last_error}
    connection.execute(sa.update(cursors).where(*mine).values(**values))
