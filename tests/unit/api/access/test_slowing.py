"""Logins that fail are slowed."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from podium.api.access.slowing import Slowing
from podium.api.faults import Fault


class Time:
    """A clock that goes on while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def make() -> tuple[Slowing, Time]:
    time = Time()
    return Slowing(time, time.sleep), time


def run(what: Coroutine[Any, Any, None]) -> None:
    asyncio.run(what)


def test_failures_of_one_user_at_one_address_wait_for_longer_and_longer() -> None:
    slowing, time = make()

    async def fail_often() -> None:
        for _ in range(9):
            await slowing.turn("192.0.2.1", b"alice")

    run(fail_often())
    assert time.slept == [0.5, 1, 2, 4, 4]


def test_a_success_takes_the_failures_back_one_by_one() -> None:
    slowing, time = make()

    async def log_in_often() -> None:
        for _ in range(100):
            await slowing.turn("192.0.2.1", b"alice")
            slowing.succeed("192.0.2.1", b"alice")

    run(log_in_often())
    assert time.slept == []


def test_failures_are_forgotten_with_time() -> None:
    slowing, time = make()

    async def fail_and_rest() -> None:
        for _ in range(8):
            await slowing.turn("192.0.2.1", b"alice")
        time.now += 600
        time.slept.clear()
        await slowing.turn("192.0.2.1", b"alice")

    run(fail_and_rest())
    assert time.slept == []


def test_many_at_the_same_time_gain_nothing() -> None:
    slowing, time = make()
    ended = asyncio.Event

    async def crowd() -> None:
        hold = ended()

        async def sleep(_seconds: float) -> None:
            await hold.wait()

        many = Slowing(time, sleep)
        tasks = [asyncio.ensure_future(many.turn("192.0.2.1", b"alice")) for _ in range(50)]
        done, waiting = await asyncio.wait(tasks, timeout=0)
        while sum(task.done() for task in tasks) < 45:
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        refused = [task for task in tasks if task.done() and task.exception()]
        assert len(tasks) - len(refused) <= 8
        fault = refused[0].exception()
        assert isinstance(fault, Fault)
        assert (fault.status, fault.headers["Retry-After"].isdigit()) == (429, True)
        hold.set()
        await asyncio.gather(*tasks, return_exceptions=True)

    run(crowd())


def test_a_guesser_does_not_delay_who_has_logged_in_before() -> None:
    slowing, time = make()

    async def guess() -> None:
        await slowing.turn("192.0.2.7", b"alice")
        slowing.succeed("192.0.2.7", b"alice")
        for number in range(60):
            await slowing.turn(f"198.51.100.{number}", b"alice")
        assert time.slept
        time.slept.clear()
        await slowing.turn("192.0.2.7", b"alice")

    run(guess())
    assert time.slept == []


def test_strangers_delay_who_has_not_logged_in_before_by_a_second_and_do_not_keep_them_out() -> None:
    slowed: list[float] = []

    async def guess() -> None:
        hold = asyncio.Event()

        async def sleep(seconds: float) -> None:
            slowed.append(seconds)
            await hold.wait()

        slowing = Slowing(Time(), sleep)
        guesses = [
            asyncio.ensure_future(slowing.turn(f"198.51.{one >> 8}.{one & 255}", b"alice"))
            for one in range(1000)
        ]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        real = asyncio.ensure_future(slowing.turn("192.0.2.7", b"alice"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        hold.set()
        await asyncio.gather(real, *guesses)

    run(guess())
    assert max(slowed) == 1
    assert len(slowed) <= 201


def test_names_tried_from_one_address_slow_that_address_alone() -> None:
    slowing, time = make()

    async def spray() -> None:
        for number in range(30):
            await slowing.turn("192.0.2.1", b"%d" % number)
        assert max(time.slept) == 2
        time.slept.clear()
        await slowing.turn("192.0.2.2", b"alice")

    run(spray())
    assert time.slept == []


def test_addresses_of_one_subscriber_count_as_one() -> None:
    slowing, time = make()

    async def hop() -> None:
        for number in range(9):
            await slowing.turn(f"2001:db8:1:2::{number}", b"alice")

    run(hop())
    assert time.slept == [0.5, 1, 2, 4, 4]


def test_what_is_remembered_is_bounded() -> None:
    slowing, time = make()

    async def flood() -> None:
        for number in range(10_500):
            time.now += 100
            await slowing.turn(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", b"%d" % number)
            slowing.succeed(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", b"%d" % number)

    run(flood())
    levels = [slowing._pairs, slowing._addresses, slowing._users]
    assert [len(level._paces) for level in levels] == [10_000] * 3
    assert len(slowing._familiar) == 10_000


@pytest.mark.parametrize("address", ["podium.example.org", ""])
def test_a_host_that_is_no_address_counts_too(address: str) -> None:
    slowing, time = make()

    async def fail() -> None:
        for _ in range(5):
            await slowing.turn(address, b"alice")

    run(fail())
    assert time.slept == [0.5]
