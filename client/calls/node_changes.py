"""Changes of enrolled nodes: all of those that are named, or none."""

from collections.abc import Sequence
from typing import Any

from podium.client.calls.call import Call, Line, Nodes, Record, UuidsXor, Where


class Changed(Record, frozen=True, kw_only=True):
    """How many nodes there were.

    :param unchanged: nodes that needed no change
    """

    changed: int
    unchanged: int = 0


class SetMaintenance(Call[Changed], frozen=True):
    """Make conductors leave nodes alone, or hand nodes back to them and clear their fault.

    A maintenance that the conductor or a driver had set becomes the caller's: neither ends it.

    :param maintenance: false to hand them back
    :param reason: for other people; without it a node keeps its present reason
    :param where: conditions that the nodes meet; applied to the named nodes, or to all if none is named
    :param uuids_xor: the exclusive or of the UUIDs of the intended nodes, as 32 hexadecimal digits; nothing
        is changed if the nodes are others
    """

    method = "PUT"
    path = "/podium/v1/nodes/maintenance"
    role = "operator"

    nodes: Nodes | None = None
    maintenance: bool = True
    reason: Line | None = None
    where: Where | None = None
    uuids_xor: UuidsXor | None = None


class SetNodes(Call[Changed], frozen=True):
    """Change what nodes were enrolled with, and what is noted of them.

    :param set: new values by name: name, driver, conductor_group, power_policy (default for that of the
        configuration) and the records of a node; entries of driver_info, properties, extra and instance_info,
        and traits, are added to the existing ones
    :param unset: what is removed first: a record, or an entry such as ``extra.rack``
    :param force: even if the address of a node then shows that it is the same machine as another one
    :param where: conditions that the nodes meet; applied to the named nodes, or to all if none is named
    """

    method = "PATCH"
    path = "/podium/v1/nodes"
    role = "admin"

    nodes: Nodes | None = None
    set: dict[str, Any] = {}
    unset: Sequence[str] = ()
    force: bool = False
    where: Where | None = None


class DeleteNodes(Call[Changed], frozen=True):
    """Forget nodes. Their history of power changes is kept.

    Nodes that are protected, and nodes outside of maintenance that are active or have an instance, are not
    forgotten.

    :param where: conditions that the nodes meet; applied to the named nodes, or to all if none is named
    :param force: even if it is unknown which of two passwords the BMC has; both are deleted
    :param confirmed: needed for more nodes than ``[conductor] confirm_above``
    """

    method = "POST"
    path = "/podium/v1/nodes/delete"
    role = "admin"

    nodes: Nodes | None = None
    where: Where | None = None
    force: bool = False
    confirmed: bool = False
