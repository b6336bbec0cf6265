"""How far each sink has been notified, and which member delivers to it.

There is one cursor for each sink, whichever conductors have it. The member that owns the cursor delivers the
events of all conductors; when it has ended, another member that has the sink takes the cursor. Functions of
an open connection.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Final, NamedTuple

import sqlalchemy as sa

from podium.db import clock
from podium.db.changes import next_change
from podium.db.ledger import newest_number, oldest_number
from podium.db.models import columns, members
from podium.db.models import notification_cursors as cursors
from podium.db.models import notification_refusals as refusals
from podium.db.models import notification_sinks as sinks_of_hosts
from podium.db.worker import Worker


class Cursor(NamedTuple):
    """Up to which event a sink has been notified, see :data:`podium.db.models.notification_cursors`."""

    sink: str
    event_id: int
    failing_since: datetime | None = None
    last_error: str | None = None
    refused_id: int | None = None
    refused_for: float = 0.0


def declare(connection: sa.Connection, hostname: str, sinks: Collection[str]) -> None:
    """Record the sinks of a conductor; a new sink begins at the newest event.

    :param sinks: all of them; sinks that no conductor has any more are deleted
    """
    next_change(connection)  # several conductors may start at the same time
    mine = sinks_of_hosts.c.hostname == hostname
    connection.execute(sa.delete(sinks_of_hosts).where(mine, sinks_of_hosts.c.sink.not_in(sinks)))
    recorded = set(connection.scalars(sa.select(sinks_of_hosts.c.sink).where(mine)))
    for sink in sinks:
        if sink not in recorded:
            connection.execute(sa.insert(sinks_of_hosts).values(hostname=hostname, sink=sink))
    had = sa.select(sinks_of_hosts.c.sink)
    for table in (cursors, refusals):
        connection.execute(sa.delete(table).where(table.c.sink.not_in(had)))
    known = set(connection.scalars(sa.select(cursors.c.sink)))
    for sink in sinks:
        if sink not in known:
            connection.execute(sa.insert(cursors).values(sink=sink, event_id=newest_number(connection)))


_UNENDED: Final = sa.select(members.c.id).where(members.c.ended_at.is_(None))
_IS_FREE: Final = sa.or_(cursors.c.owner.is_(None), cursors.c.owner.not_in(_UNENDED))


def free(connection: sa.Connection, sinks: Collection[str]) -> list[str]:
    """Those of the given sinks to which no living member delivers."""
    return list(connection.scalars(sa.select(cursors.c.sink).where(cursors.c.sink.in_(sinks), _IS_FREE)))


def take(connection: sa.Connection, member: Worker, sinks: Collection[str]) -> list[Cursor]:
    """Make a member deliver to those of the given sinks that are free; return their cursors."""
    taken = []
    for sink in sorted(sinks):
        its = sa.update(cursors).where(cursors.c.sink == sink, _IS_FREE)
        if connection.execute(its.values(owner=member.incarnation)).rowcount:
            taken.append(sink)
    query = sa.select(*columns(cursors, Cursor._fields)).where(cursors.c.sink.in_(taken))
    return list(map(Cursor._make, connection.execute(query)))


def save(connection: sa.Connection, member: Worker, cursor: Cursor) -> bool:
    """Write how far a sink has been notified; False if another member now delivers to it."""
    mine = cursors.c.sink == cursor.sink, cursors.c.owner == member.incarnation
    return bool(connection.execute(sa.update(cursors).where(*mine).values(cursor._asdict())).rowcount)


def set_aside(connection: sa.Connection, member: Worker, cursor: Cursor, number: int, error: str) -> bool:
    """Record that an event is not delivered to a sink that refuses it; False as in :func:`save`."""
    if not save(connection, member, cursor):
        return False
    if number not in refused(connection, cursor.sink):  # written before, by a commit that was not confirmed
        values = {"sink": cursor.sink, "event_id": number, "at": clock.now(connection), "error": error}
        connection.execute(sa.insert(refusals).values(values))
    return True


def refused(connection: sa.Connection, sink: str) -> list[int]:
    """The events that were set aside for a sink and are still in the ledger."""
    query = sa.select(refusals.c.event_id).where(refusals.c.sink == sink).order_by(refusals.c.event_id)
    return list(connection.scalars(query))


def prune(connection: sa.Connection) -> None:
    """Delete the records of set-aside events that are no longer in the ledger."""
    oldest = oldest_number(connection)
    gone = sa.true() if oldest is None else refusals.c.event_id < oldest
    connection.execute(sa.delete(refusals).where(gone))


def deliverers(connection: sa.Connection) -> dict[str, Worker]:
    """The member that delivers to each sink; sinks without one are left out."""
    query = sa.select(cursors.c.sink, members.c.host, members.c.worker, members.c.id)
    delivered = query.join_from(cursors, members, members.c.id == cursors.c.owner)
    found = connection.execute(delivered.where(members.c.ended_at.is_(None)))
    return {sink: Worker(*member) for sink, *member in found}
