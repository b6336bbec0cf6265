"""This daemon among the others on the database: entered once, heard of regularly, and gone at the end."""

import asyncio
import os
from dataclasses import replace
from pathlib import Path
from typing import Final

from oslo_log import log

from podium import errors
from podium.conductor.rooms.sql import Sql
from podium.db import conductors
from podium.db.conductors import Membership

LOG = log.getLogger(__name__)

_UNKNOWN: Final = "unknown"
#: Seconds between two looks of a worker for whether the first one has entered.
_ENTERING: Final = 0.1
#: Looks before it gives up.
_LOOKS: Final = 600


def process_identity(pid: int | None = None) -> str:
    """What tells this very process from any other on any machine: boot, process namespace, number, start."""
    pid = pid or os.getpid()
    return f"{_boot()}:{pid}:{_started(pid)}"


def is_dead(identity: str) -> bool:
    """Whether the process with this identity has surely ended; False where that cannot be seen from here."""
    boot, _, process = identity.rpartition(":")[0].rpartition(":")
    if boot in ("", _UNKNOWN) or boot != _boot() or not process.isdigit():
        return False
    return identity != process_identity(int(process))


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
    """Keeps a membership fresh.

    :param interval: seconds between two heartbeats
    :param timeout: seconds without one after which others count this daemon as gone
    :param worker: which of the daemon's workers this is; the first enters and leaves for all
    """

    def __init__(
        self, sql: Sql, member: Membership, *, interval: float, timeout: float, worker: int = 0
    ) -> None:
        self._sql = sql
        self._member = member
        self._worker = worker
        self._interval = interval
        self._timeout = timeout

    async def enter(self, drivers: tuple[str, ...] | None = None) -> None:
        """Take the host name, or, with it taken, tell that other drivers are served.

        :param drivers: the drivers that are served, if they are others than at first
        :raises podium.errors.ConductorAlreadyRunning: when another daemon has it
        :raises podium.errors.DatabaseUnavailable: when the database cannot be asked
        """
        if drivers is not None:
            self._member = replace(self._member, drivers=drivers)
        if self._worker == 0:
            await self._sql.write(
                lambda connection: conductors.claim(connection, self._member, self._timeout, is_dead)
            )
            return
        for _ in range(_LOOKS):
            if await self._sql.write(lambda sql: conductors.heartbeat(sql, self._member)):
                return
            await asyncio.sleep(_ENTERING)
        raise errors.ConductorAlreadyRunning(
            f"worker {self._worker} waited {_LOOKS * _ENTERING:g} s for the first worker to enter"
            f" the conductor {self._member.hostname}"
        )

    async def run(self) -> None:
        """Say that this daemon is alive, for ever.

        :raises podium.errors.ConductorAlreadyRunning: when another one has taken the host name
        """
        while True:
            await asyncio.sleep(self._interval)
            try:
                alive = await self._sql.write(lambda sql: conductors.heartbeat(sql, self._member))
            except errors.DatabaseUnavailable:
                continue
            if not alive:
                raise errors.ConductorAlreadyRunning(
                    f"another conductor has taken the host name {self._member.hostname}; this one stops"
                )

    async def leave(self) -> None:
        """Say goodbye, if the database listens."""
        if self._worker:
            return
        try:
            await self._sql.write(lambda connection: conductors.leave(connection, self._member))
        except errors.DatabaseUnavailable:
            LOG.warning("The database did not hear of this conductor's end; its heartbeat will tell")
