"""Reads nodes one by one, with a call for each."""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from podium.conductor.fleet.entry import Entry
from podium.conductor.rooms import hiding
from podium.conductor.rooms.calls import fault_of
from podium.conductor.rooms.visit import Visit
from podium.conductor.sweep.feed import Feed
from podium.conductor.sweep.sweeper import BURST, Sweeper
from podium.drivers import base


class Singly(Sweeper[int]):
    """Calls ``get_power_state`` for each node."""

    @staticmethod
    def _reader(driver: base.Driver) -> Callable[..., Any]:
        return driver.get_power_state

    def _units(self, numbers: Sequence[int]) -> Sequence[int]:
        return numbers

    def _unreported(self, units: Sequence[int], now: float) -> Iterable[int]:
        return [number for number in units if not self._is_reported(number, now)]

    def _count(self, feed: Feed[int] | None) -> int:
        still = 0 if feed is None else len(feed.units) - feed.fed
        return len(self._queue) + len(self._again) + still

    async def _work(self) -> None:
        task, room, clock = asyncio.current_task(), self._room, time.monotonic  # the loop's clock
        assert task is not None
        ask, needs_place, reading = self._ask, self._needs_place, self._reading
        has_slot = True
        hiding.note_call(room.secrets)
        try:
            while has_slot and (entry := self._next()) is not None:
                number, visit, answer, error = entry.number, room.visit(entry.node, task), None, None
                reading[number] = entry, visit, clock()
                hiding.note_node(entry.node)
                try:
                    if not visit.take():
                        await visit.turn()
                    if needs_place:
                        await self._take_place(entry, visit)
                    answer = await ask(entry.node)
                    if visit.place is not None:
                        visit.place.note_answer()
                except Exception as failure:
                    error = failure
                except BaseException as fault:
                    error = fault_of(self._method, fault)
                finally:
                    visit.end()
                    has_slot = not visit.given_up and self._forget(number)
                if visit.given_up or visit.yielded:
                    return
                self._take(entry, answer, error)
                self._burst += 1
                if self._burst >= BURST:
                    self._burst = 0
                    await asyncio.sleep(0)
        finally:
            if has_slot:
                self._slots -= 1
            self._end_sweep()

    def _next(self) -> Entry | None:
        """Take the next node that may be read from the queues."""
        while queue := self._queue or self._again:
            number = queue.popleft()
            entry = self._fleet.get(number)
            if (
                entry is not None
                and self._gate.rules.reads(entry)
                and not (
                    number in self._fleet.taken
                    or number in self._reading
                    or number in self._lingering
                    or entry.node.driver != self._name
                )
            ):
                return entry
        return None

    def _give_up(self, entry: Entry, visit: Visit, error: Exception) -> None:
        if not visit.yielded:
            self._take(entry, None, error)
        visit.give_up()
