"""From ``enroll`` to a node that a conductor looks after."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import sqlalchemy as sa

from podium import errors
from podium.client.enrolling import enrolment, identities
from podium.client.enrolling.catalog import Catalog
from podium.db import at_work, machines
from podium.db.api import NodeRecord

#: The first revision of the schema whose conductors leave nodes in enroll alone.
_KNOWS_ENROLL: Final = "0009"
#: What a driver checks of a node, and what determines its owner.
_SETTLED: Final = (
    "uuid",
    "name",
    "driver",
    "driver_info",
    "properties",
    "extra",
    "conductor_group",
    "maintenance",
)


def check_fleet(connection: sa.Connection) -> None:
    """Refuse nodes in enroll while there are conductors that would read them.

    :raises podium.errors.ConductorsAtWork: naming their hosts
    """
    if hosts := at_work.older(connection, _KNOWS_ENROLL):
        raise errors.ConductorsAtWork(
            f"the conductors on {', '.join(hosts)} are of an older Podium, and would read a node in enroll;"
            " upgrade them first"
        )


def begin(
    connection: sa.Connection,
    node: NodeRecord,
    catalog: Catalog,
    move: Callable[[sa.Connection, int, Mapping[str, Any]], None],
) -> None:
    """Take a node out of ``enroll``; it may be incomplete, or a machine that is already enrolled.

    :param move: to its next state, with the columns that determine its owner
    :raises podium.errors.PodiumError: the node stays in ``enroll``
    """
    check_fleet(connection)
    values = {name: getattr(node, name) for name in _SETTLED}
    settled, faults = enrolment.settle(values, catalog)
    if faults:
        raise errors.InvalidNode(faults)
    move(connection, node.id, settled)
    identities.refuse(machines.shared(connection, [node.id]), remedy="correct the address")
