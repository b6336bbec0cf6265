"""This worker as a member of the fleet, from its entry to its end."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable
from typing import Any

from podium import errors
from podium.conductor.fleet.heartbeat import Heartbeat
from podium.conductor.fleet.lease import Lease, SharedLeases
from podium.conductor.fleet.membership import Entry
from podium.conductor.fleet.vigil import Sign, Vigil
from podium.conductor.rooms.sql import Sql
from podium.db.engine import Database
from podium.db.members import Service


class Membership:
    """Made and used in the conductor's loop.

    :param entry: the way into the fleet
    :param service: what this worker offers and promises
    :param pause: seconds before it enters
    :ivar ended: set when others have ended this member, or the database does not know it any more
    """

    def __init__(
        self, sql: Sql, entry: Entry, service: Service, *, leases: SharedLeases | None, pause: float
    ) -> None:
        self._sql = sql
        self._entry = entry
        self._service = service
        self._leases = leases
        self._pause = pause
        self._loop = asyncio.get_running_loop()
        self._error: errors.MemberEnded | None = None
        self.ended = asyncio.Event()

    async def enter(self, stopped: asyncio.Event) -> bool:
        """Enter; return False when this worker is stopped before that, as it may wait for long.

        :raises podium.errors.ConductorAlreadyRunning: when another daemon of this host name lives
        """

        async def enter() -> None:
            await asyncio.sleep(self._pause)
            member, since = await self._entry.enter()
            self.lease = Lease(member, self._service.lease, since, shared=self._leases)
            self._sql.act_as(member, self.note_end)

        return await _before(stopped, enter())

    @contextlib.asynccontextmanager
    async def kept(self, database: Database, *signs: Sign) -> AsyncIterator[None]:
        """Renew the lease, and leave at the end.

        :param signs: what shows that this worker works, apart from the conductor's loop
        """
        vigil = Vigil(self._loop, self._service.lease, signs)
        heartbeat = Heartbeat(
            database.hurried(),
            self.lease,
            interval=self._service.interval,
            now=self._sql.now,
            works=vigil.works,
            ended=self.note_end,
        )
        heartbeat.start()
        try:
            yield
        finally:
            await asyncio.to_thread(heartbeat.stop)

    def check(self) -> None:
        """Go on only while this member has not ended.

        :raises podium.errors.MemberEnded: when it has
        """
        if self._error is not None:
            raise self._error

    def note_end(self, error: errors.MemberEnded) -> None:
        """Note that this member has ended, from any thread: it writes and sends nothing any more."""
        self.lease.end()
        if self._error is None:
            self._error = error
        with contextlib.suppress(RuntimeError):  # the loop has ended already
            self._loop.call_soon_threadsafe(self.ended.set)


async def _before(stopped: asyncio.Event, work: Awaitable[None]) -> bool:
    """Wait for work, and cancel it when it is stopped; return whether it was done."""
    working = asyncio.ensure_future(work)
    stop: asyncio.Task[Any] = asyncio.create_task(stopped.wait(), name="stop")
    await asyncio.wait([working, stop], return_when=asyncio.FIRST_COMPLETED)
    stop.cancel()
    if working.done():
        working.result()
        return True
    working.cancel()
    await asyncio.wait([working])
    return False
