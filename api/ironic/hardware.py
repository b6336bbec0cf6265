"""What the driver of a node can: whether it accepts its settings, and what it boots from."""

from collections.abc import Mapping
from typing import Any, Final

import sqlalchemy as sa
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from podium import errors
from podium.api import bodies
from podium.api.callers import Role
from podium.api.faults import Fault
from podium.api.fields import Field, check_body
from podium.api.ironic import node_values
from podium.api.ironic.node_paths import wanted
from podium.api.routing import Operation, minor
from podium.api.services import services
from podium.client.enrolling.catalog import Catalog
from podium.client.enrolling.values import TRUTH, text
from podium.client.records.node_records import INTERFACES
from podium.db import api

_FIELDS: Final = (Field("boot_device", text(64), required=True), Field("persistent", TRUTH))


async def validate(request: Request) -> Response:
    """Say whether the driver of a node accepts its settings, by Ironic's interfaces."""
    at = services(request)
    return JSONResponse(await at.sql.read(_validate, wanted(request), at.catalog))


def _validate(connection: sa.Connection, wanted: str, catalog: Catalog) -> dict[str, Any]:
    (node,) = api.find_nodes(connection, [wanted])
    answer: dict[str, Any] = {"result": True}
    has: Mapping[str, str] = {}
    try:
        has = getattr(catalog.driver(node.driver), "interfaces", {})
        node_values.accepted(node, catalog)
    except (errors.InvalidNode, errors.DriverLoadError) as fault:
        answer = {"result": False, "reason": "; ".join(str(fault).splitlines())}
    missing = {"result": None, "reason": f"the driver {node.driver} has nothing of the kind"}
    names = (name.removesuffix("_interface") for name in INTERFACES)
    return {name: answer if name == "power" or name in has else missing for name in names}


def _devices(connection: sa.Connection, wanted: str, catalog: Catalog) -> tuple[str, ...]:
    """Return what a node can be told to boot from.

    :raises podium.api.faults.Fault: its driver can tell it nothing
    """
    (node,) = api.find_keys(connection, [wanted])
    if found := tuple(getattr(catalog.driver(node.driver), "boot_devices", ())):
        return found
    raise Fault(400, f"{node.name}: the driver {node.driver} can set no boot device")


async def _supported(request: Request) -> tuple[str, ...]:
    at = services(request)
    found: tuple[str, ...] = await at.sql.read(_devices, wanted(request), at.catalog)
    return found


async def show_boot_device(request: Request) -> Response:
    """Return what a node boots from."""
    return JSONResponse({"boot_device": (await _supported(request))[0], "persistent": False})


async def list_boot_devices(request: Request) -> Response:
    """Return what a node can be told to boot from."""
    return JSONResponse({"supported_boot_devices": list(await _supported(request))})


async def set_boot_device(request: Request) -> Response:
    """Accept what the machines of a driver boot from anyway; there is nothing else yet."""
    given = check_body(await bodies.read(request), _FIELDS, minor(request))
    supported = await _supported(request)
    if given["boot_device"] not in supported:
        raise Fault(400, f"boot_device must be one of {', '.join(supported)}")
    return Response(status_code=204)


_OBJECT: Final = {"type": "object"}
_BOOT: Final = "/v1/nodes/{node}/management/boot_device"

OPERATIONS: Final = (
    Operation(
        method="GET",
        path="/v1/nodes/{node}/validate",
        handler=validate,
        role=Role.READER,
        summary="Check the settings of a node",
        answer=_OBJECT,
    ),
    Operation(
        method="GET",
        path=_BOOT,
        handler=show_boot_device,
        role=Role.READER,
        summary="Show what a node boots from",
        answer=_OBJECT,
    ),
    Operation(
        method="PUT",
        path=_BOOT,
        handler=set_boot_device,
        role=Role.OPERATOR,
        summary="Set what a node boots from",
        body=_FIELDS,
        status=204,
    ),
    Operation(
        method="GET",
        path=f"{_BOOT}/supported",
        handler=list_boot_devices,
        role=Role.READER,
        summary="List what a node can boot from",
        answer=_OBJECT,
    ),
)
