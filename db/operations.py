"""Operations, each a request for the power or credentials of many nodes at once, and their progress."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from podium.db import retention, subnets
from podium.db.bulk import chunks
from podium.db.endpoints import SLOTS
from podium.db.models import columns, credential_changes, nodes, operations
from podium.db.models import power_requests as requests
from podium.db.worker import Worker

HELD: Final = "held"
WAITING: Final = "waiting"
BEGUN: Final = "begun"
DONE: Final = "done"
FAILED: Final = "failed"
CANCELLED: Final = "cancelled"
REPLACED: Final = "replaced"
STATES: Final = (HELD, WAITING, BEGUN, DONE, FAILED, CANCELLED, REPLACED)
#: The states of requests that have not ended.
UNFINISHED: Final = (HELD, WAITING, BEGUN)

#: The beginning of ``what`` for operations that switch machines at their feeds.
AT_FEED: Final = "at feed"


def is_at_feed(arguments: Mapping[str, Any] | None) -> bool:
    """Whether an operation switches the feeds of machines together."""
    return arguments is not None and arguments.get("at") == "feed"


#: The columns of a node's row while there is no request for it.
NOTHING_ASKED: Final[Mapping[str, Any]] = {
    "target_power_state": None,
    "power_request_id": None,
    "power_requested_by": None,
    "power_requested_at": None,
}
#: The columns of a node's row while nobody has reserved it.
FREE: Final[Mapping[str, Any]] = {"reservation": None, "reserved_for": None, "reserved_at": None}
#: Joins a request that waits or is under way with its node.
ITS_NODE: Final = sa.and_(nodes.c.id == requests.c.node_id, nodes.c.power_request_id == requests.c.id)


class Operation(NamedTuple):
    """An operation, see :data:`podium.db.models.operations`, and its progress.

    :param counts: the number of its requests in each state; states without requests are left out
    :param undone_by: the newest operation that undoes it
    """

    id: int
    action: str
    requested_by: str
    requested_at: datetime
    reason: str | None
    nodes: int
    timeout: float | None
    then_off: bool
    cancelled_by: str | None
    cancelled_at: datetime | None
    canaries: int | None
    undoes: int | None
    what: str | None
    arguments: dict[str, Any] | None
    counts: Mapping[str, int]
    undone_by: int | None

    @property
    def unfinished(self) -> int:
        """The number of requests that wait, for whatever reason, or are under way."""
        return sum(self.counts.get(state, 0) for state in UNFINISHED)


_OPERATIONS: Final = sa.select(*columns(operations, Operation._fields[:-2]))


def list_operations(
    connection: sa.Connection, limit: int | None, before: int | None = None
) -> list[Operation]:
    """The newest operations, the newest first.

    :param limit: the most operations to return
    :param before: return only operations older than the operation with this number
    """
    query = _OPERATIONS.order_by(operations.c.id.desc()).limit(limit)
    return _with_counts(connection, query if before is None else query.where(operations.c.id < before))


def operation(connection: sa.Connection, operation_id: int) -> Operation | None:
    """The operation with this number; None if it does not exist."""
    return next(iter(_with_counts(connection, _OPERATIONS.where(operations.c.id == operation_id))), None)


def operations_of(connection: sa.Connection, numbers: Sequence[int]) -> list[Operation]:
    """The operations with these numbers."""
    return [
        one
        for chunk in chunks(numbers)
        for one in _with_counts(connection, _OPERATIONS.where(operations.c.id.in_(chunk)))
    ]


def _with_counts(connection: sa.Connection, query: sa.Select[Any]) -> list[Operation]:
    rows = connection.execute(query).all()
    by = requests.c.operation_id, requests.c.state
    counts: dict[int, dict[str, int]] = {row.id: {} for row in rows}
    undone: dict[int, int] = {}
    for chunk in chunks(list(counts)):
        latest = sa.select(operations.c.undoes, sa.func.max(operations.c.id))
        latest = latest.where(operations.c.undoes.in_(chunk)).group_by(operations.c.undoes)
        undone |= dict(map(tuple, connection.execute(latest)))
        counted = sa.select(*by, sa.func.count()).where(by[0].in_(chunk)).group_by(*by)
        for number, state, count in connection.execute(counted):
            counts[number][state] = count
    return [Operation._make((*row, counts[row.id], undone.get(row.id))) for row in rows]


class PowerRequest(NamedTuple):
    """The part of an operation for one node, see :data:`podium.db.models.power_requests`."""

    id: int
    operation_id: int
    node_id: int
    node_uuid: str
    node_name: str
    action: str
    state: str
    not_before: datetime
    timeout: float | None
    then_off: bool
    requested_by: str
    requested_at: datetime
    reason: str | None
    holder: Worker | None
    begun_at: datetime | None
    sent_at: datetime | None
    finished_at: datetime | None
    power_state: str | None
    error: str | None
    result: str | None


def requests_of(
    connection: sa.Connection,
    operation_id: int,
    *,
    states: Sequence[str] = (),
    limit: int | None = None,
    after: int | None = None,
) -> list[PowerRequest]:
    """The requests of an operation, one for each node, in the order in which they begin.

    :param states: return only requests in one of these states; empty for all states
    :param limit: the most requests to return
    :param after: return only requests after the request with this number
    """
    mine = sa.select(*columns(requests, PowerRequest._fields)).where(requests.c.operation_id == operation_id)
    if states:
        mine = mine.where(requests.c.state.in_(states))
    if after is not None:
        mine = mine.where(requests.c.id > after)
    return list(map(PowerRequest._make, connection.execute(mine.order_by(requests.c.id).limit(limit))))


def stagger_of(connection: sa.Connection, operation_id: int) -> float:
    """The seconds from the time an operation was requested until its last node may begin."""
    times = sa.select(requests.c.requested_at, sa.func.max(requests.c.not_before))
    times = times.where(requests.c.operation_id == operation_id).group_by(requests.c.requested_at)
    # Both times are from the same clock, which may not be this program's.
    return max(
        ((last - first).total_seconds() for first, last in connection.execute(times).all()), default=0.0
    )


class Needed(NamedTuple):
    """A conductor that must be alive for some requests to end.

    :param host: the host of the conductor that has begun the requests, if any has
    :param avoiding: the hosts that must not own the nodes
    """

    driver: str
    group: str
    host: str | None
    avoiding: frozenset[str]


def unfinished_owners(connection: sa.Connection, operation_id: int) -> list[Needed]:
    """The conductors that must be alive for an operation to end."""
    avoided = sa.case((nodes.c.slot >= SLOTS, nodes.c.slot)).label("slot")
    query = sa.select(nodes.c.driver, nodes.c.conductor_group, requests.c.holder, avoided).join_from(
        requests, nodes, ITS_NODE
    )
    mine = requests.c.operation_id == operation_id, requests.c.state.in_(UNFINISHED)
    rows = connection.execute(query.where(*mine).distinct()).all()
    barred = subnets.barred(connection)
    found = {
        Needed(
            row.driver,
            row.conductor_group,
            row.holder and row.holder.host,
            barred.get(row.slot, frozenset()),
        )
        for row in rows
    }
    return sorted(found, key=lambda one: (one.driver, one.group, str(one.host), sorted(one.avoiding)))


def note_progress(connection: sa.Connection, operation_ids: Iterable[int], change: int) -> None:
    """Record the change in which requests of these operations changed their states."""
    for chunk in chunks(sorted(set(operation_ids))):
        connection.execute(sa.update(operations).where(operations.c.id.in_(chunk)).values(change=change))


def note_progress_of(connection: sa.Connection, request_ids: Sequence[int], change: int) -> None:
    """Like :func:`note_progress`, for the operations that have these requests."""
    note_progress(connection, operations_of_requests(connection, request_ids), change)


def operations_of_requests(connection: sa.Connection, request_ids: Sequence[int]) -> set[int]:
    """The numbers of the operations that have these requests."""
    found: set[int] = set()
    for chunk in chunks(request_ids):
        its = sa.select(requests.c.operation_id).where(requests.c.id.in_(chunk)).distinct()
        found.update(connection.scalars(its))
    return found


def prune_operations(connection: sa.Connection, before: datetime) -> int:
    """Delete operations that were requested before a moment and have ended; return how many."""
    unfinished = sa.exists().where(
        requests.c.operation_id == operations.c.id, requests.c.state.in_(UNFINISHED)
    )
    # An operation is kept as long as its passwords may be needed.
    needed = sa.exists().where(credential_changes.c.operation_id == operations.c.id)
    old = retention.is_old(connection, operations.c.id, operations.c.requested_at, before)
    numbers = connection.scalars(sa.select(operations.c.id).where(old, ~unfinished, ~needed)).all()
    for chunk in chunks(numbers):
        connection.execute(sa.delete(requests).where(requests.c.operation_id.in_(chunk)))
        connection.execute(sa.delete(operations).where(operations.c.id.in_(chunk)))
    return len(numbers)
