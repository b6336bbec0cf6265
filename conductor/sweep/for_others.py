"""Reads nodes once for members that cannot reach them, see podium.conductor.sweep.cross_checks.

The owner has reserved the nodes for this member. This member keeps a node until it was read, no call to it is
under way, and the answer is stored, or until that takes too long.
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

#: Seconds that a read may take, longer than any other read, and further seconds within which its call must
#: return.
_LONGEST_READ, _PATIENCE = 90.0, 30.0

_Answer = tuple[str | None, str | None]


class ReadsForOthers:
    """The reads that this member makes for others.

    The drivers' rooms report to it; only the conductor's loop may use the rest.
    """

    def __init__(self, sql: Sql, fleet: Fleet, rooms: Mapping[str, DriverRoom]) -> None:
        self._sql = sql
        self._fleet = fleet
        self._me = fleet.member
        self._rooms = rooms
        self._lock = threading.Lock()
        self._until: dict[int, float] = {}  # the deadline of each node to be read
        self._answers: dict[int, _Answer] = {}
        self._begun: set[int] = set()

    def note_answer(self, number: int, state: str | None, failure: str | None) -> None:
        """Note the result of a node's read.

        :param state: None if the read failed; ``failure`` is the reason
        """
        with self._lock:
            self._answers.setdefault(number, (state, failure))

    async def look(self, now: float) -> None:
        """Load the nodes to be read, after the fleet has changed.

        :raises podium.errors.DatabaseUnavailable: the database cannot be queried
        """
        found = set(await self._sql.read(lambda connection: statements.to_read(connection, self._me)))
        self._until = {number: self._until.get(number, now + _LONGEST_READ) for number in found}
        with self._lock:
            self._answers = {number: its for number, its in self._answers.items() if number in found}
        self._begun &= found
        self._fleet.lent.update(found)
        self._fleet.lent.intersection_update(found)  # nodes that stay are never missing

    def delay(self, seconds: float) -> None:
        """Extend all deadlines by a time in which nothing could be done."""
        self._until = {number: until + seconds for number, until in self._until.items()}

    async def poll(self, now: float) -> list[Entry]:
        """Store the answers; return the nodes to read at once.

        :raises podium.errors.DatabaseUnavailable: the database cannot be queried; the next call continues
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
        """The answers that may be stored: the nodes are taken, and no call to them is under way."""
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
            self._fleet.taken.take(number)  # so that it is not read again meanwhile
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
