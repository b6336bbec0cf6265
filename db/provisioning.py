"""How nodes change their provision state, as functions of an open connection.

    enroll --manage--> verifying --> manageable, or back to enroll with ``last_error``
    enroll --a change of its power--> manageable
    manageable --provide--> available
    manageable --adopt--> active
    available, active --manage--> manageable

A node in ``verifying`` is read by the conductor that owns it. The result of the read and the end of that
state are written together. If the conductor dies before that, the next owner reads the node again.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa

from podium import errors
from podium.db import api, clock
from podium.db.bulk import AMONG, AT_ONCE, chunks
from podium.db.changes import next_change
from podium.db.claims import lock
from podium.db.models import nodes
from podium.db.provision_states import ACTIVE, AVAILABLE, ENROLL, MANAGEABLE, VERIFYING
from podium.db.readings import Reading, record_readings
from podium.db.worker import Worker

#: The previous power state of a node says nothing before it is verified.
_UNREAD: Final = {
    "power_state": None,
    "power_changed_at": None,
    "power_failures": 0,
    "last_error": None,
}


def begin_verifying(connection: sa.Connection, node_id: int, values: Mapping[str, Any]) -> None:
    """Have a node in ``enroll`` read by its conductor, which makes it ``manageable`` or records why not.

    :param values: its settled columns, see podium.client.enrolling.enrolment: with ``identity``,
        ``controller`` and ``endpoint``, which decide who owns the node
    :raises podium.errors.NodeConflict: while it is being verified already, or is reserved
    :raises podium.errors.InvalidNode: in any other state
    :raises podium.errors.NodeNotFound: when it was deleted
    """
    _move(connection, node_id, "manage", [ENROLL], VERIFYING, {**values, **_UNREAD})


def begin_switching(connection: sa.Connection, node_id: int, values: Mapping[str, Any]) -> None:
    """Make a node in ``enroll`` ``manageable`` for a change of its power, which reads it first.

    Arguments and errors are those of :func:`begin_verifying`.
    """
    _move(connection, node_id, "a change of its power", [ENROLL], MANAGEABLE, {**values, **_UNREAD})


def manage(connection: sa.Connection, node_id: int) -> None:
    """Make a node unavailable to programs, or end its use; errors as :func:`begin_verifying`."""
    _move(connection, node_id, "manage", [AVAILABLE, ACTIVE], MANAGEABLE)


def provide(connection: sa.Connection, node_id: int) -> None:
    """Make a node available to programs; errors as :func:`begin_verifying`, also for a retired node."""
    _move(connection, node_id, "provide", [MANAGEABLE], AVAILABLE)


def adopt(connection: sa.Connection, node_id: int) -> None:
    """Record that a node is in use; errors as :func:`begin_verifying`."""
    _move(connection, node_id, "adopt", [MANAGEABLE], ACTIVE)


def _move(
    connection: sa.Connection,
    node_id: int,
    verb: str,
    allowed: Collection[str],
    state: str,
    values: Mapping[str, Any] | None = None,
) -> None:
    next_change(connection)  # from here on nobody else changes the state
    node = lock(connection, [node_id])[node_id]
    retired = state == AVAILABLE and connection.scalar(_RETIRED.where(nodes.c.id == node_id))
    if error := refusal(node.name, node.provision_state, verb, allowed, is_retired=bool(retired)):
        raise error
    moved = {"provision_state": state, "provision_updated_at": clock.now(connection), "last_error": None}
    api.update_node(connection, node_id, {**(values or {}), **moved})


_RETIRED: Final = sa.select(nodes.c.retired)


def refusal(
    name: str, provision_state: str, verb: str, allowed: Collection[str], *, is_retired: bool = False
) -> errors.NodeConflict | errors.InvalidNode | None:
    """Return why a node cannot change its state; None if it can.

    :param allowed: the states from which it may
    """
    if provision_state == VERIFYING:
        return errors.NodeConflict(f"{name} is being verified; wait for that to end")
    if provision_state not in allowed:
        needed = " or ".join(allowed)
        return errors.InvalidNode([f"{name} is {provision_state}; {verb} needs it to be {needed}"])
    if is_retired:
        return errors.InvalidNode([f"{name} is retired; set retired to false before {verb}"])
    return None


def record_verified(connection: sa.Connection, read: Sequence[Reading], writer: Worker) -> set[int]:
    """Write the results of reads of nodes in ``verifying``, and end that state.

    :returns: the numbers of the nodes that were left alone because they had changed
    """
    version = next_change(connection)
    left_alone = record_readings(connection, read, writer)
    ended = [one for one in read if one.node_id not in left_alone]
    _end(connection, [one.node_id for one in ended if one.state is not None], MANAGEABLE, version)
    _end(connection, [one.node_id for one in ended if one.state is None], ENROLL, version)
    return left_alone


def _end(connection: sa.Connection, numbers: Sequence[int], state: str, version: int) -> None:
    now = clock.now(connection)
    values = {"provision_state": state, "provision_updated_at": now, "updated_at": now, "version": version}
    if state == ENROLL:
        values["power_failures"] = 0
    ended = sa.update(nodes).where(AMONG, nodes.c.provision_state == VERIFYING).values(values)
    for chunk in chunks(sorted(numbers), AT_ONCE):
        connection.execute(ended, {"numbers": chunk})
