"""Chassis: records that people and their programs keep. Functions of an open connection."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from oslo_db.exception import DBDuplicateEntry

from podium import errors
from podium.db import clock, paging
from podium.db.models import chassis, columns, nodes
from podium.db.paging import Order
from podium.db.sealed import as_sealed, readable
from podium.wording import which


class Chassis(NamedTuple):
    """A chassis, see :data:`podium.db.models.chassis`."""

    uuid: str
    description: str | None
    extra: dict[str, Any]
    created_at: datetime
    updated_at: datetime | None

    def __repr__(self) -> str:
        return which(self)


_ALL: Final = sa.select(*columns(chassis, Chassis._fields))
_SHOWN: Final = sa.select(*map(as_sealed, columns(chassis, Chassis._fields)))
_KEYS: Final = {name: chassis.c[name] for name in ("id", "uuid", "description", "created_at", "updated_at")}

#: The keys by which pages may be sorted.
SORTABLE: Final = tuple(_KEYS)


def page(connection: sa.Connection, order: Order) -> list[Chassis] | None:
    """Return the chassis of a page, one more if there are more; None if the marker's chassis does not exist.

    What cannot be decrypted is shown as it is stored.
    """
    rows = paging.page(connection, _SHOWN, [], _KEYS, order)
    if rows is None:
        return None
    found = map(Chassis._make, rows)
    return [one._replace(extra=readable(connection.dialect, one.extra)) for one in found]


def find(connection: sa.Connection, uuid: str, *, to_change: bool = False) -> Chassis | None:
    """Return a chassis; None if there is none.

    :param to_change: lock it until the end of the transaction
    """
    query = _ALL.where(chassis.c.uuid == uuid.lower())
    row = connection.execute(query.with_for_update() if to_change else query).one_or_none()
    return None if row is None else Chassis._make(row)


def create(connection: sa.Connection, values: Mapping[str, Any]) -> None:
    """Write a chassis.

    :param values: ``uuid``, ``description`` and ``extra``
    :raises podium.errors.NodeConflict: a chassis with this UUID exists
    """
    try:
        connection.execute(sa.insert(chassis).values(**values, created_at=clock.now(connection)))
    except DBDuplicateEntry:
        raise errors.NodeConflict(f"a chassis with the UUID {values['uuid']} exists already") from None


def update(connection: sa.Connection, uuid: str, values: Mapping[str, Any]) -> None:
    """Change columns of a chassis."""
    changed = {**values, "updated_at": clock.now(connection)}
    connection.execute(sa.update(chassis).where(chassis.c.uuid == uuid).values(changed))


def has_nodes(connection: sa.Connection, uuid: str) -> bool:
    """Whether a node records that it is in a chassis."""
    return connection.scalar(sa.select(nodes.c.id).where(nodes.c.chassis_uuid == uuid).limit(1)) is not None


def delete(connection: sa.Connection, uuid: str) -> None:
    """Delete a chassis."""
    connection.execute(sa.delete(chassis).where(chassis.c.uuid == uuid))
