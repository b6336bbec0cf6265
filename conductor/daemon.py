"""One worker of the conductor: opens its parts, runs endless tasks, and closes the parts in reverse order."""

import asyncio
import contextlib
import functools
from collections.abc import Callable, Mapping
from multiprocessing.sharedctypes import SynchronizedArray
from typing import Any, Final

import sqlalchemy as sa
from oslo_config import cfg
from oslo_log import log

from podium import errors
from podium.conductor.enforcement.rules import Rules
from podium.conductor.fleet import membership
from podium.conductor.fleet.entry import Entry
from podium.conductor.fleet.lease import SharedLeases
from podium.conductor.fleet.member import Membership
from podium.conductor.fleet.membership import process_name, worker_process
from podium.conductor.fleet.secret_keys import SecretKeys
from podium.conductor.manager import ConductorManager
from podium.conductor.parts import Parts
from podium.conductor.rooms import context as contexts
from podium.conductor.rooms.driver_rooms import DriverRooms
from podium.conductor.rooms.reach import Reach
from podium.conductor.rooms.room import DriverRoom
from podium.conductor.rooms.sql import Sql
from podium.conductor.settings import Settings
from podium.conductor.tasks.commands import TaskCommands
from podium.conductor.tasks.hardware_reads import HardwareReads
from podium.conductor.tasks.schedule import Schedule
from podium.db import conductors, leftovers, members, opening, task_commands
from podium.db.engine import Database
from podium.drivers import base

LOG = log.getLogger(__name__)

#: Seconds between two checks for what people enrolled, changed, deleted or requested.
_FOLLOW_INTERVAL: Final = 0.2
#: Seconds between two checks for what is due without a change, while no power change is under way.
_IDLE_INTERVAL: Final = 1.0
_TASK_REPORT_INTERVAL: Final = 2.0


class Conductor:
    """Created and run in one event loop, the conductor's, which never runs a driver's code.

    :param drivers: the loaded drivers by name
    :param process: the name of the daemon's process, which its workers share; by default that of this process
    :param index: the number of this worker of the daemon, counted from 0
    :param away: which workers cannot use the database, see podium.conductor.rooms.reach
    :param leases: where the master process sees the leases of its workers
    :param pause: seconds to wait before it enters
    """

    def __init__(
        self,
        conf: cfg.ConfigOpts,
        database: Database,
        drivers: Mapping[str, base.Driver],
        *,
        process: str | None = None,
        index: int = 0,
        away: "SynchronizedArray[int] | None" = None,
        leases: SharedLeases | None = None,
        pause: float = 0.0,
    ) -> None:
        self._conf = conf
        self._database = database
        self._settings = settings = Settings.read(conf)
        keys = database.sealing.keyring.names if database.sealing else ()
        service = settings.service(worker_process(process or process_name()), tuple(drivers), keys)
        self._rooms = DriverRooms(drivers)
        self._reach = Reach(away, index, is_logged=False)
        self._sql = Sql(database, self._reach)
        entry = membership.Entry(self._sql, settings.host, index, service, workers=settings.workers)
        self._membership = Membership(self._sql, entry, service, leases=leases, pause=pause)
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        self._reloaded = asyncio.Event()
        self._keys: SecretKeys | None = None

    async def run(self, ready: Callable[[], None]) -> None:
        """Run until :meth:`stop`.

        :param ready: called once, when the conductor carries out requests and runs tasks
        :raises podium.errors.PodiumError: when the conductor cannot start, or must not continue
        """
        async with contextlib.AsyncExitStack() as stack:
            stack.callback(self._sql.close)
            if not await self._membership.enter(self._stop):
                return
            lease = self._membership.lease
            self._worker = lease.holder
            parts = self._parts = Parts(self._conf, self._settings, self._sql, self._rooms, lease)
            await stack.enter_async_context(self._membership.kept(self._database, *parts.signs()))
            stack.push_async_callback(self._release)
            stack.push_async_callback(self._close_rooms)
            manager = ConductorManager(
                self._conf,
                loop=self._loop,
                rooms=self._rooms,
                fleet=parts.fleet,
                recorder=parts.recorder,
                sync=parts.sync,
                sql=self._sql,
                worker=self._worker,
            )
            await self._open_rooms(manager)
            manager.add_driver_tasks(self._rooms)
            self._commands = TaskCommands(self._sql, manager, self._worker)
            self._reads = HardwareReads(self._sql, parts.fleet, self._rooms, parts.recorder)
            if (sealing := self._database.sealing) is not None:
                read = functools.partial(opening.read_keys_again, self._conf, self._database)
                self._keys = SecretKeys(self._sql, sealing, self._worker, read)
                await self._keys.look()
            stack.callback(self._reads.cancel)
            await self._resume(manager)
            await parts.shares.start()
            await parts.enforcement.resume()
            await parts.actions.poll()
            self._reach.log_from_now()  # until here, an outage makes the start fail
            # Written before readiness is reported, so that the tasks are listed by then; in an outage, later.
            manager.record_tasks()
            await parts.recorder.flush()
            if self._settings.metrics is not None:
                address, port = self._settings.metrics
                await stack.enter_async_context(parts.metrics(manager, address, port + self._worker.index))
            LOG.info(
                "Conductor %s owns %d nodes with the drivers %s",
                self._worker,
                len(parts.fleet),
                ", ".join(self._rooms),
            )
            await self._conduct(manager, ready)

    def stop(self) -> None:
        """Ask the conductor to end; from any thread."""
        self._set(self._stop)

    def reload(self) -> None:
        """Ask the conductor to apply the current config file; from any thread."""
        self._set(self._reloaded)

    def _set(self, event: asyncio.Event) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended already
            self._loop.call_soon_threadsafe(event.set)

    async def _conduct(self, manager: ConductorManager, ready: Callable[[], None]) -> None:
        """Run the endless tasks until :meth:`stop`; if one of them fails, all end with its error."""
        endless = {
            "timer": self._tick(manager),
            "fleet": self._follow(manager),
            "shares": self._give_up(),
            "recorder": self._parts.recorder.run(),
            "second opinions": self._parts.checks.opinions.run(),
            "watchdog": self._rooms.watch(functools.partial(self._join, manager)),
            "task reports": self._report(manager),
            "figures": self._parts.statistics.run(self._sql, self._worker),
            "fleet watch": self._parts.fleet_watch.run(),
            "notifications": self._parts.notifications.run(),
            **({"secret keys": self._keys.run()} if self._keys else {}),
        }
        tasks: list[asyncio.Task[Any]]
        tasks = [asyncio.create_task(coroutine, name=name) for name, coroutine in endless.items()]
        stopped: asyncio.Task[Any] = asyncio.create_task(self._stop.wait(), name="stop")
        ended: asyncio.Task[Any] = asyncio.create_task(self._membership.ended.wait(), name="end")
        ready()
        try:
            await asyncio.wait([stopped, ended, *tasks], return_when=asyncio.FIRST_COMPLETED)
            self._membership.check()
            for task in tasks:
                if task.done():
                    LOG.error("The conductor's %s ended, so the conductor does", task.get_name())
                    task.result()
        finally:
            LOG.info("Conductor %s stops", self._worker)
            going_on = [task for task in tasks if task.get_name() in ("shares", "recorder")]
            await _cancelled(stopped, ended, *(task for task in tasks if task not in going_on))
            if not self._membership.lease.ended:
                await self._hand_over(manager)
            await _cancelled(*going_on)

    async def _hand_over(self, manager: ConductorManager) -> None:
        """Give the nodes to other members while the power changes under way end."""
        seconds = self._settings.shutdown_timeout
        leaving: asyncio.Task[Any] = asyncio.create_task(self._parts.shares.leave(), name="leave")
        await self._parts.actions.drain(seconds * 0.5)
        await asyncio.wait([leaving], timeout=seconds * 0.15)
        await _cancelled(leaving)
        await manager.cancel_runs(seconds * 0.05)
        manager.record_tasks()

    async def _give_up(self) -> None:
        """Give up nodes that other members get, forever; if one cannot be given up, this member must end."""
        try:
            await self._parts.shares.run()
        except errors.MemberEnded as error:
            self._membership.note_end(error)
            raise

    async def _tick(self, manager: ConductorManager) -> None:
        """Start periodic tasks that are due, and apply the config file after a reload."""
        request = contexts.new()
        while True:
            idle = manager.run_periodic_tasks(request)
            seconds = max(min(idle, manager.seconds_until_due()), 0.01)
            with contextlib.suppress(TimeoutError):
                # Not wait_for, which in Python 3.11 drops a cancellation that comes with the event.
                async with asyncio.timeout(seconds):
                    await self._reloaded.wait()
            if self._reloaded.is_set():
                self._reloaded.clear()
                manager.apply(Schedule.read(self._conf))
                self._parts.enforcement.apply(Rules.read(self._conf))
                self._parts.notifications.apply(self._conf)
                if self._keys is not None:
                    self._keys.reload()

    async def _follow(self, manager: ConductorManager) -> None:
        """Act on what people do: read new nodes, and begin power changes and commands to tasks."""
        parts, look, changed = self._parts, True, False
        new: list[Entry] = []
        while True:
            with contextlib.suppress(errors.DatabaseUnavailable):
                fresh = await parts.fleet.refresh(self._sql) if look else None
                changed = changed or fresh is not None
                new += fresh or ()
                gained = await parts.shares.poll()
                changed = changed or bool(gained)
                if gained:
                    parts.enforcement.note(gained)
                    new[:0] = gained
                if new:
                    parts.sync.read_now(new, contexts.new())
                    manager.note_new(new)
                    new = []
                if changed:
                    await self._commands.poll()
                await self._reads.poll()
                if changed or parts.actions.unfinished:
                    await parts.actions.poll()
                await parts.enforcement.poll()
                changed = False  # reset only now, so that an outage in between loses nothing
            with contextlib.suppress(errors.DatabaseUnavailable):
                if borrowed := await parts.checks.poll():
                    parts.sync.read_now(borrowed, contexts.new())
            look = True
            with contextlib.suppress(errors.DatabaseUnavailable):
                most = _IDLE_INTERVAL if parts.actions.idle else _FOLLOW_INTERVAL
                look = await parts.fleet.wait_for_change(self._sql, every=_FOLLOW_INTERVAL, most=most)

    async def _report(self, manager: ConductorManager) -> None:
        while True:
            manager.record_tasks()
            await asyncio.sleep(_TASK_REPORT_INTERVAL)

    async def _resume(self, manager: ConductorManager) -> None:
        worker, names = self._worker, manager.task_names

        def statement(
            connection: sa.Connection,
        ) -> tuple[Mapping[str, conductors.TaskReport], set[str]]:
            task_commands.abandon(connection, worker)
            conductors.forget_tasks(connection, worker, names)
            reports = conductors.reports(connection, worker)
            return reports, task_commands.switched_off(connection, worker.host)

        manager.resume(*await self._sql.write(statement))

    async def _release(self) -> None:
        """Write the last results and free the nodes that are held; do neither once this member has ended."""
        with contextlib.suppress(errors.DatabaseUnavailable, errors.MemberEnded):
            await self._parts.recorder.flush()
            while await self._sql.write(lambda connection: leftovers.hand_back(connection, self._worker)):
                pass  # some at a time

    async def _open_rooms(self, manager: ConductorManager) -> None:
        if await self._rooms.open(manager.given_to, skip_faulty=self._settings.skip_faulty):
            await self._serve()

    async def _join(self, manager: ConductorManager, rooms: Mapping[str, DriverRoom]) -> None:
        await self._serve()
        manager.add_driver_tasks(rooms)

    async def _serve(self) -> None:
        drivers = tuple(self._rooms)
        await self._sql.write(lambda connection: members.serve(connection, self._worker, drivers))

    async def _close_rooms(self) -> None:
        await self._rooms.close(self._settings.shutdown_timeout * 0.25)


async def _cancelled(*tasks: "asyncio.Task[Any]") -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
