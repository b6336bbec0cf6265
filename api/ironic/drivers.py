"""Drivers: those that conductors have loaded, and their declarations."""

from collections.abc import Mapping
from typing import Any, Final

import sqlalchemy as sa
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from podium.api.callers import Role
from podium.api.faults import Fault
from podium.api.fields import Field
from podium.api.ironic import collections
from podium.api.ironic.links import pair
from podium.api.ironic.node_fields import NODE_FIELDS
from podium.api.routing import Operation, minor
from podium.api.services import address, services
from podium.client.enrolling.catalog import Catalog
from podium.client.enrolling.values import TRUTH, choice, text
from podium.client.records.node_records import INTERFACES
from podium.db import members
from podium.drivers import base

#: The lowest version that has interfaces.
_INTERFACES: Final = 30
#: The version in which nodes got the interfaces that drivers had from the beginning.
_WITH_NODES: Final = 31
_FIELDS: Final = Field("fields", text(4096), since=77)
_QUERY: Final = (
    Field("type", choice(("classic", "dynamic")), since=_INTERFACES),
    Field("detail", TRUTH, since=_INTERFACES),
    _FIELDS,
)


async def list_drivers(request: Request) -> Response:
    """Return the drivers."""
    given = collections.parameters(request, _QUERY)
    detail = given.get("detail", False)
    if detail and "fields" in given:
        raise Fault(400, "fields and detail exclude each other")
    at = services(request)
    found = await at.sql.read(_all, at.catalog if detail or "fields" in given else None)
    if given.get("type") == "classic":
        found = {}
    shown = [_show(request, name, one) for name, one in sorted(found.items())]
    return JSONResponse({"drivers": [_chosen(request, given, one) for one in shown]})


async def show_driver(request: Request) -> Response:
    """Return one driver."""
    given = collections.parameters(request, (_FIELDS,))
    at, name = services(request), request.path_params["driver"]
    found = await at.sql.read(_one, name, at.catalog)
    return JSONResponse(_chosen(request, given, _show(request, name, found)))


async def show_properties(request: Request) -> Response:
    """Return the driver_info keys of a driver's nodes, with a line about each."""
    at, name = services(request), request.path_params["driver"]
    return JSONResponse(await at.sql.read(_properties, name, at.catalog))


async def show_methods(request: Request) -> Response:
    """Return the vendor methods of a driver; there are none."""
    at = services(request)
    await at.sql.read(_one, request.path_params["driver"], None)
    return JSONResponse({})


_Found = tuple[list[str], Mapping[str, str] | None]


def _all(connection: sa.Connection, catalog: Catalog | None) -> dict[str, _Found]:
    """Return the hosts of each driver, and its interfaces if a catalog is given."""
    hosts: dict[str, set[str]] = {}
    for member in members.unended(connection):
        for name in member.drivers:
            hosts.setdefault(name, set()).add(member.host)
    return {
        name: (sorted(its), None if catalog is None else catalog.interfaces(name))
        for name, its in hosts.items()
    }


def _one(connection: sa.Connection, name: str, catalog: Catalog | None) -> _Found:
    found = _all(connection, None).get(name)
    if found is None:
        raise Fault(404, f"no conductor has loaded a driver {name[:80]}")
    return found[0], None if catalog is None else catalog.interfaces(name)


def _properties(connection: sa.Connection, name: str, catalog: Catalog) -> dict[str, str]:
    _one(connection, name, None)
    return {key: _described(one) for key, one in catalog.driver(name).properties.items()}


def _described(one: base.Property) -> str:
    if one.required:
        return f"{one.help}. Required."
    return one.help if one.default is None or one.secret else f"{one.help}. The default is {one.default}."


def _show(request: Request, name: str, found: _Found) -> dict[str, Any]:
    hosts, its = found
    server, version = address(request), minor(request)
    shown: dict[str, Any] = {"name": name, "hosts": hosts, "links": pair(server, f"drivers/{name}")}
    if version >= 14:
        shown["properties"] = pair(server, f"drivers/{name}/properties")
    if version < _INTERFACES:
        return shown
    shown["type"] = "dynamic"
    for kind in INTERFACES if its is not None else ():
        if NODE_FIELDS[kind].since <= max(version, _WITH_NODES):
            one = (its or {}).get(kind.removesuffix("_interface"))
            shown[f"default_{kind}"] = one
            shown[f"enabled_{kind}s"] = [] if one is None else [one]
    return shown


def _chosen(request: Request, given: Mapping[str, Any], shown: dict[str, Any]) -> dict[str, Any]:
    names = collections.chosen(request, given, dict.fromkeys(shown, 1))
    return shown if names is None else {name: shown[name] for name in (*names, "links")}


_OBJECT: Final = {"type": "object"}

OPERATIONS: Final = (
    Operation(
        method="GET",
        path="/v1/drivers",
        handler=list_drivers,
        role=Role.READER,
        summary="List the drivers that conductors have loaded",
        query=_QUERY,
        answer=_OBJECT,
    ),
    Operation(
        method="GET",
        path="/v1/drivers/{driver}",
        handler=show_driver,
        role=Role.READER,
        summary="Show a driver",
        query=(_FIELDS,),
        answer=_OBJECT,
    ),
    Operation(
        method="GET",
        path="/v1/drivers/{driver}/properties",
        handler=show_properties,
        role=Role.READER,
        summary="Show what the nodes of a driver have in their driver_info",
        answer=_OBJECT,
    ),
    Operation(
        method="GET",
        path="/v1/drivers/{driver}/vendor_passthru/methods",
        handler=show_methods,
        role=Role.READER,
        summary="Show that a driver has no methods of its vendor",
        answer=_OBJECT,
    ),
)
