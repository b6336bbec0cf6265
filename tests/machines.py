"""Model machines that can fail, and a fuse that kills a process, at any step."""

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import sqlalchemy as sa

from podium import errors, states
from podium.conductor.rooms.sql import Sql
from podium.db.engine import Database
from podium.drivers import base

_T = TypeVar("_T")


class Fuse:
    """The number of steps before a process is killed. After that, nothing in it continues."""

    def __init__(self) -> None:
        self.left: int | None = None
        self._lock = threading.Lock()

    @property
    def blown(self) -> bool:
        return self.left == 0

    async def step(self) -> None:
        with self._lock:
            if self.left:
                self.left -= 1
        if self.blown:
            await asyncio.Event().wait()


@dataclass
class Machine:
    """One machine with its BMC, and the BMC's fault.

    :param fault: silent, refuses, lies, late (obeys without answering), forgetful (answers twice with the
        previous state)
    :param told: its last answer, None once the state has changed
    :param reboots: the number of reboots carried out
    :param needless: commands for the state that it had already reported
    """

    on: bool = False
    fault: str | None = None
    told: bool | None = None
    outdated: int = 0
    reboots: int = 0
    needless: list[str] = field(default_factory=list)

    def turn(self, on: bool) -> None:
        if on != self.on:
            self.told = None
            self.outdated = 2 if self.fault == "forgetful" else 0
        self.on = on

    def read(self) -> bool:
        if self.outdated:
            self.outdated -= 1
            return not self.on
        self.told = self.on
        return self.on

    def carry_out(self, target: str) -> None:
        self.reboots += target == states.REBOOTING
        on = target != states.POWER_OFF
        if target != states.REBOOTING and self.told == on:
            self.needless.append(target)
        self.turn(on)


class RackDriver(base.Driver):
    """The rack's machines."""

    def __init__(self, machines: dict[str, Machine], fuse: Fuse) -> None:
        super().__init__("rack", None)
        self._machines = machines
        self._fuse = fuse

    async def get_power_state(self, node: base.Node) -> str:
        machine = self._machines[node.name]
        await self._fuse.step()
        if machine.fault == "silent":
            raise errors.BMCUnreachable("no answer")
        return states.POWER_ON if machine.read() else states.POWER_OFF

    async def set_power_state(self, node: base.Node, target: str) -> None:
        machine = self._machines[node.name]
        await self._fuse.step()
        if machine.fault == "silent":
            raise errors.BMCUnreachable("no answer")
        if machine.fault == "refuses":
            raise errors.DriverError("node busy")
        if machine.fault != "lies":
            machine.carry_out(target)
        await self._fuse.step()
        if machine.fault == "late":
            raise errors.BMCUnreachable("no answer")


class Connection(Sql):
    """The database over a connection that can be cut."""

    def __init__(self, database: Database, fuse: Fuse) -> None:
        super().__init__(database)
        self.fuse = fuse
        self.away = False

    async def read(self, function: Callable[[sa.Connection], _T]) -> _T:
        self._arrive()
        return await super().read(function)

    async def write(self, function: Callable[[sa.Connection], _T]) -> _T:
        self._arrive()
        await self.fuse.step()
        done = await super().write(function)
        await self.fuse.step()
        return done

    def _arrive(self) -> None:
        if self.away:
            raise errors.DatabaseUnavailable("the connection is cut")
