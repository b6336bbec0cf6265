"""Cancelling operations: a function of an open connection."""

from typing import NamedTuple

import sqlalchemy as sa

from podium import states
from podium.db import clock, credential_changes
from podium.db.bulk import AMONG, AT_ONCE, among, chunks
from podium.db.changes import next_change
from podium.db.models import nodes, operations
from podium.db.models import power_requests as requests
from podium.db.operations import BEGUN, CANCELLED, HELD, NOTHING_ASKED, WAITING


class Cancelled(NamedTuple):
    """How many requests of an operation were cancelled, and how many had already begun or ended."""

    cancelled: int
    under_way: int
    ended: int


def cancel(connection: sa.Connection, operation_id: int, who: str) -> Cancelled:
    """Cancel the requests of an operation that have not begun.

    :param who: user and host of the person who cancels
    """
    version, now = next_change(connection), clock.now(connection)
    mine = sa.select(requests.c.id, requests.c.node_id, requests.c.state, requests.c.action)
    mine = mine.where(requests.c.operation_id == operation_id).with_for_update()
    rows = connection.execute(mine).all()
    waiting = sorted((row.node_id, row.id) for row in rows if row.state in (HELD, WAITING))
    ended = sa.update(requests).where(among(requests.c.id))
    ended = ended.values(state=CANCELLED, finished_at=now, error=f"cancelled by {who}")
    freed = sa.update(nodes).where(AMONG).values(**NOTHING_ASKED, updated_at=now, version=version)
    for chunk in chunks(waiting, AT_ONCE):
        # While a request waits, it is the one that its node refers to.
        connection.execute(freed, {"numbers": [node for node, _ in chunk]})
        connection.execute(ended, {"numbers": [number for _, number in chunk]})
    if waiting:
        if rows[0].action == states.CHANGE_CREDENTIALS:
            credential_changes.let_go(connection, [number for _, number in waiting], now)
        cancelled = sa.update(operations).where(operations.c.id == operation_id)
        connection.execute(cancelled.values(cancelled_by=who, cancelled_at=now, change=version))
    under_way = sum(row.state == BEGUN for row in rows)
    return Cancelled(len(waiting), under_way, len(rows) - len(waiting) - under_way)
