"""Requesting other credentials of nodes: a function of an open connection.

A change is a request like a power request, see podium.db.power, with the action ``change credentials``.
podium.db.credential_changes has its additional data, and podium.db.credential_sequels undoes and settles
changes. A waiting change is replaced by a newer power request, but replaces none: a person who wants a
machine switched does not care about its password.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from podium.db import bulk, clock
from podium.db.accounts import Account, by_account, user_of, with_neighbours
from podium.db.bulk import AMONG
from podium.db.changes import next_change
from podium.db.credential_changes import ASKED, entries
from podium.db.credential_requests import (
    GONE,
    Asked,
    Holder,
    Share,
    Terms,
    look,
    open_operation,
    refusals,
    unable,
)
from podium.db.models import nodes
from podium.db.power import Named
from podium.masking import is_masked


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
    """Request other credentials of nodes, as one operation; the conductors that own the nodes carry it out.

    Nodes that share an account with one of the nodes are included. For nodes that already have these
    credentials, only the time by which a person wants them changed is recorded.

    :param wanted: the nodes
    :param who: user and host of the requester
    :param passwords: one for all, or by the number of the node
    :param login: by driver, for the drivers that can try a login
    :param username: another user for all later logins; None for the present one
    :param settable: the drivers that can change the password on the hardware
    :param on_bmc: whether to change it on the hardware; if not, the hardware already has the new password
    :param canaries: how many machines are tried before the others; 0 for all at once
    :param expire_after: seconds after which a person wants them changed again
    :param timeout: seconds that each node may take; None for the conductor's configuration
    """
    version, now = next_change(connection), clock.now(connection)
    expire_at = None if expire_after is None else clock.later(now, expire_after)
    wish = _Wish(passwords, login, username, settable if on_bmc else None, expire_at)
    names = {one.id: one.name for one in wanted}
    found = look(connection, with_neighbours(connection, names))
    refused = {number: f"{name}: {GONE}" for number, name in names.items() if number not in found}
    shares: list[Share] = []
    already: list[Holder] = []
    for account, its in by_account(found, login).items():
        if not (asked := {node.claim.id for node in its} & names.keys()):
            continue
        faults = wish.faults(its, asked)
        if any(faults):
            refused |= refusals(its, faults, asked)
        elif wish.is_met(its, asked):
            already += its
        else:
            shares += wish.shares(its, account if len(its) > 1 else None, asked)
    if expire_at is not None:
        values = {"credentials_expire_at": expire_at, "version": version}
        numbers = [node.claim.id for node in already]
        bulk.execute(connection, sa.update(nodes).where(AMONG).values(values), numbers)
    terms = Terms(who, reason, timeout, canaries or None, generated=not isinstance(passwords, str))
    made = open_operation(connection, names, shares, refused, terms)
    have = {node.claim.id for node in already}
    return made._replace(already=[name for number, name in names.items() if number in have])


@dataclass(frozen=True, slots=True)
class _Wish:
    """What is requested of any node.

    :param settable: the drivers that can change the password on the hardware; None if none has to
    """

    passwords: str | Mapping[int, str] = field(repr=False)
    login: Mapping[str, Account]
    username: str | None
    settable: Collection[str] | None
    expire_at: datetime | None

    def faults(self, its: Sequence[Holder], asked: Collection[int]) -> list[str | None]:
        """Why the nodes of an account cannot get other credentials, one entry per node; or nothing.

        :param asked: the named ones among them
        """
        faults = [unable(node.claim) or self._unfit(node) for node in its]
        if any(faults):
            return faults
        if len(self._given(asked)) > 1:
            why = "it has one account with other nodes, for which another password was given"
        elif len({node.group for node in its}) > 1:
            why = "it has one account with nodes of another conductor_group"
        else:
            return []
        return [f"{node.claim.name}: {why}" for node in its]

    def is_met(self, its: Iterable[Holder], asked: Collection[int]) -> bool:
        """Whether the nodes of an account already have the credentials."""
        return all(self._new(node, asked) == self._old(node) for node in its)

    def shares(self, its: Sequence[Holder], account: str | None, asked: Collection[int]) -> Iterable[Share]:
        """What each node of an account is to get."""
        is_on_bmc = self.settable is not None
        for node in its:
            new, old = self._new(node, asked), self._old(node)
            yield Share(node, account, is_on_bmc, ASKED, new, old, self.expire_at)

    def _unfit(self, node: Holder) -> str | None:
        """Why the driver of a node cannot carry out the request; None if it can."""
        name, driver = node.claim.name, node.driver
        if node.damaged:
            return f"{name}: {node.damaged[0]}, with: podium node set"
        if driver not in self.login:
            return f"{name}: the driver {driver} cannot try a login; set what it needs with: podium node set"
        account = self.login[driver]
        if self.username is not None and account.username is None:
            return f"{name}: the driver {driver} knows no users"
        if self.settable is None:
            return None
        if is_masked(node.info.get(account.password)):
            return f"{name}: its password is lost, which its BMC needs for another; change it there first"
        if driver not in self.settable:
            return (
                f"{name}: the driver {driver} cannot change the password on the BMC: it has no set_password;"
                " change it there first"
            )
        if self.username is not None and self.username != user_of(node, account):
            return f"{name}: on the BMC the password of the present user is changed, and of no other"
        return None

    def _given(self, asked: Collection[int]) -> set[str]:
        given = self.passwords
        return {given} if isinstance(given, str) else {given[number] for number in asked}

    def _new(self, node: Holder, asked: Collection[int]) -> dict[str, Any]:
        (password,) = self._given(asked)
        old = self._old(node)
        account = self.login[node.driver]
        user = {} if self.username is None or account.username is None else {account.username: self.username}
        return {**old, account.password: password, **user}

    def _old(self, node: Holder) -> dict[str, Any]:
        account = self.login[node.driver]
        return entries(node.info, filter(None, (account.password, account.username)))
