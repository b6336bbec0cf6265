"""The record of requests for changes: a line for each request of a known user, and counts for strangers.

Requests without a login change nothing, and anybody can send any number of them.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Final, TypeAlias
from urllib.parse import quote

from oslo_log import log
from starlette.datastructures import Headers
from starlette.types import Scope

from podium.api.callers import SCOPE_KEY, Caller
from podium.client.calls.wire import AS_BODY

#: A logger of its own, so that its lines can go elsewhere.
LOG = log.getLogger("podium.api.audit")

#: The key of a request's scope for the name that was given in a login at the page.
TRIED: Final = "podium.tried"

#: Calls a function after some seconds.
Later: TypeAlias = Callable[[float, Callable[[], None]], object]

_LONGEST: Final = 300
#: Seconds for which strangers are counted.
_MINUTE: Final = 60
#: Addresses that get their own count and line in a minute.
_MOST: Final = 20


def in_loop(seconds: float, what: Callable[[], None]) -> object:
    """Call a function later in this thread's event loop."""
    return asyncio.get_running_loop().call_later(seconds, what)


class Audit:
    """The record of one process.

    :param later: schedules the work at the end of a minute
    """

    def __init__(self, later: Later = in_loop) -> None:
        self._later = later
        self._strangers: Counter[str] = Counter()

    def note(self, scope: Scope, status: int | None, headers: Headers) -> None:
        """Record who asked for a change, from where, and the outcome; never the contents of the request.

        :param status: of the answer; None if there was none
        :param headers: of the answer
        """
        caller: Caller | None = scope.get(SCOPE_KEY)
        if caller is not None and scope["path"].endswith(AS_BODY):
            return  # it only reads, and open pages do so every few seconds
        address = scope["client"][0] if scope.get("client") else "this host"
        if caller is None and TRIED not in scope:
            self._count(address)
            return
        who = f"a login of {scope[TRIED]}" if caller is None else caller.name
        address = address if caller is None else caller.address
        path = quote(scope["path"], safe="/:@!$&'()*+,;=")[:_LONGEST]  # a path cannot begin a new line
        number = headers.get("X-OpenStack-Request-ID", "-")
        how = "no answer" if status is None else status
        LOG.info("%s %s from %s: %s %s [%s]", scope["method"], path, address, who, how, number)

    def _count(self, address: str) -> None:
        if not self._strangers:
            self._later(_MINUTE, self._tell)
        is_new = address not in self._strangers and len(self._strangers) >= _MOST
        self._strangers["other addresses" if is_new else address] += 1

    def _tell(self) -> None:
        found, self._strangers = self._strangers, Counter()
        for address, count in found.items():
            text = "%d requests for changes from %s were refused within a minute: nobody had logged in"
            LOG.info(text, count, address)
