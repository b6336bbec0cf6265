"""What a member leaves behind when it ends: reserved nodes, and requests that it had or had not begun.

Functions of an open connection. They change at most a thousand nodes, so that nobody waits long for the
change counter, and are called until nothing is left. Repeated calls do no harm.
"""

from typing import Final

import sqlalchemy as sa

from podium.db import bulk, clock, members
from podium.db.bulk import AMONG, AT_ONCE, among
from podium.db.changes import next_change
from podium.db.models import nodes, slots
from podium.db.models import power_requests as requests
from podium.db.operations import (
    BEGUN,
    CANCELLED,
    FREE,
    ITS_NODE,
    NOTHING_ASKED,
    WAITING,
    note_progress_of,
)
from podium.db.outcomes import ENFORCER
from podium.db.slots import OF_NODE
from podium.db.worker import Worker

_OF_REQUESTS: Final = among(requests.c.id)


def hand_back(connection: sa.Connection, holder: Worker) -> int:
    """When a member ends, free the nodes that it holds and has sent nothing to; their requests wait again.

    Requests for which it has sent something stay begun. The next owner of the slot takes them over when the
    member has ended, and reads before it repeats anything.

    :returns: how many nodes there were; if any, there may be more
    """
    return _free(connection, nodes.c.reservation == holder)


def take_back(connection: sa.Connection) -> int:
    """Free nodes that ended members had reserved and had sent nothing to; their requests wait again.

    :returns: how many nodes there were; if any, there may be more
    """
    return _free(connection, nodes.c.reservation.not_in(members.living(connection)))


def _free(connection: sa.Connection, held: sa.ColumnElement[bool]) -> int:
    is_sent = sa.and_(requests.c.state == BEGUN, requests.c.sent_at.is_not(None))
    unsent = sa.or_(requests.c.id.is_(None), sa.not_(is_sent))
    query = (
        sa.select(nodes.c.id, nodes.c.power_request_id)
        .select_from(nodes.outerjoin(requests, ITS_NODE))
        .where(nodes.c.reservation.is_not(None), held, unsent)
        .order_by(nodes.c.id)
        .limit(AT_ONCE)
    )
    if not connection.execute(query).all():
        return 0
    version = next_change(connection)
    rows = connection.execute(query).all()
    freed = sa.update(nodes).where(AMONG).values(**FREE, version=version)
    bulk.execute(connection, freed, [row.id for row in rows])
    again = sa.update(requests).where(_OF_REQUESTS, requests.c.state == BEGUN)
    again = again.values(state=WAITING, holder=None, begun_at=None)
    numbers = [row.power_request_id for row in rows if row.power_request_id is not None]
    bulk.execute(connection, again, numbers)
    note_progress_of(connection, numbers, version)
    return len(rows)


def cancel_enforced(connection: sa.Connection, generation: int) -> int:
    """Cancel waiting requests of enforcement in slots that have another owner since a generation.

    The new owner has not seen the nodes differ; its own enforcement makes new requests if necessary.

    :returns: how many there were; if any, there may be more
    """
    waiting = requests.c.state == WAITING, requests.c.requested_by == ENFORCER
    query = (
        sa.select(requests.c.id, requests.c.node_id)
        .select_from(requests.join(nodes, ITS_NODE).join(slots, OF_NODE))
        .where(*waiting, slots.c.generation >= generation)
        .order_by(requests.c.id)
        .limit(AT_ONCE)
    )
    if not connection.execute(query).all():
        return 0
    version, now = next_change(connection), clock.now(connection)
    rows = connection.execute(query).all()
    freed = sa.update(nodes).where(AMONG).values(**NOTHING_ASKED, updated_at=now, version=version)
    bulk.execute(connection, freed, [row.node_id for row in rows])
    ended = sa.update(requests).where(_OF_REQUESTS)
    ended = ended.values(state=CANCELLED, finished_at=now, error="cancelled: the node has another conductor")
    bulk.execute(connection, ended, [row.id for row in rows])
    note_progress_of(connection, [row.id for row in rows], version)
    return len(rows)
