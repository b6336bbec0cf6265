"""Undoing changes of credentials, and settling those that ended as unknown: functions of an open connection.

Both are requests of the same kind, see podium.db.credentials.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final

import sqlalchemy as sa

from podium import errors, states
from podium.db import bulk, clock, credential_changes, sealed
from podium.db.accounts import Account, by_account, with_neighbours
from podium.db.bulk import AMONG, AT_ONCE, among, chunks
from podium.db.changes import next_change
from podium.db.credential_changes import ASKED, GIVEN, IN_FORCE, SENT, UNKNOWN, Change, entries
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
    unable,
)
from podium.db.models import columns, nodes, operations
from podium.db.models import credential_changes as changes
from podium.db.power import Named
from podium.masking import is_masked

_UNPROVED: Final = (UNKNOWN, GIVEN)
#: Seconds for which a change can be undone.
UNDO: Final = 7 * 86_400.0


def undo(
    connection: sa.Connection,
    operation_id: int,
    who: str,
    login: Mapping[str, Account],
    reason: str | None = None,
) -> Asked:
    """Request the credentials that nodes had before an operation, on the hardware too if it changed those.

    Nodes that have joined the same account since are included.

    :param login: by driver, for the drivers that can try a login
    :raises podium.errors.NotFound: when there is no such operation
    :raises podium.errors.BadRequest: when nothing of it can be undone
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
        changes.c.state.in_((IN_FORCE, GIVEN)),
        changes.c.settled_at >= since,
    )
    if not rows:
        raise errors.BadRequest(
            f"operation {operation_id} has nothing that can be undone: no node got other credentials by it"
            f" within {UNDO / 86_400:g} days"
        )
    found = look(connection, with_neighbours(connection, [row.node_id for row in rows]))
    named = {row.node_id: found[row.node_id].claim.name for row in rows if row.node_id in found}
    refused: dict[int, str] = {}
    shares: list[Share] = []
    for account, some in _by_account(rows, found, login):
        faults = [
            unable(found[number].claim)
            or _unable(found[number], row, login)
            or _apart(found[number], some, found)
            or _not_undone(found[number], row, login)
            for number, row in some.items()
        ]
        if any(faults):
            refused |= refusals([found[number] for number in some], faults, named)
        else:
            shares += (
                Share(found[number], account, row.on_bmc, ASKED, row.old, row.new, None)
                for number, row in some.items()
            )
    terms = Terms(who, reason, operation.timeout, operation.canaries, operation_id)
    return open_operation(connection, named, shares, refused, terms)


def _unable(node: Holder, change: Change, login: Mapping[str, Account]) -> str | None:
    """Why the passwords of a change can neither be tried nor sent to a node; None if they can."""
    if (node.driver, node.endpoint) != (change.driver, change.place):
        return (
            f"{node.claim.name}: it has another driver or address since then, where these passwords do not"
            " belong; give it the right one: podium node set"
        )
    if damaged := [*node.damaged, *sealed.faults({"new": change.new, "old": change.old})]:
        return f"{node.claim.name}: {damaged[0]}, with: podium node set"
    if node.driver not in login:
        return f"{node.claim.name}: the driver {node.driver} cannot try a login"
    return None


def _not_undone(node: Holder, change: Change, login: Mapping[str, Account]) -> str | None:
    """Why a node cannot get its previous credentials; None if it can."""
    if entries(node.info, change.new) != change.new:
        return f"{node.claim.name}: it was given other credentials since"
    if is_masked(change.old.get(login[node.driver].password)):
        return f"{node.claim.name}: the password that it had before is lost with its key"
    if change.on_bmc and change.old.get(login[node.driver].password) is None:
        return f"{node.claim.name}: it had no password before, which its BMC cannot be given"
    return None


def settle(
    connection: sa.Connection,
    wanted: Sequence[Named],
    who: str,
    login: Mapping[str, Account],
    timeout: float | None = None,
) -> Asked:
    """Have conductors find out which credentials the hardware of nodes has, where that is unknown.

    The unknown change continues as a change of the new operation, also for nodes that share the account.

    :param wanted: the nodes
    :param login: by driver, for the drivers that can try a login
    :param timeout: seconds that each node may take; None for the conductor's configuration
    """
    next_change(connection)
    names = {one.id: one.name for one in wanted}
    named = unproved(connection, names)
    accounts = {row.account for row in named.values()}
    rows = [row for row in _of_operations(connection, accounts) if row.account in accounts]
    found = look(connection, with_neighbours(connection, [*names, *(row.node_id for row in rows)]))
    refused = {number: f"{name}: {GONE}" for number, name in names.items() if number not in found}
    refused |= {
        number: f"{found[number].claim.name}: there is nothing to settle, its credentials are not unknown"
        for number in names
        if number in found and number not in named
    }
    shares: list[Share] = []
    for account, some in _by_account(rows, found, login):
        faults = [
            busy(found[number].claim)
            or _unable(found[number], row, login)
            or _apart(found[number], some, found)
            for number, row in some.items()
        ]
        if any(faults):
            refused |= refusals([found[number] for number in some], faults, names)
            continue
        shares += (
            Share(found[number], account, row.on_bmc, SENT, row.new, row.old, row.expire_at)
            for number, row in some.items()
        )
    its = {share.node.id for share in shares}
    doubtful = sa.update(nodes).where(AMONG).values(credentials_in_doubt=True)  # despite a person's word
    bulk.execute(connection, doubtful, sorted(its))
    settled = [row.request_id for row in rows if row.node_id in its]
    asked = open_operation(connection, names, shares, refused, Terms(who, timeout=timeout))
    for chunk in chunks(sorted(settled), AT_ONCE):  # not before: the new ones keep counting refused logins
        connection.execute(sa.delete(changes).where(among(changes.c.request_id)), {"numbers": chunk})
    return asked


def _of_operations(connection: sa.Connection, accounts: Iterable[tuple[int, str | int]]) -> list[Change]:
    """The unproved changes of all nodes of these operations that change these accounts."""
    every: list[Change] = []
    for chunk in chunks(sorted({number for number, _ in accounts})):
        every += _rows(connection, changes.c.operation_id.in_(chunk), changes.c.state.in_(_UNPROVED))
    newest = unproved(connection, [row.node_id for row in every])
    return [row for row in every if row == newest.get(row.node_id)]


def unproved(connection: sa.Connection, numbers: Collection[int]) -> dict[int, Change]:
    """The changes whose result no login has proved, if no later change is in force, by node."""
    found = credential_changes.open_of(connection, numbers, IN_FORCE, *_UNPROVED)
    return {number: row for number, row in found.items() if row.state in _UNPROVED}


def _rows(connection: sa.Connection, *where: sa.ColumnElement[bool]) -> list[Change]:
    query = sa.select(*columns(changes, Change._fields)).where(*where).order_by(changes.c.request_id)
    return list(map(Change._make, connection.execute(query)))


def _by_account(
    rows: Iterable[Change], found: Mapping[int, Holder], login: Mapping[str, Account]
) -> Iterator[tuple[str | None, dict[int, Change]]]:
    """The changes of nodes by account, with its name; None for an account that is not shared.

    A node that has joined an account since gets the change of another node of the account, adapted to it.
    """
    its = {row.node_id: row for row in rows if row.node_id in found}
    accounts: dict[tuple[int, str | int], dict[int, Change]] = {}
    for number, row in its.items():
        accounts.setdefault(row.account, {})[number] = row
    now = by_account(found, login)
    names = {node.claim.id: name for name, some in now.items() for node in some}
    come: set[int] = set()
    for group in accounts.values():
        number, row = next(iter(group.items()))
        others = [] if _unable(found[number], row, login) else now[names[number]]
        for node in others:
            if node.claim.id not in its and node.claim.id not in come:
                come.add(node.claim.id)
                group[node.claim.id] = _as_there(node, row, login)
        yield row.endpoint or (names[number] if len(group) > 1 else None), group


def _as_there(node: Holder, change: Change, login: Mapping[str, Account]) -> Change:
    """The change of a node, taken from another node with the same account, which may leave out the user."""
    user = login[node.driver].username
    if user is None or change.new.get(user) != change.old.get(user):
        return change
    own = {user: node.info.get(user)}
    return change._replace(new={**change.new, **own}, old={**change.old, **own})


def _apart(node: Holder, some: Iterable[int], found: Mapping[int, Holder]) -> str | None:
    """Why no conductor can change the account of a node; None if one can."""
    if {found[number].group for number in some} == {node.group}:
        return None
    return f"{node.claim.name}: it has one account with nodes of another conductor_group"
