import asyncio
import contextlib
import gc
from typing import Any

import pytest

from fakes import PATIENCE
from podium.conductor.rooms.places import NotAsked
from podium.conductor.rooms.visit import Visit

Held = dict[str, Visit]


async def speak(visit: Visit, order: list[str], who: str, let_go: asyncio.Event) -> None:
    """Have a node until the test says so."""
    if not visit.take():
        await visit.turn()
    order.append(who)
    await let_go.wait()
    visit.end()


async def turns() -> None:
    """Let every task come to where it waits."""
    for _ in range(5):
        await asyncio.sleep(0)


def test_a_node_is_visited_by_one_at_a_time_and_people_go_first() -> None:
    order: list[str] = []

    async def main() -> None:
        held, let_go = Held(), asyncio.Event()
        tasks = []
        for who, urgent in (("first", False), ("sweep", False), ("task", False), ("person", True)):
            visit = Visit(held, "node", urgent=urgent)
            tasks.append(asyncio.create_task(speak(visit, order, who, let_go)))
            await turns()
        assert order == ["first"]
        let_go.set()
        await asyncio.gather(*tasks)
        assert held == {}

    asyncio.run(main())
    assert order == ["first", "person", "sweep", "task"]


def test_nodes_do_not_wait_for_each_other() -> None:
    held = Held()
    assert Visit(held, "one").take()
    assert Visit(held, "two").take()
    assert not Visit(held, "one").take()


def test_whoever_no_longer_waits_does_not_keep_the_turn() -> None:
    async def main() -> None:
        held, go = Held(), asyncio.Event()
        go.set()
        first = Visit(held, "node")
        assert first.take()
        impatient, patient, late = (
            asyncio.create_task(speak(Visit(held, "node"), [], "", go)) for _ in range(3)
        )
        await turns()
        impatient.cancel()
        first.end()
        patient.cancel()  # at the moment at which it was given the turn
        async with asyncio.timeout(PATIENCE):
            await late
        assert impatient.cancelled()
        assert patient.cancelled()
        assert held == {}

    asyncio.run(main())


class Background:
    """A visit that gives way, made by a task that remembers that it was cancelled."""

    def __init__(self, held: Held) -> None:
        self.cancelled = 0
        self.returned = asyncio.Event()
        self.task = asyncio.create_task(self._run())
        self.visit = Visit(held, "node", self.task, gives_way=True)

    async def _run(self) -> None:
        try:
            if not self.visit.take():
                await self.visit.turn()
            while not self.returned.is_set():
                try:
                    await self.returned.wait()
                except asyncio.CancelledError:
                    self.cancelled += 1
        finally:
            self.visit.end()


def test_a_visit_that_gives_way_is_cancelled_once_for_all_people_who_wait() -> None:
    async def main() -> None:
        held, order, go = Held(), list[str](), asyncio.Event()
        go.set()
        sweep, late_sweep = Background(held), Background(held)
        await turns()
        assert (sweep.cancelled, late_sweep.cancelled) == (0, 0)
        people = [
            asyncio.create_task(speak(Visit(held, "node", urgent=True), order, who, go))
            for who in ("one", "two")
        ]
        await turns()
        assert (sweep.cancelled, sweep.visit.yielded, order) == (1, True, [])
        sweep.returned.set()
        await asyncio.gather(*people)
        await turns()
        assert (order, late_sweep.cancelled) == (["one", "two"], 0)
        three = asyncio.create_task(speak(Visit(held, "node", urgent=True), order, "three", go))
        await turns()
        assert late_sweep.cancelled == 1
        late_sweep.returned.set()
        await three

    asyncio.run(main())


def test_a_call_that_was_given_up_keeps_its_node_until_it_returns_and_refuses_who_waits() -> None:
    async def main() -> None:
        held, returned = Held(), asyncio.Event()

        async def deaf() -> None:
            while not returned.is_set():
                with contextlib.suppress(asyncio.CancelledError):
                    await returned.wait()

        first = Visit(held, "node")
        assert first.take()
        making = asyncio.create_task(first.make(deaf(), 3600.0))
        waiting = asyncio.create_task(Visit(held, "node").turn(PATIENCE))
        await turns()
        first.give_up()
        with pytest.raises(NotAsked, match="the last call for it has not returned"):
            await waiting
        with pytest.raises(NotAsked, match="the last call for it has not returned"):
            Visit(held, "node").take()
        returned.set()
        await making
        assert Visit(held, "node").take()

    asyncio.run(main())


def test_a_turn_that_does_not_come_in_time_says_that_nothing_was_sent() -> None:
    async def main() -> None:
        held = Held()
        first = Visit(held, "node")
        assert first.take()
        with pytest.raises(NotAsked, match=r"another call for it took longer than 0\.001 s"):
            await Visit(held, "node").turn(0.001)
        first.end()
        assert held == {}

    asyncio.run(main())


@pytest.mark.parametrize("begun", [False, True])
def test_a_call_whose_caller_is_cancelled_leaves_the_node_free(begun: bool) -> None:
    async def main() -> None:
        held = Held()

        async def call() -> Any:
            await asyncio.Event().wait()

        visit = Visit(held, "node")
        assert visit.take()
        making = asyncio.create_task(visit.make(call(), PATIENCE))
        await asyncio.sleep(0)
        if begun:
            await turns()
        making.cancel()
        await asyncio.wait({making})
        await turns()
        assert held == {}

    asyncio.run(main())


def test_a_visit_that_is_given_up_while_it_waits_leaves_the_one_before_it_alone() -> None:
    async def main() -> None:
        held = Held()
        first = Visit(held, "node")
        assert first.take()
        second = Background(held)
        await turns()
        second.visit.give_up()
        await asyncio.wait({second.task})
        assert held == {"node": first}
        assert not Visit(held, "node").take()  # waits, and is not refused
        first.end()
        assert held == {}

    asyncio.run(main())


def test_a_visit_that_gave_way_and_is_given_up_is_not_cancelled_again() -> None:
    async def main() -> None:
        held, order, go = Held(), list[str](), asyncio.Event()
        sweep = Background(held)
        await turns()
        person = asyncio.create_task(speak(Visit(held, "node", urgent=True), order, "person", go))
        await turns()
        assert (sweep.cancelled, sweep.visit.yielded) == (1, True)
        sweep.visit.give_up()
        await turns()
        assert sweep.cancelled == 1
        with pytest.raises(NotAsked):
            await person
        with pytest.raises(NotAsked):
            Visit(held, "node").take()
        sweep.returned.set()
        await turns()
        assert Visit(held, "node").take()

    asyncio.run(main())


@pytest.mark.parametrize("ends", ["given up", "nobody waits"])
def test_what_a_call_raises_when_nobody_waits_for_it_any_more_is_not_logged_by_asyncio(
    ends: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It may show a secret, and asyncio hides none."""

    async def call() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise OSError("refused: hunter2")

    async def main() -> None:
        held = Held()
        visit = Visit(held, "node")
        assert visit.take()
        making = asyncio.create_task(visit.make(call(), 0.01 if ends == "given up" else PATIENCE))
        await turns()
        if ends == "nobody waits":
            making.cancel()
        with contextlib.suppress(TimeoutError, asyncio.CancelledError):
            await making
        await turns()
        assert held == {}

    asyncio.run(main())
    gc.collect()
    assert caplog.messages == []


def test_whoever_no_longer_waits_leaves_nothing_behind() -> None:
    async def main() -> None:
        held = Held()
        first = Visit(held, "node")
        assert first.take()
        before = visits()
        for _ in range(9):
            with pytest.raises(NotAsked):
                await Visit(held, "node").turn(0.0)
        assert visits() <= before + 1  # the last one, in its error

    asyncio.run(main())


def visits() -> int:
    gc.collect()
    return sum(isinstance(one, Visit) for one in gc.get_objects())
