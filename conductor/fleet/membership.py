"""This daemon among the others on the database: entered once, heard of regularly, and gone at the end."""

import asyncio
import os
from dataclasses import replace
from pathlib import Path
from typing import Final

import sqlalchemy as sa
from oslo_log import log

from podium import errors
from podium.conductor.rooms.sql import Sql
from podium.db import conductors, retention
from podium.db.conductors import Membership
from podium.db.worker import Worker

LOG = log.getLogger(__name__)

_UNKNOWN: Final = "unknown"
#: Seconds between two looks of a worker for whether the first one has entered.
_ENTERING: Final = 0.1
#: Looks before it gives up.
_LOOKS: Final = 600


def process_name(pid: int | None = None) -> str:
    """A name that no other process on any machine has: boot, process namespace, number, start."""
    pid = pid or os.getpid()
    return f"{_boot()}:{pid}:{_started(pid)}"


def is_dead(process: str) -> bool:
    """Whether the process of this name has surely ended; False where that cannot be seen from here."""
    boot, _, pid = process.rpartition(":")[0].rpartition(":")
    if boot in ("", _UNKNOWN) or boot != _boot() or not pid.isdigit():
        return False
    return process != process_name(int(pid))


def _boot() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}:{Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return _UNKNOWN


def _started(pid: int) -> str:
    """Clock ticks since boot at which a process started (proc(5), /proc/pid/stat, field 22)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return "gone"


class Heartbeat:
    """Keeps a membership fresh, and learns each time what time it is in the database.

    :param worker: which of the daemon's workers this is; the first enters and leaves for all
    :param interval: seconds between two heartbeats
    :param timeout: seconds without one after which others count this daemon as gone
    """

    def __init__(
        self, sql: Sql, member: Membership, worker: Worker, *, interval: float, timeout: float
    ) -> None:
        self._sql = sql
        self._member = member
        self._worker = worker
        self._interval = interval
        self._timeout = timeout

    async def enter(self, drivers: tuple[str, ...] | None = None) -> None:
        """Take the host name, or, with it taken, record that other drivers are served.

        :param drivers: the drivers that are served, if they are others than at first
        :raises podium.errors.ConductorAlreadyRunning: when another daemon has it
        :raises podium.errors.DatabaseUnavailable: when the database cannot be asked
        """
        if drivers is not None:
            self._member = replace(self._member, drivers=drivers)
        if self._worker.index == 0:
            await self._sql.write(self._claim)
            return
        for _ in range(_LOOKS):
            if await self._sql.write(self._renew):
                return
            await asyncio.sleep(_ENTERING)
        raise errors.ConductorAlreadyRunning(
            f"the worker {self._worker} waited {_LOOKS * _ENTERING:g} s for the first one to enter"
        )

    async def run(self) -> None:
        """Renew the heartbeat, for ever.

        :raises podium.errors.ConductorAlreadyRunning: when another one has taken the host name
        """
        while True:
            await asyncio.sleep(self._interval)
            try:
                alive = await self._sql.write(self._renew)
            except errors.DatabaseUnavailable:
                continue
            if not alive:
                raise errors.ConductorAlreadyRunning(
                    f"another conductor has taken the host name {self._member.hostname}, or the database was"
                    " replaced by another; this conductor stops"
                )

    def _claim(self, connection: sa.Connection) -> None:
        now = self._sql.now.ask(connection)
        conductors.claim(connection, self._member, self._timeout, is_dead)
        if retention.reached(connection) is None:
            retention.reach(connection, self._member.hostname, now)

    def _renew(self, connection: sa.Connection) -> bool:
        self._sql.now.ask(connection)
        return conductors.heartbeat(connection, self._member)

    async def leave(self) -> None:
        """Leave, if the database can be reached."""
        if self._worker.index:
            return
        try:
            await self._sql.write(lambda connection: conductors.leave(connection, self._member))
        except errors.DatabaseUnavailable:
            LOG.warning("The end of this conductor was not recorded; its missing heartbeat will show it")
