"""The lease of this member, by a clock that is told the time."""

import asyncio
import math
from typing import Any

import pytest

import virtual_time
from fakes import HERE, Clock
from podium.conductor.fleet.lease import Lease, SharedLeases
from podium.conductor.rooms.places import NotAsked
from podium.db.worker import Worker


def test_it_is_safe_until_four_fifths_of_it_are_over() -> None:
    clock = Clock(100)
    lease = Lease(HERE, 30, since=100, clock=clock)
    clock.now = 123.9
    assert lease.is_safe()
    clock.now = 124
    assert not lease.is_safe()
    assert (lease.until, lease.ended) == (130, False)


def test_a_renewal_counts_from_the_moment_before_it_was_sent() -> None:
    clock = Clock(100)
    lease = Lease(HERE, 30, since=100, clock=clock)
    clock.now = 120  # when the answer comes
    lease.renew(since=105)
    assert lease.until == 135
    clock.now = 129
    assert not lease.is_safe()


def test_an_answer_that_comes_after_a_later_one_shortens_nothing() -> None:
    lease = Lease(HERE, 30, since=100, clock=Clock(100))
    lease.renew(since=110)
    lease.renew(since=105)
    assert lease.until == 140


def test_a_renewal_after_an_outage_makes_it_safe_again() -> None:
    clock = Clock(100)
    lease = Lease(HERE, 30, since=100, clock=clock)
    clock.now = 500
    assert not lease.is_safe()
    lease.renew(since=499)
    assert lease.is_safe()


def test_once_ended_it_is_over_whatever_is_answered_later() -> None:
    clock = Clock(100)
    shared = SharedLeases(1)
    lease = Lease(HERE, 30, since=100, clock=clock, shared=shared)
    assert shared.ended[0] == 0
    clock.now = 103
    lease.end()
    clock.now = 110
    lease.end()
    lease.renew(since=103)
    assert (lease.ended, lease.is_safe(), lease.until) == (True, False, 103)
    assert shared.ended[0] == 103


def test_a_lease_without_an_end_is_safe() -> None:
    assert Lease(HERE, math.inf, since=0).is_safe()


def test_the_master_process_sees_the_lease_and_the_calls_of_each_worker() -> None:
    shared = SharedLeases(2)
    shared.calls[1] = 7  # of a process that was killed
    lease = Lease(Worker("here", 1, 5), 30, since=100, clock=Clock(100), shared=shared)
    assert (shared.calls[1], shared.until[1], shared.until[0]) == (0, 130, 0)
    with lease.calling(), lease.calling():
        assert shared.calls[1] == 2
    assert shared.calls[1] == 0


def test_no_call_begins_when_it_is_not_safe() -> None:
    shared = SharedLeases(1)
    lease = Lease(HERE, 30, since=100, clock=Clock(124), shared=shared)
    with pytest.raises(NotAsked, match="here/0@1 has not reached the database"), lease.calling():
        raise AssertionError
    assert shared.calls[0] == 0


def test_a_call_that_can_be_cancelled_ends_when_the_lease_is_not_safe_any_more() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        shared = SharedLeases(1)
        lease = Lease(HERE, 30, since=0, clock=loop.time, shared=shared)
        loop.call_at(20, lease.renew, 20)

        async def hang(_: str) -> None:
            assert shared.calls[0] == 1
            await asyncio.Event().wait()

        with pytest.raises(TimeoutError):
            await lease.bounded(hang)("a")
        assert 20 + 24 <= loop.time() <= 20 + 25
        assert shared.calls[0] == 0

    virtual_time.run(main)


def test_a_call_that_ignores_its_cancellation_stays_counted() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        shared = SharedLeases(1)
        lease = Lease(HERE, 30, since=0, clock=loop.time, shared=shared)
        loop.call_at(100, lambda: counts.append(shared.calls[0]))
        counts: list[int] = []

        async def stubborn() -> None:
            end = loop.time() + 200
            while loop.time() < end:
                try:
                    await asyncio.sleep(end - loop.time())
                except asyncio.CancelledError:
                    continue

        await lease.bounded(stubborn)()
        assert counts == [1]

    virtual_time.run(main)


def test_plain_methods_and_those_that_return_something_to_await_are_bounded_too() -> None:
    async def main() -> None:
        shared = SharedLeases(1)
        lease = Lease(HERE, math.inf, since=0, shared=shared)

        async def later(word: str) -> tuple[str, int]:
            return word, shared.calls[0]

        def plain(word: str) -> tuple[str, int]:
            return word, shared.calls[0]

        def by_halves(word: str) -> Any:
            return later(word)

        assert lease.bounded(plain)("a") == ("a", 1)
        assert await lease.bounded(by_halves)("b") == ("b", 1)
        assert await lease.bounded(later)("c") == ("c", 1)
        assert shared.calls[0] == 0

    virtual_time.run(main)


def test_what_a_method_raises_comes_out_as_it_is() -> None:
    lease = Lease(HERE, math.inf, since=0)

    def fail() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        lease.bounded(fail)()
