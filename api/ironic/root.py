"""The documents that clients read first: the versions, and the locations of resources."""

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from podium.api.ironic.links import pair
from podium.api.ironic.versions import HIGHEST, LOWEST
from podium.api.routing import Operation, minor
from podium.api.services import address

#: The resources, and the version that introduced each; those that answer 404 are left out.
_RESOURCES: Final = (
    ("chassis", 1),
    ("nodes", 1),
    ("ports", 1),
    ("drivers", 1),
    ("conductors", 49),
    ("shards", 82),
)


def _version(server: str) -> dict[str, Any]:
    return {
        "id": "v1",
        "links": [{"href": f"{server}/v1/", "rel": "self"}],
        "status": "CURRENT",
        "min_version": f"1.{LOWEST}",
        "version": f"1.{HIGHEST}",
    }


async def show_root(request: Request) -> Response:
    """Return the available APIs."""
    version = _version(address(request))
    return JSONResponse(
        {
            "name": "Podium",
            "description": "The bare metal API of OpenStack Ironic, served by Podium.",
            "default_version": version,
            "versions": [version],
        }
    )


async def show_v1(request: Request) -> Response:
    """Return the locations of the API's resources."""
    server = address(request)
    media = {"base": "application/json", "type": "application/vnd.openstack.ironic.v1+json"}
    found = {
        "id": "v1",
        "links": _version(server)["links"],
        "media_types": [media],
        "version": _version(server),
    }
    found |= {name: pair(server, f"{name}/") for name, since in _RESOURCES if since <= minor(request)}
    return JSONResponse(found)


OPERATIONS: Final = (
    Operation(
        method="GET",
        path="/v1",
        handler=show_v1,
        role=None,
        summary="Show the resources",
        answer={"type": "object"},
    ),
)
