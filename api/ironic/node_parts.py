"""Parts of a node: the inventory of its hardware, its children, and the networks recorded for it."""

from collections.abc import Callable
from typing import Any, Final

import sqlalchemy as sa
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from podium import masking
from podium.api import bodies
from podium.api.callers import Role
from podium.api.faults import Fault
from podium.api.ironic import node_paths
from podium.api.routing import Handler, Operation
from podium.api.services import address, services
from podium.client.enrolling.catalog import Catalog
from podium.client.enrolling.values import text
from podium.db import api, claims, node_list
from podium.db.api import NodeRecord
from podium.drivers.bmc.inventory import COLLECTED_AT

#: The key of the networks in ``record``.
_VIFS: Final = "vifs"
_IDENT: Final = text(255, least=1)
_VIF: Final = {"type": "object", "required": ["id"], "properties": {"id": _IDENT.schema}}
_MEDIUM: Final = {"type": "object"}


def _find(connection: sa.Connection, ident: str) -> NodeRecord:
    return api.find_nodes(connection, [ident])[0]


async def show_inventory(request: Request) -> Response:
    """Return the inventory that the hardware of a node reports."""
    return JSONResponse(_inventory(await _node(request)))


async def _node(request: Request) -> NodeRecord:
    found: NodeRecord = await services(request).sql.read(_find, node_paths.wanted(request))
    return found


def _inventory(node: NodeRecord) -> dict[str, Any]:
    collected = node.driver_internal_info.get(COLLECTED_AT)
    if collected is None:
        raise Fault(404, f"no inventory of the node {node.name} was collected yet")
    its = masking.mask(node.properties)
    addresses = its.get("mac_addresses")
    inventory = {
        "cpu": {"count": its.get("cpus"), "model_name": its.get("processor_model")},
        "memory": {"physical_mb": its.get("memory_mb")},
        "system_vendor": {
            "manufacturer": its.get("manufacturer"),
            "product_name": its.get("model"),
            "serial_number": its.get("serial_number"),
            "firmware": {"version": its.get("bios_version")},
        },
        "interfaces": [{"mac_address": one} for one in addresses] if isinstance(addresses, list) else [],
        "bmc_mac": its.get("bmc_mac_address"),
    }
    return {"inventory": inventory, "plugin_data": {"collected_at": collected, "collected_by": node.driver}}


async def list_bios(request: Request) -> Response:
    """Return the BIOS settings of a node; Podium reads none."""
    await _node(request)
    return JSONResponse({"bios": []})


async def list_children(request: Request) -> Response:
    """Return the nodes that are recorded as parts of a node."""

    def read(connection: sa.Connection, ident: str) -> tuple[str, list[str]]:
        (key,) = api.find_keys(connection, [ident])
        return key.uuid, node_list.children(connection, key.uuid)

    own, found = await services(request).sql.read(read, node_paths.wanted(request))
    link = {"href": f"{address(request)}/v1/nodes/?parent_node={own}", "rel": "children"}
    return JSONResponse({"children": found, "links": link})


async def list_vifs(request: Request) -> Response:
    """Return the networks that are recorded for a node."""
    node = await _node(request)
    return JSONResponse({"vifs": [{"id": one} for one in _vifs(node)]})


def _vifs(node: NodeRecord) -> list[str]:
    return list((node.record or {}).get(_VIFS, []))


async def attach_vif(request: Request) -> Response:
    """Record a network for a node; Podium does nothing else with it."""
    body = await bodies.read(request)
    if not isinstance(body, dict):
        raise Fault(400, "the body must be an object of JSON")
    try:
        own = _IDENT.check(body.get("id"))
    except ValueError as fault:
        raise Fault(400, f"id {fault}") from None

    def add(node: NodeRecord) -> list[str]:
        if own in _vifs(node):
            raise Fault(409, f"the VIF {own[:80]} is attached to the node {node.name} already")
        return [*_vifs(node), own]

    await services(request).sql.write(_change_vifs, node_paths.wanted(request), add)
    return Response(status_code=204)


async def detach_vif(request: Request) -> Response:
    """Remove a network from a node."""
    own = request.path_params["vif"]

    def remove(node: NodeRecord) -> list[str]:
        if own not in _vifs(node):
            raise Fault(400, f"the VIF {own[:80]} is not attached to the node {node.name}")
        return [one for one in _vifs(node) if one != own]

    await services(request).sql.write(_change_vifs, node_paths.wanted(request), remove)
    return Response(status_code=204)


def _change_vifs(connection: sa.Connection, ident: str, change: Callable[[NodeRecord], list[str]]) -> None:
    (key,) = api.find_keys(connection, [ident])
    claims.lock(connection, [key.id])
    node = _find(connection, key.uuid)
    record = {**(node.record or {}), _VIFS: change(node)}
    api.update_node(connection, key.id, {"record": record})


async def list_media(request: Request) -> Response:
    """Return the virtual media of a node; there are none."""
    await _pretended(request)
    return JSONResponse([])


async def change_media(request: Request) -> Response:
    """Do nothing, for a driver without hardware that claims to support virtual media."""
    await _pretended(request)
    return Response(status_code=204)


async def _pretended(request: Request) -> None:
    """Make sure that the management interface of a node is only simulated.

    :raises podium.api.faults.Fault: it is real, and Podium attaches no media
    """
    at = services(request)

    def check(connection: sa.Connection, ident: str, catalog: Catalog) -> None:
        node = _find(connection, ident)
        if catalog.interfaces(node.driver).get("management") != "fake":
            raise Fault(400, f"Podium attaches no virtual media to nodes of the driver {node.driver}")

    await at.sql.read(check, node_paths.wanted(request), at.catalog)


def _operation(method: str, path: str, handler: Handler, summary: str, since: int, **more: Any) -> Operation:
    reads = method == "GET"
    return Operation(
        method=method,
        path=f"/v1/nodes/{{node}}/{path}",
        handler=handler,
        role=Role.READER if reads else Role.ADMIN,
        summary=summary,
        since=since,
        status=200 if reads else 204,
        answer={"type": ["object", "array"]} if reads else None,
        **more,
    )


OPERATIONS: Final = (
    _operation("GET", "inventory", show_inventory, "Show what a node's hardware reports of itself", 81),
    _operation("GET", "bios", list_bios, "Show that no BIOS settings are read", 40),
    _operation("GET", "children", list_children, "List the nodes that are parts of a node", 83),
    _operation("GET", "vifs", list_vifs, "List the networks that are noted for a node", 28),
    _operation("POST", "vifs", attach_vif, "Note a network for a node", 28, schema=_VIF),
    _operation("DELETE", "vifs/{vif}", detach_vif, "Forget a network of a node", 28),
    _operation("GET", "vmedia", list_media, "Show that no virtual media are attached", 93),
    _operation("POST", "vmedia", change_media, "Pretend to attach virtual media", 89, schema=_MEDIUM),
    _operation("DELETE", "vmedia", change_media, "Pretend to detach virtual media", 89),
)
