"""This member's part of the fleet: the slots that it begins with, and the slots that it gives up.

Slots change hands by generations, see podium.db.slots. A member that loses a slot ends its calls to the
nodes, has their drivers release them, writes its results, and acknowledges the generation. A member that
gains a slot begins when all members have acknowledged. docs/conductors.md has the rules and the reasons for
them.
"""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping, Sequence
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from oslo_log import log

from podium import errors
from podium.clocks import boottime
from podium.conductor.fleet.entry import Entry
from podium.conductor.fleet.fleet import Fleet
from podium.conductor.fleet.turns import Turns
from podium.conductor.rooms import context as contexts
from podium.conductor.rooms.room import DriverRoom
from podium.conductor.rooms.sql import Sql
from podium.db import cross_checks, leftovers, members, slots
from podium.db.slots import Pair
from podium.db.worker import Worker
from podium.drivers.base import Node

LOG = log.getLogger(__name__)

#: Seconds for which the start waits for others to give up this member's slots.
_START: Final = 5.0
#: Seconds between two attempts while other members must act, or the database is unavailable.
_PAUSE: Final = 0.05


class _Look(NamedTuple):
    """The state in the database; read in this order, see podium.db.slots.owned."""

    roster: slots.Roster
    settled: int
    living: Collection[Worker]
    owned: Mapping[Pair, Mapping[int, int]]


class Shares:
    """The slots that this member owns. Only the conductor's loop may use it.

    :param flush: writes pending results; returns False if the database does not accept them
    :param hand_over: hands the results of a driver's sweeps to the recorder, in the driver's room
    :param workers: the number of this daemon's processes
    :param patience: seconds within which a call to a lost node must return
    :param clock: seconds, of a clock that nobody sets
    """

    def __init__(
        self,
        sql: Sql,
        fleet: Fleet,
        rooms: Mapping[str, DriverRoom],
        *,
        flush: Callable[[], Awaitable[bool]],
        hand_over: Callable[[str], object],
        workers: int = 1,
        patience: float,
        clock: Callable[[], float] = boottime,
    ) -> None:
        self._sql = sql
        self._fleet = fleet
        self._rooms = rooms
        self._me = fleet.member
        self._flush = flush
        self._hand_over = hand_over
        self._patience = patience
        self._clock = clock
        self._turns = Turns(self._me, workers, clock())
        self._seen = -1  # the rosters of the pulse at the last check
        self._is_complete = False  # whether all slots owned at the last check have begun
        self._known: Collection[Worker] = ()  # members at the last check
        self._sharers: set[Worker] | None = None  # members at the newest generation
        self._left_over: int | None = None  # the generation after which to clean up
        self._generation = self._acknowledged = 0
        self._history = sql.history.changes
        self._leaving: list[Entry] = []
        self._is_giving_up = False
        self._wake = asyncio.Event()

    async def start(self) -> None:
        """Begin with the slots that this member owns; wait a short time for others to give them up.

        :raises podium.errors.DatabaseUnavailable: the database cannot be queried
        """
        end = self._clock() + _START
        while True:
            await self.poll()
            if (self._is_complete and self._left_over is None) or self._clock() >= end:
                return
            self._seen = -1
            await asyncio.sleep(_PAUSE)

    async def poll(self) -> list[Entry]:
        """Process gained and lost slots, if these may have changed; to be called at least once a second.

        :returns: the nodes that begin, starting with those that have not been read for the longest time
        :raises podium.errors.DatabaseUnavailable: the database cannot be queried; the next call continues
        """
        self._leave(self._fleet.take_dropped())
        self._note_history()
        now, pulse = self._clock(), self._fleet.pulse
        self._turns.note_size((len(self._fleet), pulse.deletions))
        if pulse.rosters == self._seen and not self._turns.is_due(now):
            return []
        look = await self._look()
        if self._turns.is_mine(look.roster, look.living, now):
            await self._make(look, now)
            look = await self._look()
        self._lose(look)
        if self._generation > self._acknowledged:
            if self._leaving or self._is_giving_up:
                self._wake.set()
            else:
                await self._acknowledge(self._generation)
                look = await self._look()
                self._lose(look)
        fresh = await self._begin(look)
        await self._clean_up()
        is_done = self._left_over is None and self._clock() >= self._sql.history.changed_at + self._patience
        self._seen = pulse.rosters if is_done else -1
        return fresh

    async def run(self) -> None:
        """Give up lost slots, forever.

        :raises podium.errors.MemberEnded: a call to a lost node does not return
        """
        while True:
            await self._wake.wait()
            self._wake.clear()
            self._is_giving_up = True
            entries, self._leaving = self._leaving, []
            generation = self._generation
            await self._give_up(entries)
            while generation > self._acknowledged:
                with contextlib.suppress(errors.DatabaseUnavailable):
                    if await self._flush():
                        await self._acknowledge(generation)
                        continue
                await asyncio.sleep(_PAUSE)
            self._is_giving_up = False

    async def leave(self) -> None:
        """Give all nodes to other members, if there are any; :meth:`run` continues meanwhile."""
        roster = await self._sql.read(slots.roster)
        if all(one.id == self._me.incarnation for one in roster.whom.able):
            return
        await self._sql.write(lambda connection: members.announce_leave(connection, self._me))
        while any(self._fleet.begun.values()) or self._generation > self._acknowledged:
            self._seen = -1
            with contextlib.suppress(errors.DatabaseUnavailable):
                await self.poll()
            await asyncio.sleep(_PAUSE)

    def _note_history(self) -> None:
        """Forget the known generations if another database server has taken over: it may lack some."""
        if self._history != self._sql.history.changes:
            self._history = self._sql.history.changes
            self._seen = -1
            self._generation = self._acknowledged = 0
            self._turns.forget()

    async def _look(self) -> _Look:
        def look(connection: sa.Connection) -> _Look:
            return _Look(
                slots.roster(connection),
                members.settled(connection),
                members.living(connection),
                slots.owned(connection, self._me),
            )

        return await self._sql.read(look)

    async def _make(self, look: _Look, now: float) -> None:
        """Make a generation if one is due, and plan the cleanup after members that ended."""
        made = None
        if not self._turns.is_planned(look.roster) or await self._sql.read(slots.is_due):
            made = await self._sql.write(slots.make_generation)
        self._turns.note_made(look.roster, made, now)
        if made is not None:
            changes = _changes(look.living, self._sharers or {*look.living} - {self._me})
            LOG.info("Generation %d: %d members share the nodes%s", made, len(look.living), changes)
        if not self._known or set(self._known) - set(look.living):
            self._left_over = made or look.roster.generation + 1
        self._known = look.living

    async def _clean_up(self) -> None:
        """Clean up some of what members that ended have left."""
        generation = self._left_over
        if generation is None:
            return

        def clean_up(connection: sa.Connection) -> int:
            cross_checks.drop_ended(connection)
            return leftovers.take_back(connection) + leftovers.cancel_enforced(connection, generation)

        if not await self._sql.write(clean_up):
            self._left_over = None

    def _lose(self, look: _Look) -> None:
        """Drop the nodes of slots that now belong to another member."""
        if self._sharers is None or look.roster.generation > self._generation:
            self._sharers = set(look.living)
        lost = {pair: its - look.owned.get(pair, {}).keys() for pair, its in self._fleet.begun.items()}
        if any(lost.values()):
            self._fleet.lose(lost)
            dropped = self._fleet.take_dropped()
            if dropped:
                LOG.info("%d nodes are not this conductor's any more", len(dropped))
            self._leave(dropped)
        self._generation = max(self._generation, look.roster.generation)

    def _leave(self, dropped: Sequence[Entry]) -> None:
        if dropped:
            self._leaving += dropped
            self._wake.set()

    async def _acknowledge(self, generation: int) -> None:
        await self._sql.write(lambda connection: members.acknowledge(connection, self._me, generation))
        self._acknowledged = generation

    async def _begin(self, look: _Look) -> list[Entry]:
        """Begin with the slots whose generation has settled."""
        gained: dict[Pair, set[int]] = {}
        # A member that owns slots was given a share, perhaps before its first check.
        self._is_complete = bool(look.owned) or self._turns.is_planned(look.roster)
        for pair, its in look.owned.items():
            new = its.keys() - self._fleet.begun.get(pair, set())
            gained[pair] = {slot for slot in new if its[slot] <= look.settled}
            self._is_complete = self._is_complete and len(gained[pair]) == len(new)
        held_until = self._sql.history.changed_at + self._patience
        if not any(gained.values()) or self._clock() < held_until:
            self._is_complete = self._is_complete and not any(gained.values())
            return []
        fresh = await self._fleet.begin(self._sql, gained)
        if fresh:
            LOG.info("%d nodes are this conductor's from now on", len(fresh))
        return fresh

    async def _give_up(self, entries: Sequence[Entry]) -> None:
        by_driver: dict[str, list[Node]] = defaultdict(list)
        for entry in entries:
            by_driver[entry.node.driver].append(entry.node)
        ends = [
            asyncio.wrap_future(self._rooms[name].start(self._leaving_of(name, nodes), contexts.new()).future)
            for name, nodes in by_driver.items()
            if name in self._rooms
        ]
        if not ends:
            return
        done, late = await asyncio.wait(ends, timeout=self._patience)
        if late:
            raise errors.MemberEnded(
                f"the member {self._me} ends itself: a call to a node that another one is to have does not"
                f" return within {self._patience:g} s"
            )
        for end in done:
            end.result()

    def _leaving_of(self, name: str, nodes: Sequence[Node]) -> Callable[[], Coroutine[Any, Any, None]]:
        async def leave() -> None:
            await self._rooms[name].leave(nodes)
            self._hand_over(name)

        return leave


def _changes(living: Collection[Worker], before: Collection[Worker]) -> str:
    """Return in words which hosts have members that joined and left."""
    joined = sorted({one.host for one in {*living} - {*before}})
    left = sorted({one.host for one in {*before} - {*living}})
    words = (("joined", joined), ("left", left))
    return "".join(f"; {word}: {', '.join(hosts)}" for word, hosts in words if hosts)
