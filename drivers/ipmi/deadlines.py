"""When to stop waiting for answers: one timer for all waits, because one for each costs more than a send.

Thousands of waits begin each second and nearly all of them end with an answer, so what ends early is not
taken out: it is found done when its time comes.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final

_TICK: Final = 0.02  # seconds; waits end up to that much late


class Deadlines:
    """Futures that get the result None at their time, unless they are done by then.

    :param before: called before any are given up, to take in answers that have come but were not looked at
    """

    __slots__ = ("_before", "_loop", "_next", "_slots", "_timer")

    def __init__(self, before: Callable[[], None]) -> None:
        self._before = before
        self._loop = asyncio.get_running_loop()
        self._slots: dict[int, list[asyncio.Future[Any]]] = {}
        self._next = 0  # the first tick that has not passed
        self._timer: asyncio.TimerHandle | None = None

    def add(self, when: float, answer: "asyncio.Future[Any]") -> None:
        """:param when: by the loop's clock"""
        slot = int(when / _TICK) + 1
        waiting = self._slots.get(slot)
        if waiting is not None:
            waiting.append(answer)
            return
        self._slots[slot] = [answer]
        if self._timer is None:
            self._next = int(self._loop.time() / _TICK)
            self._timer = self._loop.call_later(_TICK, self._pass)

    def close(self) -> None:
        """Give up all at once."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for slot in list(self._slots):
            self._give_up(slot)

    def _give_up(self, slot: int) -> None:
        for answer in self._slots.pop(slot, ()):
            if not answer.done():
                answer.set_result(None)

    def _pass(self) -> None:
        self._before()
        first, self._next = self._next, int(self._loop.time() / _TICK) + 1
        for slot in range(first, self._next):
            self._give_up(slot)
        self._timer = self._loop.call_later(_TICK, self._pass) if self._slots else None
