"""Vendor methods: a driver's own actions, requested as operations."""

from typing import Any, Final

import sqlalchemy as sa
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from podium import states
from podium.api import asking, bodies
from podium.api.callers import Role
from podium.api.faults import Fault
from podium.api.fields import Field
from podium.api.ironic import collections
from podium.api.ironic.hardware import asked, conducted
from podium.api.ironic.node_paths import wanted
from podium.api.routing import Operation
from podium.api.services import services
from podium.client.enrolling.values import text
from podium.db import api
from podium.drivers.actions import usage

_QUERY: Final = (Field("method", text(128, least=1), required=True),)
_PATH: Final = "/v1/nodes/{node}/vendor_passthru"
_ARGUMENTS: Final = {"type": "object", "additionalProperties": {"type": ["string", "number", "boolean"]}}


async def list_methods(request: Request) -> Response:
    """Return the own actions of a node's driver."""
    its = services(request)

    def find(connection: sa.Connection, ident: str) -> dict[str, Any]:
        (node,) = api.find_keys(connection, [ident])
        return {
            name: {
                "http_methods": ["POST", "PUT"],
                "async": True,
                "attach": False,
                "description": " ".join((f"{action.help}:", *map(usage, action.arguments))).removesuffix(":"),
            }
            for name, action in its.catalog.own_actions(node.driver).items()
        }

    return JSONResponse(await its.sql.read(find, wanted(request)))


async def call_method(request: Request) -> Response:
    """Request an action of a node's driver; the path or the query names the action."""
    method = request.path_params.get("method") or collections.parameters(request, _QUERY).get("method")
    if method is None:
        raise Fault(400, "method is missing")
    arguments = await bodies.read(request)
    node = await conducted(request, states.DRIVER_ACTION)
    own = {
        "name": f"{node.driver}.{method.removeprefix(f'{node.driver}.')}",
        "arguments": {} if arguments is None else arguments,
    }
    await asking.ask(request, await asked(request, states.DRIVER_ACTION, own=own))
    return JSONResponse(None, 202)


def _operation(method: str, path: str, query: tuple[Field, ...] = ()) -> Operation:
    return Operation(
        method=method,
        path=path,
        handler=call_method,
        role=Role.OPERATOR,
        summary="Ask for an action of the driver of a node",
        query=query,
        schema=_ARGUMENTS,
        status=202,
    )


OPERATIONS: Final = (
    Operation(
        method="GET",
        path=f"{_PATH}/methods",
        handler=list_methods,
        role=Role.READER,
        summary="List the actions of the driver of a node",
        answer={"type": "object"},
    ),
    *(_operation(method, _PATH, _QUERY) for method in ("POST", "PUT")),
    *(_operation(method, f"{_PATH}/{{method}}") for method in ("POST", "PUT")),
)
