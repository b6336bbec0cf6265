"""Asks members on other hosts to read nodes of networks in which nothing answers this one."""

import itertools
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import sqlalchemy as sa

from podium.conductor.fleet.entry import Entry
from podium.conductor.fleet.fleet import Fleet
from podium.conductor.rooms.room import DriverRoom
from podium.conductor.rooms.sql import Sql
from podium.db import cross_checks as statements
from podium.db import slots
from podium.db.cross_checks import CrossCheck, Question
from podium.db.slots import Pair
from podium.db.worker import Worker

#: Nodes of a network that others read at a time.
_SAMPLE: Final = 3
#: Networks that others are asked about at a time.
MOST: Final = 100
#: Seconds after which a member counts as not answering.
LONGEST_WAIT: Final = 150.0
#: Seconds between two attempts to ask about a network in which no node is free.
_RETRY: Final = 5.0

#: A group and driver, and a network or, if there is none, the UUID of a node.
Place = tuple[Pair, str]


class Suspect(NamedTuple):
    """A node that should be given up.

    :param since: when it stopped answering, in seconds of the boot clock
    :param what: how often and since when it could not be read, in words; ``failure`` is the reason
    """

    since: float
    what: str
    failure: str


@dataclass(slots=True)
class Case:
    """A network in which nothing answers.

    :param suspects: the nodes, by number
    :param opened: when the case was opened, in seconds of the boot clock
    :ivar ask_at: when the next host may be asked
    :ivar asked: until when to wait for the answer about each node
    :ivar hosts: the hosts that were asked; ``failed`` are the hosts among them that could not read either
    """

    network: str | None
    suspects: dict[int, Suspect]
    opened: float
    ask_at: float = -math.inf
    asked: dict[int, float] = field(default_factory=dict)
    hosts: set[str] = field(default_factory=set)
    failed: set[str] = field(default_factory=set)

    def is_late(self, now: float) -> bool:
        """Whether all hosts that were asked, and one more, have had time to answer."""
        return now - self.opened >= LONGEST_WAIT * (len(self.hosts) + 1)


class Inquiries:
    """Cases under way, by network. Only the conductor's loop may use it.

    :param read: called with a network and another member's successful read, which closes the case
    """

    def __init__(
        self,
        sql: Sql,
        fleet: Fleet,
        rooms: Mapping[str, DriverRoom],
        read: Callable[[Place, CrossCheck], object],
    ) -> None:
        self._sql = sql
        self._fleet = fleet
        self._me = fleet.member
        self._rooms = rooms
        self._read = read
        self._cases: dict[Place, Case] = {}
        self._awaited: dict[int, tuple[Place, float]] = {}  # nodes that may get an answer, until when

    def __contains__(self, place: Place) -> bool:
        return place in self._cases

    @property
    def room(self) -> int:
        """How many more cases may be opened."""
        return MOST - len(self._cases)

    @property
    def awaits(self) -> bool:
        """Whether an answer may come."""
        return bool(self._awaited)

    def add(self, place: Place, suspects: Mapping[int, Suspect], network: str | None, now: float) -> None:
        """Open the case of a network, or add nodes to it."""
        case = self._cases.setdefault(place, Case(network, {}, now))
        case.suspects.update(suspects)

    def delay(self, seconds: float) -> None:
        """Extend all deadlines by a time in which nobody could answer."""
        for case in self._cases.values():
            case.opened += seconds
            case.asked = {number: until + seconds for number, until in case.asked.items()}

    async def hear(self, kept: Callable[[], Collection[int]], now: float) -> None:
        """Process the answers of others, including late ones.

        :param kept: called afterwards; returns the nodes whose answers stay in the database
        :raises podium.errors.DatabaseUnavailable: the database cannot be queried; the next call continues
        """
        found = await self._sql.read(lambda connection: statements.answers(connection, self._me))
        for check in found:
            awaited = self._awaited.get(check.node_id)
            if awaited is None:
                continue
            place = awaited[0]
            case = self._cases.get(place)
            if case is not None and case.asked.pop(check.node_id, None) is not None and not check.power_state:
                case.failed.add(check.reader.host)
            if check.power_state is not None:
                self._cases.pop(place, None)
                self._read(place, check)
        heard = {check.node_id for check in found}
        if done := heard.difference(kept()):
            await self.forget(done)
        self._awaited = {
            number: its for number, its in self._awaited.items() if number not in heard and now < its[1]
        }

    async def forget(self, numbers: Collection[int]) -> None:
        """Delete answers.

        :raises podium.errors.DatabaseUnavailable: the database cannot be written
        """
        await self._sql.write(lambda connection: statements.forget(connection, numbers, self._me))

    async def poll(self, now: float) -> list[tuple[Place, Case]]:
        """Ask the next hosts where no answer is awaited; return the cases closed because nobody could read.

        :raises podium.errors.DatabaseUnavailable: the database cannot be queried; the next call continues
        """
        for case in self._cases.values():
            for number in [number for number, until in case.asked.items() if now >= until]:
                del case.asked[number]
        places = [place for place, case in self._cases.items() if not case.asked and now >= case.ask_at]
        if not places:
            return []
        free = {place: self._free(self._cases[place]) for place in places}
        readers = await self._sql.read(lambda connection: self._readers(connection, places))
        closed: list[Place] = []
        questions: dict[int, tuple[Case, Place, Question]] = {}
        for place in places:
            case, its = self._cases[place], readers[place]
            case.ask_at = now + _RETRY
            if not its or case.is_late(now):
                closed.append(place)
                continue
            for entry, reader in zip(free[place], itertools.cycle(its), strict=False):
                question = Question(entry.number, entry.version, case.network, reader)
                questions[entry.number] = case, place, question
        if questions:
            await self._ask(questions, now)
        return [(place, self._cases.pop(place)) for place in closed]  # only now, so that an outage loses none

    async def _ask(self, questions: Mapping[int, tuple[Case, Place, Question]], now: float) -> None:
        """Ask. The nodes are taken, so that no call to them begins before the fleet shows who has them."""
        taken = [number for number in questions if self._fleet.taken.take(number)]
        wanted = [questions[number][2] for number in taken if self._is_idle(number)]
        refused = set(taken)
        try:
            if wanted:
                asked = await self._sql.write(lambda sql: statements.ask(sql, wanted, self._me))
                refused -= asked.numbers
                self._fleet.taken.free_when_seen(asked.change, asked.numbers)
        finally:
            self._fleet.taken.free(refused)
        for number in set(taken) - refused:
            case, place, question = questions[number]
            case.asked[number] = now + LONGEST_WAIT
            case.hosts.add(question.reader.host)
            self._awaited[number] = place, now + 10 * LONGEST_WAIT

    def _is_idle(self, number: int) -> bool:
        """Whether no call to a node is under way, not even an abandoned one."""
        entry = self._fleet.get(number)
        return entry is not None and not self._rooms[entry.node.driver].is_visited(entry.node.uuid)

    def _free(self, case: Case) -> list[Entry]:
        """A few nodes of a network that still fail and are not taken."""
        found: list[Entry] = []
        for number in case.suspects:
            entry = self._fleet.get(number)
            if entry is None or entry.reads.failing is None or number in self._fleet.taken:
                continue
            if self._is_idle(number):
                found.append(entry)
                if len(found) == _SAMPLE:
                    break
        return found

    def _readers(self, connection: sa.Connection, places: Sequence[Place]) -> dict[Place, list[Worker]]:
        """Members on hosts that have not been asked yet, by network."""
        roster = slots.roster(connection)
        found: dict[Place, list[Worker]] = {}
        for place in places:
            case = self._cases[place]
            entry = next((one for one in map(self._fleet.get, case.suspects) if one is not None), None)
            slot = 0 if entry is None else entry.slot
            its = statements.readers(connection, roster, place[0], slot, self._me.host)
            found[place] = [one for one in its if one.host not in case.hosts]
        return found
