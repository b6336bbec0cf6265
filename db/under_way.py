"""The operations that have not ended, and the nodes whose last operation failed.

Functions of an open connection.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from podium.db.models import nodes, operations
from podium.db.models import power_requests as requests
from podium.db.operations import BEGUN, FAILED, UNFINISHED


class UnderWay(NamedTuple):
    """The operations that have not ended.

    :param operations: their numbers, the newest first
    :param waiting: for how many nodes they have not begun
    :param begun: for how many nodes they are under way
    """

    operations: list[int]
    waiting: int
    begun: int


def under_way(connection: sa.Connection) -> UnderWay:
    """Return the operations that have not ended."""
    by = requests.c.operation_id, requests.c.state
    query = sa.select(*by, sa.func.count()).where(requests.c.state.in_(UNFINISHED)).group_by(*by)
    rows = connection.execute(query).all()
    begun = sum(count for _, state, count in rows if state == BEGUN)
    waiting = sum(count for _, _, count in rows) - begun
    return UnderWay(sorted({number for number, _, _ in rows}, reverse=True), waiting, begun)


class Failed(NamedTuple):
    """An operation that failed for nodes that have had no other request since.

    :param nodes: how many there are
    """

    operation: int
    action: str
    requested_at: datetime
    nodes: int


_LATER: sa.FromClause = requests.alias()
#: The node has had no other request since; deleted nodes are left out.
_IS_LAST = sa.and_(
    requests.c.state == FAILED,
    sa.exists().where(nodes.c.id == requests.c.node_id),
    ~sa.exists().where(_LATER.c.node_id == requests.c.node_id, _LATER.c.id > requests.c.id),
)


def failed(connection: sa.Connection, since: datetime) -> list[Failed]:
    """Return the operations requested after a moment that failed for nodes, the newest first."""
    of = operations.c.id, operations.c.action, operations.c.requested_at
    query: sa.Select[Any] = (
        sa.select(*of, sa.func.count())
        .join(requests, requests.c.operation_id == operations.c.id)
        .where(operations.c.requested_at > since, _IS_LAST)
        .group_by(*of)
        .order_by(operations.c.id.desc())
    )
    return list(map(Failed._make, connection.execute(query)))


def failed_names(connection: sa.Connection, numbers: Sequence[int], limit: int) -> dict[int, list[str]]:
    """Return the nodes for which operations failed and that have had no other request since.

    :param numbers: of the operations
    :param limit: how many names to return at most
    """
    query = sa.select(requests.c.operation_id, requests.c.node_name)
    query = query.where(requests.c.operation_id.in_(numbers), _IS_LAST).limit(limit)
    found: dict[int, list[str]] = {number: [] for number in numbers}
    for number, name in connection.execute(query):
        found[number].append(name)
    return found
