"""The keys in use: a key is used for encryption once every current conductor can decrypt with it.

Functions of an open connection. A transaction that begins to use a key takes the change counter, and so does
one that enters a member or announces other keys: of two at the same moment, each sees what the other did.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import sqlalchemy as sa

from podium import errors, masking
from podium.db import clock, floor
from podium.db.changes import next_change
from podium.db.keyring import Keyring
from podium.db.models import members, nodes, secret_keys
from podium.db.sealed import Sealing
from podium.db.worker import Worker

#: The first revision whose programs read encrypted values.
READ_SINCE: Final = "0011"
_IN_USE: Final = sa.select(secret_keys.c.name).order_by(secret_keys.c.since, secret_keys.c.name)
_HELD: Final = sa.select(members.c.host, members.c.worker, members.c.id, members.c.secret_keys).where(
    members.c.ended_at.is_(None)
)


def in_use(connection: sa.Connection) -> tuple[str, ...]:
    """The names of the keys with which something may be encrypted, oldest first."""
    return tuple(connection.scalars(_IN_USE))


def check(connection: sa.Connection, sealing: Sealing | None) -> None:
    """Refuse to work with a database if a key in use is missing.

    :raises podium.errors.ConfigError: naming the key
    """
    if sealing is None:
        return
    used = in_use(connection)
    if (fault := sealing.lacking(used)) is not None:
        raise errors.ConfigError(fault)
    sealing.note(used)


def lacking(connection: sa.Connection, name: str) -> list[str]:
    """The members that have not ended and do not hold a key, as people call them."""
    return [
        str(Worker(row.host, row.worker, row.id))
        for row in connection.execute(_HELD.order_by(members.c.id))
        if name not in (row.secret_keys or ())
    ]


class Begun(NamedTuple):
    """A key that encrypts from now on.

    :param plain: how many nodes have secrets that were written before anything was encrypted, and that are
        not lost
    """

    name: str
    plain: int


def next_key(connection: sa.Connection, keyring: Keyring) -> str | None:
    """The key that would be used if every member held it; None if the first key is already in use."""
    name, used = next(iter(keyring.names), None), in_use(connection)
    return None if name in used else name


def begin(connection: sa.Connection, keyring: Keyring) -> Begun | None:
    """Begin to use the first key that every member holds, unless it, or one before it, is in use.

    :returns: None if nothing changed
    """
    next_change(connection)
    used = in_use(connection)
    for name in keyring.names:
        if name in used:
            return None
        if not lacking(connection, name):
            connection.execute(sa.insert(secret_keys).values(name=name, since=clock.now(connection)))
            floor.raise_to(connection, READ_SINCE)  # others would take encrypted values for passwords
            has_lost = sa.cast(nodes.c.driver_info, sa.Text).contains(masking.MASK)
            count = sa.select(sa.func.count()).where(sa.not_(has_lost))
            return Begun(name, 0 if used else connection.scalar(count) or 0)
    return None


def end(connection: sa.Connection, names: Sequence[str]) -> None:
    """Record that nothing is encrypted with these keys any more; the transaction has the change counter."""
    connection.execute(sa.delete(secret_keys).where(secret_keys.c.name.in_(names)))


def words(begun: Begun, source: str) -> str:
    """The message about a key that encrypts from now on."""
    line = (
        f"Secrets in the database are encrypted from now on, with the key {begun.name} of {source}; back that"
        " file up, apart from the database: nobody can read them without it"
    )
    if begun.plain:
        line += (
            f"; what was written before (nodes: {begun.plain}) stays as it is until it is written anew, or"
            " until: podium secret rotate"
        )
    return line


def check_held(connection: sa.Connection, names: Sequence[str] | None) -> None:
    """Check the keys that a member holds, in a transaction that has the change counter.

    :param names: None for a program that does not know keys
    :raises podium.errors.ConfigError: a key that is in use is not among them
    """
    missing = [name for name in in_use(connection) if name not in (names or ())]
    if missing:
        raise errors.ConfigError(
            f"secrets in the database are encrypted with the key {missing[0]}, which is not in the key file; "
            "put it back from its backup"
        )
