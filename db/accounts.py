"""The accounts with which Podium logs in to hardware. Several nodes may share an account."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import sqlalchemy as sa

from podium.db.bulk import AMONG, AT_ONCE, chunks
from podium.db.credential_requests import Holder
from podium.db.endpoints import short
from podium.db.models import nodes


class Account(NamedTuple):
    """The entries of ``driver_info`` with which a driver logs in.

    :param username: None where there are no users
    :param default_username: the user if that entry is missing
    """

    password: str
    username: str | None = None
    default_username: str = ""


def user_of(node: Holder, account: Account) -> str:
    """The user that logs in to a node; empty if there is none."""
    return str(node.info.get(account.username or "") or account.default_username)


def by_account(found: Mapping[int, Holder], login: Mapping[str, Account]) -> dict[str, list[Holder]]:
    """The nodes by the account with which they log in, those with the lowest numbers first.

    :param login: by driver, for the drivers that can try a login
    """
    accounts: dict[str, list[Holder]] = {}
    for number, node in sorted(found.items()):
        name = f"node {number}"
        if node.endpoint is not None and node.driver in login:
            name = short(f"{node.driver} {node.endpoint} {user_of(node, login[node.driver])}")
        accounts.setdefault(name, []).append(node)
    return accounts


def with_neighbours(connection: sa.Connection, numbers: Iterable[int]) -> set[int]:
    """The numbers of these nodes and of all others behind the same endpoints."""
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
