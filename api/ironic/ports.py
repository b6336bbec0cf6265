"""Ports: records of nodes' network interfaces."""

import uuid
from typing import Any, Final

import sqlalchemy as sa
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from podium import errors
from podium.api import bodies
from podium.api.callers import Role
from podium.api.faults import Fault
from podium.api.fields import Field, check_body
from podium.api.ironic import absent, collections, node_paths, patch, port_fields, resources, schemas
from podium.api.ironic.collections import PAGING, Page
from podium.api.ironic.patch import Step
from podium.api.ironic.port_fields import BRIEF, PORT_FIELDS
from podium.api.routing import Operation, minor
from podium.api.services import address, services
from podium.client.enrolling.enrolment import canonical
from podium.client.enrolling.values import UUID, text
from podium.client.records.port_records import ADDRESS
from podium.db import api, belongings, ports
from podium.db.ports import Port, Wanted

_QUERY: Final = (
    *PAGING,
    Field("node", text(255)),
    Field("node_uuid", UUID),
    Field("address", ADDRESS),
    Field("portgroup", text(255), since=24),
    Field("shard", text(4096), since=82),
    Field("description_contains", text(255), since=97),
    Field("conductor_groups", text(4096), since=99),
)
_OF_NODE: Final = tuple(one for one in _QUERY if one.name not in ("node", "node_uuid"))
#: A new port needs one of these.
_IDENTS: Final = (Field("node_uuid", UUID), Field("node_ident", text(255), since=94))
_BODY: Final = (*(one for one in resources.body(PORT_FIELDS) if one.name != "node_uuid"), *_IDENTS)
_SINCE: Final = resources.since(PORT_FIELDS)
_PATCHABLE: Final = resources.patchable(PORT_FIELDS)


async def list_ports(request: Request) -> Response:
    """Return a page of ports, with few fields unless the request names others."""
    return await _list(request, whole=False)


async def list_whole(request: Request) -> Response:
    """Return a page of ports with all fields."""
    return await _list(request, whole=True)


async def _list(request: Request, *, whole: bool) -> Response:
    of_node = "node" in request.path_params
    query = _OF_NODE if of_node else _QUERY
    given = collections.parameters(request, collections.of_whole(query) if whole else query)
    node = node_paths.wanted(request) if of_node else given.get("node_uuid", given.get("node"))
    if "portgroup" in given:
        raise Fault(404, absent.text("/v1/portgroups") or "")
    known = resources.known(PORT_FIELDS, minor(request))
    page = collections.page(request, given, ports.SORTABLE, _SINCE)
    names = page.fields or (known if whole or page.detail else BRIEF)
    wanted = Wanted(
        address=given.get("address"),
        shards=given["shard"].split(",") if "shard" in given else None,
        groups=given["conductor_groups"].split(",") if "conductor_groups" in given else None,
        contains=given.get("description_contains"),
    )
    found = await services(request).sql.read(_page, wanted, node, page)
    server = address(request)
    texts = [port_fields.show(port, names, server, minor(request)) for port in found[: page.limit]]
    return resources.listing(request, "ports", page, found, texts)


def _page(connection: sa.Connection, wanted: Wanted, node: str | None, page: Page) -> list[Port]:
    if node is not None:
        wanted = wanted._replace(node=_node(connection, node))
    found = ports.page(connection, wanted, resources.order(page))
    if found is None:
        raise resources.no_marker(page)
    return found


def _node(connection: sa.Connection, ident: str) -> str:
    """Return the UUID of a node.

    :raises podium.errors.NodeNotFound: there is no such node
    """
    return api.find_keys(connection, [canonical(ident) or ident])[0].uuid


async def show_port(request: Request) -> Response:
    """Return one port."""
    known = resources.known(PORT_FIELDS, minor(request))
    names = collections.chosen(request, collections.parameters(request, (collections.FIELDS,)), _SINCE)
    port = await services(request).sql.read(_find, request.path_params["port"])
    return JSONResponse(port_fields.show(port, names or known, address(request), minor(request)))


def _find(connection: sa.Connection, ident: str, *, to_change: bool = False) -> Port:
    found = ports.find(connection, ident, to_change=to_change) if ident.isprintable() else None
    if found is None:
        raise Fault(404, f"no port has the UUID, address or name {ident[:80]}")
    return found


async def create_port(request: Request) -> Response:
    """Create a port."""
    values = check_body(await bodies.read(request), _BODY, minor(request))
    idents = [values.pop(one.name) for one in _IDENTS if one.name in values]
    if len(idents) != 1:
        raise Fault(400, "a port needs either node_uuid or node_ident")
    version = minor(request)
    port_fields.check(values, version)
    port = await services(request).sql.write(_create, idents[0], values)
    server = address(request)
    shown = port_fields.show(port, resources.known(PORT_FIELDS, version), server, version)
    return JSONResponse(shown, 201, {"Location": f"{server}/v1/ports/{port.uuid}"})


def _create(connection: sa.Connection, node: str, values: dict[str, Any]) -> Port:
    own = values.get("uuid", str(uuid.uuid4()))
    columns = port_fields.columns({**values, "uuid": own})
    _refuse_taken(connection, {name: columns[name] for name in ("uuid", "address", "name")})
    try:
        its = _node(connection, node)
        ports.create(connection, its, {name: one for name, one in columns.items() if name != "node_uuid"})
    except errors.NodeNotFound as error:  # of the body, and not of the path
        raise Fault(400, str(error)) from None
    return _find(connection, own)


def _refuse_taken(connection: sa.Connection, values: dict[str, str | None]) -> None:
    """Refuse values that another port has.

    :raises podium.api.faults.Fault: naming the value
    """
    for name, value in values.items():
        if value is not None and belongings.taken_ports(connection, name, [value]):
            raise Fault(409, f"a port with the {name} {value} exists already")


async def change_port(request: Request) -> Response:
    """Change fields of a port."""
    steps = patch.parse(await bodies.read(request), _PATCHABLE)
    version = minor(request)
    port = await services(request).sql.write(_change, request.path_params["port"], steps, version)
    names = resources.known(PORT_FIELDS, version)
    return JSONResponse(port_fields.show(port, names, address(request), version))


def _change(connection: sa.Connection, ident: str, steps: list[Step], minor: int) -> Port:
    port = _find(connection, ident, to_change=True)
    before = port_fields.written(port)
    changed = resources.patched(PORT_FIELDS, before, steps, minor)
    after = {**before, **changed}
    port_fields.check(after, minor if "local_link_connection" in changed else None)
    columns = port_fields.columns(after)
    new = {name: one for name, one in columns.items() if one != port_fields.columns(before)[name]}
    if not new:
        return port
    _refuse_taken(connection, {name: new[name] for name in ("address", "name") if name in new})
    try:
        ports.update(connection, port.uuid, new)
    except errors.NodeNotFound as error:  # of the body, and not of the path
        raise Fault(400, str(error)) from None
    return _find(connection, port.uuid)


async def delete_port(request: Request) -> Response:
    """Delete a port."""
    await services(request).sql.write(_delete, request.path_params["port"])
    return Response(status_code=204)


def _delete(connection: sa.Connection, ident: str) -> None:
    ports.delete(connection, _find(connection, ident).uuid)


_PORT: Final = schemas.ref("port")
_PAGE: Final = schemas.page("ports", _PORT)

OPERATIONS: Final = (
    Operation(
        method="GET",
        path="/v1/ports",
        handler=list_ports,
        role=Role.READER,
        summary="List ports",
        query=_QUERY,
        answer=_PAGE,
    ),
    Operation(
        method="GET",
        path="/v1/ports/detail",
        handler=list_whole,
        role=Role.READER,
        summary="List ports with all fields",
        query=collections.of_whole(_QUERY),
        answer=_PAGE,
    ),
    Operation(
        method="GET",
        path="/v1/nodes/{node}/ports",
        handler=list_ports,
        role=Role.READER,
        summary="List the ports of a node",
        query=_OF_NODE,
        answer=_PAGE,
    ),
    Operation(
        method="GET",
        path="/v1/nodes/{node}/ports/detail",
        handler=list_whole,
        role=Role.READER,
        summary="List the ports of a node with all fields",
        query=collections.of_whole(_OF_NODE),
        answer=_PAGE,
    ),
    Operation(
        method="POST",
        path="/v1/ports",
        handler=create_port,
        role=Role.ADMIN,
        summary="Write a port",
        body=_BODY,
        status=201,
        answer=_PORT,
    ),
    Operation(
        method="GET",
        path="/v1/ports/{port}",
        handler=show_port,
        role=Role.READER,
        summary="Show a port",
        query=(collections.FIELDS,),
        answer=_PORT,
    ),
    Operation(
        method="PATCH",
        path="/v1/ports/{port}",
        handler=change_port,
        role=Role.ADMIN,
        summary="Change a port",
        schema=patch.schema(_PATCHABLE.values()),
        answer=_PORT,
    ),
    Operation(
        method="DELETE",
        path="/v1/ports/{port}",
        handler=delete_port,
        role=Role.ADMIN,
        summary="Forget a port",
        status=204,
    ),
)
