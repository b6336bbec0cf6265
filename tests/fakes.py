"""The basis of the conductor's tests: a settable clock, drivers, and a conductor in pieces."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from peers import PATIENCE
from podium import conf, states
from podium.conductor.fleet.fleet import Fleet
from podium.conductor.recording.recorder import Recorder
from podium.conductor.rooms.room import DriverRoom
from podium.conductor.rooms.sql import Sql
from podium.conductor.sweep.power_sync import PowerSync
from podium.db import api, members, models
from podium.db.endpoints import SLOTS
from podium.db.engine import Database
from podium.db.worker import Worker
from podium.drivers import base
from templates import prepared

#: The member under test, and a member of another conductor.
HERE, THERE = Worker("here", 0, 1), Worker("there", 0, 2)


class Clock:
    """A clock that moves only on request, and its timers."""

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
    """Machines that obey and never fail."""

    def __init__(self, name: str = "still", options: Any = None) -> None:
        super().__init__(name, options)
        self.states: dict[str, str] = {}
        self.ran: list[str] = []

    async def get_power_state(self, node: base.Node) -> str:
        return self.states.get(node.name, states.POWER_OFF)

    async def set_power_state(self, node: base.Node, target: str) -> None:
        self.states[node.name] = states.REACHED[target]


async def until(condition: Callable[[], bool], patience: float = PATIENCE, *, step: float = 0.001) -> None:
    """Let other threads and tasks run until a condition is true.

    :param step: seconds between two checks; more if a check is expensive
    """
    async with asyncio.timeout(patience):
        while not condition():
            await asyncio.sleep(step)


async def happened(event: threading.Event) -> None:
    """Wait for an event of another thread."""
    assert await asyncio.to_thread(event.wait, PATIENCE), "it never happened"


def make_conf(tmp_path: Path, text: str = "") -> conf.Config:
    """Return the configuration of a daemon with its files in ``tmp_path``."""
    file = tmp_path / "podium.conf"
    file.write_text(f"[DEFAULT]\nhost = here\nstate_path = {tmp_path}\n{text}")
    return conf.load(["--config-file", str(file)], prog="test")


class Pieces:
    """A conductor in pieces: rooms of drivers, a fleet and a recorder, with a database."""

    def __init__(
        self,
        database: Database,
        drivers: Iterable[base.Driver],
        sql: Sql | None = None,
        member: Worker = HERE,
    ) -> None:
        self.database = database
        self.rooms = {driver.name: DriverRoom(driver) for driver in drivers}
        self.sql = sql or Sql(database)
        self.fleet = Fleet(member)
        self.recorder = Recorder(self.sql, self.fleet, member)
        self.sync = PowerSync(self.fleet, self.rooms, self.recorder)

    def enrol(self, *rows: Mapping[str, Any]) -> None:
        with self.database.write() as connection:
            api.create_nodes(connection, rows)

    def node(self, name: str) -> Any:
        with self.database.read() as connection:
            return api.find_nodes(connection, [name])[0]


def joined(
    database: Database, *those: Worker, drivers: Iterable[str] = (), groups: Sequence[str] = ("",)
) -> None:
    """Make these workers members. The first one owns all slots of the drivers and groups."""
    with database.write() as connection:
        present = {one.id for one in members.unended(connection)}
        for one in those:
            if one.incarnation not in present:
                _enter(connection, one, list(drivers), list(groups))
        give_slots(connection, those[0], drivers, groups)


_DIGITS = " UNION ALL ".join(f"SELECT {digit} AS digit" for digit in range(32))
#: The server generates the rows, because sending 1,024 rows would take longer.
_GIVE = sa.text(
    "INSERT INTO slots (conductor_group, driver, owner, generation, slot)"
    " SELECT :group, :driver, :owner, 0, 32 * high.digit + low.digit"
    f" FROM ({_DIGITS}) AS high, ({_DIGITS}) AS low"
)
assert SLOTS == 32 * 32


def give_slots(connection: Any, owner: Worker, drivers: Iterable[str], groups: Sequence[str] = ("",)) -> None:
    """Give all slots of the drivers and groups to a member."""
    for group in groups:
        for name in drivers:
            mine = models.slots.c.conductor_group == group, models.slots.c.driver == name
            connection.execute(models.slots.delete().where(*mine))
            its = {"group": group, "driver": name, "owner": owner.incarnation}
            connection.execute(_GIVE, its)


def _enter(connection: Any, one: Worker, drivers: list[str], groups: list[str]) -> None:
    service = members.Service("p", drivers, groups, [], 30.0, 5.0, "1", "f")
    given = members.enter(connection, one.host, one.index, service).incarnation
    for column in (models.members.c.id, models.leases.c.member_id):
        changed = column.table.update().where(column == given).values({column: one.incarnation})
        connection.execute(changed)


def all_slots(*drivers: str, group: str = "") -> dict[tuple[str, str], range]:
    """Return all slots of these drivers."""
    return {(group, name): range(SLOTS) for name in drivers}


@contextlib.asynccontextmanager
async def pieces(url: str, *drivers: base.Driver) -> AsyncIterator[Pieces]:
    """Open rooms with a database that has its schema. All are closed at the end."""
    database = prepared(url)
    made = Pieces(database, drivers)
    if drivers:
        joined(database, HERE, drivers=made.rooms)
        await made.fleet.begin(made.sql, all_slots(*made.rooms))
    try:
        for room in made.rooms.values():
            await asyncio.to_thread(room.open, PATIENCE)
        yield made
    finally:
        for room in made.rooms.values():
            assert await asyncio.to_thread(room.close, PATIENCE)
        made.sql.close()
