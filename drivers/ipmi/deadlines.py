"""When to stop waiting for answers: one timer for all waits, because one for each costs more than a send.

Thousands of waits begin each second and nearly all of them end with an answer, so what ends early is not
taken out: it is found done when its time comes. The timer passes over times at which nobody waits any more,
so that a client with few BMCs sleeps between two reads.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final, Protocol

_TICK: Final = 0.02  # seconds; waits end up to that much late


class Timers(Protocol):
    """What is needed of an event loop."""

    def time(self) -> float: ...
    def call_at(self, when: float, callback: Callable[[], Any], /) -> asyncio.TimerHandle: ...


class Deadlines:
    """Futures that get the result None at their time, unless they are done by then.

    :param before: called before any are given up, to take in answers that have come but were not looked at
    """

    __slots__ = ("_before", "_planned", "_slots", "_timer", "_timers")

    def __init__(self, before: Callable[[], None], timers: Timers) -> None:
        self._before = before
        self._timers = timers
        self._slots: dict[int, list[asyncio.Future[Any]]] = {}
        self._planned = 0  # the slot that the timer is for
        self._timer: asyncio.TimerHandle | None = None

    def add(self, when: float, answer: "asyncio.Future[Any]") -> None:
        """:param when: by the loop's clock"""
        slot = int(when / _TICK) + 1
        waiting = self._slots.get(slot)
        if waiting is not None:
            waiting.append(answer)
            return
        self._slots[slot] = [answer]
        if self._timer is None or slot < self._planned:
            self._plan(slot)

    def close(self) -> None:
        """Give up all at once."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for slot in list(self._slots):
            self._give_up(slot)

    def _plan(self, slot: int) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._planned = slot
        self._timer = self._timers.call_at(slot * _TICK, self._pass)

    def _give_up(self, slot: int) -> None:
        for answer in self._slots.pop(slot, ()):
            if not answer.done():
                answer.set_result(None)

    def _pass(self) -> None:
        self._timer = None
        last = max(self._planned, int(self._timers.time() / _TICK))
        due = [slot for slot in self._slots if slot <= last]
        if any(map(self._is_awaited, due)):
            self._before()
        for slot in due:
            self._give_up(slot)
        while self._slots:
            soonest = min(self._slots)
            if self._is_awaited(soonest):
                self._plan(soonest)
                return
            del self._slots[soonest]

    def _is_awaited(self, slot: int) -> bool:
        return not all(answer.done() for answer in self._slots[slot])
