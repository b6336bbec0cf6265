"""Power requests, the same as those of the command line, in the name of the caller."""

from typing import Final

import sqlalchemy as sa
from starlette.requests import Request
from starlette.responses import Response

from podium import errors, states
from podium.api import bodies
from podium.api.callers import Role, caller
from podium.api.faults import Fault
from podium.api.fields import Field, check_body
from podium.api.ironic.node_paths import location, wanted
from podium.api.routing import Operation, minor
from podium.api.services import services
from podium.client.enrolling.catalog import Catalog
from podium.client.enrolling.values import choice, integer
from podium.client.records import conducting
from podium.db import api, power, provisioning
from podium.db.provision_states import ENROLL

#: The lowest version with a shutdown of the operating system.
_SOFT: Final = 27
_TARGETS: Final = (
    states.POWER_ON,
    states.POWER_OFF,
    states.REBOOTING,
    states.SOFT_POWER_OFF,
    states.SOFT_REBOOTING,
)
_FIELDS: Final = (
    Field("target", choice(_TARGETS), required=True),
    Field("timeout", integer(1, 86_400), since=_SOFT),
)


async def set_power(request: Request) -> Response:
    """Request a power change, and return the location of the node's states."""
    given = check_body(await bodies.read(request), _FIELDS, minor(request))
    target = given["target"]
    if target in (states.SOFT_POWER_OFF, states.SOFT_REBOOTING) and minor(request) < _SOFT:
        raise Fault(
            406, f"{target} needs version 1.{_SOFT} of the API; this request is of 1.{minor(request)}"
        )
    await _ask(request, target, given.get("timeout"))
    return Response(status_code=202, headers=location(request, "states"))


async def inject_nmi(request: Request) -> Response:
    """Request a diagnostic interrupt."""
    check_body(await bodies.read(request), (), minor(request))
    await _ask(request, states.INJECT_NMI, None)
    return Response(status_code=204)


async def _ask(request: Request, action: str, timeout: float | None) -> None:
    its = services(request)
    who = caller(request).who
    await its.sql.write(_request, its.catalog, wanted(request), action, who=who, timeout=timeout)


def _request(
    connection: sa.Connection,
    catalog: Catalog,
    wanted: str,
    action: str,
    *,
    who: str,
    timeout: float | None,
) -> None:
    """Request an action of a node.

    :raises podium.errors.NodeConflict: while its power is being changed, or somebody has reserved it
    :raises podium.errors.UnsupportedPowerState: its driver does not support the action
    :raises podium.errors.InvalidNode: the node is in enroll, and its settings are not enough to switch it
    """
    (node,) = api.find_nodes(connection, [wanted])
    able = catalog.actions(node.driver)
    if able is not None and action not in able:
        raise errors.UnsupportedPowerState(
            f"the driver {node.driver} does not know {action}, only"
            f" {', '.join(sorted(able - states.BESIDE_POWER))}"
        )
    if node.provision_state == ENROLL:
        conducting.begin(connection, node, catalog, provisioning.begin_switching)
    asked = power.ask(connection, [node], action, who=who, timeout=timeout)
    if asked.refused:
        raise errors.NodeConflict(asked.refused[0])


OPERATIONS: Final = (
    Operation(
        method="PUT",
        path="/v1/nodes/{node}/states/power",
        handler=set_power,
        role=Role.OPERATOR,
        summary="Switch a node on or off, or restart it",
        body=_FIELDS,
        status=202,
    ),
    Operation(
        method="PUT",
        path="/v1/nodes/{node}/management/inject_nmi",
        handler=inject_nmi,
        role=Role.OPERATOR,
        summary="Send a node a diagnostic interrupt",
        since=29,
        body=(),
        status=204,
    ),
)
