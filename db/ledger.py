"""The ledger of power events: creates the rows, lists them, and limits their number."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from podium.db import retention
from podium.db.bulk import chunks
from podium.db.models import columns, nodes
from podium.db.models import power_events as events
from podium.db.worker import Worker


class Event(NamedTuple):
    """One event of a node's power, see :data:`podium.db.models.power_events`."""

    id: int
    node_uuid: str
    node_name: str
    at: datetime
    from_state: str | None
    to_state: str | None
    cause: str
    who: str | None
    reason: str | None
    request_id: str | None
    operation_id: int | None
    writer: Worker | None

    @property
    def conductor(self) -> str | None:
        """The host name of the conductor whose worker recorded it."""
        return None if self.writer is None else self.writer.host


#: For statements that select events.
EVENT: Final = columns(events, Event._fields)


def event(
    node: sa.Row[Any],
    cause: str,
    *,
    at: datetime,
    to_state: str | None,
    writer: Worker | None,
    change: int | None,
    who: str | None = None,
    reason: str | None = None,
    operation_id: int | None = None,
    request_id: str | None = None,
) -> dict[str, Any]:
    """The values of a new event's row.

    :param node: the row of the node before the event: uuid, name and power_state
    :param cause: see podium.causes
    :param writer: the worker that records it; None if it is not a conductor
    :param change: the number of the change
    """
    return {
        "node_uuid": node.uuid,
        "node_name": node.name,
        "at": at,
        "from_state": node.power_state,
        "to_state": to_state,
        "cause": cause,
        "who": who,
        "reason": reason,
        "operation_id": operation_id,
        "request_id": request_id,
        "writer": writer,
        "change": change,
    }


@dataclass(frozen=True, slots=True)
class Chosen:
    """The nodes whose events are requested.

    :param uuids: None for all nodes
    :param names: of nodes that no longer exist
    """

    uuids: frozenset[str] | None = None
    names: frozenset[str] = frozenset()

    def __contains__(self, event: Event) -> bool:
        return self.uuids is None or event.node_uuid in self.uuids or event.node_name in self.names


def choose(connection: sa.Connection, wanted: Sequence[str] | None) -> tuple[Chosen, list[str]]:
    """The nodes with these names and UUIDs, including deleted nodes; all nodes for None.

    :returns: the nodes, and the names and UUIDs that neither a node nor an event has
    """
    if wanted is None:
        return Chosen(), []
    uuids: set[str] = set()
    names: set[str] = set()
    missing: list[str] = []
    for chunk in chunks(wanted):
        # One column at a time: for both at once PostgreSQL may scan the whole table.
        its = sa.select(nodes.c.uuid, nodes.c.name)
        rows = [
            row
            for column in (nodes.c.name, nodes.c.uuid)
            for row in connection.execute(its.where(column.in_(chunk)))
        ]
        uuids |= {row.uuid for row in rows}
        unknown = set(chunk).difference(*((row.uuid, row.name) for row in rows))
        if unknown:
            theirs = events.c.node_uuid.in_(unknown), events.c.node_name.in_(unknown)
            query = sa.select(events.c.node_uuid, events.c.node_name).where(sa.or_(*theirs)).distinct()
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
    causes: Collection[str] | None = None,
) -> list[Event]:
    """The newest events that meet every condition, the oldest of them first.

    :param limit: how many at most
    :param since: the earliest time
    """
    query = sa.select(*EVENT).where(*_meeting(since, causes)).order_by(events.c.id.desc()).limit(limit)
    rows = _rows(connection, query, chosen)
    return [Event._make(rows[number]) for number in sorted(rows)[-limit:]]


def first_of_newest(
    connection: sa.Connection,
    chosen: Chosen,
    count: int,
    *,
    since: datetime | None = None,
    causes: Collection[str] | None = None,
) -> int:
    """The number of the oldest of the ``count`` newest events that meet every condition; 0 if none."""
    numbers = sa.select(events.c.id).where(*_meeting(since, causes)).order_by(events.c.id.desc()).limit(count)
    return min(sorted(_rows(connection, numbers, chosen))[-count:], default=0)


def events_after(
    connection: sa.Connection,
    chosen: Chosen,
    after: int,
    *,
    limit: int | None,
    since: datetime | None = None,
    causes: Collection[str] | None = None,
) -> list[Event]:
    """The events with greater numbers than ``after`` that meet every condition, the oldest of them first.

    :param limit: how many at most
    :param since: the earliest time
    """
    query = sa.select(*EVENT).where(events.c.id > after, *_meeting(since, causes))
    rows = _rows(connection, query.order_by(events.c.id).limit(limit), chosen)
    return [Event._make(rows[number]) for number in sorted(rows)[:limit]]


def _meeting(since: datetime | None, causes: Collection[str] | None) -> list[sa.ColumnElement[bool]]:
    at_all = [] if since is None else [events.c.at >= since]
    return at_all if causes is None else [*at_all, events.c.cause.in_(sorted(causes))]


def _rows(connection: sa.Connection, query: sa.Select[Any], chosen: Chosen) -> dict[int, sa.Row[Any]]:
    """The rows of a query for all of the chosen nodes, by the number of the event."""
    if chosen.uuids is None:
        return {row.id: row for row in connection.execute(query)}
    found: dict[int, sa.Row[Any]] = {}
    for column, values in ((events.c.node_uuid, chosen.uuids), (events.c.node_name, chosen.names)):
        for chunk in chunks(sorted(values)):
            found |= {row.id: row for row in connection.execute(query.where(column.in_(chunk)))}
    return found


def events_of(
    connection: sa.Connection, node: str, *, limit: int, after: int | None = None, descending: bool = False
) -> list[Event]:
    """The events of a node in the order in which they were recorded.

    :param node: its UUID
    :param limit: how many at most
    :param after: the number of the event after which to begin
    """
    query = sa.select(*EVENT).where(events.c.node_uuid == node).limit(limit)
    if after is not None:
        query = query.where(events.c.id < after if descending else events.c.id > after)
    ordered = query.order_by(events.c.id.desc() if descending else events.c.id)
    return list(map(Event._make, connection.execute(ordered)))


def event_of(connection: sa.Connection, node: str, number: int) -> Event | None:
    """One event of a node; None if there is no such event."""
    query = sa.select(*EVENT).where(events.c.node_uuid == node, events.c.id == number)
    row = connection.execute(query).one_or_none()
    return None if row is None else Event._make(row)


def events_with(connection: sa.Connection, numbers: Sequence[int]) -> list[Event]:
    """The events with these numbers."""
    rows = (
        connection.execute(sa.select(*EVENT).where(events.c.id.in_(chunk))).all() for chunk in chunks(numbers)
    )
    return [Event._make(row) for found in rows for row in found]


def newest_number(connection: sa.Connection) -> int:
    """The number of the newest event, 0 when there is none."""
    return connection.scalar(sa.select(sa.func.max(events.c.id))) or 0


def oldest_number(connection: sa.Connection) -> int | None:
    """The number of the oldest event that has not been pruned."""
    number: int | None = connection.scalar(sa.select(sa.func.min(events.c.id)))
    return number


def count_between(
    connection: sa.Connection, after: int, last: int, conditions: Iterable[sa.ColumnElement[bool]] = ()
) -> int:
    """How many events that meet conditions are newer than one number and not newer than another."""
    query = sa.select(sa.func.count()).select_from(events)
    query = query.where(events.c.id > after, events.c.id <= last, *conditions)
    return connection.scalar(query) or 0


def prune_events(connection: sa.Connection, before: datetime, most: int) -> int:
    """Delete events from before a moment, and the oldest of more than ``most``.

    :returns: how many were deleted
    """
    old = retention.is_old(connection, events.c.id, events.c.at, before)
    too_old = connection.execute(sa.delete(events).where(old)).rowcount
    first = connection.scalar(sa.select(events.c.id).order_by(events.c.id.desc()).offset(most).limit(1))
    if first is None:
        return too_old
    return too_old + connection.execute(sa.delete(events).where(events.c.id <= first)).rowcount
