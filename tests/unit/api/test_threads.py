"""Functions for an event loop in threads."""

import asyncio
import threading
from collections.abc import Iterator

import pytest

from peers import PATIENCE
from podium.api.threads import Threads


@pytest.fixture
def threads() -> Iterator[Threads]:
    found = Threads(2, "tried")
    yield found
    found.close()


def test_what_a_function_returns_or_raises_comes_back(threads: Threads) -> None:
    def fail() -> None:
        raise KeyError("x")

    async def ask() -> str:
        with pytest.raises(KeyError):
            await threads.run(fail)
        return await threads.run(lambda: threading.current_thread().name)

    assert asyncio.run(ask()).startswith("tried")
    assert asyncio.run(ask()).startswith("tried")  # in another loop


def test_as_many_functions_run_at_a_time_as_there_are_threads(threads: Threads) -> None:
    both = threading.Barrier(2)

    async def ask() -> list[int]:
        return await asyncio.gather(*(threads.run(lambda: both.wait(PATIENCE)) for _ in range(4)))

    assert sorted(asyncio.run(ask())) == [0, 0, 1, 1]


def test_what_nobody_waits_for_any_more_is_not_begun(threads: Threads) -> None:
    held, begun = threading.Event(), []

    async def ask() -> None:
        under_way = [asyncio.ensure_future(threads.run(lambda: held.wait(PATIENCE))) for _ in range(2)]
        late = asyncio.ensure_future(threads.run(lambda: begun.append("late")))
        await asyncio.sleep(0)
        late.cancel()
        held.set()
        await asyncio.gather(*under_way)
        await threads.run(lambda: None)

    asyncio.run(ask())
    assert begun == []


def test_closing_waits_for_what_has_begun_and_gives_up_the_rest() -> None:
    threads, begun, held, done = Threads(1, "tried"), threading.Event(), threading.Event(), []

    def work() -> None:
        begun.set()
        held.wait(PATIENCE)
        done.append("begun")

    async def ask() -> None:
        first = asyncio.ensure_future(threads.run(work))
        second = asyncio.ensure_future(threads.run(lambda: done.append("second")))
        await asyncio.to_thread(begun.wait, PATIENCE)
        closing = asyncio.ensure_future(asyncio.to_thread(threads.close))
        with pytest.raises(asyncio.CancelledError):
            await second
        held.set()
        await closing
        await first

    asyncio.run(ask())
    assert done == ["begun"]
