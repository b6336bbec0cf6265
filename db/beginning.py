"""How conductors carry out power requests; functions of an open connection.

A conductor finds the requests that are due, begins them, and has each confirmed right before it sends a
command. podium.db.power creates requests, podium.db.outcomes ends them.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from podium import states
from podium.db import credential_changes, members
from podium.db.bulk import AMONG, AT_ONCE, among, chunks
from podium.db.changes import next_change
from podium.db.credential_changes import Change
from podium.db.fleet import OWNED_NODE, OwnedNode
from podium.db.models import columns, nodes, operations, slots
from podium.db.models import power_requests as requests
from podium.db.operations import AT_FEED, BEGUN, ITS_NODE, WAITING, note_progress_of
from podium.db.power_limits import Room
from podium.db.sealed import as_stored
from podium.db.slots import OF_NODE
from podium.db.worker import Worker
from podium.wording import which

_OF_REQUESTS: Final = among(requests.c.id)
#: Not the column itself: SQLite would start from its index, which finds all nodes, instead of from the few
#: waiting requests.
_DRIVER: Final = nodes.c.driver + ""
#: The entries that name the power domains of a node are not secret.
_EXTRA: Final = as_stored(nodes.c.extra).label("extra")
#: Limited to few actions, so that few operations are looked up.
_AT_FEED: Final = sa.and_(
    requests.c.action == states.POWER_CYCLE,
    sa.exists().where(operations.c.id == requests.c.operation_id, operations.c.what.startswith(AT_FEED)),
)


class Due(NamedTuple):
    """A request that can be begun, resumed or taken over.

    :param id: the node's number; driver, endpoint, extra and reservation are the node's too
    :param at_feed: whether the node is a feed that is switched together with others
    """

    id: int
    driver: str
    endpoint: str | None
    extra: dict[str, Any]
    reservation: Worker | None
    request_id: int
    operation_id: int
    action: str
    state: str
    at_feed: bool

    def __repr__(self) -> str:
        return which(self)


class Stagger(NamedTuple):
    """A staggered operation that has not yet begun all of its requests.

    :param asked_at: when it was requested
    :param next_at: the earliest ``not_before`` of the waiting requests
    """

    operation_id: int
    asked_at: datetime
    next_at: datetime


_STAGGERED: Final = (
    sa.select(requests.c.operation_id, requests.c.requested_at, sa.func.min(requests.c.not_before))
    .where(requests.c.state == WAITING)
    .group_by(requests.c.operation_id, requests.c.requested_at)
    .having(sa.func.max(requests.c.not_before) > requests.c.requested_at)
)


def staggered(connection: sa.Connection) -> list[Stagger]:
    """The staggered operations with waiting requests, of every group and driver."""
    return list(map(Stagger._make, connection.execute(_STAGGERED)))


#: By staggered operation: the ``not_before`` up to which requests are due.
Reached = Mapping[int, datetime]


def _later(reached: Reached, is_due: bool) -> sa.ColumnElement[bool]:
    """The condition that a request of a staggered operation is due, or is not due."""
    each = (
        sa.and_(
            requests.c.operation_id == number,
            requests.c.not_before <= moment if is_due else requests.c.not_before > moment,
        )
        for number, moment in reached.items()
    )
    return sa.or_(sa.false(), *each)


def due(
    connection: sa.Connection,
    holder: Worker,
    drivers: Sequence[str],
    reached: Reached = MappingProxyType({}),
    *,
    limit: int,
    after: int = 0,
) -> list[Due]:
    """The requests that ``holder`` can begin, has begun, or can take over, oldest first.

    It begins requests of nodes in its own slots, and takes over those there that ended members had begun. A
    request that it has begun without knowing it was interrupted by an outage of the database at that moment.

    A request that is not staggered is due at once, whatever any clock shows.

    :param drivers: the drivers with room
    :param limit: how many to return at most
    :param after: the number of the request after which to continue
    """
    begins = sa.or_(requests.c.not_before <= requests.c.requested_at, _later(reached, is_due=True))
    owned = slots.c.owner == holder.incarnation
    free = requests.c.state == WAITING, begins, nodes.c.reservation.is_(None), owned
    mine = requests.c.state == BEGUN, nodes.c.reservation == holder
    left = requests.c.state == BEGUN, owned, nodes.c.reservation.not_in(members.living(connection))
    of_node = nodes.c.id, nodes.c.driver, nodes.c.endpoint, _EXTRA, nodes.c.reservation
    of_request = *columns(requests, ("id", "operation_id", "action", "state")), _AT_FEED
    query: sa.Select[Any] = (
        sa.select(*of_node, *of_request)
        .select_from(requests.join(nodes, ITS_NODE).outerjoin(slots, OF_NODE))
        # The states are repeated here: only then can the database use their index.
        .where(
            requests.c.state.in_((WAITING, BEGUN)),
            sa.or_(sa.and_(*free), sa.and_(*mine), sa.and_(*left)),
        )
        .where(_DRIVER.in_(drivers), requests.c.id > after)
        .order_by(requests.c.id)
        .limit(limit)
    )
    return list(map(Due._make, connection.execute(query)))


def next_due(
    connection: sa.Connection, holder: Worker, drivers: Sequence[str], reached: Reached
) -> float | None:
    """Seconds until ``holder`` can begin the next request that waits for its time; None if none waits."""
    if not reached:
        return None
    query: sa.Select[Any] = (
        sa.select(requests.c.operation_id, sa.func.min(requests.c.not_before))
        .select_from(requests.join(nodes, ITS_NODE).join(slots, OF_NODE))
        .where(requests.c.state == WAITING, _later(reached, is_due=False))
        .where(slots.c.owner == holder.incarnation, _DRIVER.in_(drivers))
        .group_by(requests.c.operation_id)
    )
    rows = connection.execute(query)
    return min(((moment - reached[number]).total_seconds() for number, moment in rows), default=None)


class Begun(NamedTuple):
    """A request that is under way, and its node, which is reserved for it.

    :param arguments: of its operation, see podium.client.calls.operations
    :param change: the credentials that it changes, if any
    :param others: the requests of other nodes that end with this one because they have the same account
    """

    node: OwnedNode
    request_id: int
    operation_id: int
    action: str
    timeout: float | None
    then_off: bool
    requested_by: str
    sent_at: datetime | None
    arguments: dict[str, Any] | None = None
    change: Change | None = None
    others: tuple["Begun", ...] = ()


_BEGUN_ROWS: Final = (
    sa.select(*OWNED_NODE, requests.c.id, *columns(requests, Begun._fields[2:-3]), operations.c.arguments)
    .select_from(requests.join(nodes, ITS_NODE).join(operations, operations.c.id == requests.c.operation_id))
    .where(_OF_REQUESTS)
    .order_by(requests.c.id)
)
_WIDTH: Final = len(OWNED_NODE)
_OWNED_SINCE: Final = (
    sa.select(slots.c.generation)
    .where(OF_NODE, slots.c.owner == sa.bindparam("owner"))
    .correlate(nodes)
    .scalar_subquery()
)
_LOCK_OF_REQUESTS: Final = (
    sa.select(
        nodes.c.id,
        nodes.c.reservation,
        requests.c.id.label("request_id"),
        requests.c.operation_id,
        requests.c.action,
        requests.c.state,
        _OWNED_SINCE.label("since"),
    )
    .join_from(requests, nodes, ITS_NODE)
    .where(_OF_REQUESTS)
    .order_by(nodes.c.id)
    .with_for_update()
)


#: The same with the entries that name the node's power domains, which is expensive to read.
_LOCK_WITH_EXTRA: Final = _LOCK_OF_REQUESTS.add_columns(_EXTRA)


def begin(
    connection: sa.Connection,
    request_ids: Sequence[int],
    holder: Worker,
    now: datetime,
    room: Room | None = None,
) -> list[Begun]:
    """Reserve nodes for their requests; requests that changed meanwhile are left out.

    The result includes requests that ``holder`` has already begun, unchanged, to be resumed, and requests
    that it takes over because the member that had begun them has ended. Only the owner of a node's slot
    begins and takes over, once its generation has settled.

    :param room: what power domains leave room for, where there are limits; other requests are left out
    :returns: the requests that are now under way, oldest first
    """
    all_begun: list[Begun] = []
    version = next_change(connection)
    settled, unended = members.settled(connection), set(members.living(connection))
    begun = sa.update(requests).where(_OF_REQUESTS).values(state=BEGUN, holder=holder, begun_at=now)
    reserved = (
        sa.update(nodes)
        .where(AMONG)
        .values(reservation=holder, reserved_for=nodes.c.target_power_state, reserved_at=now, version=version)
    )
    shared = credential_changes.together(connection, request_ids)
    for chunk in _units(request_ids, shared):
        lock = _LOCK_OF_REQUESTS if room is None else _LOCK_WITH_EXTRA
        found = connection.execute(lock, {"numbers": chunk, "owner": holder.incarnation}).all()
        owned = [row for row in found if row.since is not None and row.since <= settled]
        new = [
            row
            for row in owned
            if (row.state == WAITING and row.reservation is None)
            or (row.state == BEGUN and row.reservation is not None and row.reservation not in unended)
        ]
        mine = [row for row in found if row.state == BEGUN and row.reservation == holder]
        new = _whole(new, mine, shared)
        if room is not None:
            new = _admitted(room, new)
        if new:
            connection.execute(begun, {"numbers": [row.request_id for row in new]})
            connection.execute(reserved, {"numbers": [row.id for row in new]})
            note_progress_of(connection, [row.request_id for row in new], version)
        if new or mine:
            rows = connection.execute(_BEGUN_ROWS, {"numbers": [row.request_id for row in new + mine]})
            all_begun += (Begun(OwnedNode._make(row[:_WIDTH]), *row[_WIDTH:]) for row in rows)
    return _joined(connection, all_begun, shared)


def _units(request_ids: Sequence[int], shared: Sequence[Sequence[int]]) -> Iterable[list[int]]:
    """Chunks of requests; requests that begin together are in the same chunk."""
    single = set(request_ids).difference(*shared)
    units = sorted([*map(list, shared), *([number] for number in single)])
    for chunk in chunks(units, AT_ONCE):
        yield [number for unit in chunk for number in unit]


def _whole(new: list[Any], mine: Sequence[Any], shared: Sequence[Sequence[int]]) -> list[Any]:
    """Leave out requests that begin together if one of them cannot begin."""
    able = {row.request_id for row in [*new, *mine]}
    unable = {number for unit in shared if not able.issuperset(unit) for number in unit}
    return [row for row in new if row.request_id not in unable] if unable else new


def _joined(connection: sa.Connection, begun: list[Begun], shared: Sequence[Sequence[int]]) -> list[Begun]:
    """Combine requests that end together into the first of them, with the credentials that they change."""
    if not shared:
        return begun
    by_number = {one.request_id: one for one in begun}
    its = credential_changes.of_requests(connection, [number for unit in shared for number in unit])
    joined = [one for one in begun if one.request_id not in its]
    for unit in shared:
        mine = [by_number[one]._replace(change=its[one]) for one in unit if one in by_number]
        joined += [mine[0]._replace(others=tuple(mine[1:]))] if mine else []
    return sorted(joined, key=lambda one: one.request_id)


def _admitted(room: Room, rows: Sequence[Any]) -> list[Any]:
    """The requests that may begin, oldest first; those begun by another member were counted then."""
    return [
        row
        for row in sorted(rows, key=lambda row: row.request_id)
        if row.state == BEGUN or room.admit(row.action, row.extra, row.operation_id)
    ]


def mark_sent(
    connection: sa.Connection,
    request_ids: Iterable[int],
    holder: Worker,
    now: datetime,
    repeatable: Collection[int] = (),
) -> set[int]:
    """Confirm requests right before a command is sent, and record when the first command was sent.

    :param repeatable: requests whose command may be sent again by any member, so that it is not recorded
    :returns: those of ``request_ids`` that ``holder`` still has under way; nothing may be sent for the others
    """
    confirmed: set[int] = set()
    its = requests.c.id, requests.c.sent_at, requests.c.action
    mine = sa.select(*its).where(_OF_REQUESTS, requests.c.state == BEGUN)
    mine = mine.where(requests.c.holder == holder).order_by(requests.c.id).with_for_update()
    sent = sa.update(requests).where(_OF_REQUESTS).values(sent_at=now)
    for chunk in chunks(sorted(request_ids), AT_ONCE):
        found = connection.execute(mine, {"numbers": chunk}).all()
        if first := [row.id for row in found if row.sent_at is None and row.id not in repeatable]:
            connection.execute(sent, {"numbers": first})
        changes = [row.id for row in found if row.action == states.CHANGE_CREDENTIALS]
        if changes:
            credential_changes.note_sent(connection, changes)
        confirmed.update(row.id for row in found)
    return confirmed


def note_state(connection: sa.Connection, request_id: int, holder: Worker, state: str) -> None:
    """Record the node's state for a request under way, so that the other requests of its operation see it."""
    mine = requests.c.id == request_id, requests.c.holder == holder, requests.c.state == BEGUN
    connection.execute(sa.update(requests).where(*mine).values(power_state=state))
