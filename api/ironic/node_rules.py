"""When fields of a node may change, as Ironic has it."""

from collections.abc import Collection
from typing import Any

from podium import errors
from podium.api.faults import Fault
from podium.client import maintenance, record_rules
from podium.db.api import NodeRecord
from podium.db.provision_states import ACTIVE, VERIFYING


def check_state(node: NodeRecord, changed: Collection[str]) -> None:
    """Refuse to change a node that is in the middle of something.

    :raises podium.errors.NodeConflict: until that has ended
    """
    if node.provision_state == VERIFYING and set(changed) - {"maintenance"}:
        raise _verifying(node)


def _verifying(node: NodeRecord) -> errors.NodeConflict:
    return errors.NodeConflict(f"{node.name}: its credentials are being verified; try again later")


def follow(node: NodeRecord, before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """Return what else of a node changes with its fields.

    :param before: the fields as they were
    :param after: the fields as they are to be; changed where one follows from another
    :returns: further columns
    :raises podium.errors.NodeConflict: for what its state does not allow
    :raises podium.errors.InvalidNode: for what never fits
    """
    record_rules.follow(node, before, after)
    if after["maintenance"] == before["maintenance"]:
        return {}
    return dict(maintenance.SET if after["maintenance"] else maintenance.UNSET)


def check_deletion(node: NodeRecord) -> None:
    """Refuse to forget a node that is in use; in maintenance it may be, for machines that are broken.

    :raises podium.errors.NodeConflict: for what its state does not allow
    :raises podium.api.faults.Fault: 403 for a node that is protected
    """
    if node.instance_uuid is not None and not node.maintenance:
        raise errors.NodeConflict(
            f"{node.name}: it has the instance {node.instance_uuid}; remove that, or set maintenance first"
        )
    if (node.record or {}).get("protected"):
        raise Fault(403, f"{node.name}: it is protected; change that first")
    if node.maintenance:
        return
    if node.provision_state == ACTIVE:
        raise errors.NodeConflict(f"{node.name}: it is active; set maintenance first")
    if node.provision_state == VERIFYING:
        raise _verifying(node)
