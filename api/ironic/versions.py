"""The versions of Ironic's API: the one that a request is of, and those that are served."""

import re
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from podium.api.faults import Fault

LOWEST: Final = 1
HIGHEST: Final = 115

_HEADER: Final = "X-OpenStack-Ironic-API-Version"
_LIMITS: Final = {
    f"{_HEADER.replace('-Version', '')}-Minimum-Version": f"1.{LOWEST}",
    f"{_HEADER.replace('-Version', '')}-Maximum-Version": f"1.{HIGHEST}",
}
_VERSION: Final = re.compile(r"1\.(\d{1,5})")


def negotiate(request: Request) -> int:
    """Return the minor version that a request asks for.

    :raises podium.api.faults.Fault: 406 for one that is not served
    """
    asked = request.headers.get(_HEADER)
    if asked is None:
        service, _, asked = request.headers.get("OpenStack-API-Version", "").partition(" ")
        if service != "baremetal":
            return LOWEST
    asked = asked.strip()
    if asked.lower() == "latest":
        return HIGHEST
    found = _VERSION.fullmatch(asked)
    if found is None or not LOWEST <= int(found[1]) <= HIGHEST:
        raise Fault(
            406,
            f"version {asked[:20]} of the API is not served; there are 1.{LOWEST} to 1.{HIGHEST}",
            _LIMITS,
        )
    return int(found[1])


def mark(response: Response, minor: int) -> None:
    """Put into an answer which version it is of, and which there are."""
    response.headers[_HEADER] = f"1.{minor}"
    response.headers.update(_LIMITS)
