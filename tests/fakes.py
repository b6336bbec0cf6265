"""What tests of the conductor stand on: a clock that is told the time, drivers, and a conductor in pieces."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from peers import PATIENCE
from podium import conf, states
from podium.conductor.fleet.fleet import Fleet
from podium.conductor.recording.recorder import Recorder
from podium.conductor.rooms.room import DriverRoom
from podium.conductor.rooms.sql import Sql
from podium.conductor.sweep.power_sync import PowerSync
from podium.db import api
from podium.db.engine import Database
from podium.db.worker import Worker
from podium.drivers import base
from templates import prepared

#: The worker that is tested, and another conductor's.
HERE, THERE = Worker("here", 0), Worker("there", 0)


class Clock:
    """A clock that only moves when told to, and the timers that hang on it."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now
        self._timers: list[tuple[float, Callable[[], Any], _Handle]] = []

    def __call__(self) -> float:
        return self.now

    def time(self) -> float:
        return self.now

    def call_later(self, delay: float, callback: Callable[[], Any]) -> Any:
        handle = _Handle()
        self._timers.append((self.now + delay, callback, handle))
        return handle

    def call_soon(self, callback: Callable[[], Any]) -> None:
        callback()

    def post(self, callback: Callable[[], Any]) -> None:
        callback()

    def advance(self, seconds: float) -> None:
        self.now += seconds
        due = [timer for timer in self._timers if timer[0] <= self.now]
        self._timers = [timer for timer in self._timers if timer[0] > self.now]
        for _, callback, handle in due:
            if not handle.cancelled:
                callback()


class _Handle:
    cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class StillDriver(base.Driver):
    """Machines that are what they are told to be, and never fail."""

    def __init__(self, name: str = "still", options: Any = None) -> None:
        super().__init__(name, options)
        self.states: dict[str, str] = {}
        self.ran: list[str] = []

    async def get_power_state(self, node: base.Node) -> str:
        return self.states.get(node.name, states.POWER_OFF)

    async def set_power_state(self, node: base.Node, target: str) -> None:
        self.states[node.name] = states.REACHED[target]


async def until(condition: Callable[[], bool], patience: float = PATIENCE, *, step: float = 0.001) -> None:
    """Let other threads and tasks go on until something is true.

    :param step: seconds between two looks; more where a look is work
    """
    async with asyncio.timeout(patience):
        while not condition():
            await asyncio.sleep(step)


async def happened(event: threading.Event) -> None:
    """Wait for an event of another thread."""
    assert await asyncio.to_thread(event.wait, PATIENCE), "it never happened"


def make_conf(tmp_path: Path, text: str = "") -> conf.Config:
    """The configuration of a daemon whose files are in ``tmp_path``."""
    file = tmp_path / "podium.conf"
    file.write_text(f"[DEFAULT]\nhost = here\nstate_path = {tmp_path}\n{text}")
    return conf.load(["--config-file", str(file)], prog="test")


class Pieces:
    """A conductor in pieces: rooms of drivers, a fleet and a recorder over a database."""

    def __init__(self, database: Database, drivers: Iterable[base.Driver], sql: Sql | None = None) -> None:
        self.database = database
        self.rooms = {driver.name: DriverRoom(driver) for driver in drivers}
        self.sql = sql or Sql(database)
        self.fleet = Fleet("", tuple(self.rooms))
        self.recorder = Recorder(self.sql, self.fleet, HERE)
        self.sync = PowerSync(self.fleet, self.rooms, self.recorder)

    def enrol(self, *rows: Mapping[str, Any]) -> None:
        with self.database.write() as connection:
            api.create_nodes(connection, rows)

    def node(self, name: str) -> Any:
        with self.database.read() as connection:
            return api.find_nodes(connection, [name])[0]


@contextlib.asynccontextmanager
async def pieces(url: str, *drivers: base.Driver) -> AsyncIterator[Pieces]:
    """Rooms that are open, on a database that has its schema; all closed at the end."""
    database = prepared(url)
    made = Pieces(database, drivers)
    try:
        for room in made.rooms.values():
            await asyncio.to_thread(room.open, PATIENCE)
        yield made
    finally:
        for room in made.rooms.values():
            assert await asyncio.to_thread(room.close, PATIENCE)
        made.sql.close()
