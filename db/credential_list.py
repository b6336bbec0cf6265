"""The age of the credentials of nodes, as people list them: a function of an open connection."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from podium import masking
from podium.db import name_keys
from podium.db.bulk import chunks
from podium.db.credential_changes import ASKED, IN_FORCE, SENT, UNKNOWN
from podium.db.models import columns, nodes
from podium.db.models import credential_changes as changes
from podium.db.sealed import as_stored
from podium.wording import which


class Credentials(NamedTuple):
    """The credentials of a node.

    :param changed_at: when they were last given; None for a node from before that was recorded
    :param expire_at: when a person wants them changed
    :param state: asked, sent or unknown while a change is not settled; None otherwise
    :param info: the ``driver_info`` with encrypted secrets
    :param operation_id: the operation of that change; otherwise the operation that gave the node its
        credentials, as long as it can be undone
    """

    id: int
    uuid: str
    name: str
    driver: str
    conductor_group: str
    changed_at: datetime | None
    expire_at: datetime | None
    info: Mapping[str, Any]
    state: str | None
    operation_id: int | None

    def __repr__(self) -> str:
        return which(self)


_NODES: Final = sa.select(
    *columns(nodes, Credentials._fields[:5]),
    nodes.c.credentials_changed_at,
    nodes.c.credentials_expire_at,
    as_stored(nodes.c.driver_info),
    nodes.c.name_key,
).order_by(*name_keys.ORDER)


def list_credentials(
    connection: sa.Connection,
    *,
    numbers: Sequence[int] | None = None,
    drivers: Sequence[str] | None = None,
    changed_before: datetime | None = None,
    expire_before: datetime | None = None,
    unsettled: bool = False,
    lost: bool = False,
    limit: int | None = None,
    after: str | None = None,
) -> list[Credentials]:
    """The credentials of nodes that meet every condition, in natural order.

    :param numbers: only these nodes
    :param drivers: only nodes with these drivers
    :param changed_before: only credentials last given before this time, or at an unknown time
    :param expire_before: only credentials that a person wants changed by this time
    :param unsettled: only those with a change that is requested, under way, or ended as unknown
    :param lost: only those that may lack a secret that was lost with its key
    :param limit: how many at most
    :param after: the place after which to continue, see podium.db.name_keys
    """
    query = _NODES if after is None else _NODES.where(name_keys.after(connection, after))
    if drivers is not None:
        query = query.where(nodes.c.driver.in_(drivers))
    if changed_before is not None:
        at = nodes.c.credentials_changed_at
        query = query.where(sa.or_(at.is_(None), at < changed_before))
    if expire_before is not None:
        query = query.where(nodes.c.credentials_expire_at < expire_before)
    if unsettled:
        its = changes.c.node_id == nodes.c.id, changes.c.state.in_((ASKED, SENT, UNKNOWN))
        query = query.where(sa.exists().where(*its))
    if lost:
        query = query.where(sa.cast(nodes.c.driver_info, sa.Text).contains(masking.MASK))
    if numbers is None:
        rows = connection.execute(query.limit(limit)).all()
    else:
        found = [
            row
            for chunk in chunks(numbers)
            for row in connection.execute(query.where(nodes.c.id.in_(chunk)).limit(limit))
        ]
        rows = sorted(found, key=lambda row: (row.name_key, row.id))[:limit]
    latest = _latest(connection, [row.id for row in rows])
    return [Credentials._make((*row[:-1], *_told(row, latest.get(row.id)))) for row in rows]


class _Change(NamedTuple):
    """A change of credentials, without the credentials."""

    node_id: int
    state: str
    operation_id: int
    settled_at: datetime | None


def _latest(connection: sa.Connection, numbers: Sequence[int]) -> dict[int, _Change]:
    """The newest change of each node that gave, or may give, the node its credentials."""
    query = sa.select(*columns(changes, _Change._fields)).order_by(changes.c.request_id)
    query = query.where(changes.c.state.in_((ASKED, SENT, IN_FORCE, UNKNOWN)))
    return {
        row.node_id: _Change._make(row)
        for chunk in chunks(numbers)
        for row in connection.execute(query.where(changes.c.node_id.in_(chunk)))
    }


def _told(row: Any, change: _Change | None) -> tuple[str | None, int | None]:
    """The state and the operation of a change, as far as it concerns the node's current credentials."""
    if change is None:
        return None, None
    if change.state == IN_FORCE:
        by_hand = row.credentials_changed_at != change.settled_at
        return None, None if by_hand else change.operation_id
    return change.state, change.operation_id
