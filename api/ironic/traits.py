"""Traits of a node: words for its capabilities that schedulers compare."""

from collections.abc import Callable
from typing import Final

import sqlalchemy as sa
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from podium.api import bodies
from podium.api.callers import Role
from podium.api.faults import Fault
from podium.api.fields import Field, check_body
from podium.api.ironic.node_paths import location, wanted
from podium.api.routing import Operation, minor
from podium.api.services import services
from podium.client.records import node_records
from podium.client.records.traits import TRAITS
from podium.db import api
from podium.db.changes import next_change

_SINCE: Final = 37


_FIELDS: Final = (Field("traits", TRAITS, required=True),)


async def show(request: Request) -> Response:
    """Return the traits of a node."""
    (node,) = await services(request).sql.read(api.find_nodes, [wanted(request)])
    return JSONResponse({"traits": (node.record or {}).get("traits", [])})


async def replace(request: Request) -> Response:
    """Replace the traits of a node."""
    given = check_body(await bodies.read(request), _FIELDS, minor(request))
    await _change(request, lambda has: given["traits"])
    return Response(status_code=204)


async def add(request: Request) -> Response:
    """Add a trait to a node."""
    if await bodies.read(request):
        raise Fault(400, "a trait is added without a body")
    trait = request.path_params["trait"]
    checked = check_body({"traits": [trait]}, _FIELDS, minor(request))["traits"]
    await _change(request, lambda has: list(dict.fromkeys([*has, *checked])))
    return Response(status_code=204, headers=location(request, "traits", trait))


async def remove(request: Request) -> Response:
    """Remove a trait from a node."""
    trait = request.path_params["trait"]

    def without(has: list[str]) -> list[str]:
        if trait not in has:
            raise Fault(404, f"the node has no trait {trait[:80]}")
        return [one for one in has if one != trait]

    await _change(request, without)
    return Response(status_code=204)


async def clear(request: Request) -> Response:
    """Remove all traits from a node."""
    await _change(request, lambda has: [])
    return Response(status_code=204)


async def _change(request: Request, change: Callable[[list[str]], list[str]]) -> None:
    await services(request).sql.write(_write, wanted(request), change)


def _write(connection: sa.Connection, wanted: str, change: Callable[[list[str]], list[str]]) -> None:
    next_change(connection)  # so that nobody else changes the node meanwhile
    (node,) = api.find_nodes(connection, [wanted])
    traits = change((node.record or {}).get("traits", []))
    api.update_node(connection, node.id, node_records.columns({"traits": traits or None}, node.record))


_ALL: Final = "/v1/nodes/{node}/traits"
_ONE: Final = f"{_ALL}/{{trait}}"

OPERATIONS: Final = (
    Operation(
        method="GET",
        path=_ALL,
        handler=show,
        role=Role.READER,
        summary="List the traits of a node",
        since=_SINCE,
        answer={"type": "object", "properties": {"traits": {"type": "array"}}},
    ),
    Operation(
        method="PUT",
        path=_ALL,
        handler=replace,
        role=Role.ADMIN,
        summary="Replace the traits of a node",
        since=_SINCE,
        body=_FIELDS,
        status=204,
    ),
    Operation(
        method="PUT",
        path=_ONE,
        handler=add,
        role=Role.ADMIN,
        summary="Add a trait to a node",
        since=_SINCE,
        status=204,
    ),
    Operation(
        method="DELETE",
        path=_ALL,
        handler=clear,
        role=Role.ADMIN,
        summary="Remove all traits of a node",
        since=_SINCE,
        status=204,
    ),
    Operation(
        method="DELETE",
        path=_ONE,
        handler=remove,
        role=Role.ADMIN,
        summary="Remove a trait from a node",
        since=_SINCE,
        status=204,
    ),
)
