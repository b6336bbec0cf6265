"""Reads the feeds of nodes that are given up: a machine that draws power is on.

The conductors of the feeds are asked, which may be other conductors. Whatever they answer, and even if they
do not answer, a node is given up after a while. If more nodes than a rack or two are given up at once, the
rest are given up without a second opinion.
"""

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import sqlalchemy as sa

from podium import errors
from podium.conductor.fleet.entry import Entry
from podium.conductor.fleet.fleet import Fleet
from podium.conductor.recording.recorder import Recorder
from podium.conductor.rooms.sql import Sql
from podium.db import feeds
from podium.db.feed_words import Feed, in_words, named
from podium.db.feeds import Asked

#: Nodes whose feeds are read at the same time, and nodes that wait for that.
_AT_ONCE: Final = 64
_MOST: Final = 256
#: Seconds that a node waits, and then again seconds that its feeds may take to answer.
_PATIENCE: Final = 10.0
#: Seconds between two checks for nodes to give up, and for answers.
_PAUSE: Final = 0.5


class _Fault(NamedTuple):
    """A node that is given up.

    :param what: how often and since when it could not be read, in words, in words; ``failure`` is the reason
    :param until: the latest time to give it up, in seconds of the boot clock
    """

    what: str
    failure: str
    until: float


@dataclass(slots=True)
class _Batch:
    """Nodes whose feeds are read together, until ``until``."""

    faults: dict[int, _Fault]
    asked: Mapping[int, Sequence[Asked]]
    until: float


class SecondOpinions:
    """Nodes that are given up as soon as their feeds have been read. Only the conductor's loop may use it.

    :param clock: the boot clock, in seconds
    """

    def __init__(self, sql: Sql, fleet: Fleet, recorder: Recorder, clock: Callable[[], float]) -> None:
        self._sql = sql
        self._fleet = fleet
        self._recorder = recorder
        self._clock = clock
        self._waiting: dict[int, _Fault] = {}
        self._batches: list[_Batch] = []

    def add(self, entry: Entry, what: str, failure: str) -> None:
        """Have a node given up, at once if it has no feeds.

        :param what: how often and since when it could not be read, in words
        :param failure: why the last read failed
        """
        number = entry.number
        if number in self._waiting or any(number in batch.faults for batch in self._batches):
            return
        if named(entry.node.extra) and len(self._waiting) < _MOST:
            self._waiting[number] = _Fault(what, failure, self._clock() + _PATIENCE)
        else:
            self._recorder.add_fault(number, what, failure)

    async def run(self) -> None:
        """Poll forever. Finding out who else has a feed may take seconds, but nothing else waits for that."""
        while True:
            with contextlib.suppress(errors.DatabaseUnavailable):
                await self.poll()
            await asyncio.sleep(_PAUSE)

    async def poll(self) -> None:
        """Process answers, and ask about more nodes.

        :raises podium.errors.DatabaseUnavailable: the database cannot be queried; the next call continues
        """
        if not self._sql.up:
            return
        now = self._clock()
        if self._batches:
            await self._hear(now)
        for number in [number for number, fault in self._waiting.items() if now >= fault.until]:
            self._give_up(number, self._waiting.pop(number), None)
        room = _AT_ONCE - sum(len(batch.faults) for batch in self._batches)
        if self._waiting and room > 0:
            await self._ask([*self._waiting][:room])

    async def _ask(self, numbers: Sequence[int]) -> None:
        who = str(self._fleet.member)
        found = await self._sql.read(lambda connection: feeds.look(connection, numbers))
        asked = await self._sql.write(lambda connection: feeds.ask(connection, found, who))
        faults = {number: self._waiting.pop(number) for number in numbers}
        self._batches.append(_Batch(faults, asked, self._clock() + _PATIENCE))

    async def _hear(self, now: float) -> None:
        batches = self._batches

        def heard(connection: sa.Connection) -> list[dict[int, list[Feed] | None]]:
            return [
                dict(
                    zip(
                        batch.asked,
                        feeds.heard(connection, batch.asked.values(), is_late=now >= batch.until),
                        strict=True,
                    )
                )
                for batch in batches
            ]

        for batch, found in zip(batches, await self._sql.read(heard), strict=True):
            for number in list(batch.faults):
                its = found.get(number, [])  # empty if it has no feeds any more
                if its is not None:
                    self._give_up(number, batch.faults.pop(number), in_words(its))
        self._batches = [batch for batch in batches if batch.faults]

    def _give_up(self, number: int, fault: _Fault, opinion: str | None) -> None:
        entry = self._fleet.get(number)
        failing = None if entry is None else entry.reads.failing
        if failing is not None and failing.since is not None:
            self._recorder.add_fault(number, fault.what, fault.failure, opinion)
