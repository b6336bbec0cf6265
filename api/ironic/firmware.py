"""The firmware of a node, as far as its hardware reports the versions."""

from typing import Any, Final

import sqlalchemy as sa
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from podium.api.callers import Role
from podium.api.fields import Field
from podium.api.ironic import collections, node_paths, resources, schemas
from podium.api.ironic.resources import ResourceField
from podium.api.routing import Operation, minor
from podium.api.services import services
from podium.client.enrolling.values import TIME, TRUTH
from podium.db import api
from podium.db.api import NodeRecord
from podium.drivers.bmc.inventory import COLLECTED_AT

#: Components, and the keys of their versions in an inventory.
_COMPONENTS: Final = {"bios": "bios_version", "bmc": "bmc_firmware_version"}
_NEVER: Final = {"type": "null"}
#: Podium flashes nothing, and an inventory has only the versions of components.
FIRMWARE_FIELDS: Final = (
    ResourceField("component", fixed=True, shows={"type": "string", "enum": list(_COMPONENTS)}),
    ResourceField("initial_version", fixed=True, shows=_NEVER),
    ResourceField("current_version", fixed=True, shows={"type": "string"}),
    ResourceField("last_version_flashed", fixed=True, shows=_NEVER),
    ResourceField("vendor", 114, fixed=True, shows=_NEVER),
    ResourceField("model", 114, fixed=True, shows=_NEVER),
    ResourceField("serial_number", 114, fixed=True, shows=_NEVER),
    ResourceField("created_at", shows=TIME.schema),
    ResourceField("updated_at", fixed=True, shows=_NEVER),
)
_QUERY: Final = (collections.FIELDS, Field("detail", TRUTH))
#: The fields that every answer has, whichever were requested.
_ALWAYS: Final = ("created_at", "updated_at")


async def list_firmware(request: Request) -> Response:
    """Return the versions of firmware that the hardware of a node reports."""
    given = collections.parameters(request, _QUERY)
    known = resources.known(FIRMWARE_FIELDS, minor(request))
    chosen = collections.chosen(request, given, dict.fromkeys(known, 1)) or known
    node = await services(request).sql.read(_find, node_paths.wanted(request))
    found = [resources.shown(FIRMWARE_FIELDS, one, (*chosen, *_ALWAYS)) for one in _components(node)]
    return JSONResponse({"firmware": found})


def _find(connection: sa.Connection, ident: str) -> NodeRecord:
    return api.find_nodes(connection, [ident])[0]


def _components(node: NodeRecord) -> list[dict[str, Any]]:
    """Return the values of each component; its creation time is that of the inventory."""
    created = node.driver_internal_info.get(COLLECTED_AT)
    return [
        {"component": name, "current_version": version, "created_at": created}
        for name, key in _COMPONENTS.items()
        if isinstance(version := node.properties.get(key), str)
    ]


OPERATIONS: Final = (
    Operation(
        method="GET",
        path="/v1/nodes/{node}/firmware",
        handler=list_firmware,
        role=Role.READER,
        summary="List versions of a node's firmware",
        since=86,
        query=_QUERY,
        answer=schemas.page("firmware", schemas.values(FIRMWARE_FIELDS)),
    ),
)
