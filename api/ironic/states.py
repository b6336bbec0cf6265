"""The states of a node, and transitions between provision states."""

from collections.abc import Mapping
from typing import Any, Final

import sqlalchemy as sa
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from podium.api import bodies
from podium.api.callers import Role
from podium.api.faults import Fault
from podium.api.fields import Field, check_body
from podium.api.ironic import node_fields, schemas
from podium.api.ironic.node_fields import NODE_FIELDS
from podium.api.ironic.node_paths import location, wanted
from podium.api.routing import Operation, minor
from podium.api.services import services
from podium.client.enrolling.catalog import Catalog
from podium.client.enrolling.values import Kind, text
from podium.client.local.provisioning import TARGETS
from podium.db import api
from podium.db.changes import next_change

_SHOWN: Final = (
    "console_enabled",
    "last_error",
    "power_state",
    "provision_state",
    "target_power_state",
    "target_provision_state",
    "provision_updated_at",
    "raid_config",
    "target_raid_config",
    "boot_mode",
    "secure_boot",
)
_ANYTHING: Final = Kind({}, lambda value: value)
#: Parameters of targets that Podium does not have.
_FOR_OTHERS: Final = (
    Field("configdrive", _ANYTHING),
    Field("clean_steps", _ANYTHING, since=15),
    Field("rescue_password", _ANYTHING, since=38),
    Field("deploy_steps", _ANYTHING, since=69),
    Field("disable_ramdisk", _ANYTHING, since=70),
    Field("service_steps", _ANYTHING, since=87),
    Field("runbook", _ANYTHING, since=92),
)
#: The lowest version that has a target.
_SINCE: Final = {"manage": 4, "provide": 4, "adopt": 17}
_FIELDS: Final = (Field("target", text(64), required=True), *_FOR_OTHERS)


async def show_states(request: Request) -> Response:
    """Return the states of a node."""
    (node,) = await services(request).sql.read(api.find_nodes, [wanted(request)])
    known = node_fields.shown(minor(request))
    names = [name for name in _SHOWN if name in known]
    columns = node._asdict()
    fields = node_fields.of_version(names, minor(request))
    return JSONResponse({one.name: one.value(columns) for one in fields})


async def set_provision_state(request: Request) -> Response:
    """Bring a node into another provision state, or begin the transition."""
    given = check_body(await bodies.read(request), _FIELDS, minor(request))
    target = given["target"]
    if target not in _SINCE:
        raise Fault(
            400,
            f"{target!r} is not possible: Podium switches machines, and neither deploys, cleans, inspects nor"
            f" rescues them; there are {', '.join(_SINCE)}",
        )
    since = _SINCE[target]
    if since > minor(request):
        raise Fault(
            406, f"{target} needs version 1.{since} of the API; this request is of 1.{minor(request)}"
        )
    if others := [name for name in given if name != "target"]:
        raise Fault(400, f"{', '.join(others)}: not possible with {target}")
    at = services(request)
    await at.sql.write(_move, wanted(request), target, at.catalog)
    return Response(status_code=202, headers=location(request, "states"))


def _move(connection: sa.Connection, wanted: str, target: str, catalog: Catalog) -> None:
    next_change(connection)  # so that nobody else changes the node meanwhile
    (node,) = api.find_nodes(connection, [wanted])
    TARGETS[target].go(connection, node, catalog)


async def show_console(request: Request) -> Response:
    """Report that no node has a console."""
    await services(request).sql.read(api.find_keys, [wanted(request)])
    return JSONResponse({"console_enabled": False, "console_info": None})


async def refuse(request: Request) -> Response:
    """Refuse to set a state that no driver can set."""
    (node,) = await services(request).sql.read(api.find_keys, [wanted(request)])
    what = request.url.path.rstrip("/").rpartition("/")[2].replace("_", " ")
    raise Fault(400, f"{node.name}: the driver {node.driver} cannot set the {what}")


_OBJECT: Final[Mapping[str, Any]] = {"type": "object"}
_STATES: Final = schemas.values(NODE_FIELDS[name] for name in _SHOWN)

OPERATIONS: Final = (
    Operation(
        method="GET",
        path="/v1/nodes/{node}/states",
        handler=show_states,
        role=Role.READER,
        summary="Show the states of a node",
        answer=_STATES,
    ),
    Operation(
        method="PUT",
        path="/v1/nodes/{node}/states/provision",
        handler=set_provision_state,
        role=Role.ADMIN,
        summary="Bring a node into another provision state: manage, provide, adopt",
        body=_FIELDS,
        status=202,
    ),
    Operation(
        method="GET",
        path="/v1/nodes/{node}/states/console",
        handler=show_console,
        role=Role.READER,
        summary="Show the console of a node, which it has not",
        answer=_OBJECT,
    ),
    *(
        Operation(
            method="PUT",
            path=f"/v1/nodes/{{node}}/states/{what}",
            handler=refuse,
            role=Role.OPERATOR,
            summary=f"Set the {what.replace('_', ' ')} of a node, which no driver can",
            since=since,
            schema=_OBJECT,
            status=202,
        )
        for what, since in (("console", 1), ("boot_mode", 76), ("secure_boot", 76))
    ),
)
