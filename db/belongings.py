"""Ports and chassis of nodes that are enrolled many at a time."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from podium.db import clock
from podium.db.bulk import chunks
from podium.db.models import chassis, nodes, ports


def taken_ports(connection: sa.Connection, column: str, values: Sequence[str]) -> set[str]:
    """Return the addresses, names or UUIDs, of those given, that a port has already."""
    found: set[str] = set()
    for chunk in chunks(values):
        found.update(connection.scalars(sa.select(ports.c[column]).where(ports.c[column].in_(chunk))))
    return found


def create_ports(connection: sa.Connection, wanted: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    """Write ports, each with ``uuid``, ``address``, ``name`` and ``record``.

    :param wanted: by the UUID of their node
    """
    now = clock.now(connection)
    for chunk in chunks([uuid for uuid, its in wanted.items() if its]):
        query = sa.select(nodes.c.uuid, nodes.c.id).where(nodes.c.uuid.in_(chunk))
        rows = [
            {**port, "node_id": row.id, "created_at": now}
            for row in connection.execute(query)
            for port in wanted[row.uuid]
        ]
        connection.execute(sa.insert(ports), rows)


def create_chassis(connection: sa.Connection, wanted: Iterable[Mapping[str, Any]]) -> None:
    """Write those chassis, each with ``uuid``, ``description`` and ``extra``, that are not there yet."""
    now = clock.now(connection)
    new = {row["uuid"]: {**row, "created_at": now} for row in wanted}
    for chunk in chunks(list(new)):
        there = set(connection.scalars(sa.select(chassis.c.uuid).where(chassis.c.uuid.in_(chunk))))
        if rows := [new[uuid] for uuid in chunk if uuid not in there]:
            connection.execute(sa.insert(chassis), rows)
