"""Answers to calls that change enrolled nodes."""

from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa

from podium import node_ranges
from podium.client import texts
from podium.client.calls.node_changes import Changed, DeleteNodes, SetMaintenance, SetNodes
from podium.client.local.backend import Answers, Backend
from podium.client.local.node_set import set_nodes
from podium.client.local.nodes import required_names
from podium.client.local.operations import check_meant, check_number
from podium.client.records import maintenance, record_rules
from podium.db import api, credential_changes
from podium.db.changes import next_change


def set_maintenance(backend: Backend, call: SetMaintenance) -> Changed:
    """Put nodes into maintenance, or take them out."""
    values: dict[str, Any] = {**(maintenance.SET if call.maintenance else maintenance.UNSET)}
    if (reason := texts.check_reason(call.reason)) is not None and call.maintenance:
        values["maintenance_reason"] = reason

    # Failures of reads are independent of whether somebody has put the node into maintenance.
    compared = {name: value for name, value in values.items() if name != "power_failures"}
    doubtful: list[str] = []

    def work(connection: sa.Connection) -> Changed:
        found = api.find_keys(connection, required_names(backend, connection, call.nodes, call.where))
        check_meant(found, call.uuids_xor)
        numbers = [node.id for node in found]
        so_already = api.with_values(connection, numbers, compared)
        api.update_nodes(connection, {number: values for number in numbers if number not in so_already})
        doubtful[:] = credential_changes.in_doubt(connection, numbers)
        return Changed(changed=len(found) - len(so_already), unchanged=len(so_already))

    return backend.write(call, work, lambda _: _warnings(doubtful))


def _warnings(doubtful: Sequence[str]) -> list[str]:
    """Return warnings about nodes that are left alone whatever their maintenance."""
    if not doubtful:
        return []
    return [
        f"{node_ranges.fold_for_log(doubtful)}: left alone all the same until it is known which password"
        " the BMC has; see: podium credential settle"
    ]


def delete_nodes(backend: Backend, call: DeleteNodes) -> Changed:
    """Forget nodes."""

    def work(connection: sa.Connection) -> Changed:
        next_change(connection, deleted=True)
        found = api.find_nodes(connection, required_names(backend, connection, call.nodes, call.where))
        if not call.confirmed:
            check_number(backend, len(found))
        for node in found:
            record_rules.check_deletion(node)
        api.delete_nodes(connection, [node.id for node in found], force=call.force)
        return Changed(changed=len(found))

    return backend.write(call, work)


ANSWERS: Final[Answers] = {
    SetMaintenance: set_maintenance,
    SetNodes: set_nodes,
    DeleteNodes: delete_nodes,
}
