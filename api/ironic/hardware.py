"""Actions of a node's driver: validation of settings, boot device, indicator."""

from collections.abc import Mapping
from typing import Any, Final

import sqlalchemy as sa
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from podium import errors, states
from podium.api import asking, bodies
from podium.api.callers import Role
from podium.api.faults import Fault
from podium.api.fields import Field, check_body
from podium.api.ironic import node_values
from podium.api.ironic.node_paths import wanted
from podium.api.routing import Handler, Operation, minor
from podium.api.services import address, services
from podium.client.calls import wire
from podium.client.calls.hardware import BootDevices, ReadBootDevice
from podium.client.calls.operations import AskPower
from podium.client.enrolling.catalog import Catalog
from podium.client.enrolling.values import TRUTH, choice
from podium.client.records.node_records import INTERFACES
from podium.db import api
from podium.db.api import NodeRecord
from podium.db.provision_states import ENROLL, NOT_CONDUCTED
from podium.drivers.abilities import BOOT_DEVICES

_DEVICE: Final = (Field("boot_device", choice(BOOT_DEVICES), required=True), Field("persistent", TRUTH))
#: The interfaces of Ironic that a driver with an action counts as.
_COUNTS_AS: Final = {
    states.SET_BOOT_DEVICE: ("boot", "management"),
    states.IDENTIFY: ("management",),
    states.DRIVER_ACTION: ("vendor",),
}
#: The only indicator: the light by which people find a machine.
_COMPONENT: Final = "system"
_LIGHT: Final = "led"
#: Seconds for which the light stays on; drivers report neither its state nor whether it blinks.
_SECONDS: Final[Mapping[str, int | None]] = {"OFF": 0, "ON": None, "BLINKING": None}
_STATE: Final = (Field("state", choice(tuple(_SECONDS)), required=True),)


async def validate(request: Request) -> Response:
    """Return whether the driver of a node accepts its settings, for each of Ironic's interfaces."""
    at = services(request)
    return JSONResponse(await at.sql.read(_validate, wanted(request), at.catalog))


def _validate(connection: sa.Connection, wanted: str, catalog: Catalog) -> dict[str, Any]:
    (node,) = api.find_nodes(connection, [wanted])
    answer: dict[str, Any] = {"result": True}
    has = {"power"}
    try:
        has |= set(getattr(catalog.driver(node.driver), "interfaces", ()))
        for action in (catalog.actions(node.driver) or frozenset()) & _COUNTS_AS.keys():
            has.update(_COUNTS_AS[action])
        node_values.accepted(node, catalog)
    except (errors.InvalidNode, errors.DriverLoadError) as fault:
        answer = {"result": False, "reason": "; ".join(str(fault).splitlines())}
    missing = {"result": None, "reason": f"the driver {node.driver} has nothing of the kind"}
    names = (name.removesuffix("_interface") for name in INTERFACES)
    return {name: answer if name in has else missing for name in names}


async def conducted(request: Request, action: str) -> NodeRecord:
    """Return the node of a request, after a check that its driver supports an action.

    :raises podium.errors.UnsupportedPowerState: its driver does not support the action
    :raises podium.api.faults.Fault: the node is in enroll; not a conflict, because clients retry those
    """
    its = services(request)

    def find(connection: sa.Connection, ident: str) -> NodeRecord:
        (node,) = api.find_nodes(connection, [ident])
        able = its.catalog.actions(node.driver)
        if able is not None and action not in able:
            raise errors.UnsupportedPowerState(f"{node.name}: the driver {node.driver} cannot {action}")
        if node.provision_state == ENROLL:
            raise Fault(400, f"{node.name}: {NOT_CONDUCTED}")
        return node

    found: NodeRecord = await its.sql.read(find, wanted(request))
    return found


async def asked(request: Request, action: str, **given: Any) -> AskPower:
    """Return the call for an action of a request's node.

    :param given: the parameters of the action, as in Podium's own API
    :raises podium.errors.PodiumError: see :func:`conducted`; or a parameter is wrong
    """
    node = await conducted(request, action)
    values = {"action": action, "nodes": [node.uuid], "confirmed": True, **given}
    return wire.made(AskPower, values, texts=False)


async def _read(request: Request) -> BootDevices:
    node = await conducted(request, states.SET_BOOT_DEVICE)
    return await asking.read(request, ReadBootDevice(node.name), lambda found, _: found)


async def show_boot_device(request: Request) -> Response:
    """Return the boot device of a node; null for the node's own boot order, which Ironic cannot express."""
    found = await _read(request)
    is_chosen = found.device not in (None, "default")
    shown = (found.device, found.persistent) if is_chosen else (None, None)
    return JSONResponse({"boot_device": shown[0], "persistent": shown[1]})


async def list_boot_devices(request: Request) -> Response:
    """Return the boot devices that can be set for a node."""
    return JSONResponse({"supported_boot_devices": (await _read(request)).supported})


async def set_boot_device(request: Request) -> Response:
    """Set the boot device of a node, and answer once it has been read back."""
    given = check_body(await bodies.read(request), _DEVICE, minor(request))
    boot = {"device": given["boot_device"], "persistent": given.get("persistent", False)}
    await asking.carry_out(request, await asked(request, states.SET_BOOT_DEVICE, boot=boot))
    return Response(status_code=204)


async def list_components(request: Request) -> Response:
    """Return the components of a node that have indicators."""
    await conducted(request, states.IDENTIFY)
    links = _links(request, _COMPONENT)
    return JSONResponse({"components": [{"name": _COMPONENT, "links": links}]})


async def list_indicators(request: Request) -> Response:
    """Return the indicators of a component."""
    await _light(request)
    indicator = {"name": _LIGHT, "readonly": False, "states": list(_SECONDS)}
    return JSONResponse({"indicators": [{**indicator, "links": _links(request, _COMPONENT, _LIGHT)}]})


async def show_indicator(request: Request) -> Response:
    """Report the state of the light as unknown; hardware often does not know it either."""
    await _light(request)
    return JSONResponse({"state": "UNKNOWN"})


async def set_indicator(request: Request) -> Response:
    """Switch the light of a node, and answer once the hardware has accepted it."""
    given = check_body(await bodies.read(request), _STATE, minor(request))
    await _light(request)
    identification = {"seconds": _SECONDS[given["state"]]}
    await asking.carry_out(request, await asked(request, states.IDENTIFY, identification=identification))
    return Response(status_code=204)


async def _light(request: Request) -> None:
    """Make sure that a node has the indicator of a request.

    :raises podium.api.faults.Fault: there is no such indicator
    """
    node = await conducted(request, states.IDENTIFY)
    at = request.path_params["component"], request.path_params.get("indicator", _LIGHT)
    if at != (_COMPONENT, _LIGHT):
        raise Fault(404, f"{node.name} has no indicator {'/'.join(at)[:80]}, only {_COMPONENT}/{_LIGHT}")


def _links(request: Request, *rest: str) -> list[dict[str, str]]:
    path = "/".join(("nodes", request.path_params["node"], "management/indicators", *rest))
    server = address(request)
    return [
        {"href": f"{server}/v1/{path}", "rel": "self"},
        {"href": f"{server}/{path}", "rel": "bookmark"},
    ]


_BOOT: Final = "management/boot_device"
_INDICATORS: Final = "management/indicators"
_INDICATOR: Final = f"{_INDICATORS}/{{component}}/{{indicator}}"


def _operation(
    path: str, handler: Handler, summary: str, since: int = 1, body: tuple[Field, ...] | None = None
) -> Operation:
    """Describe an operation that reads or, with a body, one that sets."""
    return Operation(
        method="GET" if body is None else "PUT",
        path=f"/v1/nodes/{{node}}/{path}",
        handler=handler,
        role=Role.READER if body is None else Role.OPERATOR,
        summary=summary,
        since=since,
        body=body,
        status=200 if body is None else 204,
        answer={"type": "object"} if body is None else None,
    )


OPERATIONS: Final = (
    _operation("validate", validate, "Check the settings of a node"),
    _operation(_BOOT, show_boot_device, "Show what a node boots from"),
    _operation(_BOOT, set_boot_device, "Set what a node boots from", body=_DEVICE),
    _operation(f"{_BOOT}/supported", list_boot_devices, "List what a node can boot from"),
    _operation(_INDICATORS, list_components, "List the components of a node that have indicators", 63),
    _operation(f"{_INDICATORS}/{{component}}", list_indicators, "List the indicators of a component", 63),
    _operation(_INDICATOR, show_indicator, "Show the state of an indicator, which is not known", 63),
    _operation(_INDICATOR, set_indicator, "Switch the light by which a node is found", 63, _STATE),
)
