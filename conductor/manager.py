"""ConductorManager: the registry of periodic tasks, and the conductor's services for drivers."""

import asyncio
import concurrent.futures
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping

from oslo_config import cfg
from oslo_log import log

from podium import errors
from podium.conductor.fleet.entry import Entry
from podium.conductor.fleet.fleet import Fleet
from podium.conductor.recording.recorder import Recorder
from podium.conductor.rooms.room import DriverRoom
from podium.conductor.rooms.sql import Sql
from podium.conductor.sweep.power_sync import PowerSync
from podium.conductor.tasks.kinds import DriverTask, Kind
from podium.conductor.tasks.node_task import NodeTask
from podium.conductor.tasks.own import PruneTask, SweepTask
from podium.conductor.tasks.periodic import LoopTimers, PeriodicJob
from podium.conductor.tasks.schedule import Schedule
from podium.conductor.tasks.services import DriverServices
from podium.conf.periodic_tasks import no_such_task
from podium.db.conductors import TaskReport
from podium.db.worker import Worker
from podium.drivers import base
from podium.library_internals import OwnTasks

LOG = log.getLogger(__name__)


class ConductorManager(DriverServices, OwnTasks):
    """The periodic tasks of the conductor and its drivers; drivers see it as a podium.drivers.base.Manager.

    It is a PeriodicTasks of oslo.service, whose ``run_periodic_tasks`` calls due tasks with the manager and a
    context. Each PeriodicJob only starts its run.
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
        worker: Worker,
    ) -> None:
        super().__init__(
            loop=loop,
            fleet=fleet,
            recorder=recorder,
            sql=sql,
            gate=sync.gate,
            worker=worker,
            conf=conf,
        )
        self._jobs: dict[str, PeriodicJob] = {}
        self._timers = LoopTimers(loop)
        self._schedule = Schedule.read(conf)
        self._switched_off: set[str] = set()
        self._unknown: set[str] = set()
        self._add(SweepTask(self._schedule, loop, sync))
        self._add(PruneTask(self._schedule, loop, sql, worker))
        fleet.tell({name: room.following.note for name, room in rooms.items() if room.following.is_wanted})

    def given_to(self, room: DriverRoom) -> "ConductorManager":
        """The manager that the driver of a room receives: this manager, bound to the room."""
        name, secret = room.driver.name, room.secret
        room.secrets.scrubbed = lambda text: self._fleet.scrubbed(text, name, secret)
        return _GivenManager(self, room)

    def add_driver_tasks(self, rooms: Mapping[str, DriverRoom]) -> None:
        """Register the tasks of drivers that have started."""
        for room in rooms.values():
            manager = self.given_to(room)
            for task, method in base.periodic_tasks(room.driver):
                kind = NodeTask if task.per_node else DriverTask
                self._add(kind(room, self._fleet, task, method, self._schedule), manager)
        self.apply(self._schedule)

    def add_periodic_task(self, task: PeriodicJob) -> None:
        """Register a task of this instance.

        :raises podium.errors.DuplicateTask: there is already a task with that name
        """
        if task.name in self._jobs:
            raise errors.DuplicateTask(f"there are two periodic tasks {task.name}; give one another name")
        self._jobs[task.name] = task

    def _add(self, kind: Kind, manager: "ConductorManager | None" = None) -> None:
        self.add_periodic_task(PeriodicJob(kind, self._timers, now=self._now, manager=manager))

    def apply(self, schedule: Schedule) -> None:
        """Apply the values of the config file at once: PeriodicTasks looks them up at every tick."""
        self._schedule = schedule
        unknown = schedule.names - self._jobs.keys()
        for name in sorted(unknown - self._unknown) if self._worker.index == 0 else ():
            LOG.warning("[periodic_tasks]: %s", no_such_task(name, self._jobs.keys()))
        self._unknown = unknown
        for name, job in self._jobs.items():
            job.configure(schedule, switched_off=name in self._switched_off)
        self.call_when_due({name: job for name, job in self._jobs.items() if job.enabled})

    def resume(self, reports: Mapping[str, TaskReport], switched_off: Collection[str] = ()) -> None:
        """Continue the counts of an earlier run of this conductor.

        :param switched_off: names of tasks that people have disabled
        """
        for name, report in reports.items():
            if name in self._jobs:
                self._jobs[name].resume(report)
        self.obey(switched_off)

    def obey(self, switched_off: Collection[str]) -> None:
        """Run all tasks except those that people have disabled."""
        self._switched_off = set(switched_off)
        self.apply(self._schedule)

    def switch(self, name: str, enabled: bool) -> None:
        """Enable or disable a task that the config file leaves enabled.

        :raises podium.errors.PodiumError: there is no such task, or the config file or its author disabled it
        """
        job = self._job(name)
        if enabled and name in self._schedule.disabled:
            raise errors.PodiumError(f"{name} stays disabled: [periodic_tasks] disabled names it")
        if enabled and not job.kind.task.enabled and name not in self._schedule.enabled:
            raise errors.PodiumError(
                f"{name} stays disabled, as its author left it; name it in [periodic_tasks] enabled"
            )
        self._switched_off = self._switched_off - {name} if enabled else self._switched_off | {name}
        self.apply(self._schedule)

    def run_now(self, name: str, node: str | None, done: Callable[[str | None, float], None]) -> None:
        """Run a task at once, enabled or not.

        :param node: the UUID of the only node to run for, if the task runs for each node
        :param done: called when the run ends, with its error or None, and with the seconds that it took
        :raises podium.errors.PodiumError: there is no such task, it does not run for this node, or it is
            already running
        """
        self._job(name).run_now(self, done, node)

    def note_new(self, entries: Iterable[Entry]) -> None:
        """Call tasks that run immediately for nodes that this conductor has gained."""
        by_driver: dict[str, list[Entry]] = defaultdict(list)
        for entry in entries:
            by_driver[entry.node.driver].append(entry)
        for name, job in self._jobs.items():
            if its := by_driver.get(name.partition(".")[0]):
                job.note_new(self, its)

    def _job(self, name: str) -> PeriodicJob:
        if name not in self._jobs:
            raise errors.PodiumError(f"there is no task {name}; there are {', '.join(sorted(self._jobs))}")
        return self._jobs[name]

    def record_tasks(self) -> None:
        """Pass the reports that have changed to the recorder."""
        for job in self._jobs.values():
            if (report := job.take_change()) is not None:
                self._recorder.add_task(report)

    def reports(self) -> list[TaskReport]:
        """The state and counts of every task."""
        return [job.report() for job in self._jobs.values()]

    @property
    def task_names(self) -> list[str]:
        """The names of all tasks, including disabled ones."""
        return list(self._jobs)

    async def cancel_runs(self, seconds: float) -> None:
        """Ask every run under way to end, and wait up to this many seconds for them."""
        ends = [future for job in self._jobs.values() for future in job.cancel()]
        if ends:
            await asyncio.to_thread(concurrent.futures.wait, ends, seconds)


class _GivenManager(ConductorManager):
    """A driver's view of the manager. All views share its state."""

    __slots__ = ("_room",)

    def __init__(self, manager: ConductorManager, room: DriverRoom) -> None:
        self.__dict__ = manager.__dict__
        self._room = room
