"""Notifies programs and webhooks of the power events in the ledger.

The ledger is the queue: each sink has one cursor in the database, so that no restart or outage loses an
event, and a failing sink delays no other. One of the members that have a sink delivers to it; the others
check whether that member has ended.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Final

from oslo_config import cfg
from oslo_log import log

from podium import errors
from podium.clocks import boottime
from podium.conductor.fleet.lease import Lease
from podium.conductor.rooms.sql import Sql
from podium.conductor.telling.deliveries import POLL_INTERVAL, Deliveries, Sleep
from podium.conductor.telling.sink_settings import NotificationSettings
from podium.db import notifications
from podium.db.figures import SinkFigures

LOG = log.getLogger(__name__)

#: Seconds between two checks for sinks to which nobody delivers, and between two counts of the waiting
#: events.
_LOOK_INTERVAL: Final = 5.0


class Notifications:
    """The notifications of one member, for the daemon's event loop.

    :param lease: this member's lease
    :param clock: seconds, which also count while the machine sleeps
    :param sleep: asyncio.sleep, or a replacement in tests
    """

    def __init__(
        self,
        sql: Sql,
        lease: Lease,
        settings: NotificationSettings,
        *,
        clock: Callable[[], float] = boottime,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._sql = sql
        self._member = lease.holder
        self._sleep = sleep
        self._deliveries = {
            name: Deliveries(sql, its, name, lease, clock, sleep)
            for name, its in settings.subscriptions().items()
        }

    async def run(self) -> None:
        """Deliver forever; if this is cancelled, the next run repeats the event under way."""
        await self._declare()
        async with asyncio.TaskGroup() as group:
            for name, deliveries in self._deliveries.items():
                group.create_task(deliveries.run(), name=f"notifications to {name}")
            group.create_task(self._look_after(), name="cursors of notifications")

    def apply(self, conf: cfg.ConfigOpts) -> None:
        """Apply the config file's present filters to the sinks; the set of sinks stays the same."""
        try:
            found = NotificationSettings.read(conf).subscriptions()
        except errors.ConfigError as fault:
            LOG.error("All sinks of notifications get the events that they got before: %s", fault)
            return
        for name, its in found.items():
            self._deliveries[name].choose(its.wanted)

    def figures(self) -> dict[str, SinkFigures]:
        """The figures of each sink, by its name; the member that delivers to a sink counts its events."""
        return {name: deliveries.figures() for name, deliveries in self._deliveries.items()}

    async def _declare(self) -> None:
        while True:
            with contextlib.suppress(errors.DatabaseUnavailable):
                await self._sql.write(
                    lambda sql: notifications.declare(sql, self._member.host, list(self._deliveries))
                )
                return
            await self._sleep(POLL_INTERVAL)

    async def _look_after(self) -> None:
        while True:
            for deliveries in self._deliveries.values():
                if deliveries.is_owned:
                    await deliveries.count()
            with contextlib.suppress(errors.DatabaseUnavailable):
                await self._take([name for name, one in self._deliveries.items() if not one.is_owned])
            await self._sleep(_LOOK_INTERVAL)

    async def _take(self, names: Sequence[str]) -> None:
        """Take over the sinks to which nobody delivers."""
        free = await self._sql.read(lambda sql: notifications.free(sql, names)) if names else []
        if free:
            for cursor in await self._sql.write(lambda sql: notifications.take(sql, self._member, free)):
                self._deliveries[cursor.sink].begin(cursor)
                LOG.info("This conductor notifies %s, from the event %d on", cursor.sink, cursor.event_id + 1)
