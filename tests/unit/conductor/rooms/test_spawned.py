"""Tasks that a driver spawns: in its loop, watched over, bounded in number, and gone before it is closed."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from fakes import PATIENCE, StillDriver, until
from podium.conductor.rooms.room import DriverRoom
from podium.conductor.rooms.run import Run


class Spawning(StillDriver):
    def __init__(self) -> None:
        super().__init__("spawning")
        self.began, self.ended = threading.Event(), threading.Event()
        self.ended_before_close = False

    async def listen(self) -> None:
        self.began.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            self.ended.set()

    async def close(self) -> None:
        self.ended_before_close = self.ended.is_set()


@contextmanager
def opened(driver: StillDriver) -> Iterator[DriverRoom]:
    room = DriverRoom(driver)
    room.open(PATIENCE)
    try:
        yield room
    finally:
        assert room.close(PATIENCE)


def wait_for(condition: Callable[[], bool]) -> None:
    asyncio.run(until(condition))


def masked(text: str) -> str:
    return text.replace("hunter2", "***")


def spawn(room: DriverRoom, coroutine: Any, most: int = 10) -> Run:
    return room.spawned.start(coroutine, most, masked)


def test_a_spawned_task_runs_until_the_driver_is_closed_and_has_ended_then() -> None:
    driver = Spawning()
    with opened(driver) as room:
        spawn(room, driver.listen())
        assert driver.began.wait(PATIENCE)
        assert len(room.spawned) == 1
    assert driver.ended_before_close


def test_a_spawned_task_can_be_cancelled_from_any_thread() -> None:
    driver = Spawning()
    with opened(driver) as room:
        run = spawn(room, driver.listen())
        assert driver.began.wait(PATIENCE)
        run.cancel()
        assert driver.ended.wait(PATIENCE)
        run.future.exception(PATIENCE)
        wait_for(lambda: len(room.spawned) == 0)
        assert room.faults.counts == {}
        run.cancel()


def test_one_that_is_cancelled_before_it_begins_never_does(recwarn: pytest.WarningsRecorder) -> None:
    driver, let_go = Spawning(), threading.Event()

    async def block() -> None:
        let_go.wait(PATIENCE)

    with opened(driver) as room:
        spawn(room, block())
        run = spawn(room, driver.listen())
        run.cancel()
        let_go.set()
        run.future.exception(PATIENCE)
        assert not driver.began.is_set()
    assert [str(one.message) for one in recwarn] == []


@pytest.mark.parametrize(
    "error", [KeyError("hunter2"), SystemExit("hunter2"), asyncio.CancelledError("hunter2")]
)
def test_what_a_spawned_task_raises_is_logged_without_secrets_and_counted(
    error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    driver = Spawning()

    async def fail() -> None:
        raise error

    with opened(driver) as room:
        spawn(room, fail()).future.result(PATIENCE)
        assert room.faults.counts == {"spawned_failed": 1}
        spawn(room, driver.listen())
        assert driver.began.wait(PATIENCE)
    (message,) = caplog.messages
    assert message.startswith("Driver spawning: the task ")
    assert "fail failed: " in message
    assert "***" in message
    assert "hunter2" not in caplog.text


def test_there_are_not_more_than_a_driver_may_have() -> None:
    driver = Spawning()
    with opened(driver) as room:
        first = spawn(room, driver.listen(), most=1)
        with pytest.raises(RuntimeError, match="driver spawning has 1 spawned tasks, as many as it may"):
            spawn(room, driver.listen(), most=1)
        first.cancel()
        wait_for(lambda: len(room.spawned) == 0)
        spawn(room, driver.listen(), most=1)


def test_a_driver_that_is_not_running_cannot_spawn(recwarn: pytest.WarningsRecorder) -> None:
    driver = Spawning()
    room = DriverRoom(driver)
    with pytest.raises(RuntimeError, match="driver spawning is not running"):
        spawn(room, driver.listen())
    with opened(driver) as room:
        pass
    with pytest.raises(RuntimeError, match="driver spawning is not running"):
        spawn(room, driver.listen())
    assert [str(one.message) for one in recwarn] == []


def test_a_function_that_was_not_called_is_refused() -> None:
    driver = Spawning()
    with opened(driver) as room, pytest.raises(TypeError, match="spawn is given a coroutine"):
        spawn(room, driver.listen)
