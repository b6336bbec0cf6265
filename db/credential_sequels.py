"""Undoing changes of credentials, and settling those that ended as unknown: functions of an open connection.

Either is a request of the same kind, see podium.db.credentials.
"""

from collections.abc import Iterable, Sequence
from typing import Final

import sqlalchemy as sa

from podium import errors, states
from podium.db import clock, credential_changes
from podium.db.bulk import AT_ONCE, among, chunks
from podium.db.changes import next_change
from podium.db.credential_changes import ASKED, IN_FORCE, SENT, UNKNOWN, Change
from podium.db.credential_requests import (
    GONE,
    Asked,
    Holder,
    Share,
    Terms,
    busy,
    look,
    open_operation,
    refusals,
    unsettled,
)
from podium.db.models import columns, operations
from podium.db.models import credential_changes as changes
from podium.db.power import Named

#: Seconds for which a change can be undone.
UNDO: Final = 7 * 86_400.0


def undo(connection: sa.Connection, operation_id: int, who: str, reason: str | None = None) -> Asked:
    """Ask for the credentials that nodes had before an operation, on the hardware too if it changed those.

    :raises podium.errors.NotFound: when there is no such operation
    :raises podium.errors.BadRequest: when there is nothing of it that can be undone
    """
    next_change(connection)
    its = columns(operations, ("action", "canaries", "timeout"))
    operation = connection.execute(sa.select(*its).where(operations.c.id == operation_id)).one_or_none()
    if operation is None:
        raise errors.NotFound(f"there is no operation {operation_id}; see: podium operation list")
    if operation.action != states.CHANGE_CREDENTIALS:
        raise errors.BadRequest(
            f"operation {operation_id} is {operation.action}; only a change of credentials can be undone"
        )
    since = clock.later(clock.now(connection), -UNDO)
    rows = _rows(
        connection,
        changes.c.operation_id == operation_id,
        changes.c.state == IN_FORCE,
        changes.c.settled_at >= since,
    )
    if not rows:
        raise errors.BadRequest(
            f"operation {operation_id} has nothing that can be undone: no node got other credentials by it"
            f" within {UNDO / 86_400:g} days"
        )
    found = look(connection, [row.node_id for row in rows])
    unknown = credential_changes.open_of(connection, list(found), UNKNOWN)
    refused: dict[int, str] = {}
    shares: list[Share] = []
    for some in _by_account(row for row in rows if row.node_id in found):
        its_nodes = [found[row.node_id] for row in some]
        faults = [
            busy(node.claim) or unsettled(node.claim, unknown) or _not_undone(node, row)
            for node, row in zip(its_nodes, some, strict=True)
        ]
        if any(faults):
            refused |= refusals(its_nodes, faults, found)
        else:
            shares += (
                Share(node.claim, row.endpoint, row.on_bmc, ASKED, row.old, row.new, None)
                for node, row in zip(its_nodes, some, strict=True)
            )
    terms = Terms(who, reason, operation.timeout, operation.canaries, operation_id)
    names = {row.node_id: found[row.node_id].claim.name for row in rows if row.node_id in found}
    return open_operation(connection, names, shares, refused, terms)


def _not_undone(node: Holder, change: Change) -> str | None:
    """Why a node cannot have the credentials of before; None if it can."""
    if credential_changes.entries(node.info, change.new) != change.new:
        return f"{node.claim.name}: it was given other credentials since"
    if change.on_bmc and None in change.old.values():
        return f"{node.claim.name}: it had no password before, which its BMC cannot be given"
    return None


def settle(
    connection: sa.Connection, wanted: Sequence[Named], who: str, timeout: float | None = None
) -> Asked:
    """Have conductors find out which credentials the hardware of nodes has, where that is unknown.

    The change that ended so goes on as one of the new operation, also for nodes that share the account.

    :param wanted: the nodes
    :param timeout: seconds that each node may take, None for what the conductor's configuration says
    """
    next_change(connection)
    names = {one.id: one.name for one in wanted}
    named = credential_changes.open_of(connection, list(names), UNKNOWN)
    accounts = {(row.operation_id, row.endpoint or row.request_id) for row in named.values()}
    every: list[Change] = []
    for chunk in chunks(sorted({number for number, _ in accounts})):
        every += _rows(connection, changes.c.operation_id.in_(chunk), changes.c.state == UNKNOWN)
    found = look(connection, [*names, *(row.node_id for row in every)])
    refused = {number: f"{name}: {GONE}" for number, name in names.items() if number not in found}
    refused |= {
        number: f"{found[number].claim.name}: there is nothing to settle, its credentials are not unknown"
        for number in names
        if number in found and number not in named
    }
    shares: list[Share] = []
    settled: list[int] = []
    for some in _by_account(row for row in every if row.node_id in found):
        if (some[0].operation_id, some[0].endpoint or some[0].request_id) not in accounts:
            continue
        faults = [busy(found[row.node_id].claim) for row in some]
        if any(faults):
            refused |= refusals([found[row.node_id] for row in some], faults, names)
            continue
        settled += (row.request_id for row in some)
        shares += (
            Share(found[row.node_id].claim, row.endpoint, row.on_bmc, SENT, row.new, row.old, row.expire_at)
            for row in some
        )
    for chunk in chunks(sorted(settled), AT_ONCE):
        connection.execute(sa.delete(changes).where(among(changes.c.request_id)), {"numbers": chunk})
    return open_operation(connection, names, shares, refused, Terms(who, timeout=timeout))


def _rows(connection: sa.Connection, *where: sa.ColumnElement[bool]) -> list[Change]:
    query = sa.select(*columns(changes, Change._fields)).where(*where).order_by(changes.c.request_id)
    return list(map(Change._make, connection.execute(query)))


def _by_account(rows: Iterable[Change]) -> list[list[Change]]:
    """The changes by what nodes share."""
    accounts: dict[tuple[int, str | int], list[Change]] = {}
    for row in rows:
        accounts.setdefault((row.operation_id, row.endpoint or row.request_id), []).append(row)
    return list(accounts.values())
