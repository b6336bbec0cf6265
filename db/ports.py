"""Ports of nodes: records that people and their programs keep. Functions of an open connection."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from podium import errors
from podium.db import belongings, clock, paging
from podium.db.models import nodes, ports
from podium.db.paging import Order
from podium.db.sealed import as_sealed, readable
from podium.wording import which


class Port(NamedTuple):
    """A port, see :data:`podium.db.models.ports`, and its node."""

    uuid: str
    node_uuid: str
    address: str
    name: str | None
    record: dict[str, Any]
    created_at: datetime
    updated_at: datetime | None

    def __repr__(self) -> str:
        return which(self)


class Wanted(NamedTuple):
    """Conditions, all of which a port meets.

    :param node: the UUID of its node
    :param shards: of its node
    :param groups: the conductor groups of its node
    :param contains: a part of its description, ignoring case
    """

    node: str | None = None
    address: str | None = None
    shards: Sequence[str] | None = None
    groups: Sequence[str] | None = None
    contains: str | None = None

    def conditions(self) -> list[sa.ColumnElement[bool]]:
        """Return the conditions for a statement."""
        found: list[sa.ColumnElement[bool]] = []
        if self.node is not None:
            found.append(nodes.c.uuid == self.node)
        if self.address is not None:
            found.append(ports.c.address == self.address)
        if self.shards is not None:
            found.append(nodes.c.shard.in_(self.shards))
        if self.groups is not None:
            found.append(nodes.c.conductor_group.in_(self.groups))
        if self.contains is not None:
            found.append(_noted("description").icontains(self.contains, autoescape=True))
        return found


def _noted(name: str) -> sa.ColumnElement[Any]:
    """A value in the record of a port, as text."""
    found: sa.ColumnElement[Any] = ports.c.record[name].as_string()
    return found


_COLUMNS: Final = [nodes.c.uuid if name == "node_uuid" else ports.c[name] for name in Port._fields]
_JOINED: Final = ports.join(nodes, nodes.c.id == ports.c.node_id)
_ALL: Final = sa.select(*_COLUMNS).select_from(_JOINED)
_SHOWN: Final = sa.select(*map(as_sealed, _COLUMNS)).select_from(_JOINED)
_KEYS: Final[Mapping[str, sa.ColumnElement[Any]]] = {
    **{name: ports.c[name] for name in ("id", "uuid", "address", "name", "created_at", "updated_at")},
    "node_uuid": nodes.c.uuid,
    **{
        name: _noted(name)
        for name in ("pxe_enabled", "physical_network", "is_smartnic", "description", "vendor", "category")
    },
}

#: The keys by which pages may be sorted.
SORTABLE: Final = tuple(_KEYS)


def page(connection: sa.Connection, wanted: Wanted, order: Order) -> list[Port] | None:
    """Return the ports of a page, one more if there are more; None if the marker's port does not exist.

    What cannot be decrypted is shown as it is stored.
    """
    rows = paging.page(connection, _SHOWN, wanted.conditions(), _KEYS, order)
    if rows is None:
        return None
    found = map(Port._make, rows)
    return [port._replace(record=readable(connection.dialect, port.record)) for port in found]


def find(connection: sa.Connection, ident: str, *, to_change: bool = False) -> Port | None:
    """Return the port with this UUID, address or name; None if there is none.

    :param to_change: lock it until the end of the transaction
    """
    for column in (ports.c.uuid, ports.c.address, ports.c.name):
        its = column == (ident if column is ports.c.name else ident.lower())
        if to_change:
            connection.execute(sa.select(ports.c.id).where(its).with_for_update()).all()
        if (row := connection.execute(_ALL.where(its)).one_or_none()) is not None:
            return Port._make(row)
    return None


def create(connection: sa.Connection, node: str, values: Mapping[str, Any]) -> None:
    """Write a port.

    :param node: the UUID of its node
    :param values: ``uuid``, ``address``, ``name`` and ``record``
    :raises podium.errors.NodeNotFound: the node does not exist
    :raises podium.errors.NodeConflict: somebody has just written one with this UUID, address or name
    """
    _keep(connection, node)
    belongings.create_ports(connection, {node: [values]})


def update(connection: sa.Connection, uuid: str, values: Mapping[str, Any]) -> None:
    """Change a port.

    :param values: columns; ``node_uuid`` is the UUID of another node
    :raises podium.errors.NodeNotFound: that node does not exist
    :raises podium.errors.NodeConflict: somebody has just written one with this address or name
    """
    values = {**values, "updated_at": clock.now(connection)}
    if "node_uuid" in values:
        values["node_id"] = _keep(connection, values.pop("node_uuid"))
    with belongings.nobody_faster():
        connection.execute(sa.update(ports).where(ports.c.uuid == uuid).values(values))


def delete(connection: sa.Connection, uuid: str) -> None:
    """Delete a port."""
    connection.execute(sa.delete(ports).where(ports.c.uuid == uuid))


def _keep(connection: sa.Connection, node: str) -> int:
    """Lock a node, so that it is not deleted with its ports before the end of the transaction; its number."""
    query = sa.select(nodes.c.id).where(nodes.c.uuid == node).with_for_update(read=True, key_share=True)
    number: int | None = connection.scalar(query)
    if number is None:
        raise errors.NodeNotFound(f"no node has the UUID {node}")
    return number
