"""Whether a worker works, by signs that a test gives."""

import asyncio

import pytest

import virtual_time
from podium.conductor.fleet.vigil import Sign, Vigil


def test_a_loop_that_turns_works_and_one_that_does_not_for_long_does_not() -> None:
    async def main() -> None:
        now = [0.0]
        vigil = Vigil(asyncio.get_running_loop(), 15.0, clock=lambda: now[0])
        for now[0] in range(0, 60, 5):
            assert vigil.works()
            await asyncio.sleep(0)
        for now[0] in (60, 65, 70, 75):
            assert vigil.works()
        now[0] = 80
        assert not vigil.works()
        await asyncio.sleep(0)
        assert vigil.works()

    virtual_time.run(main)


def test_a_sign_may_be_missing_for_a_while(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="podium")

    async def main() -> None:
        now, there = [0.0], [True]
        vigil = Vigil(
            asyncio.get_running_loop(), 99.0, [Sign("it is tired", 10.0, lambda: there[0])], lambda: now[0]
        )
        there[0] = False
        for now[0], works in ((0, True), (9, True), (10, False), (20, False)):
            assert vigil.works() is works
        there[0] = True
        assert vigil.works()
        there[0] = False
        assert vigil.works()

    virtual_time.run(main)
    assert [record.message for record in caplog.records] == [
        "This worker leaves its nodes to others unless it recovers: it is tired",
        "This worker works again",
    ]


def test_a_loop_that_has_ended_is_no_error() -> None:
    loop = asyncio.new_event_loop()
    loop.close()
    vigil = Vigil(loop, 10.0, clock=iter([0.0, 5.0, 20.0]).__next__)
    assert [vigil.works() for _ in range(3)] == [True, True, False]
