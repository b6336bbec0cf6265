"""Requests to many BMCs, each over a connection and a session that are kept open.

This is separate code on asyncio's transports, because a general HTTP client stores and does several times as
much for each connection as is needed to ask a BMC for its power once a minute. It uses one event loop, and
threads only to resolve names and load certificates. Nothing is opened before a BMC's first request.
"""

import asyncio
from collections.abc import Callable
from typing import Self

from oslo_log import log

from podium import errors
from podium.clocks import boottime
from podium.drivers.bmc import closing
from podium.drivers.bmc.connections import Shared
from podium.drivers.redfish.http.answers import BMCBusy, Refused, Response
from podium.drivers.redfish.http.bmc import BMC
from podium.drivers.redfish.http.wire import Network, Target, Timing

__all__ = ["BMC", "BMCBusy", "Client", "Refused", "Response", "Target", "Timing"]

LOG = log.getLogger(__name__)


class Client:
    """All BMCs and the connections to them; created inside the event loop that it runs in.

    :param clock: seconds, for how long BMCs are left alone and sessions idle
    """

    def __init__(self, timing: Timing, clock: Callable[[], float] = boottime) -> None:
        self.network = Network(timing, clock)
        self.clock = clock
        self._bmcs = Shared[Target, BMC]()
        self._ending: set[asyncio.Task[bool]] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def connect(self, target: Target) -> BMC:
        """Return the BMC of a target, shared by all users; each gives it back to :meth:`release`.

        :raises podium.errors.InvalidDriverInfo: when the host is not valid
        """
        host = target.host
        if not host or not host.isascii() or not host.isprintable() or {" ", "/", "@"} & set(host):
            raise errors.InvalidDriverInfo(f"redfish_address: {host!r} is no host's name or address")
        return self._bmcs.take(target, lambda: BMC(target, self.network, self.clock))

    def corrected(self, bmc: BMC) -> None:
        """Record that a BMC has a new target, because the ``driver_info`` has changed."""
        if bmc.users == 1:  # the first of all nodes behind the BMC
            self.network.refusals.once_more(bmc.target.who)

    def once(self, target: Target) -> BMC:
        """Return a BMC that is not shared and logs in only once; the caller ends it."""
        return BMC(target, self.network, self.clock, once=True)

    def release(self, bmc: BMC) -> "asyncio.Task[bool] | None":
        """Give back a BMC; with its last user the session ends and the target is forgotten.

        :returns: the task that ends the session, for callers that wait for it
        """
        if not self._bmcs.give_back(bmc.target):
            return None
        self.network.withheld.leave(bmc.target.account, (other.account for other in self._bmcs))
        ending = asyncio.create_task(bmc.end(self.network.deadline(0.0)), name=f"end of {bmc.target}")
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)
        return ending

    def statistics(self) -> dict[str, float]:
        """Return counts and sizes by name; may be called from any thread."""
        counts = self.network.counts
        return {
            "logins": counts.logins,
            "sessions": counts.sessions,
            "connections": len(self.network.connections),
            "requests": counts.requests,
            "reconnects": counts.reconnects,
            "not_modified": counts.not_modified,
            "busy": counts.busy,
        }

    async def close(self) -> None:
        """Close all sessions, many at once, and then the connections; takes at most ``timing.close``."""
        timing = self.network.timing
        deadline = self.network.loop.time() + timing.close
        held = [bmc for bmc in self._bmcs.values() if bmc.has_session]
        room = asyncio.Semaphore(closing.AT_ONCE)
        left = set(held)

        async def end(bmc: BMC) -> None:
            async with room:
                if await bmc.end(deadline):
                    left.discard(bmc)

        waiting = {*self._ending, *(asyncio.create_task(end(bmc)) for bmc in held)}
        try:
            if waiting:
                await asyncio.wait(waiting, timeout=timing.close)
        finally:
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
            self._bmcs.clear()
            await self.network.close()
        if left:
            LOG.warning(
                "%d of %d BMCs did not close their session; it ends by itself after some minutes without use",
                len(left),
                len(held),
            )
