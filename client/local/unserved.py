"""Warnings about nodes for which nothing happens for now, because no conductor serves them."""

from collections.abc import Iterable

import sqlalchemy as sa

from podium import node_ranges
from podium.db import conductors, subnets
from podium.db.api import NodeKey


def warnings(connection: sa.Connection, nodes: Iterable[NodeKey], heartbeat_timeout: float) -> list[str]:
    """Return a line for each kind of nodes that no online conductor may own."""
    alive = [one for one in conductors.list_conductors(connection) if one.is_alive(heartbeat_timeout)]
    served = {(driver, group) for one in alive for driver in one.drivers for group in one.groups}
    avoided = subnets.unserved(connection)
    unserved: dict[tuple[str, str], list[str]] = {}
    shunned: list[str] = []
    for node in nodes:
        kind = node.driver, node.conductor_group
        if kind not in served:
            unserved.setdefault(kind, []).append(node.name)
        elif node.id in avoided:
            shunned.append(node.name)
    found = []
    for (driver, group), names in unserved.items():
        where = f" and the conductor_group {group}" if group else ""
        found.append(
            f"warning: no conductor with the driver {driver}{where} is online;"
            f" nothing happens to {node_ranges.fold(names)} until one runs"
        )
    if shunned:
        found.append(
            f"warning: all conductors avoid the subnet of {node_ranges.fold(shunned)}, and nothing"
            " happens there; see: podium conductor avoided"
        )
    return found
