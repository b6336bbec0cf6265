"""Removes data that was encrypted with a lost key, so that the database can be used again.

A password is replaced with the mask that people see, ``******``. Every driver refuses the mask and reports
that the password must be set: so no hardware is sent a wrong or missing password, which may lock an account.
"""

import functools
import json
from collections.abc import Sequence
from typing import Final

import sqlalchemy as sa

from podium import errors, masking
from podium.db import clock, secret_keys
from podium.db.changes import next_change
from podium.db.engine import Database
from podium.db.keyring import MARK
from podium.db.models import nodes
from podium.db.resealing.documents import Secrets
from podium.db.resealing.places import PLACES, ROUNDS, Change, Place, Report, Rows, Texts, look_through

#: The column whose entries drivers save for themselves and can do without.
_OF_DRIVERS: Final = nodes.c.driver_internal_info.name
_ANY: Final = Secrets(())


def needs(connection: sa.Connection, key: str) -> bool:
    """Whether anything may be encrypted with a key."""
    is_used = key in secret_keys.in_use(connection)
    return is_used or any(place.has(connection, f"{MARK}{key}!") for place in PLACES)


def forget(database: Database, key: str, report: Report) -> list[str]:
    """Remove what only a lost key could decrypt. Can be interrupted and run again at any point.

    :param key: its name
    :returns: the names of all nodes that lost something, now or before
    :raises podium.errors.DatabaseBusy: others continue to write with the key
    """

    def work(place: Place, rows: Rows) -> int:
        changes = [(number, before, after) for number, before in rows if (after := _without(before, key))]
        if changes:
            database.written(functools.partial(_write, place=place, changes=changes))
        return len(changes)

    for _ in range(ROUNDS):
        if not look_through(database, report, work):
            return database.written(lambda connection: _end(connection, key))
    raise errors.DatabaseBusy(f"others go on to encrypt with the key {key}, which is not lost then")


def _write(connection: sa.Connection, place: Place, changes: Sequence[Change]) -> None:
    """Write texts; for nodes as a change that conductors and people notice."""
    version, now = next_change(connection), clock.now(connection)
    place.write(connection, changes)
    numbers = [number for number, *_ in changes]
    if place.table is nodes:
        changed = sa.update(nodes).where(nodes.c.id.in_(numbers))
        connection.execute(changed.values(version=version, updated_at=now))


def _without(before: Texts, key: str) -> dict[str, str]:
    """The texts of a row that change."""
    part = f"{MARK}{key}!"
    after = {}
    for column, text in before.items():
        if text is None or part not in text:
            continue
        document = json.loads(text)
        if column == _OF_DRIVERS:
            document = {name: value for name, value in document.items() if part not in json.dumps(value)}
        document = _ANY.replaced(
            document, lambda token, its: masking.MASK if its == key else token, lambda value: value
        )
        after[column] = json.dumps(document)
    return after


def _end(connection: sa.Connection, key: str) -> list[str]:
    next_change(connection)  # nobody begins to use a key meanwhile
    secret_keys.end(connection, [key])
    return lacking(connection)


def lacking(connection: sa.Connection) -> list[str]:
    """The names of all nodes from which something was removed and not given again."""
    (place,) = (one for one in PLACES if one.table is nodes)
    # Nobody can have given the mask as a value: it is refused everywhere.
    lost = place.having(masking.MASK, connection.dialect)
    return list(connection.scalars(sa.select(nodes.c.name).where(lost).order_by(nodes.c.name_key)))
