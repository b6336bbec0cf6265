"""Ironic's rules for changes of a node's fields."""

from collections.abc import Collection
from typing import Any

from podium.client.records import maintenance, record_rules
from podium.db.api import NodeRecord
from podium.db.provision_states import VERIFYING


def check_state(node: NodeRecord, changed: Collection[str]) -> None:
    """Refuse to change a node that is being verified, except for its maintenance.

    :raises podium.errors.NodeConflict: until the verification has ended
    """
    if node.provision_state == VERIFYING and set(changed) - {"maintenance"}:
        raise record_rules.verifying(node)


def follow(node: NodeRecord, before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """Return the further columns of a node that change with its fields.

    :param before: the present fields
    :param after: the new fields; changed where one follows from another
    :returns: further columns
    :raises podium.errors.NodeConflict: for changes that its state does not allow
    :raises podium.errors.InvalidNode: for values that are never valid
    """
    record_rules.follow(node, before, after)
    if after["maintenance"] == before["maintenance"]:
        return {}
    return dict(maintenance.SET if after["maintenance"] else maintenance.UNSET)
