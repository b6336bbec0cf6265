"""Chassis: records of the enclosures of nodes."""

import uuid
from typing import Any, Final

import sqlalchemy as sa
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from podium import masking
from podium.api import bodies
from podium.api.callers import Role
from podium.api.faults import Fault
from podium.api.fields import check_body
from podium.api.ironic import collections, nodes, patch, resources, schemas
from podium.api.ironic.collections import PAGING, Page
from podium.api.ironic.links import pair
from podium.api.ironic.patch import Step
from podium.api.ironic.resources import ResourceField, shown
from podium.api.ironic.versions import HIGHEST
from podium.api.routing import Operation, minor
from podium.api.services import address, services
from podium.client.enrolling.enrolment import canonical
from podium.client.enrolling.values import TIME
from podium.client.records.chassis_records import CHASSIS_RECORDS
from podium.db import chassis
from podium.db.chassis import Chassis

CHASSIS_FIELDS: Final = (
    ResourceField("uuid", kind=CHASSIS_RECORDS["uuid"].kind, fixed=True),
    ResourceField("description", kind=CHASSIS_RECORDS["description"].kind),
    ResourceField("extra", kind=CHASSIS_RECORDS["extra"].kind, default={}),
    ResourceField("nodes", fixed=True, shows=schemas.LINKS),
    ResourceField("created_at", fixed=True, shows=TIME.schema),
    ResourceField("updated_at", shows=TIME.schema),
)
_SINCE: Final = resources.since(CHASSIS_FIELDS)
_NAMES: Final = tuple(_SINCE)
_BODY: Final = resources.body(CHASSIS_FIELDS)
_BRIEF: Final = ("uuid", "description")
_OF_NODES: Final = tuple(one for one in nodes.QUERY if one.name != "chassis_uuid")
_PATCHABLE: Final = resources.patchable(CHASSIS_FIELDS)


def _show(one: Chassis, names: tuple[str, ...], server: str) -> dict[str, Any]:
    place = f"chassis/{one.uuid}"
    values = one._asdict() | {"extra": masking.mask(one.extra), "nodes": pair(server, f"{place}/nodes")}
    return {**shown(CHASSIS_FIELDS, values, names), "links": pair(server, place)}


async def list_chassis(request: Request) -> Response:
    """Return a page of chassis, with few fields unless the request names others."""
    return await _list(request, whole=False)


async def list_whole(request: Request) -> Response:
    """Return a page of chassis with all fields."""
    return await _list(request, whole=True)


async def _list(request: Request, *, whole: bool) -> Response:
    given = collections.parameters(request, collections.of_whole(PAGING) if whole else PAGING)
    page = collections.page(request, given, chassis.SORTABLE, _SINCE)
    names = page.fields or (_NAMES if whole or page.detail else _BRIEF)
    found = await services(request).sql.read(_page, page)
    server = address(request)
    texts = [_show(one, names, server) for one in found[: page.limit]]
    return resources.listing(request, "chassis", page, found, texts)


def _page(connection: sa.Connection, page: Page) -> list[Chassis]:
    found = chassis.page(connection, resources.order(page))
    if found is None:
        raise resources.no_marker(page)
    return found


async def show_chassis(request: Request) -> Response:
    """Return one chassis."""
    names = collections.chosen(request, collections.parameters(request, (collections.FIELDS,)), _SINCE)
    one = await services(request).sql.read(_find, request.path_params["chassis"])
    return JSONResponse(_show(one, names or _NAMES, address(request)))


def _find(connection: sa.Connection, ident: str, *, to_change: bool = False) -> Chassis:
    number = canonical(ident)
    found = chassis.find(connection, number, to_change=to_change) if number else None
    if found is None:
        raise Fault(404, f"no chassis has the UUID {ident[:80]}")
    return found


async def list_nodes(request: Request) -> Response:
    """Return a page of the nodes of a chassis, with few fields unless the request names others."""
    await services(request).sql.read(_find, request.path_params["chassis"])
    return await nodes.list_nodes(request)


async def list_whole_nodes(request: Request) -> Response:
    """Return a page of the nodes of a chassis with all fields."""
    await services(request).sql.read(_find, request.path_params["chassis"])
    return await nodes.list_whole(request)


async def create_chassis(request: Request) -> Response:
    """Create a chassis."""
    values = check_body(await bodies.read(request), _BODY, minor(request))
    values = {"uuid": str(uuid.uuid4()), "description": None, "extra": {}, **values}
    one = await services(request).sql.write(_create, values)
    server = address(request)
    return JSONResponse(_show(one, _NAMES, server), 201, {"Location": f"{server}/v1/chassis/{one.uuid}"})


def _create(connection: sa.Connection, values: dict[str, Any]) -> Chassis:
    chassis.create(connection, values)
    return _find(connection, values["uuid"])


async def change_chassis(request: Request) -> Response:
    """Change fields of a chassis."""
    steps = patch.parse(await bodies.read(request), _PATCHABLE)
    one = await services(request).sql.write(_change, request.path_params["chassis"], steps)
    return JSONResponse(_show(one, _NAMES, address(request)))


def _change(connection: sa.Connection, ident: str, steps: list[Step]) -> Chassis:
    one = _find(connection, ident, to_change=True)
    changed = resources.patched(CHASSIS_FIELDS, one._asdict(), steps, HIGHEST)
    if not changed:
        return one
    if "extra" in changed:
        changed["extra"] = changed["extra"] or {}
    chassis.update(connection, one.uuid, changed)
    return _find(connection, one.uuid)


async def delete_chassis(request: Request) -> Response:
    """Delete a chassis that has no nodes."""
    await services(request).sql.write(_delete, request.path_params["chassis"])
    return Response(status_code=204)


def _delete(connection: sa.Connection, ident: str) -> None:
    own = _find(connection, ident, to_change=True).uuid
    if chassis.has_nodes(connection, own):
        raise Fault(400, f"nodes are in the chassis {own}; give them another chassis_uuid first")
    chassis.delete(connection, own)


_CHASSIS: Final = schemas.ref("chassis")
_PAGE: Final = schemas.page("chassis", _CHASSIS)

OPERATIONS: Final = (
    Operation(
        method="GET",
        path="/v1/chassis",
        handler=list_chassis,
        role=Role.READER,
        summary="List chassis",
        query=PAGING,
        answer=_PAGE,
    ),
    Operation(
        method="GET",
        path="/v1/chassis/detail",
        handler=list_whole,
        role=Role.READER,
        summary="List chassis with all fields",
        query=collections.of_whole(PAGING),
        answer=_PAGE,
    ),
    Operation(
        method="POST",
        path="/v1/chassis",
        handler=create_chassis,
        role=Role.ADMIN,
        summary="Write a chassis",
        body=_BODY,
        status=201,
        answer=_CHASSIS,
    ),
    Operation(
        method="GET",
        path="/v1/chassis/{chassis}",
        handler=show_chassis,
        role=Role.READER,
        summary="Show a chassis",
        query=(collections.FIELDS,),
        answer=_CHASSIS,
    ),
    Operation(
        method="GET",
        path="/v1/chassis/{chassis}/nodes",
        handler=list_nodes,
        role=Role.READER,
        summary="List the nodes of a chassis",
        query=_OF_NODES,
        answer=nodes.PAGE,
    ),
    Operation(
        method="GET",
        path="/v1/chassis/{chassis}/nodes/detail",
        handler=list_whole_nodes,
        role=Role.READER,
        summary="List the nodes of a chassis with all fields",
        query=collections.of_whole(_OF_NODES),
        answer=nodes.PAGE,
    ),
    Operation(
        method="PATCH",
        path="/v1/chassis/{chassis}",
        handler=change_chassis,
        role=Role.ADMIN,
        summary="Change a chassis",
        schema=patch.schema(_PATCHABLE.values()),
        answer=_CHASSIS,
    ),
    Operation(
        method="DELETE",
        path="/v1/chassis/{chassis}",
        handler=delete_chassis,
        role=Role.ADMIN,
        summary="Forget a chassis",
        status=204,
    ),
)
