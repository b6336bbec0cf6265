"""The record of what was asked to change something: one line in the log for each such request."""

from typing import Final

from oslo_log import log
from starlette.requests import Request
from starlette.responses import Response

from podium.api.callers import SCOPE_KEY

#: A logger of its own, so that its lines can go elsewhere.
LOG = log.getLogger("podium.api.audit")

_READS: Final = frozenset({"GET", "HEAD", "OPTIONS"})


def note(request: Request, response: Response) -> None:
    """Note who asked for a change, from where, and how that ended; never what was in it."""
    if request.method in _READS:
        return
    caller = request.scope.get(SCOPE_KEY)
    if caller is not None:
        who, address = caller.name, caller.address
    else:
        who, address = "-", request.client.host if request.client else "-"
    path = request.url.path[:255].encode("ascii", "backslashreplace").decode()
    number = response.headers.get("X-OpenStack-Request-ID", "-")
    status = response.status_code
    LOG.info("%s %s from %s: %s %d [%s]", request.method, path, address, who, status, number)
