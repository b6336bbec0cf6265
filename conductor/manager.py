"""ConductorManager: which periodic tasks there are, and what drivers may ask of the conductor."""

import asyncio
import concurrent.futures
import functools
import inspect
import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from oslo_config import cfg
from oslo_context.context import RequestContext
from oslo_log import log
from oslo_service import periodic_task

from podium import errors
from podium.conductor.fleet.fleet import Fleet
from podium.conductor.recording.recorder import Recorder
from podium.conductor.rooms import context as contexts
from podium.conductor.rooms.room import DriverRoom, Run, start_in
from podium.conductor.rooms.sql import Sql
from podium.conductor.sweep.power_sync import PowerSync
from podium.conductor.tasks.node_task import NodeTask
from podium.conductor.tasks.periodic import LoopTimers, PeriodicJob
from podium.conductor.tasks.services import DriverServices
from podium.conf.periodic_tasks import no_such_task
from podium.db import events, operations, task_commands
from podium.db.conductors import TaskReport
from podium.db.models import utcnow
from podium.drivers import base

LOG = log.getLogger(__name__)

_SYNC: Final = "conductor.sync_power_status"

#: The conductor's own tasks.
OWN_TASKS: Final = (_SYNC, "conductor.prune_power_events")

#: Seconds; the conductor's own tasks bound every wait themselves.
_OWN_DEADLINE: Final = 86400.0


@dataclass(frozen=True, slots=True)
class Schedule:
    """What the config file says about periodic tasks; times in seconds, by the task's name.

    :param sync_interval: from one sweep to the next
    :param events_max_age: how long power events are kept
    :param events_max_count: how many of them at the most
    """

    spacing: Mapping[str, float]
    deadline: Mapping[str, float]
    disabled: frozenset[str]
    enabled: frozenset[str]
    sync_interval: float
    events_max_age: timedelta
    events_max_count: int

    @classmethod
    def read(cls, conf: cfg.ConfigOpts) -> "Schedule":
        """The values that are in force now."""
        return cls(
            spacing=dict(conf.periodic_tasks.spacing),
            deadline=dict(conf.periodic_tasks.deadline),
            disabled=frozenset(conf.periodic_tasks.disabled),
            enabled=frozenset(conf.periodic_tasks.enabled),
            sync_interval=float(conf.conductor.sync_power_state_interval),
            events_max_age=timedelta(days=conf.conductor.power_events_max_age),
            events_max_count=conf.conductor.power_events_max_count,
        )


class ConductorManager(DriverServices, periodic_task.PeriodicTasks):  # type: ignore[misc]  # oslo.service is untyped
    """The periodic tasks of the conductor and its drivers; to these it is a podium.drivers.base.Manager.

    PeriodicTasks keeps tasks on the class, by the bare name of the function. Here every instance has its
    own, by full name, and ``run_periodic_tasks`` is the inherited one: it calls what is due, and each
    PeriodicJob only starts its run.
    """

    def __init__(
        self,
        conf: cfg.ConfigOpts,
        *,
        loop: asyncio.AbstractEventLoop,
        rooms: Mapping[str, DriverRoom],
        fleet: Fleet,
        recorder: Recorder,
        sync: PowerSync,
        sql: Sql,
        holder: str | None = None,
    ) -> None:
        self._periodic_tasks: list[tuple[str, PeriodicJob]] = []
        self._periodic_spacing: dict[str, float] = {}
        super().__init__(
            loop=loop,
            fleet=fleet,
            recorder=recorder,
            sql=sql,
            gate=sync.gate,
            holder=holder or conf.host,
            conf=conf,
        )
        self._timers = LoopTimers(loop)
        self._jobs: dict[str, PeriodicJob] = {}
        self._node_tasks: dict[str, NodeTask] = {}
        self._switched_off: set[str] = set()
        self._sync = sync
        self._schedule = Schedule.read(conf)
        self._add_own("sync_power_status", self._sync_power_status, self._schedule.sync_interval, True)
        self._add_own("prune_power_events", self._prune_power_events, 3600.0, False)
        for room in rooms.values():
            self._add_drivers(room)
        self.apply(self._schedule)

    def add_periodic_task(self, task: PeriodicJob) -> None:
        """Register a task of this instance.

        :raises podium.errors.DuplicateTask: when there is one of that name
        """
        if task.name in self._jobs:
            raise errors.DuplicateTask(f"there are two periodic tasks {task.name}; give one another name")
        self._jobs[task.name] = task

    def apply(self, schedule: Schedule) -> None:
        """Put what the config file says into force, at once: PeriodicTasks looks it up at every tick."""
        self._schedule = schedule
        named = schedule.spacing.keys() | schedule.deadline.keys() | schedule.disabled | schedule.enabled
        for name in sorted(named - self._jobs.keys()):
            LOG.warning("[periodic_tasks]: %s", no_such_task(name, self._jobs.keys()))
        declared = {_SYNC: schedule.sync_interval}
        for name, job in self._jobs.items():
            spacing = schedule.spacing.get(name, declared.get(name, job.declared_spacing))
            deadline = schedule.deadline.get(name)
            if name in self._node_tasks:  # the run bounds itself; what ends is the call for one node
                self._node_tasks[name].deadline, deadline = deadline, None
            job.configure(
                spacing=spacing,
                deadline=deadline or job.declared_deadline,
                enabled=(job.declared_enabled or name in schedule.enabled)
                and name not in schedule.disabled
                and name not in self._switched_off,
            )
            self._pace(name, spacing)
            self._periodic_last_run.setdefault(name, job._periodic_last_run)
        self._periodic_tasks = [(name, job) for name, job in self._jobs.items() if job._periodic_enabled]

    def _pace(self, name: str, spacing: float) -> None:
        self._periodic_spacing[name] = spacing

    def resume(self, reports: Mapping[str, TaskReport], switched_off: Collection[str] = ()) -> None:
        """Go on counting where an earlier run of this conductor stopped.

        :param switched_off: names of tasks that people have disabled meanwhile
        """
        for name, report in reports.items():
            if name in self._jobs:
                self._jobs[name].resume(report)
        self._switched_off = set(switched_off)
        self.apply(self._schedule)

    def switch(self, name: str, enabled: bool) -> None:
        """Enable or disable a task, beside what the config file says.

        :raises podium.errors.PodiumError: when there is no such task, or the config file disables it
        """
        job = self._job(name)
        if enabled and name in self._schedule.disabled:
            raise errors.PodiumError(f"{name} stays disabled: [periodic_tasks] disabled names it")
        if enabled and not job.declared_enabled and name not in self._schedule.enabled:
            raise errors.PodiumError(
                f"{name} stays disabled, as its author left it; name it in [periodic_tasks] enabled"
            )
        self._switched_off = self._switched_off - {name} if enabled else self._switched_off | {name}
        self.apply(self._schedule)

    def run_now(self, name: str, node: str | None, done: Callable[[str | None, float], None]) -> None:
        """Run a task at once, enabled or not.

        :param node: the UUID of the only node to run for, of a task that runs for each node
        :param done: called at its end with why it failed, or None, and the seconds that it took
        :raises podium.errors.PodiumError: when that cannot be done
        """
        job = self._job(name)
        start: Callable[[Any, RequestContext], Run] | None = None
        if node is not None:
            if name not in self._node_tasks:
                raise errors.PodiumError(f"{name} does not run for single nodes; leave out --node")
            entry = self._fleet.find(node)
            if entry is None or entry.node.driver != name.partition(".")[0]:
                raise errors.PodiumError(f"the node is not one of this conductor's with the driver of {name}")
        if name in self._node_tasks:
            start = functools.partial(self._node_tasks[name].start_now, node)
        if name == _SYNC:
            if job.join(done):  # it is spread over the interval, and hardly ever not under way
                self._sync.hurry(contexts.new())
                return
            start = self._starter(self._sync_at_once)
        if not job.run_now(self, done, start):
            raise errors.PodiumError(f"{name} is running already")

    def _job(self, name: str) -> PeriodicJob:
        if name not in self._jobs:
            raise errors.PodiumError(f"there is no task {name}; there are {', '.join(sorted(self._jobs))}")
        return self._jobs[name]

    def record_tasks(self) -> None:
        """Hand over how the tasks fare, where that changed."""
        for job in self._jobs.values():
            if job.changed:
                job.changed = False
                self._recorder.add_task(job.report())

    def reports(self) -> list[TaskReport]:
        """How every task fares."""
        return [job.report() for job in self._jobs.values()]

    @property
    def task_names(self) -> list[str]:
        """Every task, the disabled ones too."""
        return list(self._jobs)

    def seconds_until_due(self) -> float:
        """Until the next task is due; what ``run_periodic_tasks`` returns forgets how long it took itself."""
        dues = (
            (last or 0.0) + self._periodic_spacing[name]
            for name, last in self._periodic_last_run.items()
            if self._jobs[name]._periodic_enabled
        )
        return float(min(dues, default=math.inf)) - float(periodic_task.now())

    async def cancel_runs(self, seconds: float) -> None:
        """Ask every run under way to end, and wait a little for those that do."""
        ends = [future for job in self._jobs.values() if (future := job.cancel()) is not None]
        if ends:
            await asyncio.to_thread(concurrent.futures.wait, ends, seconds)

    async def _sync_power_status(self, context: RequestContext) -> None:
        """Read the power of every owned node and record what changed."""
        await self._sync.sweep(self._periodic_spacing[_SYNC], context)

    async def _sync_at_once(self, context: RequestContext) -> None:
        await self._sync.sweep(self._periodic_spacing[_SYNC], context, at_once=True)

    async def _prune_power_events(self, context: RequestContext) -> None:
        """Forget what is old: power events and operations, and yesterday's task commands."""
        before, most = utcnow() - self._schedule.events_max_age, self._schedule.events_max_count
        count = await self._sql.write(lambda connection: events.prune_events(connection, before, most))
        await self._sql.write(lambda connection: operations.prune_operations(connection, before))
        yesterday = utcnow() - timedelta(days=1)
        await self._sql.write(lambda connection: task_commands.prune(connection, yesterday))
        if count:
            LOG.info("%d power events were deleted, from before %s or more than %d", count, before, most)

    def _add_own(
        self, name: str, method: Callable[[RequestContext], Any], spacing: float, immediately: bool
    ) -> None:
        self.add_periodic_task(
            PeriodicJob(
                f"conductor.{name}",
                self._starter(method),
                timers=self._timers,
                spacing=spacing,
                deadline=_OWN_DEADLINE,
                run_immediately=immediately,
            )
        )

    def _starter(self, method: Callable[[RequestContext], Any]) -> Callable[[Any, RequestContext], Run]:
        return lambda _manager, request: start_in(
            self._loop, self._loop.call_soon, lambda: method(request), request
        )

    def _add_drivers(self, room: DriverRoom) -> None:
        for task, method in base.periodic_tasks(room.driver):
            name = f"{room.driver.name}.{task.name}"
            start, partial, deadline = _starter(room, method), _nothing, task.deadline
            if task.per_node:
                each = NodeTask(room, self._fleet, task, method, functools.partial(self._spacing_of, name))
                self._node_tasks[name] = each
                # Its deadline is that of one node's call; the run bounds itself.
                start, partial, deadline = each.start, each.partial, _OWN_DEADLINE
            self.add_periodic_task(
                PeriodicJob(
                    name,
                    start,
                    timers=self._timers,
                    spacing=task.spacing,
                    deadline=deadline,
                    run_immediately=task.run_immediately,
                    enabled=task.enabled,
                    hears_cancel=task.per_node or inspect.iscoroutinefunction(method),
                    slows_down=True,
                    partial=partial,
                    on_spacing=self._pace,
                )
            )

    def _spacing_of(self, name: str) -> float:
        return self._periodic_spacing[name]


def _nothing() -> str | None:
    return None


def _starter(room: DriverRoom, method: Callable[..., Any]) -> Callable[[Any, RequestContext], Run]:
    return lambda manager, request: room.run(method, manager, request, request=request)
