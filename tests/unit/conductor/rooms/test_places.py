import asyncio
from typing import Any

import pytest

import virtual_time
from podium.conductor.rooms.place import Place
from podium.conductor.rooms.places import MOST_LOST, Endpoint, Limit, NotAsked, Threads


class Caller:
    """A call that has its place, or waits for it."""

    def __init__(self, *limits: Limit, urgent: bool = False, seconds: float | None = None) -> None:
        self.place = Place(limits, urgent=urgent)
        self.task = asyncio.ensure_future(self.place.take(seconds))

    @property
    def has_place(self) -> bool:
        return self.task.done() and self.task.exception() is None

    async def refusal(self) -> str:
        with pytest.raises(NotAsked) as refused:
            await self.task
        self.place.end()
        return str(refused.value)


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def lost(limit: Limit, count: int) -> list[Caller]:
    """So many calls that have been given up."""
    callers = []
    for _ in range(count):
        callers.append(caller := Caller(limit))
        await caller.task
        caller.place.give_up()
    return callers


def hv1(most: int = 2) -> Endpoint:
    return Endpoint("hyp", "hv1", most, lambda: True)


def test_calls_that_people_wait_for_go_first_and_have_places_of_their_own() -> None:
    async def main() -> None:
        limit = Limit("all", 1, kept=1)
        first, second, third = Caller(limit), Caller(limit), Caller(limit)
        person, another = Caller(limit, urgent=True), Caller(limit, urgent=True)
        await settled()
        assert [one.has_place for one in (first, second, third, person, another)] == [
            True, False, False, True, False,
        ]  # fmt: skip
        first.place.end()
        await settled()
        assert (another.has_place, second.has_place) == (True, False)
        for one in (person, another):
            one.place.end()
        await settled()
        assert (second.has_place, third.has_place) == (True, False)
        second.place.end()
        await third.task

    virtual_time.run(main)


def test_whoever_no_longer_waits_keeps_no_place() -> None:
    async def main() -> None:
        limit = Limit("all", 1)
        first, impatient, patient = Caller(limit), Caller(limit, seconds=5), Caller(limit)
        assert await impatient.refusal() == "not asked: all had 1 other call under way for 5 s"
        cancelled = Caller(limit)
        await settled()
        cancelled.task.cancel()
        first.place.end()
        await patient.task
        patient.place.end()
        await Caller(limit).task

    virtual_time.run(main)


def test_a_place_that_comes_to_one_who_is_cancelled_at_this_very_moment_goes_to_the_next() -> None:
    async def main() -> None:
        limit = Limit("all", 1)
        first, second, third = Caller(limit), Caller(limit), Caller(limit)
        await settled()
        first.place.end()
        second.task.cancel()
        await third.task
        assert second.task.cancelled()

    virtual_time.run(main)


def test_who_would_wait_for_calls_that_do_not_return_is_refused_and_told_of_whom() -> None:
    async def main() -> None:
        limit = hv1()
        first, waiting = await lost(limit, 1), Caller(limit)
        await waiting.task
        late = Caller(limit)
        await settled()
        waiting.place.give_up()
        assert await late.refusal() == "not asked: hv1 has 2 calls that do not return"
        assert await Caller(limit, urgent=True).refusal() == "not asked: hv1 has 2 calls that do not return"
        first[0].place.end()
        await Caller(limit).task

    virtual_time.run(main)


def test_an_endpoint_is_reported_once_when_its_nodes_are_not_asked_and_once_when_it_answers(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")

    async def main() -> None:
        limit = hv1(1)
        (hung,) = await lost(limit, 1)
        for _ in range(3):
            await Caller(limit).refusal()
        hung.place.end()

    virtual_time.run(main)
    assert caplog.messages == [
        "Driver hyp: the nodes of hv1 are not asked: hv1 has 1 call that does not return",
        "Driver hyp: hv1 answers again",
    ]


def test_an_endpoint_whose_calls_never_return_is_tried_again_at_growing_gaps() -> None:
    async def main() -> None:
        limit, loop = hv1(), asyncio.get_running_loop()
        await lost(limit, 2)
        began, tries = loop.time(), []
        while len(tries) < 4:
            caller = Caller(limit)
            await settled()
            if caller.has_place:
                tries.append(loop.time() - began)
                caller.place.give_up()
            else:
                await caller.refusal()
            await asyncio.sleep(0.5)
        assert tries == [10, 30, 70, 150]

    virtual_time.run(main)


def test_an_endpoint_that_answers_again_has_all_its_places_though_old_calls_never_return() -> None:
    async def main() -> None:
        limit = hv1()
        hung = await lost(limit, 2)
        await asyncio.sleep(10)
        trial, waiting = Caller(limit), [Caller(limit), Caller(limit), Caller(limit)]
        await settled()
        assert not any(one.has_place for one in waiting)
        trial.place.was_made = True
        trial.place.end()
        await settled()
        assert [one.has_place for one in waiting] == [True, True, False]
        hung[0].place.end()
        await settled()
        assert not waiting[2].has_place  # it is no answer to what is asked now
        waiting[0].place.give_up()
        waiting[1].place.give_up()
        assert "hv1 has 3 calls that do not return" in await waiting[2].refusal()

    virtual_time.run(main)


def test_an_endpoint_is_not_tried_again_with_the_last_threads() -> None:
    async def main() -> None:
        limit = Endpoint("hyp", "hv1", 1, lambda: False)
        await lost(limit, 1)
        await asyncio.sleep(3600)
        await Caller(limit).refusal()

    virtual_time.run(main)


def test_a_call_that_was_not_made_is_no_answer_of_its_endpoint() -> None:
    async def main() -> None:
        limit, threads = hv1(1), Limit("threads", 1)
        await lost(limit, 1)
        await Caller(threads).task
        await asyncio.sleep(10)
        await Caller(limit, threads, seconds=1).refusal()
        unmade = Caller(limit)
        await unmade.task
        unmade.place.end()
        cancelled = Caller(limit)
        await cancelled.task
        cancelled.place.was_made = True
        cancelled.place.end(was_cancelled=True)
        await lost(limit, 1)  # it is still due to be tried
        await Caller(limit).refusal()

    virtual_time.run(main)


def test_lost_threads_are_replaced_up_to_a_number_that_is_logged_once_and_again_when_it_is_over(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")

    async def main() -> None:
        threads = Threads("hyp", 2)
        hung = await lost(threads, MOST_LOST + 2)
        assert await Caller(threads).refusal() == "not asked: driver hyp has 66 calls that do not return"
        person = Caller(threads, urgent=True)
        await person.task
        for one in hung[: MOST_LOST // 2 + 2]:
            one.place.end()
        await Caller(threads).task

    virtual_time.run(main)
    first, over = caplog.records
    assert [one.levelname for one in (first, over)] == ["ERROR", "ERROR"]
    assert "Driver hyp: 64 calls of plain methods do not return, and no more threads" in first.getMessage()
    assert over.getMessage() == "Driver hyp has threads again: 32 calls do not return"


def test_who_waits_for_one_limit_keeps_nobody_from_another_and_the_oldest_goes_first() -> None:
    async def main() -> None:
        endpoint, threads = Limit("endpoint", 1), Limit("threads", 1)
        busy, first, second = Caller(threads), Caller(endpoint, threads), Caller(endpoint, threads)
        await settled()
        short = Caller(endpoint)
        await short.task
        busy.place.end()  # they get the thread, but not the endpoint
        late = Caller(threads)
        await late.task
        newcomer = Caller(threads)
        await settled()
        short.place.end()  # they get the endpoint, but not the thread
        await settled()
        assert [one.has_place for one in (first, second, newcomer)] == [False] * 3
        late.place.end()
        await settled()
        assert [one.has_place for one in (first, second, newcomer)] == [True, False, False]
        first.place.end()
        await settled()
        assert [one.has_place for one in (second, newcomer)] == [True, False]
        second.place.end()
        await newcomer.task
        newcomer.place.end()
        assert (endpoint.under_way, threads.under_way) == (0, 0)

    virtual_time.run(main)


@pytest.mark.parametrize("comes", [False, True])
def test_a_wait_can_be_ended_even_at_the_moment_at_which_its_turn_comes(comes: bool) -> None:
    async def main() -> None:
        limit = Limit("all", 1)
        first, second, third = Caller(limit), Caller(limit), Caller(limit)
        await settled()
        if comes:
            first.place.end()
        assert second.place.refuse("it was withdrawn")
        assert await second.refusal() == "not asked: it was withdrawn"
        if not comes:
            first.place.end()
        await third.task
        assert not third.place.refuse("it has its place")

    virtual_time.run(main)


def test_many_that_wait_for_an_endpoint_and_for_threads_are_not_woken_again_and_again() -> None:
    takes = 0

    class Counted(Threads):
        async def take(self, *args: Any) -> None:
            nonlocal takes
            takes += 1
            await super().take(*args)

    async def call(place: Place) -> None:
        await place.take(None)
        await asyncio.sleep(1)
        place.end()

    async def main() -> None:
        threads, endpoints = Counted("hyp", 3), [hv1() for _ in range(3)]
        calls = [call(Place([endpoint, threads])) for endpoint in endpoints for _ in range(100)]
        await asyncio.gather(*calls)
        assert takes < 3 * len(calls)
        assert [one.under_way for one in (threads, *endpoints)] == [0] * 4

    virtual_time.run(main)


def test_whoever_waits_behind_one_that_gives_up_waiting_for_a_thread_is_let_in() -> None:
    async def main() -> None:
        endpoint, other, threads = hv1(1), hv1(1), Threads("hyp", 1)
        short, first = Caller(endpoint), Caller(other, threads)
        await settled()
        impatient, patient = Caller(endpoint, threads, seconds=5), Caller(endpoint, threads)
        await settled()
        short.place.end()
        await settled()
        person = Caller(endpoint, threads, urgent=True)
        await settled()
        assert person.has_place
        person.place.end()
        assert "driver hyp had 1 other call" in await impatient.refusal()
        first.place.end()
        await patient.task

    virtual_time.run(main)
