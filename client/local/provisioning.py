"""Answers about provision states."""

import functools
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final, NamedTuple

import sqlalchemy as sa

from podium import errors
from podium.client.calls.provisioning import Provision, Provisioned, ProvisionedNode
from podium.client.enrolling.catalog import Catalog
from podium.client.local.backend import Answers, Backend
from podium.client.local.nodes import required_names
from podium.client.records import conducting
from podium.db import api, provisioning
from podium.db.api import NodeRecord
from podium.db.bulk import chunks
from podium.db.changes import next_change
from podium.db.provision_states import ACTIVE, AVAILABLE, ENROLL, MANAGEABLE, VERIFYING

#: Nodes that one transaction moves: everybody else waits for it.
_STEP: Final = 200


class Target(NamedTuple):
    """A way to another state.

    :param reached: the states in which nothing is left to do
    :param allowed: the other states from which there is a way
    """

    reached: Collection[str]
    allowed: Collection[str]
    go: Callable[[sa.Connection, NodeRecord, Catalog], str]


def _manage(connection: sa.Connection, node: NodeRecord, catalog: Catalog) -> str:
    if node.provision_state == ENROLL:
        conducting.begin(connection, node, catalog, provisioning.begin_verifying)
        return VERIFYING
    provisioning.manage(connection, node.id)
    return MANAGEABLE


def _provide(connection: sa.Connection, node: NodeRecord, _: Catalog) -> str:
    provisioning.provide(connection, node.id)
    return AVAILABLE


def _adopt(connection: sa.Connection, node: NodeRecord, _: Catalog) -> str:
    provisioning.adopt(connection, node.id)
    return ACTIVE


#: The targets of a request.
TARGETS: Final[Mapping[str, Target]] = {
    "manage": Target([MANAGEABLE, VERIFYING], [ENROLL, AVAILABLE, ACTIVE], _manage),
    "provide": Target([AVAILABLE], [MANAGEABLE], _provide),
    "adopt": Target([ACTIVE], [MANAGEABLE], _adopt),
}


def provision(backend: Backend, call: Provision) -> Provisioned:
    """Bring nodes into another provision state.

    If the call is sent again while it is carried out, it finds nodes that are already there.
    """
    target = TARGETS[call.target]
    with backend.database.read() as connection:
        found = api.find_nodes(connection, required_names(backend, connection, call.nodes, call.where))
    _check([node for node in found if node.provision_state not in target.reached], call.target, target)
    moved: list[ProvisionedNode] = []
    for some in chunks([node.uuid for node in found], _STEP):
        work = functools.partial(_moved, some=some, target=target, catalog=backend.catalog)
        try:
            moved += backend.step(work)
        except errors.InvalidNode as fault:
            if not moved:
                raise
            raise errors.Conflict(
                f"{len(moved)} nodes before these have been moved: {'; '.join(fault.faults)}"
            ) from None
    return backend.write(call, lambda _: Provisioned(nodes=moved))


def _check(found: Sequence[NodeRecord], verb: str, target: Target) -> None:
    """Check that the states of nodes allow a change, before any of them is changed.

    :raises podium.errors.NodeConflict: for what has to end first
    :raises podium.errors.InvalidNode: naming each fault
    """
    faults: list[str] = []
    for node in found:
        is_retired = AVAILABLE in target.reached and bool(node.retired)
        error = provisioning.refusal(
            node.name, node.provision_state, verb, target.allowed, is_retired=is_retired
        )
        if isinstance(error, errors.InvalidNode):
            faults += error.faults
        elif error is not None:
            raise error
    if faults:
        raise errors.InvalidNode(faults)


def _moved(
    connection: sa.Connection, some: Sequence[str], target: Target, catalog: Catalog
) -> list[ProvisionedNode]:
    next_change(connection)  # so that nobody else changes the nodes meanwhile
    found: list[ProvisionedNode] = []
    faults: list[str] = []
    for node in api.find_nodes(connection, some):
        is_there = node.provision_state in target.reached
        try:
            state = node.provision_state if is_there else target.go(connection, node, catalog)
        except errors.InvalidNode as fault:
            faults += fault.faults
            continue
        found.append(ProvisionedNode(name=node.name, provision_state=state, changed=not is_there))
    if faults:
        raise errors.InvalidNode(faults)
    return found


ANSWERS: Final[Answers] = {Provision: provision}
