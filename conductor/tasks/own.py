"""The conductor's own periodic tasks, which run in its loop."""

import asyncio
from abc import abstractmethod
from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Any, Final, TypeVar

import sqlalchemy as sa
from oslo_context.context import RequestContext
from oslo_log import log

from podium.clocks import boottime
from podium.conductor.rooms import context as contexts
from podium.conductor.rooms.run import Run, start_in
from podium.conductor.rooms.sql import Sql
from podium.conductor.sweep.power_sync import PowerSync
from podium.conductor.tasks.kinds import UNBOUNDED, Kind, Start
from podium.conductor.tasks.schedule import Schedule
from podium.db import (
    clock,
    credential_changes,
    credential_sequels,
    enforcement,
    hardware_reads,
    kept_answers,
    ledger,
    members,
    news,
    notifications,
    operations,
    power_limits,
    retention,
    task_commands,
)
from podium.db.worker import Worker
from podium.drivers import base

LOG = log.getLogger(__name__)

OWN_TASKS: Final = ("conductor.sync_power_status", "conductor.prune_power_events")

#: Seconds from one pruning to the next.
_PRUNE_SPACING: Final = 3600.0
#: Seconds for which commands to tasks, and answers to reads of the hardware, are kept.
_COMMANDS_MAX_AGE: Final = 86_400.0
_READS_MAX_AGE: Final = 3600.0
#: How many times as fast as measured the time for retention may go to catch up.
_CATCHING_UP: Final = 2
#: Seconds by which the database's clock may differ from the measured time between two runs.
_STEP: Final = 60.0
#: Seconds after which the clock is trusted if it did not differ by more.
_BELIEVED: Final = 7 * 86_400.0

_T = TypeVar("_T")


class ConductorTask(Kind):
    """One of the conductor's own tasks, which runs in the conductor's loop."""

    def __init__(
        self,
        name: str,
        schedule: Schedule,
        loop: asyncio.AbstractEventLoop,
        *,
        spacing: float,
        run_immediately: bool = False,
    ) -> None:
        declared = base.PeriodicTask(
            name=name, spacing=spacing, run_immediately=run_immediately, deadline=UNBOUNDED, enabled=True
        )
        super().__init__("conductor", declared, schedule)
        self._loop = loop

    @abstractmethod
    async def run(self, request: RequestContext, spacing: float) -> None:
        """Do the task's work once.

        :param spacing: seconds until the next run
        """

    def start(self, manager: object, request: RequestContext, spacing: float) -> Run:
        return self.start_coroutine(lambda: self.run(request, spacing), request)

    def start_coroutine(self, call: Callable[[], Coroutine[Any, Any, None]], request: RequestContext) -> Run:
        """Start a coroutine as a run."""
        return start_in(self._loop, self._loop.call_soon, call, request)


class SweepTask(ConductorTask):
    """The sweep over the power states of all nodes.

    A sweep is spread over the interval, so one is nearly always under way. A requested run makes it start
    again, as fast as the limits allow.
    """

    def __init__(self, schedule: Schedule, loop: asyncio.AbstractEventLoop, sync: PowerSync) -> None:
        super().__init__(
            "sync_power_status", schedule, loop, spacing=schedule.sync_interval, run_immediately=True
        )
        self._sync = sync

    @property
    def spacing(self) -> float:
        return self.schedule.spacing.get(self.name, self.schedule.sync_interval)

    async def run(self, request: RequestContext, spacing: float) -> None:
        """Read the power of every owned node and record what changed."""
        await self._sync.sweep(spacing, request)

    def by_hand(self) -> Start:
        return lambda _manager, request, spacing: self.start_coroutine(
            lambda: self._sync.sweep(spacing, request, at_once=True), request
        )

    def hurry(self) -> bool:
        self._sync.hurry(contexts.new())
        return True


class MeasuredTime:
    """The time that retention uses to delete old rows: the database's time, but no faster than measured.

    So if the clock jumps ten years ahead, nothing becomes ten years old. The time may go twice as fast to
    catch up with a period in which no conductor ran, and the database's clock is trusted once it has been
    consistent for a week.

    :param seconds: a clock that nobody sets
    """

    def __init__(self, seconds: Callable[[], float] = boottime) -> None:
        self._seconds = seconds
        self._looked = seconds()
        self._measured: datetime | None = None
        self._last: tuple[datetime, float] | None = None
        self._set_at = 0.0  # the last time the database's clock may have been set

    def now(self, reached: datetime | None, now: datetime) -> datetime:
        """Return the time to use for retention.

        :param reached: the time that any conductor has reached; None the first time, when the clock is
            trusted
        :param now: the time of the database's clock
        """
        seconds = self._seconds()
        if self._last is None or abs((now - self._last[0]).total_seconds() - seconds + self._last[1]) > _STEP:
            self._set_at = seconds
        self._last = now, seconds
        reached = reached or now
        measured = clock.later(
            max(self._measured or reached, reached), _CATCHING_UP * (seconds - self._looked)
        )
        found = now if seconds - self._set_at >= _BELIEVED else min(now, measured)
        self._measured = found if found >= reached else measured  # the latter if the clock was set back
        self._looked = seconds
        return found


class PruneTask(ConductorTask):
    """Keeps the tables of past events within the limits of the config file; only the first member does so.

    :param worker: this member
    """

    def __init__(self, schedule: Schedule, loop: asyncio.AbstractEventLoop, sql: Sql, worker: Worker) -> None:
        super().__init__("prune_power_events", schedule, loop, spacing=_PRUNE_SPACING)
        self._sql = sql
        self._worker = worker
        self._time = MeasuredTime()

    def _look(self, connection: sa.Connection) -> datetime | None:
        """Store and return the time for retention; None if another member prunes.

        The other members measure the time too, so that none of them starts without a measurement.
        """
        reached = retention.reached(connection)
        now = self._time.now(reached, clock.now(connection))
        if not members.is_first(connection, self._worker):
            return None
        retention.reach(connection, self._worker.host, max(now, reached or now))
        return now

    async def run(self, request: RequestContext, spacing: float) -> None:
        """Delete power events and operations that are too old or too many, and yesterday's commands."""
        now = await self._sql.write(self._look)
        if now is None:
            return
        schedule = self.schedule
        before = clock.later(now, -schedule.events_max_age.total_seconds())
        most = schedule.events_max_count
        yesterday = clock.later(now, -_COMMANDS_MAX_AGE)
        count = await self._prune(lambda connection: ledger.prune_events(connection, before, most))
        undone = clock.later(now, -credential_sequels.UNDO)
        await self._prune(lambda connection: credential_changes.prune(connection, undone))
        await self._prune(lambda connection: operations.prune_operations(connection, before))
        await self._prune(lambda connection: task_commands.prune(connection, yesterday))
        an_hour_ago = clock.later(now, -_READS_MAX_AGE)
        await self._prune(lambda connection: hardware_reads.prune(connection, an_hour_ago))
        await self._prune(lambda connection: kept_answers.prune(connection, yesterday))
        await self._prune(lambda connection: news.prune(connection, yesterday))
        await self._prune(lambda connection: power_limits.prune(connection, yesterday))
        await self._prune(lambda connection: enforcement.prune(connection, yesterday))
        await self._prune(notifications.prune)
        await self._prune(members.prune)
        if count:
            LOG.info("%d power events were deleted, from before %s or more than %d", count, before, most)

    async def _prune(self, statement: Callable[[sa.Connection], _T]) -> _T | None:
        """Delete some old rows, unless another member has become the first meanwhile."""
        return await self._sql.write(
            lambda connection: statement(connection) if members.is_first(connection, self._worker) else None
        )
