"""The versions of Ironic's API: the requested one, and those that are served."""

import re
import uuid
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from podium.api.faults import Fault

LOWEST: Final = 1
HIGHEST: Final = 115

HEADER: Final = "X-OpenStack-Ironic-API-Version"
#: Headers of every answer, already encoded: setting them by name takes longer than finding a route.
_NAME: Final = HEADER.lower().encode()
_LIMITS: Final = (
    (_NAME.replace(b"-version", b"-minimum-version"), b"1.%d" % LOWEST),
    (_NAME.replace(b"-version", b"-maximum-version"), b"1.%d" % HIGHEST),
)
_VERSION: Final = re.compile(r"1\.(\d{1,5})")


def negotiate(request: Request) -> int:
    """Return the minor version that a request asks for.

    :raises podium.api.faults.Fault: 406 for a version that is not served
    """
    asked = request.headers.get(HEADER)
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
        )
    return int(found[1])


def mark(response: Response, minor: int | None) -> None:
    """Add the available versions and an identifier of the request to an answer.

    :param minor: the version of the answer; None if none was agreed on
    """
    if minor is not None:
        response.raw_headers.append((_NAME, b"1.%d" % minor))
    identifier = f"req-{uuid.uuid4()}".encode()
    response.raw_headers += [
        *_LIMITS,
        (b"x-openstack-request-id", identifier),
        (b"openstack-request-id", identifier),
    ]
