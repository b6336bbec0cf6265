"""The rooms of all drivers: opened together, watched, and closed together."""

import asyncio
import time
from collections.abc import Iterator, Mapping
from typing import Final

from oslo_log import log

from podium.conductor.rooms.room import DriverRoom
from podium.drivers import base

LOG = log.getLogger(__name__)

#: Seconds that a driver's start may take.
_START_TIMEOUT: Final = 30.0
_WATCH_INTERVAL: Final = 1.0


class DriverRooms(Mapping[str, DriverRoom]):
    """The rooms by the names of their drivers.

    The conductor's loop changes them, and only in :meth:`open`, before anybody else uses them.

    :param drivers: the loaded drivers by name
    """

    def __init__(self, drivers: Mapping[str, base.Driver]) -> None:
        self._rooms = {name: DriverRoom(driver) for name, driver in drivers.items()}
        self._left_out: list[DriverRoom] = []

    def __getitem__(self, name: str) -> DriverRoom:
        return self._rooms[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._rooms)

    def __len__(self) -> int:
        return len(self._rooms)

    async def open(self, *, skip_faulty: bool) -> bool:
        """Start the drivers, all at once.

        :param skip_faulty: whether drivers that do not start are left out, as long as another one does
        :returns: whether a driver was left out
        :raises podium.errors.DriverLoadError: when a driver does not start
        """
        opening = (asyncio.to_thread(room.open, _START_TIMEOUT) for room in self._rooms.values())
        results = await asyncio.gather(*opening, return_exceptions=True)
        failed = {
            name: result
            for name, result in zip(self._rooms, results, strict=True)
            if isinstance(result, BaseException)
        }
        for error in failed.values():
            if not skip_faulty or len(failed) == len(self._rooms):
                raise error
            LOG.error("Started without it: %s", error)
        self._left_out = [self._rooms.pop(name) for name in failed]
        return bool(failed)

    async def watch(self) -> None:
        """See whether the rooms' loops still turn, for ever."""
        while True:
            await asyncio.sleep(_WATCH_INTERVAL)
            for room in self._rooms.values():
                room.watch(time.monotonic())

    async def close(self, seconds: float) -> None:
        """Close the drivers and their rooms, all at once; what takes longer than this is left behind."""
        rooms = [*self._rooms.values(), *self._left_out]
        ended = await asyncio.gather(*(asyncio.to_thread(room.close, seconds) for room in rooms))
        for room, done in zip(rooms, ended, strict=True):
            if not done:
                LOG.error("Driver %s did not close within %.0f s: left behind", room.driver.name, seconds)
