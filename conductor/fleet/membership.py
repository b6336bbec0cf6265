"""A worker among all others on the database: the name of its process, and how it enters.

No wall clock decides whether a member with the same name is alive: either its process is seen to be dead, or
its lease is seen unchanged for the length of the lease.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple

import sqlalchemy as sa
from oslo_db.exception import DBDuplicateEntry
from oslo_log import log

from podium import errors
from podium.clocks import boottime
from podium.conductor.fleet.observed import Observed
from podium.conductor.rooms.sql import Sql
from podium.conf import fingerprint
from podium.db import conductors, drains, members, retention
from podium.db.members import Member, Service
from podium.db.worker import Worker

LOG = log.getLogger(__name__)

_UNKNOWN: Final = "unknown"
#: Seconds between two checks of the members that block the entry.
_LOOK: Final = 0.5


def process_name(pid: int | None = None) -> str:
    """A name that is unique among the processes of all machines: boot, process namespace, number, start."""
    pid = pid or os.getpid()
    return f"{_boot()}:{pid}:{_started(pid)}"


def worker_process(daemon: str) -> str:
    """The name of this worker's process, which starts with that of its daemon."""
    return f"{daemon}/{os.getpid()}:{_started(os.getpid())}"


def daemon_of(process: str) -> str:
    """The name of the daemon's process, from the name of a worker's process."""
    return process.partition("/")[0]


def is_dead(process: str) -> bool:
    """Whether the process with this name has certainly ended; False if that cannot be seen from here.

    :param process: the process of a daemon, or of a worker, which may outlive its daemon
    """
    daemon, _, own = process.partition("/")
    namespace, _, pid = daemon.rpartition(":")[0].rpartition(":")
    if namespace in ("", _UNKNOWN) or namespace != _boot():
        return False
    pid, _, started = (own or daemon.removeprefix(f"{namespace}:")).partition(":")
    return pid.isdigit() and started != _started(int(pid))


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


class _Others(NamedTuple):
    """The members that block the entry, and the numbers of their leases."""

    members: Sequence[Member]
    numbers: Mapping[int, int]


class _Taken(Exception):
    """Another member has entered meanwhile."""


class Entry:
    """Enters one worker into the fleet.

    :param index: the worker's index in its daemon
    :param workers: the number of the daemon's workers
    """

    def __init__(
        self,
        sql: Sql,
        host: str,
        index: int,
        service: Service,
        *,
        workers: int,
        clock: Callable[[], float] = boottime,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
        is_dead: Callable[[str], bool] = is_dead,
    ) -> None:
        self._sql = sql
        self._me = Worker(host, index)
        self._service = service
        self._workers = workers
        self._clock = clock
        self._pause = pause
        self._is_dead = is_dead
        self._observed = Observed(_LOOK, clock)
        self._is_told = False
        self._drained_since: datetime | None = None

    async def enter(self) -> tuple[Worker, float]:
        """Become a member once no other member of the same name is left.

        :returns: the member, and a time before its lease was requested
        :raises podium.errors.ConductorAlreadyRunning: another daemon with this host name is running
        :raises podium.errors.DatabaseUnavailable: the database cannot be queried
        """
        while True:
            began = self._clock()
            others = await self._sql.read(self._others)
            if not others.members:
                try:
                    member = await self._sql.write(self._enter)
                except (_Taken, DBDuplicateEntry):
                    continue
                self._tell_of_drain()
                if self._me.index == 0:
                    self._compare(await self._sql.read(members.unended))
                return member, began
            over, why = self._over(others, began)
            if over:
                await self._end(others, over, why)
            else:
                await self._pause(_LOOK)

    def _tell_of_drain(self) -> None:
        if self._drained_since is not None and self._me.index == 0:
            LOG.warning(
                "This conductor is drained since %s, and out of service until: podium conductor undrain %s",
                f"{self._drained_since:%F %T} UTC",
                self._me.host,
            )

    def _others(self, connection: sa.Connection) -> _Others:
        mine, numbers = daemon_of(self._service.process), members.standing(connection)
        found = [
            one
            for one in members.unended(connection)
            if one.host == self._me.host
            and (one.worker == self._me.index or daemon_of(one.process) != mine)
            and one.id in numbers  # otherwise it has ended between the two queries
        ]
        return _Others(found, numbers)

    def _over(self, others: _Others, began: float) -> tuple[Mapping[int, int], str]:
        """Find out which members may be ended, with the numbers of their leases, and why."""
        numbers = {one.id: others.numbers[one.id] for one in others.members}
        dead = {one.id: numbers[one.id] for one in others.members if self._is_dead(one.process)}
        if dead:
            return dead, "its process has ended"
        for one in others.members:
            self._judge(one, numbers[one.id])
        lengths = {one.id: one.lease for one in others.members}
        return self._observed.look(began, numbers, lengths), "its lease ran out"

    def _judge(self, other: Member, number: int) -> None:
        # A worker may outlive its daemon a little: it finishes its changes.
        lives = self._observed.has_moved(other.id, number) and not self._is_dead(daemon_of(other.process))
        if lives:
            raise errors.ConductorAlreadyRunning(
                f"a conductor with the host name {self._me.host} is alive on this database; stop it, or give"
                " this one another [DEFAULT] host"
            )
        # The first worker waits for everything the others wait for, except earlier workers of their own
        # daemon.
        is_ours = daemon_of(other.process) == daemon_of(self._service.process)
        if not self._is_told and (self._me.index == 0 or is_ours):
            self._is_told = True
            LOG.info(
                "%s waits to see whether the conductor %s that is in this database lives: until the lease of"
                " %s is renewed, or over in %g s",
                self._me,
                other.host,
                other.name,
                other.lease,
            )

    def _compare(self, fleet: Sequence[Member]) -> None:
        """Log which options differ from those of other hosts although they should be the same."""
        others = [one.fingerprint for one in fleet if one.host != self._me.host]
        differ = fingerprint.differences(fingerprint.usual(others), self._service.fingerprint)
        if others and differ:
            LOG.warning(
                "Options of [conductor] are not as the other conductors have them: %s", ", ".join(differ)
            )

    async def _end(self, others: _Others, over: Mapping[int, int], why: str) -> None:
        def end(connection: sa.Connection) -> list[int]:
            return members.end(connection, over, self._me, why)

        ended = await self._sql.write(end)
        for one in others.members:
            if one.id in ended:
                LOG.warning("%s has ended the member %s, because %s", self._me, one.name, why)

    def _enter(self, connection: sa.Connection) -> Worker:
        now = self._sql.now.ask(connection)
        conductors.begin(connection, self._me.host, self._workers)  # nobody else of this host enters now
        if self._others(connection).members:
            raise _Taken
        member = members.enter(connection, self._me.host, self._me.index, self._service)
        self._drained_since = drains.drained_since(connection, self._me.host)
        if retention.reached(connection) is None:
            retention.reach(connection, self._me.host, now)
        return member
