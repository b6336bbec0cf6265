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
    """The membership of this worker. Created and used in the conductor's loop.

    :param entry: enters the fleet
    :param service: the service that this worker offers
    :param pause: seconds to wait before it enters
    :ivar ended: set when others have ended this member, or the database no longer knows it
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
        """Enter, which may take long; return False if this worker is stopped before.

        :raises podium.errors.ConductorAlreadyRunning: another daemon with this host name is running
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

        :param signs: signs that this worker works, in addition to the conductor's loop
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
        """Raise if this member has ended.

        :raises podium.errors.MemberEnded: it has ended
        """
        if self._error is not None:
            raise self._error

    def note_end(self, error: errors.MemberEnded) -> None:
        """Note, from any thread, that this member has ended and must no longer write or send anything."""
        self.lease.end()
        if self._error is None:
            self._error = error
        with contextlib.suppress(RuntimeError):  # the loop has ended already
            self._loop.call_soon_threadsafe(self.ended.set)


async def _before(stopped: asyncio.Event, work: Awaitable[None]) -> bool:
    """Wait for work, and cancel it when the worker is stopped; return whether the work was done."""
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
