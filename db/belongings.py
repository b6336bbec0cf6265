"""Ports and chassis of nodes that are enrolled in bulk."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from oslo_db.exception import DBDuplicateEntry

from podium import errors
from podium.db import clock
from podium.db.bulk import chunks
from podium.db.models import chassis, nodes, ports


def taken_ports(connection: sa.Connection, column: str, values: Sequence[str]) -> dict[str, str]:
    """Return those of the given addresses, names or UUIDs that a port has, with the name of its node."""
    found: dict[str, str] = {}
    for chunk in chunks(values):
        query = sa.select(ports.c[column], nodes.c.name).join(nodes, nodes.c.id == ports.c.node_id)
        found.update(
            (value, node) for value, node in connection.execute(query.where(ports.c[column].in_(chunk)))
        )
    return found


def read_ports(connection: sa.Connection, uuids: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """Return the ports of nodes, by the UUID of the node, as :func:`create_ports` takes them."""
    found: dict[str, list[dict[str, Any]]] = {}
    columns = ports.c.uuid, ports.c.address, ports.c.name, ports.c.record
    for chunk in chunks(uuids):
        query = sa.select(nodes.c.uuid, *columns).join(nodes, nodes.c.id == ports.c.node_id)
        for node, *values in connection.execute(query.where(nodes.c.uuid.in_(chunk)).order_by(ports.c.id)):
            port = dict(zip(("uuid", "address", "name", "record"), values, strict=True))
            found.setdefault(node, []).append(port)
    return found


def create_ports(connection: sa.Connection, wanted: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    """Write ports, each with ``uuid``, ``address``, ``name`` and ``record``.

    :param wanted: by the UUID of their node
    :raises podium.errors.NodeConflict: somebody has just written one with this UUID, address or name
    """
    now = clock.now(connection)
    for chunk in chunks([uuid for uuid, its in wanted.items() if its]):
        query = sa.select(nodes.c.uuid, nodes.c.id).where(nodes.c.uuid.in_(chunk))
        rows = [
            {**port, "node_id": row.id, "created_at": now}
            for row in connection.execute(query)
            for port in wanted[row.uuid]
        ]
        with nobody_faster():
            connection.execute(sa.insert(ports), rows)


def delete_ports(connection: sa.Connection, uuids: Sequence[str]) -> None:
    """Delete ports."""
    for chunk in chunks(uuids):
        connection.execute(sa.delete(ports).where(ports.c.uuid.in_(chunk)))


@contextmanager
def nobody_faster() -> Iterator[None]:
    """Translate the database's error if another transaction has written the same port meanwhile.

    :raises podium.errors.NodeConflict: instead of the database's error
    """
    try:
        yield
    except DBDuplicateEntry:
        raise errors.NodeConflict(
            "somebody else was faster with this UUID, address or name; try again"
        ) from None


def read_chassis(connection: sa.Connection, uuids: Sequence[str] | None = None) -> list[dict[str, Any]]:
    """Return the chassis with these UUIDs, or all, as :func:`create_chassis` takes them."""
    query = sa.select(chassis.c.uuid, chassis.c.description, chassis.c.extra).order_by(chassis.c.id)
    if uuids is None:
        return [dict(row._mapping) for row in connection.execute(query)]
    return [
        dict(row._mapping)
        for chunk in chunks(uuids)
        for row in connection.execute(query.where(chassis.c.uuid.in_(chunk)))
    ]


def create_chassis(connection: sa.Connection, wanted: Iterable[Mapping[str, Any]]) -> None:
    """Write those of the chassis that do not exist yet, each with ``uuid``, ``description`` and ``extra``."""
    now = clock.now(connection)
    new = {row["uuid"]: {**row, "created_at": now} for row in wanted}
    there = {row["uuid"] for row in read_chassis(connection, list(new))}
    for chunk in chunks([row for uuid, row in new.items() if uuid not in there]):
        connection.execute(sa.insert(chassis), chunk)
