"""When records of a node may change, by Ironic's rules, and what they must refer to."""

from collections.abc import Collection
from typing import Any

import sqlalchemy as sa

from podium import errors
from podium.db import api, chassis
from podium.db.api import NodeRecord
from podium.db.provision_states import ACTIVE, AVAILABLE, VERIFYING


def follow(node: NodeRecord, before: dict[str, Any], after: dict[str, Any]) -> None:
    """Apply the changes that follow from other changes.

    :param before: the records, by name
    :param after: the new records; changed where one follows from another
    :raises podium.errors.NodeConflict: for changes that the node's state does not allow
    :raises podium.errors.InvalidNode: for changes that are never valid
    """
    state = node.provision_state
    if after["protected"] and not before["protected"] and state != ACTIVE:
        raise errors.NodeConflict(f"{node.name}: it is in {state}; only an active node can be protected")
    if after["retired"] and not before["retired"] and state == AVAILABLE:
        raise errors.NodeConflict(
            f"{node.name}: a node in available cannot be retired; set its provision state to manage first"
        )
    for name in ("protected", "retired"):
        reason = f"{name}_reason"
        if after[name]:
            continue
        if before[name]:
            after[reason] = None
        elif after[reason] not in (None, before[reason]):
            raise errors.InvalidNode([f"{node.name}: {reason} needs a node that is {name}"])
    if before["instance_uuid"] and after["instance_uuid"] not in (None, before["instance_uuid"]):
        raise errors.NodeConflict(
            f"{node.name}: it has the instance {before['instance_uuid']}; remove that first"
        )
    named = (after["instance_info"] or {}).get("display_name")
    if after["instance_info"] != before["instance_info"] and not after["instance_name"] and named:
        after["instance_name"] = named


def check_deletion(node: NodeRecord) -> None:
    """Reject forgetting a node that is in use; in maintenance it is allowed, for machines that are broken.

    :raises podium.errors.NodeConflict: the node's state does not allow it
    :raises podium.errors.NodeProtected: the node is protected
    """
    if node.instance_uuid is not None and not node.maintenance:
        raise errors.NodeConflict(
            f"{node.name}: it has the instance {node.instance_uuid}; remove that, or set maintenance first"
        )
    if (node.record or {}).get("protected"):
        raise errors.NodeProtected(f"{node.name}: it is protected; change that first")
    if node.maintenance:
        return
    if node.provision_state == ACTIVE:
        raise errors.NodeConflict(f"{node.name}: it is active; set maintenance first")
    if node.provision_state == VERIFYING:
        raise verifying(node)


def verifying(node: NodeRecord) -> errors.NodeConflict:
    """Return the error for a node whose credentials are being verified."""
    return errors.NodeConflict(f"{node.name}: its credentials are being verified; try again later")


def link(connection: sa.Connection, values: dict[str, Any], uuids: Collection[str]) -> None:
    """Check that chassis and parent exist, and replace the parent's name by its UUID.

    :param values: the new records of nodes, by name
    :param uuids: of these nodes
    :raises podium.errors.InvalidNode: there is no such chassis or node, or the parent is one of these nodes
    """
    its = values.get("chassis_uuid")
    if its is not None and chassis.find(connection, its) is None:
        raise errors.InvalidNode([f"chassis_uuid: there is no chassis {its}"])
    if (parent := values.get("parent_node")) is None:
        return
    try:
        (found,) = api.find_keys(connection, [parent])
    except errors.NodeNotFound:
        raise errors.InvalidNode([f"parent_node: no node has the name or UUID {parent}"]) from None
    if found.uuid in uuids:
        raise errors.InvalidNode(["parent_node: a node is not its own parent"])
    values["parent_node"] = found.uuid
