"""Timeouts of waits for answers: one timer for all, because a timer for each costs more than a request.

Thousands of waits begin each second and nearly all of them end with an answer. A wait that ends early is not
removed; it is found to be over when its time comes. The timer skips times at which nobody waits any more, so
that a client with few BMCs sleeps between two reads.
"""

import asyncio
import heapq
from collections.abc import Callable
from typing import Any, Final, Generic, Protocol, TypeVar

_TICK: Final = 0.02  # seconds; waits end up to this much late

_Wait = TypeVar("_Wait")


class Timers(Protocol):
    """The methods of an event loop that are needed here."""

    def time(self) -> float: ...
    def call_at(self, when: float, callback: Callable[[], Any], /) -> asyncio.TimerHandle: ...


class Deadlines(Generic[_Wait]):
    """Waits, each with a time at which it is given up unless it is over by then.

    :param give_up: called with a wait whose time has come; it may add the wait again for a later time
    :param is_over: whether a wait has ended; by default ``give_up`` finds out
    :param before: called before any wait is given up, to process answers that arrived but were not read
    """

    __slots__ = ("_before", "_give_up", "_is_over", "_order", "_planned", "_timer", "_timers", "_waits")

    def __init__(
        self,
        give_up: Callable[[_Wait], Any],
        timers: Timers,
        *,
        is_over: Callable[[_Wait], bool] = lambda wait: False,
        before: Callable[[], None] = lambda: None,
    ) -> None:
        self._give_up = give_up
        self._is_over = is_over
        self._before = before
        self._timers = timers
        self._waits: dict[int, list[_Wait]] = {}  # by tick
        self._order: list[int] = []  # a heap of these ticks
        self._planned = 0  # the tick that the timer is for
        self._timer: asyncio.TimerHandle | None = None

    def add(self, when: float, wait: _Wait) -> None:
        """:param when: in the loop's clock"""
        tick = int(when / _TICK) + 1
        waits = self._waits.get(tick)
        if waits is not None:
            waits.append(wait)
            return
        self._waits[tick] = [wait]
        heapq.heappush(self._order, tick)
        if self._timer is None or tick < self._planned:
            self._plan(tick)

    def close(self) -> None:
        """Give up all waits at once."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        waits = [wait for waits in self._waits.values() for wait in waits]
        self._waits.clear()
        self._order.clear()
        self._end(waits)

    def _plan(self, tick: int) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._planned = tick
        self._timer = self._timers.call_at(tick * _TICK, self._pass)

    def _pass(self) -> None:
        self._timer = None
        last = max(self._planned, int(self._timers.time() / _TICK))
        due: list[_Wait] = []
        while self._order and self._order[0] <= last:
            due += self._waits.pop(heapq.heappop(self._order))
        if not all(map(self._is_over, due)):
            self._before()
            self._end(due)
        while self._order and all(map(self._is_over, self._waits[self._order[0]])):
            del self._waits[heapq.heappop(self._order)]
        if self._order:
            self._plan(self._order[0])

    def _end(self, waits: list[_Wait]) -> None:
        for wait in waits:
            if not self._is_over(wait):
                self._give_up(wait)
