"""Reads nodes once for members that cannot reach them, see podium.conductor.sweep.cross_checks.

Their owner has reserved them for this member. It has each until the node was read, no call to it is under way
any more, and the answer is written down, or until that takes too long.
"""

import threading
from collections.abc import Mapping

import sqlalchemy as sa
from oslo_log import log

from podium import errors
from podium.conductor.fleet.entry import Entry
from podium.conductor.fleet.fleet import Fleet
from podium.conductor.rooms.room import DriverRoom
from podium.conductor.rooms.sql import Sql
from podium.db import cross_checks as statements

LOG = log.getLogger(__name__)

#: Seconds that a read may take, longer than any other, and then until its call must have returned.
_LONGEST_READ, _PATIENCE = 90.0, 30.0

_Answer = tuple[str | None, str | None]


class ReadsForOthers:
    """What this member reads for others.

    The rooms of the drivers report to it; all else is for the conductor's loop alone.
    """

    def __init__(self, sql: Sql, fleet: Fleet, rooms: Mapping[str, DriverRoom]) -> None:
        self._sql = sql
        self._fleet = fleet
        self._me = fleet.member
        self._rooms = rooms
        self._lock = threading.Lock()
        self._until: dict[int, float] = {}  # of each node that is to be read
        self._answers: dict[int, _Answer] = {}
        self._begun: set[int] = set()

    def note_answer(self, number: int, state: str | None, failure: str | None) -> None:
        """Take in what was read of a node.

        :param state: None when it could not be read, and ``failure`` says why
        """
        with self._lock:
            self._answers.setdefault(number, (state, failure))

    async def look(self, now: float) -> None:
        """Learn which nodes are to be read, after the fleet has changed.

        :raises podium.errors.DatabaseUnavailable: when the database cannot be asked
        """
        found = set(await self._sql.read(lambda connection: statements.to_read(connection, self._me)))
        self._until = {number: self._until.get(number, now + _LONGEST_READ) for number in found}
        with self._lock:
            self._answers = {number: its for number, its in self._answers.items() if number in found}
        self._begun &= found
        self._fleet.lent.update(found)
        self._fleet.lent.intersection_update(found)  # at no time without those that stay

    def delay(self, seconds: float) -> None:
        """Wait so much longer: for that long nothing could be done."""
        self._until = {number: until + seconds for number, until in self._until.items()}

    async def poll(self, now: float) -> list[Entry]:
        """Answer what was read; return the nodes that are to be read at once.

        :raises podium.errors.DatabaseUnavailable: when the database cannot be asked; the next call goes on
        """
        if not self._until:
            return []
        unknown = [number for number in self._until if self._fleet.get(number) is None]
        if unknown:
            await self._fleet.borrow(self._sql, unknown)
        if answers := self._ready(now):
            await self._write(answers)
            for number in answers:
                del self._until[number]
        new = [number for number in self._until if number not in self._begun]
        entries = [entry for number in new if (entry := self._fleet.get(number)) is not None]
        self._begun.update(entry.number for entry in entries)
        return entries

    def _ready(self, now: float) -> dict[int, _Answer]:
        """The answers that may be written: their nodes are taken, and no call has them any more."""
        ready: dict[int, _Answer] = {}
        for number, until in self._until.items():
            entry = self._fleet.get(number)
            room = None if entry is None else self._rooms.get(entry.node.driver)
            answer = self._answers.get(number)
            if entry is not None and room is None:
                answer = None, f"{self._me.host} has no driver {entry.node.driver} at the moment"
            elif answer is None:
                if now < until:
                    continue
                answer = None, f"it was not read within {_LONGEST_READ:g} s"
            self._fleet.taken.take(number)  # it is not read once more meanwhile
            if entry is not None and room is not None and room.is_visited(entry.node.uuid):
                if now < until + _PATIENCE:
                    continue
                LOG.warning(
                    "%s: read for another conductor, and that call does not return; given back all the same",
                    entry.node.name,
                )
            ready[number] = answer
        return ready

    async def _write(self, answers: Mapping[int, _Answer]) -> None:
        def write(connection: sa.Connection) -> int:
            return statements.answer(connection, self._me, answers)

        try:
            change = await self._sql.write(write)
        except (errors.DatabaseUnavailable, errors.MemberEnded):
            self._fleet.taken.free(answers)
            raise
        self._fleet.taken.free_when_seen(change, answers)
