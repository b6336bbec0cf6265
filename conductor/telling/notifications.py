"""Notifies programs and webhooks of every power event that this worker wrote down.

The ledger is the queue: each sink has a cursor in the database, so that no restart and no outage loses an
event, and a sink that fails delays no other.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from oslo_config import cfg

from podium import errors
from podium.conductor.rooms.sql import Sql
from podium.conductor.telling.deliveries import POLL_INTERVAL, Deliveries, Sleep
from podium.conductor.telling.sinks import ProgramSink, Sink, WebhookSink
from podium.db import follower
from podium.db.figures import SinkFigures
from podium.db.worker import Worker

#: Seconds between two counts of the events that wait.
_COUNT_INTERVAL: Final = 5.0
_LONGEST_NAME: Final = 255


@dataclass(frozen=True, slots=True)
class NotificationSettings:
    """The sinks that are notified; see the options of the group [notifications]."""

    program: str
    webhook_urls: tuple[str, ...]
    webhook_token: str
    timeout: float

    @classmethod
    def read(cls, conf: cfg.ConfigOpts) -> "NotificationSettings":
        """The values of the config file."""
        group = conf.notifications
        return cls(group.exec, tuple(group.webhook_urls), group.webhook_token, float(group.timeout))

    def sinks(self) -> dict[str, Sink]:
        """The sinks by unique names, even if they differ in nothing but secrets."""
        made: list[Sink] = [ProgramSink(self.program, self.timeout)] if self.program else []
        made += [WebhookSink(url, self.webhook_token, self.timeout) for url in self.webhook_urls]
        named: dict[str, Sink] = {}
        for sink in made:
            short = sink.name[: _LONGEST_NAME - 10]
            alike = sum(name.partition(" #")[0] == short for name in named)
            named[f"{short} #{alike + 1}" if alike else short] = sink
        return named


class Notifications:
    """The notifications of one worker of a conductor, for the daemon's event loop.

    :param worker: whose events are delivered
    :param clock: seconds
    :param sleep: asyncio.sleep, or what a test puts in its place
    """

    def __init__(
        self,
        sql: Sql,
        worker: Worker,
        settings: NotificationSettings,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._sql = sql
        self._worker = worker
        self._sleep = sleep
        self._deliveries = {
            name: Deliveries(sql, sink, name, worker, clock, sleep) for name, sink in settings.sinks().items()
        }

    async def run(self) -> None:
        """Deliver, for ever; an event under way when this is cancelled is delivered again by the next run."""
        await self._open()
        async with asyncio.TaskGroup() as group:
            for name, deliveries in self._deliveries.items():
                group.create_task(deliveries.run(), name=f"notifications to {name}")
            group.create_task(self._count(), name="notifications that wait")

    def figures(self) -> dict[str, SinkFigures]:
        """How each sink fares, by its name."""
        return {name: deliveries.figures() for name, deliveries in self._deliveries.items()}

    async def _open(self) -> None:
        while True:
            try:
                cursors = await self._sql.write(
                    lambda connection: follower.open_cursors(connection, self._worker, list(self._deliveries))
                )
            except errors.DatabaseUnavailable:
                await self._sleep(POLL_INTERVAL)
                continue
            for cursor in cursors:
                self._deliveries[cursor.sink].begin(cursor)
            return

    async def _count(self) -> None:
        while True:
            for deliveries in self._deliveries.values():
                await deliveries.count()
            await self._sleep(_COUNT_INTERVAL)
