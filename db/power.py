"""Power requests from being asked for to their end, as functions of an open connection.

A request waits, is begun by one conductor, and is done or has failed; or it is cancelled, or replaced by a
newer one, before it was begun. What its node's row says of it (``target_power_state``, ``power_request_id``,
``reservation``) changes in the same transaction. Whoever changes any of this takes the next number of
podium.db.changes first, and thereby waits for all others who do: of two who want one node exactly one wins.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from podium.db import bulk
from podium.db.api import chunks, refusal
from podium.db.bulk import AMONG, AT_ONCE, among
from podium.db.changes import next_change
from podium.db.fleet import LOADED
from podium.db.models import nodes, operations, utcnow
from podium.db.models import power_requests as requests
from podium.db.operations import BEGUN, FREE, ITS_NODE, REPLACED, WAITING

_OF_REQUESTS: Final = among(requests.c.id)
#: Not the column itself: SQLite would begin with its index, where it finds all nodes, and not with the few
#: requests that wait.
_DRIVER: Final = nodes.c.driver + ""


class Asked(NamedTuple):
    """What became of asking for a change of some nodes.

    :param operation_id: None when no node accepted it
    :param accepted: the numbers of the nodes that did, in the order given
    :param refused: one line for each of the others
    :param replaced: how many of them had an older request, not begun, which this one replaces
    """

    operation_id: int | None
    accepted: list[int]
    refused: list[str]
    replaced: int


def ask(
    connection: sa.Connection,
    rows: Sequence[sa.Row[Any]],
    action: str,
    *,
    who: str,
    reason: str | None = None,
    timeout: float | None = None,
    then_off: bool = False,
    stagger: tuple[int, float] | None = None,
) -> Asked:
    """Ask for a power change of nodes, as one operation; the conductors that own them carry it out.

    :param rows: the nodes: id and name
    :param action: one of ``podium.states.ACTIONS``
    :param who: user and host of the one who asks
    :param timeout: seconds that each node may take, None for what the conductor's configuration says
    :param then_off: whether a soft power off that is not heeded is followed by a hard one
    :param stagger: begin at most so many within so many seconds
    """
    version, now = next_change(connection), utcnow()
    accepted, refused, older = _sorted_out(connection, rows)
    if not accepted:
        return Asked(None, [], refused, 0)
    asked = {"action": action, "requested_by": who, "requested_at": now, "reason": reason}
    asked |= {"timeout": timeout, "then_off": then_off}
    done = connection.execute(sa.insert(operations).values(nodes=len(accepted), **asked))
    (operation_id,) = done.inserted_primary_key or (0,)
    _insert(connection, accepted, stagger or (len(accepted), 0.0), {"operation_id": operation_id, **asked})
    replaced = sa.update(requests).where(_OF_REQUESTS).values(state=REPLACED, finished_at=now)
    bulk.execute(connection, replaced, older)
    numbers = [node.id for node in accepted]
    mine = requests.c.operation_id == operation_id, requests.c.node_id == nodes.c.id
    values = {
        "target_power_state": action,
        "power_request_id": sa.select(requests.c.id).where(*mine).scalar_subquery(),
        "power_requested_by": who,
        "power_requested_at": now,
        "last_error": None,
        "updated_at": now,
        "version": version,
    }
    bulk.execute(connection, sa.update(nodes).where(AMONG).values(values), numbers)
    return Asked(operation_id, numbers, refused, len(older))


def _insert(
    connection: sa.Connection,
    accepted: Sequence[sa.Row[Any]],
    stagger: tuple[int, float],
    asked: Mapping[str, Any],
) -> None:
    at_once, pause = stagger
    for first in range(0, len(accepted), AT_ONCE):
        values = [
            {
                **asked,
                "node_id": node.id,
                "node_uuid": node.uuid,
                "node_name": node.name,
                "state": WAITING,
                "not_before": asked["requested_at"] + timedelta(seconds=place // at_once * pause),
            }
            for place, node in enumerate(accepted[first : first + AT_ONCE], start=first)
        ]
        connection.execute(sa.insert(requests), values)


_TAKEN_BY: Final = (
    *("id", "uuid", "name", "target_power_state", "power_request_id", "power_requested_by"),
    *("power_requested_at", "reservation", "reserved_for", "reserved_at"),
)
_LOOK: Final = (
    sa.select(*(nodes.c[name] for name in _TAKEN_BY)).where(AMONG).order_by(nodes.c.id).with_for_update()
)


def _sorted_out(
    connection: sa.Connection, rows: Sequence[sa.Row[Any]]
) -> tuple[list[sa.Row[Any]], list[str], list[int]]:
    """The nodes that are free, why the others are not, and the requests that would be replaced."""
    found: dict[int, sa.Row[Any]] = {}
    for chunk in chunks(sorted({row.id for row in rows}), AT_ONCE):
        found |= {row.id: row for row in connection.execute(_LOOK, {"numbers": chunk})}
    accepted, refused, older = [], [], []
    for name, node in ((row.name, found.get(row.id)) for row in rows):
        if node is None:
            refused.append(f"{name}: the node was deleted meanwhile")
        elif node.reservation is not None:
            refused.append(refusal(node))
        else:
            accepted.append(node)
            if node.power_request_id is not None:
                older.append(node.power_request_id)
    return accepted, refused, older


def due(
    connection: sa.Connection, group: str, drivers: Sequence[str], holder: str, now: datetime
) -> Sequence[sa.Row[Any]]:
    """What can be begun, and what ``holder`` has begun, oldest first.

    The latter is cut off where the process does not know it: an earlier run of it, or an outage of the
    database that came just then, began it.

    :returns: id, uuid, driver and extra of the node; request_id, action, state and sent_at of the request
    """
    free = requests.c.state == WAITING, requests.c.not_before <= now, nodes.c.reservation.is_(None)
    mine = requests.c.state == BEGUN, nodes.c.reservation == holder
    columns = [nodes.c[name] for name in ("id", "uuid", "driver", "extra")]
    asked = [requests.c[name] for name in ("action", "state", "sent_at")]
    query: sa.Select[Any] = (
        sa.select(*columns, requests.c.id.label("request_id"), *asked)
        .join_from(requests, nodes, ITS_NODE)
        # Both words are told, too: with them alone the index of the states is of use.
        .where(requests.c.state.in_((WAITING, BEGUN)), sa.or_(sa.and_(*free), sa.and_(*mine)))
        .where(nodes.c.conductor_group == group, _DRIVER.in_(drivers))
        .order_by(requests.c.id)
    )
    return connection.execute(query).all()


def next_due(connection: sa.Connection, group: str, drivers: Sequence[str], now: datetime) -> datetime | None:
    """When the next request that waits for its time can be begun, None when there is none."""
    query: sa.Select[Any] = (
        sa.select(sa.func.min(requests.c.not_before))
        .join_from(requests, nodes, ITS_NODE)
        .where(requests.c.state == WAITING, requests.c.not_before > now)
        .where(nodes.c.conductor_group == group, _DRIVER.in_(drivers))
    )
    moment: datetime | None = connection.scalar(query)
    return moment


_AS_BEGUN: Final = (
    *("operation_id", "action", "timeout", "then_off", "requested_by", "requested_at", "reason"),
    *("begun_at", "sent_at"),
)
_BEGUN_ROWS: Final = (
    sa.select(*LOADED, requests.c.id.label("request_id"), *(requests.c[name] for name in _AS_BEGUN))
    .join_from(requests, nodes, ITS_NODE)
    .where(_OF_REQUESTS)
    .order_by(requests.c.id)
)
_LOCK_OF_REQUESTS: Final = (
    sa.select(nodes.c.id, nodes.c.reservation, requests.c.id.label("request_id"), requests.c.state)
    .join_from(requests, nodes, ITS_NODE)
    .where(_OF_REQUESTS)
    .order_by(nodes.c.id)
    .with_for_update()
)


def begin(
    connection: sa.Connection, request_ids: Sequence[int], holder: str, now: datetime
) -> list[sa.Row[Any]]:
    """Reserve nodes for their requests; those that changed meanwhile are left out.

    A request that ``holder`` has begun already is among them, as it is, to be resumed.

    :returns: what conductors work with of the nodes, and request_id, operation_id, action, timeout,
        then_off, requested_by, requested_at, reason, begun_at and sent_at of the requests, oldest first
    """
    rows: list[sa.Row[Any]] = []
    version = next_change(connection)
    begun = sa.update(requests).where(_OF_REQUESTS).values(state=BEGUN, holder=holder, begun_at=now)
    reserved = (
        sa.update(nodes)
        .where(AMONG)
        .values(reservation=holder, reserved_for=nodes.c.target_power_state, reserved_at=now, version=version)
    )
    for chunk in chunks(sorted(request_ids), AT_ONCE):
        found = connection.execute(_LOCK_OF_REQUESTS, {"numbers": chunk}).all()
        new = [row for row in found if row.state == WAITING and row.reservation is None]
        mine = [row for row in found if row.state == BEGUN and row.reservation == holder]
        if new:
            connection.execute(begun, {"numbers": [row.request_id for row in new]})
            connection.execute(reserved, {"numbers": [row.id for row in new]})
        if new or mine:
            rows += connection.execute(_BEGUN_ROWS, {"numbers": [row.request_id for row in new + mine]})
    return rows


def mark_sent(connection: sa.Connection, request_ids: Iterable[int], holder: str, now: datetime) -> set[int]:
    """Write down, before they go out, that commands go out which must not be given twice.

    :returns: of ``request_ids`` those that ``holder`` still has under way; the others must not be sent
    """
    marked: set[int] = set()
    mine = sa.select(requests.c.id).where(_OF_REQUESTS, requests.c.state == BEGUN)
    mine = mine.where(requests.c.holder == holder).order_by(requests.c.id).with_for_update()
    sent = sa.update(requests).where(_OF_REQUESTS).values(sent_at=now)
    for chunk in chunks(sorted(request_ids), AT_ONCE):
        found = connection.scalars(mine, {"numbers": chunk}).all()
        if found:
            connection.execute(sent, {"numbers": found})
        marked.update(found)
    return marked


def cut_off(connection: sa.Connection, holders: Sequence[str]) -> int:
    """Sort out what conductors that ended had under way, and free every other node that they held.

    What was begun and not sent waits again. What was sent stays begun, and its node reserved, for the first
    of ``holders``: it will read before it repeats anything.

    :returns: how many reservations there were
    """
    version = next_change(connection)
    held = sa.select(nodes.c.id, nodes.c.power_request_id).where(nodes.c.reservation.in_(holders))
    reserved = connection.execute(held.order_by(nodes.c.id).with_for_update()).all()
    under_way = sa.select(requests.c.id, requests.c.sent_at)
    under_way = under_way.where(requests.c.state == BEGUN, requests.c.holder.in_(holders))
    sent = {row.id: row.sent_at is not None for row in connection.execute(under_way)}
    # By their numbers: of a subquery PostgreSQL makes a loop within a loop while it has no statistics.
    kept = sa.update(nodes).where(AMONG).values(reservation=holders[0], version=version)
    bulk.execute(connection, kept, [row.id for row in reserved if sent.get(row.power_request_id)])
    freed = sa.update(nodes).where(AMONG).values(**FREE, version=version)
    bulk.execute(connection, freed, [row.id for row in reserved if not sent.get(row.power_request_id)])
    mine = sa.update(requests).where(_OF_REQUESTS)
    bulk.execute(connection, mine.values(holder=holders[0]), [number for number in sent if sent[number]])
    again = mine.values(state=WAITING, holder=None, begun_at=None)
    bulk.execute(connection, again, [number for number in sent if not sent[number]])
    return len(reserved)
