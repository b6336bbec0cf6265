"""Asking for other credentials of nodes: a function of an open connection.

A change is a request like those for the power, see podium.db.power, with the
action ``change credentials``; podium.db.credential_changes is what it knows besides, and
podium.db.credential_sequels how one is undone or settled. One that waits is replaced by a newer request for
the power, but replaces none: who wants a machine switched does not care about its password.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Protocol

import sqlalchemy as sa

from podium.db import bulk, clock, credential_changes
from podium.db.bulk import AMONG, AT_ONCE, chunks
from podium.db.changes import next_change
from podium.db.credential_changes import ASKED, UNKNOWN
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
from podium.db.endpoints import short
from podium.db.models import nodes
from podium.db.power import Named


class Account(Protocol):
    """As podium.drivers.login.Login: which entries of ``driver_info`` are what a driver logs in with."""

    @property
    def password(self) -> str: ...

    @property
    def username(self) -> str | None: ...


def ask(
    connection: sa.Connection,
    wanted: Sequence[Named],
    *,
    who: str,
    passwords: str | Mapping[int, str],
    login: Mapping[str, Account],
    username: str | None = None,
    settable: Collection[str] = (),
    on_bmc: bool = False,
    canaries: int = 0,
    expire_after: float | None = None,
    timeout: float | None = None,
    reason: str | None = None,
) -> Asked:
    """Ask for other credentials of nodes, as one operation; the conductors that own them carry it out.

    Nodes that have the account in common with one of them are taken in. Those that have these credentials
    already only learn by when a person wants them changed.

    :param wanted: the nodes
    :param who: user and host of the one who asks
    :param passwords: one for all, or by the number of the node
    :param login: by driver, of those that can try a login
    :param username: another user that logs in from then on; None for the present one
    :param settable: the drivers that can change the password on the hardware
    :param on_bmc: whether that is to be done; without it the hardware has the new password already
    :param canaries: how many machines are tried before the others; 0 for all at once
    :param expire_after: seconds after which a person wants them changed again
    :param timeout: seconds that each node may take, None for what the conductor's configuration says
    """
    version, now = next_change(connection), clock.now(connection)
    expire_at = None if expire_after is None else clock.later(now, expire_after)
    names = {one.id: one.name for one in wanted}
    found = look(connection, _with_neighbours(connection, names))
    unknown = credential_changes.open_of(connection, found, UNKNOWN)
    refused = {number: f"{name}: {GONE}" for number, name in names.items() if number not in found}
    shares: list[Share] = []
    already: list[Holder] = []
    for account, its in _accounts(found, login).items():
        asked = {node.claim.id for node in its} & names.keys()
        if not asked:
            continue
        faults = [
            busy(node.claim)
            or unsettled(node.claim, unknown)
            or _unable(node, login, settable if on_bmc else None, username)
            for node in its
        ]
        if not any(faults):
            given = {passwords if isinstance(passwords, str) else passwords[number] for number in asked}
            new = _entries(login[its[0].driver], username, next(iter(given)))
            faults = _at_odds(its, given)
        if any(faults):
            refused |= refusals(its, faults, asked)
            continue
        if all(credential_changes.entries(node.info, new) == new for node in its):
            already += its
            continue
        shares += (
            Share(
                node.claim,
                account if len(its) > 1 else None,
                on_bmc,
                ASKED,
                new,
                credential_changes.entries(node.info, new),
                expire_at,
            )
            for node in its
        )
    if expire_at is not None:
        values = {"credentials_expire_at": expire_at, "version": version}
        numbers = [node.claim.id for node in already]
        bulk.execute(connection, sa.update(nodes).where(AMONG).values(values), numbers)
    terms = Terms(who, reason, timeout, canaries or None)
    made = open_operation(connection, names, shares, refused, terms)
    have = {node.claim.id for node in already}
    return made._replace(already=[name for number, name in names.items() if number in have])


def _with_neighbours(connection: sa.Connection, numbers: Iterable[int]) -> set[int]:
    """The numbers of nodes, and of all others behind the same endpoints."""
    every, places, drivers = set(numbers), set(), set()
    for chunk in chunks(sorted(every), AT_ONCE):
        its = sa.select(nodes.c.driver, nodes.c.endpoint).where(AMONG, nodes.c.endpoint.is_not(None))
        for row in connection.execute(its, {"numbers": chunk}):
            places.add(row.endpoint)
            drivers.add(row.driver)
    for some in chunks(sorted(places)):
        others = sa.select(nodes.c.id).where(nodes.c.endpoint.in_(some), nodes.c.driver.in_(drivers))
        every.update(connection.scalars(others))
    return every


def _accounts(found: Mapping[int, Holder], login: Mapping[str, Account]) -> dict[str, list[Holder]]:
    """The nodes by the account that they log in with, those with the lowest numbers first."""
    accounts: dict[str, list[Holder]] = {}
    for number, node in sorted(found.items()):
        name = f"node {number}"
        if node.endpoint is not None and node.driver in login:
            user = node.info.get(login[node.driver].username or "")
            name = short(f"{node.driver} {node.endpoint} {user}")
        accounts.setdefault(name, []).append(node)
    return accounts


def _unable(
    node: Holder, login: Mapping[str, Account], settable: Collection[str] | None, username: str | None
) -> str | None:
    """Why the driver of a node cannot do what is asked; None if it can.

    :param settable: the drivers that can change the password on the hardware; None if none has to
    """
    name, driver = node.claim.name, node.driver
    if node.damaged:
        return f"{name}: {node.damaged[0]}, with: podium node set"
    if driver not in login:
        return f"{name}: the driver {driver} cannot try a login; set what it needs with: podium node set"
    user = login[driver].username
    if username is not None and user is None:
        return f"{name}: the driver {driver} knows no users"
    if settable is None:
        return None
    if driver not in settable:
        return (
            f"{name}: the driver {driver} cannot change the password on the BMC: it has no set_password;"
            " change it there first"
        )
    if username is not None and username != node.info.get(user or ""):
        return f"{name}: on the BMC the password of the present user is changed, and of no other"
    return None


def _entries(account: Account, username: str | None, password: str) -> dict[str, Any]:
    user = {} if username is None or account.username is None else {account.username: username}
    return {account.password: password, **user}


def _at_odds(its: Sequence[Holder], given: Collection[str]) -> list[str | None]:
    """Why the nodes of an account cannot have the same password, which may be no reason at all."""
    if len(given) > 1:
        why = "it has one account with other nodes, for which another password was given"
    elif len({node.group for node in its}) > 1:
        why = "it has one account with nodes of another conductor_group"
    else:
        return []
    return [f"{node.claim.name}: {why}" for node in its]
