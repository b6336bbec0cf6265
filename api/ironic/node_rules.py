"""When fields of a node may change, as Ironic has it."""

from collections.abc import Collection
from typing import Any

from podium.client.records import maintenance, record_rules
from podium.db.api import NodeRecord
from podium.db.provision_states import VERIFYING


def check_state(node: NodeRecord, changed: Collection[str]) -> None:
    """Refuse to change a node that is in the middle of something.

    :raises podium.errors.NodeConflict: until that has ended
    """
    if node.provision_state == VERIFYING and set(changed) - {"maintenance"}:
        raise record_rules.verifying(node)


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
