"""The record of what was asked to change something: one line in the log for each such request."""

from typing import Final
from urllib.parse import quote

from oslo_log import log
from starlette.datastructures import Headers
from starlette.types import Scope

from podium.api.callers import SCOPE_KEY, Caller

#: A logger of its own, so that its lines can go elsewhere.
LOG = log.getLogger("podium.api.audit")

_LONGEST: Final = 300


def note(scope: Scope, status: int | None, headers: Headers) -> None:
    """Note who asked for a change, from where, and how that ended; never what was in it.

    :param status: of the answer; None if there was none
    :param headers: of the answer
    """
    caller: Caller | None = scope.get(SCOPE_KEY)
    if caller is not None:
        who, address = caller.name, caller.address
    else:
        who, address = "-", scope["client"][0] if scope.get("client") else "-"
    path = quote(scope["path"], safe="/:@!$&'()*+,;=")[:_LONGEST]  # no path begins a line of its own
    number = headers.get("X-OpenStack-Request-ID", "-")
    how = "no answer" if status is None else status
    LOG.info("%s %s from %s: %s %s [%s]", scope["method"], path, address, who, how, number)
