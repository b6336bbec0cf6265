"""Delivers events to one sink: in the order of the ledger, one at a time, while this member owns its cursor.

An event that is delivered twice, after a crash, has the same id both times.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

import sqlalchemy as sa
from oslo_log import log

from podium import errors
from podium.conductor.fleet.lease import Lease
from podium.conductor.rooms.sql import Sql
from podium.conductor.telling.refusals import Refusals
from podium.conductor.telling.sink_settings import Subscription
from podium.conductor.telling.sinks import cloud_event
from podium.db import ledger, notifications
from podium.db.event_filters import EventFilter, FilteredFollower
from podium.db.figures import SinkFigures
from podium.db.ledger import Event
from podium.db.notifications import Cursor
from podium.drivers import command
from podium.pacing import Gaps

LOG = log.getLogger(__name__)

Sleep = Callable[[float], Awaitable[object]]

#: Seconds between two checks for new events.
POLL_INTERVAL: Final = 0.5
#: Seconds before a sink that failed is tried again.
_GAPS: Final = Gaps(1.0, 300.0)
#: Seconds of deliveries that may be repeated after a crash.
_SAVE_INTERVAL: Final = 1.0
#: Seconds that the ending daemon waits for a delivery under way.
_LAST_CHANCE: Final = 2.0
_BATCH: Final = 100
_NEVER: Final = (-1, -1)


class Deliveries:
    """The deliveries to one sink, for the conductor's loop.

    :param its: the sink, and the events that it gets
    :param name: the sink's name, which identifies its cursor
    :param lease: this member's lease
    :param clock: seconds, which also count while the machine sleeps
    :param sleep: asyncio.sleep, or a replacement in tests
    """

    def __init__(
        self,
        sql: Sql,
        its: Subscription,
        name: str,
        lease: Lease,
        clock: Callable[[], float],
        sleep: Sleep,
    ) -> None:
        self._sql = sql
        self._sink, self._wanted = its
        self._name = name
        self._lease = lease
        self._clock = clock
        self._sleep = sleep
        self._owned = asyncio.Event()
        self._woken = asyncio.Event()
        self._delivered = self._left_out = 0
        self._reset(Cursor(name, 0))

    def _reset(self, cursor: Cursor) -> None:
        self._follower = FilteredFollower(self._wanted, cursor.event_id, self._clock)
        self._refusals = Refusals(cursor.refused_id, cursor.refused_for, self._clock)
        self._failing_since, self._last_error = cursor.failing_since, cursor.last_error
        self._saved, self._saved_at = cursor, self._clock()
        self._failures = 0
        self._look_back = True
        self._set_aside: set[int] = set()
        self._pending, self._counted = 0, _NEVER

    @property
    def is_owned(self) -> bool:
        """Whether this member delivers."""
        return self._owned.is_set()

    def begin(self, cursor: Cursor) -> None:
        """Deliver from here on: this member owns the cursor."""
        self._left_out += self._follower.left_out
        self._reset(cursor)
        self._owned.set()
        self._woken.set()

    def choose(self, wanted: EventFilter) -> None:
        """Deliver the events of another filter from here on, including those that wait."""
        if wanted != self._wanted:
            self._wanted = wanted
            self._follower.choose(wanted)
            self._counted = _NEVER
            self._woken.set()

    def figures(self) -> SinkFigures:
        """The figures of this sink, as far as this member delivers to it."""
        return SinkFigures(
            delivered=self._delivered,
            left_out=self._left_out + self._follower.left_out,
            pending=self._pending,
            set_aside=len(self._set_aside),
            failing=self._failing_since is not None,
            failing_since=self._failing_since,
            last_error=self._last_error,
        )

    async def run(self) -> None:
        """Deliver forever, whenever this member owns the cursor."""
        try:
            while True:
                await self._owned.wait()
                self._woken.clear()
                await self._pause(await self._deliver_next())
        finally:
            if self.is_owned:
                await self._save()

    async def _pause(self, seconds: float) -> None:
        """Sleep, but wake if another filter is chosen or the cursor begins again."""
        ends = [asyncio.ensure_future(self._sleep(seconds)), asyncio.ensure_future(self._woken.wait())]
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in ends:
                one.cancel()

    async def count(self) -> None:
        """Count the wanted events that wait; while the sink fails, only new events are counted."""
        last, (counted_at, counted_to) = self._follower.last, self._counted
        is_same, wanted = counted_at == last, self._wanted

        def statement(connection: sa.Connection) -> tuple[int, int]:
            newest = ledger.newest_number(connection)
            after = counted_to if is_same else last
            return newest, ledger.count_between(connection, after, newest, wanted.conditions(connection))

        with contextlib.suppress(errors.DatabaseUnavailable):  # the count stays as it was
            newest, more = await self._sql.read(statement)
            if wanted is not self._wanted:
                return
            self._pending = more + (self._pending if is_same else 0)
            self._counted = last, newest

    async def _deliver_next(self) -> float:
        """Deliver a few events; return how many seconds to wait before the next."""
        wanted = self._wanted
        try:
            events = await self._sql.read(self._read)
        except errors.DatabaseUnavailable:
            return POLL_INTERVAL
        for event in events:
            if not self._lease.is_safe():  # another member may deliver from here on
                return POLL_INTERVAL
            if wanted is not self._wanted:  # some of the events that were read are no longer wanted
                return 0
            if event.writer is not None and event.id not in self._set_aside:
                try:
                    await self._deliver(event, cloud_event(event, event.writer))
                except Exception as error:
                    return await self._failed(event, error)
            else:
                self._follower.passed(event.id)
            if self._clock() - self._saved_at >= _SAVE_INTERVAL:
                await self._save()
            if not self.is_owned:
                return 0
        if wanted is self._wanted:
            self._follower.finish()
            if not self._follower.has_more:
                self._forget_failure()
        await self._save()
        return 0 if self._follower.has_more else POLL_INTERVAL

    def _read(self, connection: sa.Connection) -> list[Event]:
        if self._look_back:
            self._set_aside = set(notifications.refused(connection, self._name))
            self._report_pruned(ledger.oldest_number(connection))
        return self._follower.read(connection, _BATCH)

    async def _deliver(self, event: Event, document: str) -> None:
        under_way = asyncio.ensure_future(
            command.in_thread(partial(self._sink.deliver, document), "notification")
        )
        try:
            await asyncio.shield(under_way)
        except asyncio.CancelledError:
            # The daemon is ending: an event that is being accepted need not be delivered twice.
            await asyncio.wait([under_way], timeout=_LAST_CHANCE)
            if under_way.done() and under_way.exception() is None:
                self._taken(event)
            raise
        self._taken(event)

    def _taken(self, event: Event) -> None:
        if self._failing_since is not None:
            LOG.info("Notifications to %s are taken again", self._name)
        self._delivered += 1
        self._pass(event)

    def _pass(self, event: Event) -> None:
        self._recover()
        self._follower.passed(event.id)

    def _recover(self) -> None:
        self._failures = 0
        self._failing_since = self._last_error = None
        self._refusals.forget()

    def _forget_failure(self) -> None:
        """Note that nothing waits: the event that was not accepted is no longer wanted, or was deleted."""
        if self._failing_since is not None:
            LOG.info("Nothing waits any more for %s, to which notifications failed", self._name)
        self._recover()

    def _report_pruned(self, oldest: int | None) -> None:
        self._look_back = False
        lost = 0 if oldest is None else oldest - 1 - self._follower.last
        if lost > 0:
            self._counted = _NEVER
            LOG.error(
                "%s did not get up to %d events, which were deleted before it took them; [conductor]"
                " power_events_max_age and power_events_max_count say how many are kept",
                self._name,
                lost,
            )

    async def _failed(self, event: Event, error: Exception) -> float:
        text = errors.one_line(error)
        if self._refusals.note(event.id, isinstance(error, errors.NotificationRefused)):
            return await self._put_aside(event, text)
        if not self._failures:
            LOG.error("Notifications to %s fail and wait, tried again at growing gaps: %s", self._name, text)
        gap = _GAPS[self._failures]
        self._failures += 1
        self._failing_since = self._failing_since or self._sql.now()
        self._last_error = text
        self._look_back = True
        await self._save()
        return gap

    async def _put_aside(self, event: Event, text: str) -> float:
        """Skip an event that the sink does not accept."""
        self._pass(event)
        self._set_aside.add(event.id)
        LOG.error(
            "%s does not get the event %d of %s (%s), which it refused for an hour: %s; see podium events",
            self._name,
            event.id,
            event.node_name,
            event.cause,
            text,
        )
        cursor = self._cursor()
        while self.is_owned:
            with contextlib.suppress(errors.DatabaseUnavailable):
                await self._write(
                    cursor,
                    lambda sql: notifications.set_aside(sql, self._lease.holder, cursor, event.id, text),
                )
                break
            await self._sleep(POLL_INTERVAL)
        return 0

    def _cursor(self) -> Cursor:
        return Cursor(
            self._name,
            self._follower.position,
            self._failing_since,
            self._last_error,
            self._refusals.number,
            self._refusals.seconds,
        )

    async def _save(self) -> None:
        """Save the cursor if it has changed; if the database is unreachable, the next call saves it."""
        cursor = self._cursor()
        self._saved_at = self._clock()
        if cursor != self._saved:
            with contextlib.suppress(errors.DatabaseUnavailable):
                await self._write(cursor, lambda sql: notifications.save(sql, self._lease.holder, cursor))

    async def _write(self, cursor: Cursor, statement: Callable[[sa.Connection], bool]) -> None:
        if await self._sql.write(statement):
            self._saved = cursor
        else:  # the cursor was reset, or another member delivers
            self._owned.clear()
            self._left_out += self._follower.left_out
            self._reset(Cursor(self._name, 0))
