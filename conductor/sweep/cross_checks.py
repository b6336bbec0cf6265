"""Has another conductor read a node before it is given up, where it may be this one that cannot reach it.

As long as one node of a network answers this conductor, nodes there that do not are the nodes' own trouble.
Where none answers, a few of them are read once by members on other hosts, one host after the other. If one of
these reads a node, this conductor cannot reach the network: that is told, and no node there is given up.
docs/conductors.md says how a node changes hands for that.
"""

import itertools
import math
import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import sqlalchemy as sa
from oslo_log import log

from podium.clocks import boottime
from podium.conductor.fleet.entry import Entry
from podium.conductor.fleet.fleet import Fleet
from podium.conductor.recording.recorder import Recorder
from podium.conductor.rooms.room import DriverRoom
from podium.conductor.rooms.sql import Sql
from podium.db import cross_checks as statements
from podium.db import slots
from podium.db.cross_checks import CrossCheck, Question
from podium.db.slots import Pair
from podium.db.worker import Worker
from podium.node_ranges import fold_for_log

LOG = log.getLogger(__name__)

#: Nodes of a network that are read by others at a time.
_SAMPLE: Final = 3
#: Networks that others are asked about at a time.
_MOST: Final = 100
#: Seconds after which a member that was asked counts as one that could not read, and after which one that was
#: asked answers whatever it has: both longer than a read may take.
_LONGEST_WAIT, _LONGEST_READ = 120.0, 90.0
#: Seconds between two attempts to ask about a network of which no node is free.
_PAUSE: Final = 5.0
#: Seconds for which the answers of others hold.
_HOLDS: Final = 600.0
#: Seconds between two looks whether networks answer again.
_LOOK: Final = 10.0


class _Suspect(NamedTuple):
    """A node that is to be given up.

    :param since: since when it does not answer, in seconds of the boot clock
    :param what: how often and since when it could not be read, and ``failure`` why
    """

    since: float
    what: str
    failure: str


#: A group and driver, and a network or, where there is none, the UUID of a node.
_Place = tuple[Pair, str]


@dataclass(slots=True)
class _Case:
    """A network in which nothing answers.

    :param suspects: by number
    :param readers: those that were not asked yet
    :param opened: when it was opened, in seconds of the boot clock
    :ivar ask_at: when the next may be asked
    :ivar asked: until when each node that is asked about is waited for
    :ivar hosts: those that could not read either
    """

    network: str | None
    suspects: dict[int, _Suspect]
    readers: list[Worker]
    opened: float
    ask_at: float = -math.inf
    asked: dict[int, float] = field(default_factory=dict)
    hosts: set[str] = field(default_factory=set)


class _OutOfReach(NamedTuple):
    """A network that others reach and this conductor does not.

    :param check: the read that shows it
    :param since: when it was written down, and ``until`` when it has to be shown anew
    """

    check: CrossCheck
    since: float
    until: float


class CrossChecks:
    """What this member asks of others, and reads for them.

    The rooms of the drivers report to it; all else is for the conductor's loop alone.

    :param clock: the boot clock, in seconds
    """

    def __init__(
        self,
        sql: Sql,
        fleet: Fleet,
        recorder: Recorder,
        rooms: Mapping[str, DriverRoom],
        clock: Callable[[], float] = boottime,
    ) -> None:
        self._sql = sql
        self._fleet = fleet
        self._me = fleet.member
        self._recorder = recorder
        self._rooms = rooms
        self._clock = clock
        self._lock = threading.Lock()
        self._suspects: dict[int, _Suspect] = {}
        self._cases: dict[_Place, _Case] = {}
        self._awaited: dict[int, float] = {}  # nodes of which an answer may come, and until when
        self._condemned: dict[int, tuple[_Suspect, str, float]] = {}  # and until when
        self._confirmed: dict[_Place, tuple[float, str]] = {}
        self._out_of_reach: dict[_Place, _OutOfReach] = {}
        self._looked = -math.inf
        self._seen = -1
        self._to_read: dict[int, float] = {}  # until when
        self._answers: dict[int, tuple[str | None, str | None]] = {}

    @property
    def out_of_reach(self) -> int:
        """How many networks this member cannot reach, while others can."""
        return len(self._out_of_reach)

    def suspect(self, number: int, since: float, what: str, failure: str) -> None:
        """Have a node given up, unless another conductor can read it.

        :param since: since when it does not answer, in seconds of the boot clock
        :param what: how often and since when it could not be read
        :param failure: why the last read failed
        """
        with self._lock:
            self._suspects[number] = _Suspect(since, what, failure)

    def note_answer(self, number: int, state: str | None, failure: str | None) -> None:
        """Take in what was read of a node for its owner.

        :param state: None when it could not be read, and ``failure`` says why
        """
        with self._lock:
            self._answers[number] = state, failure

    async def poll(self) -> list[Entry]:
        """Ask, answer and judge; to be called once a second or more often, after the fleet was refreshed.

        :returns: nodes that are to be read at once, for their owners
        :raises podium.errors.DatabaseUnavailable: when the database cannot be asked; the next call goes on
        """
        now, seen = self._clock(), self._fleet.seen
        borrowed: list[Entry] = []
        if seen != self._seen:
            borrowed = await self._find_work(now)
            await self._hear(now)
            self._seen = seen
        if self._to_read:
            await self._answer(now)
        await self._conclude(now)
        with self._lock:
            suspects, self._suspects = self._suspects, {}
        if suspects:
            await self._judge(suspects, now)
        if self._out_of_reach and now - self._looked >= _LOOK:
            self._looked = now
            await self._look_again()
        self._give_up(now)
        return borrowed

    async def _find_work(self, now: float) -> list[Entry]:
        """Learn which nodes are to be read for others; return those that were not known."""
        found = await self._sql.read(lambda connection: statements.to_read(connection, self._me))
        self._to_read = {number: self._to_read.get(number, now + _LONGEST_READ) for number in found}
        with self._lock:
            self._answers = {number: its for number, its in self._answers.items() if number in self._to_read}
        self._fleet.lent.update(found)
        self._fleet.lent.intersection_update(found)  # at no time without those that stay
        unknown = [number for number in found if self._fleet.get(number) is None]
        return await self._fleet.borrow(self._sql, unknown) if unknown else []

    async def _answer(self, now: float) -> None:
        """Write down what was read for others, and free the nodes that no call has any more."""
        for number, until in list(self._to_read.items()):
            entry = self._fleet.get(number)
            state, failure = self._answers.get(number, (None, None))
            if state is None and failure is None:
                if now < until:
                    continue
                failure = f"it was not read within {_LONGEST_READ:g} s"
            if entry is not None and self._rooms[entry.node.driver].is_visited(entry.node.uuid):
                continue
            await self._write_answer(number, state, failure)
            del self._to_read[number]

    async def _write_answer(self, number: int, state: str | None, failure: str | None) -> None:
        await self._sql.write(
            lambda connection: statements.answer(connection, number, self._me, state, failure)
        )

    async def _hear(self, now: float) -> None:
        """Take in the answers of others."""
        self._awaited = {number: until for number, until in self._awaited.items() if now < until}
        if not self._awaited:
            return
        found = await self._sql.read(lambda connection: statements.answers(connection, self._me))
        checks = {check.node_id: check for check in found}
        for place, case in list(self._cases.items()):
            its = [checks[number] for number in case.asked if number in checks]
            read = next((check for check in its if check.power_state is not None), None)
            for check in its:
                del case.asked[check.node_id]
                case.hosts.add(check.reader.host)
            if read is not None:
                del self._cases[place]
                self._note_out_of_reach(place, read, now)
        kept = {one.check.node_id for one in self._out_of_reach.values()}
        if done := checks.keys() - kept:
            await self._forget(done)
        for number in checks:
            self._awaited.pop(number, None)

    def _note_out_of_reach(self, place: _Place, check: CrossCheck, now: float) -> None:
        known = self._out_of_reach.get(place)
        since = now if known is None else known.since
        self._out_of_reach[place] = _OutOfReach(check, since, now + _HOLDS)
        if known is not None:
            return
        name, host = self._name(check.node_id), check.reader.host
        if check.network is None or "/" not in check.network:
            where = check.network or name
            LOG.warning(
                "%s does not answer this conductor, while %s has read %s: not given up", where, host, name
            )
            return
        LOG.warning(
            "%s: no node there answers this conductor, while %s has read %s: none is given up. Others take"
            " them over with: podium conductor avoid %s %s",
            check.network,
            host,
            name,
            self._me.host,
            check.network,
        )

    async def _conclude(self, now: float) -> None:
        """Ask the next host, or give up the nodes of networks that no host could read."""
        for place, case in list(self._cases.items()):
            for number in [number for number, until in case.asked.items() if now >= until]:
                del case.asked[number]
            if case.asked:
                continue
            is_late = now - case.opened >= _LONGEST_WAIT * (len(case.hosts) + 1)
            if not case.readers or is_late:
                await self._confirm(place, now)
            elif now >= case.ask_at:
                await self._ask(case, now)

    async def _confirm(self, place: _Place, now: float) -> None:
        case = self._cases.pop(place)
        hosts = ", ".join(sorted(case.hosts))
        also = f", and {hosts} cannot read it either" if hosts else ""
        self._confirmed[place] = now + _HOLDS, also
        self._condemn(case.suspects, also, now)
        known = self._out_of_reach.pop(place, None)
        if known is not None:
            await self._forget([known.check.node_id])

    async def _judge(self, suspects: Mapping[int, _Suspect], now: float) -> None:
        """Give up nodes in networks of which others answer, or of which others could not read either."""
        self._confirmed = {place: its for place, its in self._confirmed.items() if now < its[0]}
        silent: dict[_Place, dict[int, _Suspect]] = {}
        for number, suspect in suspects.items():
            entry = self._fleet.get(number)
            if entry is not None and entry.reads.failing is not None and not entry.node.maintenance:
                silent.setdefault(_place(entry), {})[number] = suspect
        latest = self._latest(silent)
        fresh: dict[_Place, dict[int, _Suspect]] = {}
        for place, its in silent.items():
            own = {number: one for number, one in its.items() if latest.get(place, -math.inf) > one.since}
            self._condemn(own, "", now)
            its = {number: one for number, one in its.items() if number not in own}
            known = self._out_of_reach.get(place)
            if place in self._confirmed:
                self._condemn(its, self._confirmed[place][1], now)
            elif place in self._cases:
                self._cases[place].suspects |= its
            elif its and (known is None or now >= known.until):
                fresh[place] = its
        if fresh:
            await self._open(fresh, now)

    async def _open(self, fresh: Mapping[_Place, dict[int, _Suspect]], now: float) -> None:
        """Open cases, as many as there may be; the other nodes have to wait."""
        some = list(fresh)[: max(_MOST - len(self._cases), 0)]
        with self._lock:
            for place in fresh.keys() - {*some}:
                self._suspects = fresh[place] | self._suspects
        entries = [self._fleet.get(next(iter(fresh[place]))) for place in some]
        readers = await self._sql.read(lambda connection: self._readers(connection, entries))
        for place, entry, its in zip(some, entries, readers, strict=True):
            if its and entry is not None:
                self._cases[place] = case = _Case(entry.network, fresh[place], its, now)
                await self._ask(case, now)
            else:
                self._condemn(fresh[place], "", now)

    def _readers(self, connection: sa.Connection, entries: Iterable[Entry | None]) -> list[list[Worker]]:
        roster, host = slots.roster(connection), self._me.host
        return [
            [] if one is None else statements.readers(connection, roster, one.pair, one.slot, host)
            for one in entries
        ]

    async def _ask(self, case: _Case, now: float) -> None:
        """Have some nodes of a network read by as many hosts, or one by one host after the other."""
        free = [
            entry
            for number in case.suspects
            if (entry := self._fleet.get(number)) is not None
            and number not in self._fleet.taken
            and not self._rooms[entry.node.driver].is_visited(entry.node.uuid)
        ]
        case.ask_at = now + _PAUSE
        questions = [
            Question(entry.number, entry.version, case.network, reader)
            for entry, reader in zip(free[:_SAMPLE], itertools.cycle(case.readers), strict=False)
        ]
        if questions:
            accepted = await self._sql.write(
                lambda connection: statements.ask(connection, questions, self._me)
            )
            case.asked |= dict.fromkeys(accepted, now + _LONGEST_WAIT)
            self._awaited |= dict.fromkeys(accepted, now + 10 * _LONGEST_WAIT)
            asked = {one.reader for one in questions if one.number in accepted}
            case.readers = [one for one in case.readers if one not in asked]

    async def _look_again(self) -> None:
        """Find out which networks answer again, or are another conductor's by now."""
        latest = self._latest(self._out_of_reach)
        over = {
            place: latest.get(place)
            for place, one in self._out_of_reach.items()
            if latest.get(place, math.inf) > one.since
        }
        if not over:
            return
        checks = {place: self._out_of_reach.pop(place).check for place in over}
        back = [
            checks[place].network or self._name(checks[place].node_id) for place in over if place in latest
        ]
        if back:
            LOG.info("%s: answers this conductor again", fold_for_log(back))
        await self._forget([check.node_id for check in checks.values()])

    def _latest(self, places: Iterable[_Place]) -> dict[_Place, float]:
        """When a node of each network has answered last; nothing where this member has none.

        Those that never have count as before all time.
        """
        wanted, latest = set(places), dict[_Place, float]()
        for entry in self._fleet.entries() if wanted else ():
            place = _place(entry)
            if place in wanted:
                latest[place] = max(latest.get(place, -math.inf), _answered(entry))
        return latest

    async def _forget(self, numbers: Collection[int]) -> None:
        await self._sql.write(lambda connection: statements.forget(connection, numbers, self._me))

    def _condemn(self, suspects: Mapping[int, _Suspect], also: str, now: float) -> None:
        for number, one in suspects.items():
            self._condemned[number] = one, also, now + _LONGEST_WAIT

    def _give_up(self, now: float) -> None:
        """Give up nodes; those that others have read, when this member has read them once more in vain."""
        for number, (one, also, until) in list(self._condemned.items()):
            entry = self._fleet.get(number)
            failing = None if entry is None else entry.reads.failing
            if failing is not None and failing.since is not None:
                self._recorder.add_fault(number, f"{one.what}{also}", one.failure)
            elif now < until and (entry is None or failing is not None):
                continue
            del self._condemned[number]

    def _name(self, number: int) -> str:
        entry = self._fleet.get(number)
        return "a node" if entry is None else entry.node.name


def _place(entry: Entry) -> _Place:
    return entry.pair, entry.network or entry.node.uuid


def _answered(entry: Entry) -> float:
    checked = entry.reads.checked
    return -math.inf if checked is None else checked
