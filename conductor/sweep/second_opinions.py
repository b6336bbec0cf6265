"""Asks the feeds of nodes that are given up what they deliver: a machine that draws power is on.

The conductors of the feeds are asked, which may be others. Whatever they say, and whether they answer, a node
is given up after a while. Where so many are given up at once that it is more than a rack or two, the others
are given up without a second opinion.
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

#: Nodes whose feeds are asked at the same time, and nodes that wait for that.
_AT_ONCE: Final = 64
_MOST: Final = 256
#: Seconds for which one waits, and then seconds for which its feeds may take to answer.
_PATIENCE: Final = 10.0
#: Seconds between two looks for nodes that are to be given up, and for answers.
_PAUSE: Final = 0.5


class _Fault(NamedTuple):
    """A node that is given up.

    :param what: how often and since when it could not be read, and ``failure`` why
    :param until: when it is, at the latest, in seconds of the boot clock
    """

    what: str
    failure: str
    until: float


@dataclass(slots=True)
class _Batch:
    """Nodes whose feeds were asked together, until ``until``."""

    faults: dict[int, _Fault]
    asked: Mapping[int, Sequence[Asked]]
    until: float


class SecondOpinions:
    """Nodes that are given up as soon as their feeds have been asked. For the conductor's loop alone.

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
        """Have a node given up, at once if it names no feeds.

        :param what: how often and since when it could not be read
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
        """Poll for ever. To find out who else has a feed may take seconds, for which nothing else waits."""
        while True:
            with contextlib.suppress(errors.DatabaseUnavailable):
                await self.poll()
            await asyncio.sleep(_PAUSE)

    async def poll(self) -> None:
        """Take in answers, and ask more.

        :raises podium.errors.DatabaseUnavailable: when the database cannot be asked; the next call goes on
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
                its = found.get(number, [])  # it names none any more
                if its is not None:
                    self._give_up(number, batch.faults.pop(number), in_words(its))
        self._batches = [batch for batch in batches if batch.faults]

    def _give_up(self, number: int, fault: _Fault, opinion: str | None) -> None:
        entry = self._fleet.get(number)
        failing = None if entry is None else entry.reads.failing
        if failing is not None and failing.since is not None:
            self._recorder.add_fault(number, fault.what, fault.failure, opinion)
