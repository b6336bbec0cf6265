"""The answers to PlanUpdate and UpdateNodes: nodes are made to match a list, all of them or none.

Values are checked and secrets encrypted before the transaction, for which everybody else waits. The
transaction only compares again what others have changed meanwhile.
"""

from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa

from podium import errors
from podium.client.calls.updating import Listed, Plan, PlanUpdate, Updated, UpdateNodes
from podium.client.enrolling import identities
from podium.client.local.backend import Answers, Backend, some_of
from podium.client.local.enrolment import with_uuid
from podium.client.local.update_plan import Step, Wanted
from podium.db import api, belongings, chassis, machines, ports, renewing
from podium.db.changes import next_change


def plan_update(backend: Backend, call: PlanUpdate) -> Plan:
    """Return what would be done."""
    with backend.database.read() as connection:
        wanted = Wanted.read(connection, call, backend.catalog)
    wanted.compare(None)
    with backend.database.read() as connection:
        step = wanted.step(connection)
    return step.plan(everything=True)


def update_nodes(backend: Backend, call: UpdateNodes) -> Updated:
    """Make the changes."""
    sealing = backend.database.sealing
    with backend.database.read() as connection:
        wanted = Wanted.read(connection, call, backend.catalog)
    wanted.compare(sealing)
    shared: list[machines.Shared] = []

    def work(connection: sa.Connection) -> Updated:
        next_change(connection, deleted=call.delete_missing)
        wanted.renew(connection, renewing.renewed(connection, wanted.nodes), sealing)
        step = wanted.step(connection)
        plan = step.plan()
        if plan.busy:
            raise errors.NodeConflict("; ".join(plan.busy))
        if call.digest not in (None, plan.digest):
            raise errors.NodeConflict(
                "nodes were changed meanwhile, and it would not be that plan; try again"
            )
        shared[:] = _write(connection, step, call)
        return Updated(
            enrolled=len(step.new),
            changed=len(step.changed),
            unchanged=plan.unchanged,
            deleted=len(step.deleted),
        )

    return backend.write(call, work, lambda _: some_of(identities.warnings(shared)))


def _write(connection: sa.Connection, step: Step, call: Listed) -> Sequence[machines.Shared]:
    """Write the changes; return which nodes are now machines of other nodes.

    :raises podium.errors.InvalidNode: for these, unless forced
    """
    if step.deleted:
        api.delete_nodes(connection, [node.id for node in step.deleted])
    belongings.delete_ports(connection, [port["uuid"] for one in step.changed for port in one.ports.gone])
    belongings.create_chassis(connection, [row.columns for row in step.new_chassis])
    for row in step.changed_chassis:
        chassis.update(connection, row.columns["uuid"], row.columns)
    changes = {one.node.id: one.row.columns for one in step.changed}
    api.update_nodes(
        connection,
        {number: values for number, values in changes.items() if values},
        {one.node.id: one.node for one in step.changed},
    )
    for one in step.changed:
        for uuid, values in one.ports.changed:
            ports.update(connection, uuid, values)
    uuids = api.create_nodes(connection, [row.columns for row in step.new]) if step.new else []
    owners: dict[str, Sequence[dict[str, Any]]] = {
        own: row.ports for own, row in zip(uuids, step.new, strict=True)
    }
    owners |= {one.node.uuid: one.ports.new for one in step.changed}
    belongings.create_ports(
        connection, {own: [with_uuid(port) for port in its] for own, its in owners.items()}
    )
    moved = [number for number, values in changes.items() if "identity" in values]
    moved += [key.id for key in api.find_keys(connection, uuids)]
    shared = machines.shared(connection, moved) if moved else []
    if not call.force:
        places = {row.columns["name"]: row.place for row in step.new}
        identities.refuse(shared, places | {one.node.name: one.row.place for one in step.changed})
    return shared


ANSWERS: Final[Answers] = {PlanUpdate: plan_update, UpdateNodes: update_nodes}
