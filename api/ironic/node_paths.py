"""The node that the path of a request names."""

from typing import Final
from urllib.parse import quote

from starlette.requests import Request

from podium import errors
from podium.api.routing import minor
from podium.api.services import address
from podium.client.enrolling.enrolment import canonical

#: The lowest version in which nodes have names.
_NAMES: Final = 5


def wanted(request: Request) -> str:
    """Return the name or UUID in the path of a request.

    :raises podium.errors.NodeNotFound: no node can have that name, or names are too new for the version
    """
    given: str = request.path_params["node"]
    if (number := canonical(given)) is not None:
        return number
    if minor(request) < _NAMES:
        raise errors.NodeNotFound(f"{given[:80]} is no UUID, and names need version 1.{_NAMES} of the API")
    if not given.isprintable():
        raise errors.NodeNotFound("no node has a name with characters that cannot be printed")
    return given


def location(request: Request, *rest: str) -> dict[str, str]:
    """Return the Location header for a node or a part of it."""
    path = "/".join(quote(part, safe="") for part in ("nodes", request.path_params["node"], *rest))
    return {"Location": f"{address(request)}/v1/{path}"}
