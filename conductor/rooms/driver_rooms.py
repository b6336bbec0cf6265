"""The rooms of all drivers: opened together, watched, and closed together."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from typing import Final

from oslo_log import log

from podium import errors
from podium.conductor.rooms.room import DriverRoom
from podium.drivers import base, registry
from podium.drivers.command import in_thread

LOG = log.getLogger(__name__)

#: Seconds that a driver's start may take.
_START_TIMEOUT: Final = 30.0
#: If drivers may be left out: seconds that the others wait for a driver, and seconds it may take to join
#: later.
_PATIENCE: Final = 5.0
_LATEST: Final = 600.0
_WATCH_INTERVAL: Final = 1.0


class DriverRooms(Mapping[str, DriverRoom]):
    """The rooms by the names of their drivers.

    The conductor's loop changes them, in :meth:`open` and :meth:`watch`; other threads may read them
    meanwhile.

    :param drivers: the loaded drivers by name
    :param patience: seconds that the others wait for a driver that may be left out
    """

    def __init__(self, drivers: Mapping[str, base.Driver], *, patience: float = _PATIENCE) -> None:
        self._patience = patience
        self._rooms: dict[str, DriverRoom] = {}
        self._faults: list[errors.DriverLoadError] = []
        for name, driver in drivers.items():
            try:
                self._rooms[name] = DriverRoom(driver)
            except Exception as cause:  # its attributes may be anything
                fault = f"{registry.described(name)} cannot have a room: {errors.one_line(cause)}"
                self._faults.append(errors.DriverLoadError(fault))
        self._left_out: list[DriverRoom] = []
        self._late: dict[str, asyncio.Task[None]] = {}

    def __getitem__(self, name: str) -> DriverRoom:
        return self._rooms[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._rooms)

    def __len__(self) -> int:
        return len(self._rooms)

    async def open(
        self,
        manager_of: Callable[[DriverRoom], base.Manager | None] = lambda room: None,
        *,
        skip_faulty: bool,
    ) -> bool:
        """Start the drivers, all at once.

        :param manager_of: creates the manager for the driver of a room
        :param skip_faulty: whether drivers that do not start are left out, as long as another driver starts;
            a driver that takes long joins later, see :meth:`watch`
        :returns: whether a driver was left out
        :raises podium.errors.DriverLoadError: a driver does not start
        """
        if self._faults and not (skip_faulty and self._rooms):
            raise self._faults[0]
        if not (rooms := self._rooms):
            return False
        limit = _LATEST if skip_faulty else _START_TIMEOUT
        tasks = {
            name: asyncio.create_task(_opened(room, limit, manager_of(room))) for name, room in rooms.items()
        }
        await asyncio.wait(tasks.values(), timeout=self._patience if skip_faulty else None)
        if skip_faulty:
            await _first(tasks.values(), _START_TIMEOUT)
        is_open = {name for name, task in tasks.items() if _is_open(task)}
        self._late = {name: task for name, task in tasks.items() if not task.done()}
        failed = [fault for task in tasks.values() if task.done() and (fault := task.exception()) is not None]
        faults = [*self._faults, *failed]
        if not is_open or (faults and not skip_faulty):
            raise faults[0] if faults else rooms[next(iter(self._late))].hang(_START_TIMEOUT)
        for fault in faults:
            LOG.error("Started without it: %s", fault)
        for name in self._late:
            LOG.error("Started without it, until it is there: %s", rooms[name].hang(self._patience))
        self._rooms = {name: room for name, room in rooms.items() if name in is_open}
        self._left_out = [room for name, room in rooms.items() if name not in is_open]
        return bool(self._left_out or self._faults)

    async def watch(
        self,
        join: Callable[[Mapping[str, DriverRoom]], Awaitable[None]],
        interval: float = _WATCH_INTERVAL,
    ) -> None:
        """Check forever whether the rooms' loops respond, and have late drivers join.

        :param join: called with the rooms of late drivers, and again if it raises DatabaseUnavailable
        """
        joining: dict[str, DriverRoom] = {}
        while True:
            await asyncio.sleep(interval)
            for room in self._rooms.values():
                room.watch(time.monotonic())
            joining |= self._come()
            if joining:
                with contextlib.suppress(errors.DatabaseUnavailable):
                    await join(joining)
                    joining = {}

    def _come(self) -> dict[str, DriverRoom]:
        """The rooms that have opened late, which are part of the mapping from now on."""
        come = {}
        for name, task in [one for one in self._late.items() if one[1].done()]:
            del self._late[name]
            if (error := task.exception()) is not None:
                LOG.error("It is left out: %s", error)
                continue
            (come[name],) = (room for room in self._left_out if room.driver.name == name)
            self._left_out.remove(come[name])
            LOG.warning("Driver %s has started at last, and joins the others", name)
        self._rooms = {**self._rooms, **come}
        return come

    async def close(self, seconds: float) -> None:
        """Close the drivers and their rooms, all at once; rooms that take longer are left behind."""
        for task in self._late.values():
            task.cancel()
        rooms = [*self._rooms.values(), *self._left_out]
        ended = await asyncio.gather(*(asyncio.to_thread(room.close, seconds) for room in rooms))
        for room, done in zip(rooms, ended, strict=True):
            if not done:
                LOG.error("Driver %s did not close within %.0f s: left behind", room.driver.name, seconds)


async def _opened(room: DriverRoom, limit: float, manager: base.Manager | None) -> None:
    # A thread for each: the loop has few threads of its own, and a start that hangs would block one.
    await in_thread(lambda: room.open(limit, manager), f"{room.driver.name}-opening")


def _is_open(task: "asyncio.Task[None]") -> bool:
    return task.done() and task.exception() is None


async def _first(tasks: Collection["asyncio.Task[None]"], seconds: float) -> None:
    """Wait until one of the drivers has started, or until none can."""
    end = time.monotonic() + seconds
    while not any(map(_is_open, tasks)) and (waiting := [task for task in tasks if not task.done()]):
        if (left := end - time.monotonic()) <= 0:
            return
        await asyncio.wait(waiting, timeout=left, return_when=asyncio.FIRST_COMPLETED)
