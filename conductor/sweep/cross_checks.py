"""Has another conductor read a node before it is given up, if the fault may be this conductor's network.

As long as one node of a network answers this conductor, the fault of nodes that do not answer is their own.
If none answers, members on other hosts read a few of the nodes once, one host after the other. If one of
these reads succeeds, this conductor cannot reach the network: that is reported, and no node there is given
up. docs/conductors.md describes how a node changes hands for such a read.
"""

import math
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Final, NamedTuple

from oslo_log import log

from podium.clocks import boottime
from podium.conductor.fleet.entry import Entry
from podium.conductor.fleet.fleet import Fleet
from podium.conductor.recording.recorder import Recorder
from podium.conductor.rooms.room import DriverRoom
from podium.conductor.rooms.sql import Sql
from podium.conductor.sweep.for_others import ReadsForOthers
from podium.conductor.sweep.inquiries import LONGEST_WAIT, Case, Inquiries, Place, Suspect
from podium.conductor.sweep.second_opinions import SecondOpinions
from podium.db.cross_checks import CrossCheck
from podium.node_ranges import fold_for_log

LOG = log.getLogger(__name__)

#: Seconds for which the answers of others are valid.
_HOLDS: Final = 600.0
#: Seconds between two checks of nodes to be given up, of networks that may answer again, and of answers that
#: nobody waits for.
_PAUSE, _LOOK, _TIDY = 1.0, 10.0, 60.0
#: Seconds without a poll after which deadlines that passed meanwhile do not count.
_AWAY: Final = 10.0


class _OutOfReach(NamedTuple):
    """A network that other conductors can reach and this one cannot.

    :param check: the read that shows this
    :param since: when it was recorded; ``until`` is when it must be shown again
    """

    check: CrossCheck
    since: float
    until: float


class _Condemned(NamedTuple):
    """A node that is given up if it fails once more before a certain time."""

    place: Place
    suspect: Suspect
    also: str
    until: float


class CrossChecks:
    """The reads that this member requests from others.

    The drivers' rooms report to it; only the conductor's loop may use the rest.

    :param clock: the boot clock, in seconds
    :ivar for_others: the reads that others request from this member
    :ivar opinions: nodes that are given up once their feeds have been read; to be run as a task
    """

    def __init__(
        self,
        sql: Sql,
        fleet: Fleet,
        recorder: Recorder,
        rooms: Mapping[str, DriverRoom],
        clock: Callable[[], float] = boottime,
    ) -> None:
        self.for_others = ReadsForOthers(sql, fleet, rooms)
        self._inquiries = Inquiries(sql, fleet, rooms, self._note_out_of_reach)
        self.opinions = SecondOpinions(sql, fleet, recorder, clock)
        self._sql = sql
        self._fleet = fleet
        self._me = fleet.member
        self._recorder = recorder
        self._clock = clock
        self._lock = threading.Lock()
        self._suspects: dict[int, Suspect] = {}
        self._waiting: dict[Place, dict[int, Suspect]] = {}
        self._condemned: dict[int, _Condemned] = {}
        self._confirmed: dict[Place, tuple[float, str]] = {}
        self._out_of_reach: dict[Place, _OutOfReach] = {}
        self._polled = self._judged = self._looked = self._tidied = -math.inf
        self._seen = -1

    @property
    def out_of_reach(self) -> int:
        """The number of networks that others can reach and this member cannot."""
        return len(self._out_of_reach)

    def suspect(self, number: int, since: float, what: str, failure: str) -> None:
        """Have a node given up, unless another conductor can read it.

        :param since: when it stopped answering, in seconds of the boot clock
        :param what: how often and since when it could not be read, in words
        :param failure: why the last read failed
        """
        with self._lock:
            self._suspects[number] = Suspect(since, what, failure)

    async def poll(self) -> list[Entry]:
        """Request, answer and decide; to be called at least once a second, after the fleet was refreshed.

        :returns: nodes to read at once for their owners
        :raises podium.errors.DatabaseUnavailable: the database cannot be queried; the next call continues
        """
        if not self._sql.up:
            return []
        now, seen = self._clock(), self._fleet.seen
        if _AWAY < now - self._polled < math.inf:  # the database was unavailable, for others too
            self.for_others.delay(now - self._polled)
            self._inquiries.delay(now - self._polled)
        if seen != self._seen:
            await self.for_others.look(now)
            if self._inquiries.awaits or now - self._tidied >= _TIDY:
                await self._inquiries.hear(self._kept, now)
                self._tidied = now
            self._seen = seen
        borrowed = await self.for_others.poll(now)
        self._judge(now)
        for place, case in await self._inquiries.poll(now):
            await self._confirm(place, case, now)
        if self._out_of_reach and now - self._looked >= _LOOK:
            self._looked = now
            await self._look_again()
        self._give_up(now)
        self._polled = now  # only now: the database has done its work
        return borrowed

    def _kept(self) -> set[int]:
        return {one.check.node_id for one in self._out_of_reach.values()}

    def _note_out_of_reach(self, place: Place, check: CrossCheck) -> None:
        now, known = self._clock(), self._out_of_reach.get(place)
        if known is not None and now < known.until:
            return
        since = boottime() if known is None else known.since
        self._out_of_reach[place] = _OutOfReach(check, since, now + _HOLDS)
        if self._confirmed.pop(place, None) is not None:  # it is late, but in time for some nodes
            self._condemned = {number: its for number, its in self._condemned.items() if its.place != place}
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

    async def _confirm(self, place: Place, case: Case, now: float) -> None:
        """Give up the nodes of a network that nobody could read."""
        hosts = ", ".join(sorted(case.failed))
        also = f", and {hosts} cannot read it either" if hosts else ""
        self._confirmed[place] = now + _HOLDS, also
        self._condemn(place, case.suspects, also, now)
        known = self._out_of_reach.pop(place, None)
        if known is not None:
            await self._inquiries.forget([known.check.node_id])

    def _judge(self, now: float) -> None:
        """Give up nodes of networks where other nodes answer, or that other members could not read."""
        with self._lock:
            suspects, self._suspects = self._suspects, {}
        for number, suspect in suspects.items():
            entry = self._fleet.get(number)
            if entry is not None and self._may_give_up(entry):
                self._waiting.setdefault(_place(entry), {})[number] = suspect
        if not self._waiting or now - self._judged < _PAUSE or not (suspects or self._inquiries.room):
            return
        self._judged = now
        self._confirmed = {place: its for place, its in self._confirmed.items() if now < its[0]}
        latest = self._latest(self._waiting)
        for place, its in list(self._waiting.items()):
            alone = {number: one for number, one in its.items() if latest.get(place, -math.inf) > one.since}
            self._condemn(place, alone, "", now)
            if self._is_settled(place, {number: its[number] for number in its.keys() - alone.keys()}, now):
                del self._waiting[place]

    def _is_settled(self, place: Place, silent: Mapping[int, Suspect], now: float) -> bool:
        """Decide about nodes of a network in which nothing answers; return False if they must wait."""
        known = self._out_of_reach.get(place)
        if not silent or (known is not None and now < known.until):
            return True
        if place in self._confirmed:
            self._condemn(place, silent, self._confirmed[place][1], now)
            return True
        if place not in self._inquiries and not self._inquiries.room:
            return False
        entry = self._fleet.get(next(iter(silent)))
        self._inquiries.add(place, silent, None if entry is None else entry.network, now)
        return True

    def _may_give_up(self, entry: Entry) -> bool:
        return entry.reads.failing is not None and not entry.node.maintenance and self._fleet.owns(entry)

    async def _look_again(self) -> None:
        """Find out which networks answer again, or now belong to another conductor."""
        latest = self._latest(self._out_of_reach)
        over = {
            place: one.check
            for place, one in self._out_of_reach.items()
            if latest.get(place, math.inf) > one.since
        }
        if not over:
            return
        await self._inquiries.forget([check.node_id for check in over.values()])
        for place in over:
            del self._out_of_reach[place]
        back = [
            check.network or self._name(check.node_id) for place, check in over.items() if place in latest
        ]
        if back:
            LOG.info("%s: answers this conductor again", fold_for_log(back))

    def _latest(self, places: Iterable[Place]) -> dict[Place, float]:
        """When a node of each network last answered this member; without networks in which it has no nodes.

        The value is minus infinity for a network that never answered.
        """
        latest: dict[Place, float] = {}
        wanted = set(places)
        names, age = {name for _, name in wanted}, boottime() - time.monotonic()
        for entry in self._fleet.entries() if wanted else ():
            if (entry.network or entry.node.uuid) not in names or not self._fleet.owns(entry):
                continue
            if (place := _place(entry)) in wanted:
                latest[place] = max(latest.get(place, -math.inf), _answered(entry, entry.since + age))
        return latest

    def _condemn(self, place: Place, suspects: Mapping[int, Suspect], also: str, now: float) -> None:
        for number, one in suspects.items():
            self._condemned[number] = _Condemned(place, one, also, now + LONGEST_WAIT)

    def _give_up(self, now: float) -> None:
        """Give up nodes; nodes that others have read only after one more failed read by this member."""
        for number, (_, one, also, until) in list(self._condemned.items()):
            entry = self._fleet.get(number)
            failing = None if entry is None else entry.reads.failing
            if entry is not None and failing is not None and failing.since is not None:
                self.opinions.add(entry, f"{one.what}{also}", one.failure)
            elif now < until and (entry is None or failing is not None):
                continue
            del self._condemned[number]

    def _name(self, number: int) -> str:
        entry = self._fleet.get(number)
        return "a node" if entry is None else entry.node.name


def _place(entry: Entry) -> Place:
    return entry.pair, entry.network or entry.node.uuid


def _answered(entry: Entry, known_since: float) -> float:
    """When a node was last read here; earlier reads by others and reports of its driver do not count."""
    checked, reported = entry.reads.checked, entry.reads.reported
    if checked is None or checked < known_since or checked == reported:
        return -math.inf
    return checked
