"""Maintenance of a node, during which the conductor leaves it alone."""

from typing import Any, Final

import sqlalchemy as sa
from starlette.requests import Request
from starlette.responses import Response

from podium.api import bodies
from podium.api.callers import Role
from podium.api.fields import Field, check_body
from podium.api.ironic.node_paths import wanted
from podium.api.routing import Operation, minor
from podium.api.services import services
from podium.client import texts
from podium.client.calls.call import LONGEST_LINE
from podium.client.enrolling.values import text
from podium.client.records import maintenance
from podium.db import api

_FIELDS: Final = (Field("reason", text(LONGEST_LINE)),)


async def begin(request: Request) -> Response:
    """Put a node into maintenance; without a reason, an earlier reason is removed.

    Ironic's clients may send several lines, which are joined into one.
    """
    given = check_body(await bodies.read(request), _FIELDS, minor(request))
    reason = texts.check_reason(" ".join(given.get("reason", "").split()) or None)
    return await _change(request, {**maintenance.SET, "maintenance_reason": reason})


async def end(request: Request) -> Response:
    """Take a node out of maintenance."""
    return await _change(request, dict(maintenance.UNSET))


async def _change(request: Request, values: dict[str, Any]) -> Response:
    await services(request).sql.write(_update, wanted(request), values)
    return Response(status_code=202)


def _update(connection: sa.Connection, wanted: str, values: dict[str, Any]) -> None:
    (node,) = api.find_keys(connection, [wanted])
    api.update_node(connection, node.id, values)


OPERATIONS: Final = (
    Operation(
        method="PUT",
        path="/v1/nodes/{node}/maintenance",
        handler=begin,
        role=Role.OPERATOR,
        summary="Put a node into maintenance",
        body=_FIELDS,
        status=202,
    ),
    Operation(
        method="DELETE",
        path="/v1/nodes/{node}/maintenance",
        handler=end,
        role=Role.OPERATOR,
        summary="Take a node out of maintenance",
        status=202,
    ),
)
