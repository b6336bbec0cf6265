"""Nodes are left to others: calls to them return or are cancelled, and their driver releases them."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

from fakes import PATIENCE, StillDriver, happened
from podium.conductor.rooms import context as contexts
from podium.conductor.rooms.places import NotAsked
from podium.conductor.rooms.room import DriverRoom
from podium.drivers import base

NODES = [base.Node(f"u{number}", f"n{number}", "still") for number in range(3)]


class Releasing(StillDriver):
    def __init__(self) -> None:
        super().__init__()
        self.released: list[str] = []
        self.failing: set[str] = set()

    async def release(self, node: base.Node) -> None:
        if node.name in self.failing:
            raise ValueError("no such session")
        self.released.append(node.name)


class Plain(Releasing):
    def release(self, node: base.Node) -> None:  # type: ignore[override]
        if node.name in self.failing:
            raise ValueError("no such session")
        self.released.append(node.name)


class Slow(Releasing):
    """Never comes to an end with the second node."""

    async def release(self, node: base.Node) -> None:
        if node.name == "n1":
            await asyncio.Event().wait()
        await super().release(node)


def left(driver: base.Driver, then: Callable[[DriverRoom], Any] | None = None) -> None:
    """Leave all nodes, in the room of the driver."""

    async def main() -> None:
        room = DriverRoom(driver)
        await asyncio.to_thread(room.open, PATIENCE)
        try:
            leaving = room.start(lambda: room.leave(NODES), contexts.new())
            await asyncio.wait_for(asyncio.wrap_future(leaving.future), PATIENCE)
        finally:
            assert await asyncio.to_thread(room.close, PATIENCE)

    asyncio.run(main())


@pytest.mark.parametrize("driver", [Releasing(), Plain()], ids=["async", "plain"])
def test_each_node_is_released_though_another_fails(
    driver: Releasing, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("podium.conductor.rooms.leaving._RELEASE", PATIENCE)
    driver.failing = {"n0"}
    left(driver)
    assert sorted(driver.released) == ["n1", "n2"]
    assert "did not release 1 of 3 nodes; n0: ValueError: no such session" in caplog.text


def test_a_driver_that_holds_nothing_open_need_not_release_anything() -> None:
    left(StillDriver())


def test_a_node_whose_release_takes_too_long_keeps_nobody_waiting(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("podium.conductor.rooms.leaving._RELEASE", 0.1)
    driver = Slow()
    left(driver)
    assert sorted(driver.released) == ["n0", "n2"]
    assert "did not release 1 of 3 nodes; it takes too long" in caplog.text


def test_calls_under_way_are_cancelled_and_those_that_wait_are_not_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("podium.conductor.rooms.leaving._PATIENCE", 0.0)
    began, made, cancelled = threading.Event(), list[str](), list[str]()

    class Hung(Releasing):
        async def look(self, node: base.Node) -> None:
            made.append(node.name)
            began.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                cancelled.append(node.name)
                raise

    async def main() -> None:
        driver = Hung()
        room = DriverRoom(driver)
        await asyncio.to_thread(room.open, PATIENCE)
        try:
            calls = [
                room.start(lambda: room.command(PATIENCE, NODES[0], driver.look), contexts.new())
                for _ in range(2)
            ]
            await happened(began)
            leaving = room.start(lambda: room.leave(NODES), contexts.new())
            await asyncio.wait_for(asyncio.wrap_future(leaving.future), PATIENCE)
            assert (made, cancelled, sorted(driver.released)) == (["n0"], ["n0"], ["n0", "n1", "n2"])
            ends = (asyncio.wrap_future(call.future) for call in calls)
            assert all(
                isinstance(end, BaseException) for end in await asyncio.gather(*ends, return_exceptions=True)
            )
        finally:
            assert await asyncio.to_thread(room.close, PATIENCE)

    asyncio.run(main())


def test_a_call_that_waits_for_a_thread_is_not_made_once_its_node_is_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("podium.conductor.rooms.leaving._PATIENCE", 0.0)
    began, let_go, made = threading.Event(), threading.Event(), list[str]()

    class Busy(Releasing):
        threads = 1

        def look(self, node: base.Node) -> None:
            made.append(node.name)
            began.set()
            let_go.wait(PATIENCE)

    async def main() -> None:
        driver = Busy()
        room = DriverRoom(driver)
        await asyncio.to_thread(room.open, PATIENCE)

        def looking(node: base.Node) -> asyncio.Future[None]:
            call = room.start(lambda: room.command(PATIENCE, node, driver.look), contexts.new())
            return asyncio.wrap_future(call.future)

        try:
            other = looking(NODES[0])
            await happened(began)
            waiting = looking(NODES[1])
            leaving = room.start(lambda: room.leave(NODES[1:]), contexts.new())
            with pytest.raises(NotAsked, match="not asked: it was withdrawn while it waited"):
                await waiting
            await asyncio.wait_for(asyncio.wrap_future(leaving.future), PATIENCE)
            assert (made, driver.released) == (["n0"], ["n1", "n2"])
            let_go.set()
            await other
        finally:
            let_go.set()
            assert await asyncio.to_thread(room.close, PATIENCE)

    asyncio.run(main())
