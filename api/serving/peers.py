"""Names of the users who send requests over the Unix socket."""

import asyncio
import grp
import os
import pwd
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

from oslo_log import log
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from podium.api.faults import Fault
from podium.api.refusals import refusal
from podium.api.serving.connections import CREDENTIALS

LOG = log.getLogger(__name__)

#: A user's name and number, and the names of the user's groups.
Peer: TypeAlias = tuple[str, int, tuple[str, ...]]

#: The key of a request's scope for the peer.
PEER: Final = "podium.peer"

#: Seconds for which a user's groups are remembered.
_FRESH: Final = 60.0
#: Seconds for a query to the host's name service, which may ask other hosts.
_PATIENCE: Final = 5.0
#: The most users who are remembered, and the most concurrent queries.
_MOST_KNOWN, _MOST_ASKED = 1000, 8


def look_up(uid: int, gid: int) -> Peer:
    """Look up the user with these ids in the host's name service; this may take long."""
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid:{uid}", uid, ()  # a name that no option accepts
    groups = []
    for number in os.getgrouplist(name, gid):
        try:
            groups.append(grp.getgrgid(number).gr_name)
        except KeyError:
            continue
    return name, uid, tuple(groups)


@dataclass(slots=True)
class _Known:
    peer: Peer
    until: float


class Peers:
    """Users of this host, looked up in its name service by threads that are not waited for at the end.

    Used in one event loop.

    :param ask: returns the user with a user id and a group id
    """

    def __init__(self, ask: Callable[[int, int], Peer] = look_up, patience: float = _PATIENCE) -> None:
        self._ask = ask
        self._patience = patience
        self._known: dict[tuple[int, int], _Known] = {}
        self._asked: dict[tuple[int, int], asyncio.Future[Peer]] = {}

    async def find(self, uid: int, gid: int) -> Peer:
        """Return the user with these ids.

        :raises podium.api.faults.Fault: the name service does not answer
        """
        loop, key = asyncio.get_running_loop(), (uid, gid)
        known = self._known.get(key)
        if known is not None and loop.time() < known.until:
            return known.peer
        asked = self._asked.get(key)
        if asked is None:
            if len(self._asked) >= _MOST_ASKED:
                raise _unknown(uid)
            asked = self._asked[key] = self._begin(loop, uid, gid)
        try:
            async with asyncio.timeout(self._patience):
                peer = await asyncio.shield(asked)
        except (TimeoutError, OSError):
            raise _unknown(uid) from None
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        self._known[key] = _Known(peer, loop.time() + _FRESH)
        return peer

    def _begin(self, loop: asyncio.AbstractEventLoop, uid: int, gid: int) -> asyncio.Future[Peer]:
        future: asyncio.Future[Peer] = loop.create_future()

        def end(peer: Peer | None, error: Exception | None) -> None:
            self._asked.pop((uid, gid), None)
            if peer is not None:
                future.set_result(peer)
            else:
                LOG.error("The name of user %d cannot be found out: %s", uid, error)
                future.set_exception(OSError(str(error)))
                future.exception()  # possibly nobody waits for it any more

        def run() -> None:
            peer, error = None, None
            try:
                peer = self._ask(uid, gid)
            except Exception as fault:
                error = fault
            if not loop.is_closed():
                loop.call_soon_threadsafe(end, peer, error)

        threading.Thread(target=run, name=f"user {uid}", daemon=True).start()
        return future


def _unknown(uid: int) -> Fault:
    return Fault(503, f"this host does not say who user {uid} is; try again later", {"Retry-After": "5"})


def named(app: ASGIApp, peers: Peers) -> ASGIApp:
    """Return an application that adds the user to the scope of each request from the Unix socket."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            scope[PEER] = await peers.find(*scope[CREDENTIALS])
        except Fault as fault:
            await refusal(Request(scope), fault)(scope, receive, send)
        else:
            await app(scope, receive, send)

    return answer
