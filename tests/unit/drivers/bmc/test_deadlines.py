"""Waits for answers, by a clock that stands still unless a test moves it."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from podium.drivers.bmc.deadlines import Deadlines

TICK = 0.02


class Timers:
    """A loop's clock and timers; :meth:`advance` calls what is due, and counts the times it wakes up."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.wake_ups = 0
        self._due: list[tuple[float, Callable[[], Any], Any]] = []

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, callback: Callable[[], Any]) -> Any:
        handle = _Handle()
        self._due.append((when, callback, handle))
        return handle

    def advance(self, seconds: float) -> None:
        end = self.now + seconds
        while due := [one for one in self._due if one[0] <= end and not one[2].cancelled]:
            soonest = min(due, key=lambda one: one[0])
            self._due.remove(soonest)
            self.now = max(self.now, soonest[0])
            self.wake_ups += 1
            soonest[1]()
        self.now = end


class _Handle:
    cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


@pytest.fixture
def timers() -> Timers:
    return Timers()


@pytest.fixture
def future() -> Iterator[Callable[[], "asyncio.Future[Any]"]]:
    loop = asyncio.new_event_loop()
    yield loop.create_future
    loop.close()


def deadlines_of(
    timers: Timers, before: Callable[[], None] = lambda: None
) -> "Deadlines[asyncio.Future[Any]]":
    """Those of futures, which are given up with the result None."""
    return Deadlines(
        lambda answer: answer.set_result(None), timers, is_over=asyncio.Future.done, before=before
    )


def test_a_wait_is_given_up_at_its_time_and_not_before(timers: Timers, future: Any) -> None:
    deadlines, answer = deadlines_of(timers), future()
    deadlines.add(timers.now + 0.5, answer)
    timers.advance(0.5 - 0.001)
    assert not answer.done()
    timers.advance(2 * TICK)
    assert answer.result() is None


def test_a_shorter_wait_that_comes_later_ends_first(timers: Timers, future: Any) -> None:
    deadlines, long, short = deadlines_of(timers), future(), future()
    deadlines.add(timers.now + 5, long)
    deadlines.add(timers.now + 0.5, short)
    timers.advance(1)
    assert short.done()
    assert not long.done()
    timers.advance(5)
    assert long.done()


def test_what_is_answered_meanwhile_is_taken_in_before_a_wait_is_given_up(
    timers: Timers, future: Any
) -> None:
    answer = future()
    deadlines = deadlines_of(timers, lambda: answer.set_result("on"))
    deadlines.add(timers.now + 0.5, answer)
    timers.advance(1)
    assert answer.result() == "on"


def test_waits_that_were_answered_wake_nobody_up_again_and_again(timers: Timers, future: Any) -> None:
    looks: list[None] = []
    deadlines = deadlines_of(timers, lambda: looks.append(None))
    for _ in range(100):
        answer = future()
        deadlines.add(timers.now + 0.5, answer)
        answer.set_result("on")
        timers.advance(0.1)
    timers.advance(10)
    assert timers.wake_ups <= 25
    assert not looks


def test_closing_gives_up_every_wait(timers: Timers, future: Any) -> None:
    deadlines, answers = deadlines_of(timers), [future(), future()]
    for seconds, answer in zip((0.5, 5), answers, strict=True):
        deadlines.add(timers.now + seconds, answer)
    deadlines.close()
    assert all(answer.done() for answer in answers)
    timers.advance(10)
    assert timers.wake_ups == 0


def test_a_wait_may_be_prolonged_when_its_time_has_come(timers: Timers) -> None:
    looks: list[float] = []

    def look(wait: str) -> None:
        looks.append(timers.now)
        if len(looks) < 3:
            deadlines.add(timers.now + 5, wait)

    deadlines = Deadlines(look, timers)
    deadlines.add(timers.now + 5, "web1")
    timers.advance(60)
    assert looks == pytest.approx([1005.0, 1010.0, 1015.0], abs=0.07)
