"""Removes a conductor that is gone from the lists that people see: functions of an open connection."""

import sqlalchemy as sa

from podium.db import clock, members, news
from podium.db.changes import next_change
from podium.db.models import (
    conductor_workers,
    conductors,
    disabled_tasks,
    notification_sinks,
    periodic_tasks,
)


def remove(connection: sa.Connection, host: str) -> bool:
    """Remove what outlives the members of a host; False if one of them has not ended.

    Its members stay recorded as ended, and podium.db.avoidances handles the subnets that it avoids. A sink
    that only this host had keeps its cursor until a conductor starts that does not have it either.
    """
    here = conductors.c.hostname == host
    # Locked so that no daemon of this host starts meanwhile, see podium.db.conductors.begin.
    connection.execute(sa.select(here).where(here).with_for_update())
    if any(one.host == host for one in members.unended(connection)):
        return False
    for column in (
        conductor_workers.c.conductor,
        disabled_tasks.c.conductor,
        notification_sinks.c.hostname,
        periodic_tasks.c.conductor,
        conductors.c.hostname,
    ):
        connection.execute(sa.delete(column.table).where(column == host))
    change = next_change(connection, roster=True)
    news.note_deletions(connection, change, news.CONDUCTORS, [("", host)], clock.now(connection))
    return True
