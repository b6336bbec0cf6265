"""Enrolling, changing and deleting nodes. Each request is one transaction: all of it happens, or nothing."""

import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from starlette.requests import Request
from starlette.responses import Response

from podium import errors, masking
from podium.api import bodies
from podium.api.callers import Role
from podium.api.faults import Fault
from podium.api.fields import Field, check_body, checked
from podium.api.ironic import collections, node_fields, node_rules, node_values, nodes, patch
from podium.api.ironic.node_paths import wanted
from podium.api.ironic.patch import Step
from podium.api.ironic.rendering import Form
from podium.api.routing import Operation, minor
from podium.api.services import address, services
from podium.client.enrolling import identities
from podium.client.enrolling.catalog import Catalog
from podium.client.records import conducting, record_rules
from podium.client.records.node_records import INTERFACES
from podium.db import api, machines
from podium.db.api import NodeRecord
from podium.db.changes import next_change
from podium.db.provision_states import AVAILABLE, ENROLL

#: The lowest version in which new nodes are in enroll.
_ENROLLED: Final = 11
_REMEDY: Final = "correct the address"
_RESET: Final = (Field("reset_interfaces", node_values.PATCH["maintenance"].kind, since=45),)

#: Returns the text of a node in its present state in the transaction.
Shown = Callable[[sa.Connection, str], bytes]


def _shown(request: Request) -> Shown:
    version = minor(request)
    its = Form(address(request), version, node_fields.shown(version), True)
    template = services(request).renderer.template(its)
    return lambda connection, uuid: nodes.one(connection, uuid, template)


async def create(request: Request) -> Response:
    """Enrol a node."""
    given = check_body(await bodies.read(request), node_values.CREATE, minor(request))
    state = ENROLL if minor(request) >= _ENROLLED else AVAILABLE
    number = given.get("uuid") or str(uuid.uuid4())
    at = services(request)
    text = await at.sql.write(_create, given, number, state, at.catalog, _shown(request))
    headers = {"Location": f"{address(request)}/v1/nodes/{number}"}
    return Response(text, 201, headers=headers, media_type="application/json")


def _create(
    connection: sa.Connection,
    given: Mapping[str, Any],
    number: str,
    state: str,
    catalog: Catalog,
    shown: Shown,
) -> bytes:
    if state == ENROLL:
        conducting.check_fleet(connection)
    node = node_values.columns(given, number, catalog, complete=state != ENROLL)
    _check_instance(connection, node.get("instance_uuid"))
    record_rules.link(connection, node, [number])
    api.create_nodes(connection, [{**node, "provision_state": state}])
    identities.refuse(machines.shared(connection), remedy=_REMEDY)
    return shown(connection, number)


class _Patch(NamedTuple):
    """The changes of a PATCH.

    :param names: the changed fields
    """

    steps: list[Step]
    names: set[str]


async def change(request: Request) -> Response:
    """Change fields of a node."""
    query = collections.parameters(request, _RESET)
    steps = patch.parse(await bodies.read(request), node_values.PATCH)
    names = node_values.touched(steps, minor(request))
    if query.get("reset_interfaces"):
        if "driver" not in names:
            raise Fault(400, "reset_interfaces is possible only where the driver changes")
        steps = [Step("remove", (name,), None) for name in INTERFACES] + steps
        names |= {*INTERFACES}
    at = services(request)
    its = _Patch(steps, names)
    text = await at.sql.write(_change, wanted(request), its, at.catalog, _shown(request))
    return Response(text, media_type="application/json")


def _change(connection: sa.Connection, wanted: str, its: _Patch, catalog: Catalog, shown: Shown) -> bytes:
    next_change(connection)  # so that nobody else changes the node until the end
    (node,) = api.find_nodes(connection, [wanted])
    before = node_values.document(node)
    after = patch.apply(before, its.steps)
    for name in its.names:
        if after[name] is not None:
            after[name] = checked(node_values.PATCH[name], after[name])
        else:
            after[name] = node_values.default(name)
    if after["driver"] is None:
        raise Fault(400, "driver must not be removed")
    after = node_values.unmasked(after, before, its.names, catalog)
    node_rules.check_state(node, its.names)
    more = node_rules.follow(node, before, after)
    if saved := catalog.revealed(node.driver_internal_info, node.driver, after["driver"]):
        kept = node.driver_internal_info.items()
        more["driver_internal_info"] = {key: value for key, value in kept if key not in saved}
    new = _new(node, before, after, catalog) | more
    given = _has_password(its.steps, after, catalog)
    if new or (given and node.credentials_in_doubt):
        _write(connection, node, new, is_given=given)
    return shown(connection, node.uuid)


def _new(
    node: NodeRecord, before: Mapping[str, Any], after: Mapping[str, Any], catalog: Catalog
) -> dict[str, Any]:
    """Return the columns of a node that change, except for its maintenance."""
    names = {name for name in after if node_values.differ(after[name], before[name])}
    names = names | node_values.OF_DRIVER if names & node_values.OF_DRIVER else names - {"maintenance"}
    values = {name: after[name] for name in names}
    complete = node.provision_state != ENROLL
    found = node_values.columns(values, node.uuid, catalog, complete=complete, kept=node.record)
    known = node._asdict()
    return {
        name: value
        for name, value in found.items()
        if name != "maintenance" and node_values.differ(value, known[name])
    }


def _has_password(steps: Iterable[Step], after: Mapping[str, Any], catalog: Catalog) -> bool:
    """Return whether a step sets the password for the login to a node, even if it does not change."""
    login = catalog.login(after["driver"])
    if login is None:
        return False
    given: Any = None
    for step in steps:
        if step.operation == "remove":
            continue
        if step.path == ("driver_info",) and isinstance(step.value, dict):
            given = step.value.get(login.password)
        elif step.path == ("driver_info", login.password):
            given = step.value
    return given is not None and not masking.is_masked(given)


def _write(connection: sa.Connection, node: NodeRecord, new: dict[str, Any], *, is_given: bool) -> None:
    _check_instance(connection, new.get("instance_uuid"))
    record_rules.link(connection, new, [node.uuid])
    api.update_nodes(connection, {node.id: new}, given=[node.id] if is_given else [])
    if "identity" in new:
        identities.refuse(machines.shared(connection, [node.id]), remedy=_REMEDY)


def _check_instance(connection: sa.Connection, instance: str | None) -> None:
    """Refuse an instance that another node has.

    :raises podium.errors.NodeConflict: naming that node
    """
    if instance is not None and api.taken(connection, "instance_uuid", [instance]):
        raise errors.NodeConflict(f"another node has the instance {instance}")


async def delete(request: Request) -> Response:
    """Delete a node."""
    await services(request).sql.write(_delete, wanted(request))
    return Response(status_code=204)


def _delete(connection: sa.Connection, wanted: str) -> None:
    next_change(connection, deleted=True)  # so that nobody else changes the node meanwhile
    (node,) = api.find_nodes(connection, [wanted])
    record_rules.check_deletion(node)
    api.delete_nodes(connection, [node.id])


OPERATIONS: Final = (
    Operation(
        method="POST",
        path="/v1/nodes",
        handler=create,
        role=Role.ADMIN,
        summary="Enrol a node",
        body=node_values.CREATE,
        status=201,
        answer=nodes.NODE,
    ),
    Operation(
        method="PATCH",
        path="/v1/nodes/{node}",
        handler=change,
        role=Role.ADMIN,
        summary="Change fields of a node, by JSON-PATCH",
        query=_RESET,
        schema=patch.schema(node_values.PATCH.values()),
        answer=nodes.NODE,
    ),
    Operation(
        method="DELETE",
        path="/v1/nodes/{node}",
        handler=delete,
        role=Role.ADMIN,
        summary="Forget a node",
        status=204,
    ),
)
