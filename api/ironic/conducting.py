"""From ``enroll`` to a node that a conductor looks after."""

from collections.abc import Callable, Mapping
from typing import Any

import sqlalchemy as sa

from podium.api.ironic import node_rules, node_values
from podium.client import identities
from podium.client.catalog import Catalog
from podium.db import machines
from podium.db.api import NodeRecord


def begin(
    connection: sa.Connection,
    node: NodeRecord,
    catalog: Catalog,
    move: Callable[[sa.Connection, int, Mapping[str, Any]], None],
) -> None:
    """Take a node out of ``enroll``, which may be incomplete or a machine that there is already.

    :param move: to its next state, with the columns that say whose node it is
    :raises podium.errors.PodiumError: it stays in ``enroll``
    """
    node_rules.check_fleet(connection)
    move(connection, node.id, node_values.accepted(node, catalog))
    identities.refuse(machines.shared(connection, [node.id]), remedy="correct the address")
