"""Delivers events to one sink: in the order of the ledger, one at a time.

What comes twice, after a crash, has the same id both times.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial
from typing import Final

import sqlalchemy as sa
from oslo_log import log

from podium import errors
from podium.conductor.rooms.sql import Sql
from podium.conductor.telling.sinks import Sink, cloud_event
from podium.db import follower, ledger
from podium.db.figures import SinkFigures
from podium.db.follower import Cursor, Follower
from podium.db.ledger import Event
from podium.db.worker import Worker
from podium.drivers import command
from podium.pacing import Gaps

LOG = log.getLogger(__name__)

Sleep = Callable[[float], Awaitable[object]]

#: Seconds between two looks for new events.
POLL_INTERVAL: Final = 0.5
#: Before a sink that failed is tried again.
_GAPS: Final = Gaps(1.0, 300.0)
#: Seconds of deliveries that may come twice after a crash.
_SAVE_INTERVAL: Final = 1.0
#: Seconds that the daemon's end waits for a delivery under way.
_LAST_CHANCE: Final = 2.0
_BATCH: Final = 100


class Deliveries:
    """The deliveries to one sink, for the conductor's loop.

    :param name: of the sink, by which its cursor is known
    :param worker: whose events are delivered
    :param clock: seconds
    :param sleep: asyncio.sleep, or what a test puts in its place
    """

    def __init__(
        self,
        sql: Sql,
        sink: Sink,
        name: str,
        worker: Worker,
        clock: Callable[[], float],
        sleep: Sleep,
    ) -> None:
        self._sql = sql
        self._sink = sink
        self._name = name
        self._worker = worker
        self._clock = clock
        self._sleep = sleep
        self._follower = Follower(0, clock)
        self._saved = Cursor(name, 0, None, None)
        self._saved_at = clock()
        self._failures = 0
        self._failing_since: datetime | None = None
        self._last_error: str | None = None
        self._look_back = True
        self._delivered = 0
        self._pending = 0

    def begin(self, cursor: Cursor) -> None:
        """Continue where the last run ended."""
        self._follower = Follower(cursor.event_id, self._clock)
        self._failing_since, self._last_error = cursor.failing_since, cursor.last_error
        self._saved = cursor

    def figures(self) -> SinkFigures:
        """How this sink fares."""
        return SinkFigures(
            delivered=self._delivered,
            pending=self._pending,
            failing=self._failing_since is not None,
            failing_since=self._failing_since,
            last_error=self._last_error,
        )

    async def run(self) -> None:
        """Deliver, for ever."""
        try:
            while True:
                await self._sleep(await self._deliver_next())
        finally:
            await self._save()

    async def count(self) -> None:
        """Count the events that wait."""
        with contextlib.suppress(errors.DatabaseUnavailable):  # the count stays as it was
            self._pending = await self._sql.read(
                lambda connection: ledger.count_after(connection, self._worker, self._follower.last)
            )

    async def _deliver_next(self) -> float:
        """Deliver a few events; return how many seconds to wait before the next."""
        try:
            events, oldest = await self._sql.read(self._read)
            self._report_pruned(oldest)
        except errors.DatabaseUnavailable:
            return POLL_INTERVAL
        for event in events:
            if event.writer == self._worker:
                try:
                    await self._deliver(event)
                except Exception as error:
                    return await self._failed(error)
            else:
                self._follower.passed(event.id)
            if self._clock() - self._saved_at >= _SAVE_INTERVAL:
                await self._save()
        await self._save()
        return 0 if len(events) == _BATCH else POLL_INTERVAL

    def _read(self, connection: sa.Connection) -> tuple[list[Event], int | None]:
        oldest = ledger.oldest_number(connection) if self._look_back else None
        return self._follower.read(connection, _BATCH), oldest

    async def _deliver(self, event: Event) -> None:
        document = cloud_event(event, self._worker)
        under_way = asyncio.ensure_future(
            command.in_thread(partial(self._sink.deliver, document), "notification")
        )
        try:
            await asyncio.shield(under_way)
        except asyncio.CancelledError:
            # The daemon ends: an event that is taken just now need not come twice.
            await asyncio.wait([under_way], timeout=_LAST_CHANCE)
            if under_way.done() and under_way.exception() is None:
                self._taken(event)
            raise
        self._taken(event)

    def _taken(self, event: Event) -> None:
        if self._failing_since is not None:
            LOG.info("Notifications to %s are taken again", self._name)
        self._failures = 0
        self._failing_since = self._last_error = None
        self._delivered += 1
        self._follower.passed(event.id)

    def _report_pruned(self, oldest: int | None) -> None:
        self._look_back = False
        lost = 0 if oldest is None else oldest - 1 - self._follower.last
        if lost > 0:
            LOG.error(
                "%s did not get up to %d events, which were deleted before it took them; [conductor]"
                " power_events_max_age and power_events_max_count say how many are kept",
                self._name,
                lost,
            )

    async def _failed(self, error: Exception) -> float:
        if not self._failures:
            LOG.error(
                "Notifications to %s fail and wait, tried again at growing gaps: %s",
                self._name,
                errors.one_line(error),
            )
        gap = _GAPS[self._failures]
        self._failures += 1
        self._failing_since = self._failing_since or self._sql.now()
        self._last_error = errors.one_line(error)
        self._look_back = True
        await self._save()
        return gap

    async def _save(self) -> None:
        """Write the cursor down if it has changed; when the database is out of reach, the next call does."""
        cursor = Cursor(self._name, self._follower.position, self._failing_since, self._last_error)
        self._saved_at = self._clock()
        if cursor == self._saved:
            return
        try:
            await self._sql.write(lambda sql: follower.save_cursor(sql, self._worker, cursor))
        except errors.DatabaseUnavailable:
            return
        self._saved = cursor
