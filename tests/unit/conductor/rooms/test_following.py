"""A driver in its room hears of its nodes: in order, side by side, and whatever a call does."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from fakes import PATIENCE, StillDriver, happened, until
from podium.conductor.rooms import context as contexts
from podium.conductor.rooms.following import Following
from podium.conductor.rooms.room import DriverRoom
from podium.drivers import base
from podium.testing import make_node

NODES = [make_node("still", {"password": "hunter2"}, name=f"n{number}") for number in range(3)]


class Hearing(StillDriver):
    """Notes what it hears."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[str] = []

    async def node_added(self, node: base.Node) -> None:
        self.heard.append(f"+{node.name}")

    async def node_changed(self, node: base.Node) -> None:
        self.heard.append(f"~{node.name}")

    async def node_removed(self, node: base.Node) -> None:
        self.heard.append(f"-{node.name}")

    async def release(self, node: base.Node) -> None:
        self.heard.append(f"released {node.name}")


class HearingPlainly(Hearing):
    def node_added(self, node: base.Node) -> None:  # type: ignore[override]
        self.heard.append(f"+{node.name}")


def played(
    driver: base.Driver, play: Callable[[DriverRoom], Awaitable[None]], *, opens: bool = True, size: int = 8
) -> None:
    async def main() -> None:
        room = DriverRoom(driver, size=size)
        if opens:
            await asyncio.to_thread(room.open, PATIENCE)
        try:
            await play(room)
        finally:
            assert await asyncio.to_thread(room.close, PATIENCE)

    asyncio.run(main())


async def leave(room: DriverRoom, *nodes: base.Node) -> None:
    for node in nodes:
        room.following.note(node, False)
    leaving = room.start(lambda: room.leave(nodes), contexts.new())
    await asyncio.wait_for(asyncio.wrap_future(leaving.future), PATIENCE)


@pytest.mark.parametrize("driver", [Hearing(), HearingPlainly()], ids=["async", "plain"])
def test_a_driver_hears_of_nodes_that_come_change_and_go_and_then_releases_them(driver: Hearing) -> None:
    async def play(room: DriverRoom) -> None:
        room.following.note(NODES[0], True)
        await until(lambda: driver.heard == ["+n0"])
        room.following.note(replace(NODES[0], maintenance=True), True)
        await until(lambda: driver.heard == ["+n0", "~n0"])
        await leave(room, NODES[0])
        assert driver.heard == ["+n0", "~n0", "-n0", "released n0"]
        room.following.note(NODES[0], True)
        await until(lambda: driver.heard[4:] == ["+n0"])

    played(driver, play)


def test_nothing_is_heard_before_the_driver_has_started() -> None:
    let_go = threading.Event()

    class Starting(Hearing):
        def start(self) -> None:
            let_go.wait(PATIENCE)
            self.heard.append("started")

    driver = Starting()

    async def play(room: DriverRoom) -> None:
        opening = asyncio.create_task(asyncio.to_thread(room.open, PATIENCE))
        for node in NODES:
            room.following.note(node, True)
        let_go.set()
        await opening
        await until(lambda: driver.heard == ["started", "+n0", "+n1", "+n2"])

    played(driver, play, opens=False)


def test_a_call_that_hangs_is_cancelled_and_logged_once_and_keeps_only_its_own_node(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("podium.conductor.rooms.following._PATIENCE", 0.01)
    monkeypatch.setattr("podium.conductor.rooms.following._QUICK", 0.01)
    monkeypatch.setattr("podium.conductor.rooms.following._AT_ONCE", 1)
    let_go = threading.Event()

    class Hanging(Hearing):
        async def node_added(self, node: base.Node) -> None:
            if node is NODES[2]:
                await super().node_added(node)
            while not let_go.is_set():
                try:
                    await asyncio.sleep(0.001)
                except asyncio.CancelledError:
                    self.heard.append(f"cancelled {node.name}")

    driver = Hanging()

    async def play(room: DriverRoom) -> None:
        for node in NODES:
            room.following.note(node, True)
        await until(lambda: len(driver.heard) == 4)
        assert {*driver.heard} == {"cancelled n0", "cancelled n1", "+n2", "cancelled n2"}
        room.following.note(NODES[0], False)
        assert room.faults.counts == {"callbacks_failed": 3}
        let_go.set()
        await until(lambda: driver.heard[4:] == ["-n0"])
        assert room.faults.counts == {"callbacks_failed": 3}

    played(driver, play)
    assert caplog.messages == [
        "Driver still: node_added for n0 failed: TimeoutError: it did not end within 0.01 s"
    ]


def test_a_call_that_takes_long_does_not_hold_up_others_until_it_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("podium.conductor.rooms.following._AT_ONCE", 1)
    monkeypatch.setattr("podium.conductor.rooms.following._QUICK", 0.01)
    monkeypatch.setattr("podium.conductor.rooms.following._PATIENCE", 3600.0)

    class Slow(Hearing):
        async def node_added(self, node: base.Node) -> None:
            if node is not NODES[2]:
                await asyncio.Event().wait()
            await super().node_added(node)

    driver = Slow()

    async def play(room: DriverRoom) -> None:
        for node in NODES:
            room.following.note(node, True)
        await until(lambda: driver.heard == ["+n2"])
        assert room.faults.counts == {}

    played(driver, play)


def test_a_plain_call_that_hangs_leaves_the_other_nodes_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    limit = Following._limit

    def limit_the_first(following: Following, name: str, node: base.Node) -> None:
        # The threads of the others must begin within it, which may take long on a busy machine.
        seconds = 0.2 if node is NODES[0] else PATIENCE
        monkeypatch.setattr("podium.conductor.rooms.following._PATIENCE", seconds)
        limit(following, name, node)

    monkeypatch.setattr(Following, "_limit", limit_the_first)
    let_go = threading.Event()

    class Hanging(HearingPlainly):
        def node_added(self, node: base.Node) -> None:  # type: ignore[override]
            if node is NODES[0]:
                let_go.wait(PATIENCE)
            super().node_added(node)

    driver = Hanging()

    async def play(room: DriverRoom) -> None:
        try:
            for node in NODES:
                room.following.note(node, True)
            await until(lambda: sorted(driver.heard) == ["+n1", "+n2"])
        finally:
            let_go.set()

    played(driver, play, size=2)  # one such call at a time


def test_a_call_that_fails_is_logged_without_secrets_and_the_node_counts_as_added(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Failing(Hearing):
        async def node_added(self, node: base.Node) -> None:
            raise KeyError(node.driver_info["password"])

    driver = Failing()

    async def play(room: DriverRoom) -> None:
        for node in NODES:
            room.following.note(node, True)
        await until(lambda: room.faults.counts == {"callbacks_failed": 3})
        await leave(room, NODES[0])
        assert driver.heard == ["-n0", "released n0"]

    played(driver, play)
    (record,) = caplog.records
    assert record.getMessage() == "Driver still: node_added for n0 failed: KeyError: '******'"
    assert "hunter2" not in caplog.text


def test_a_removal_that_hangs_keeps_another_conductor_waiting_for_a_bounded_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("podium.conductor.rooms.following._LEAVING", 0.05)
    began = threading.Event()

    class Hanging(Hearing):
        async def node_removed(self, node: base.Node) -> None:
            began.set()
            await asyncio.Event().wait()

    driver = Hanging()

    async def play(room: DriverRoom) -> None:
        room.following.note(NODES[0], True)
        await until(lambda: driver.heard == ["+n0"])
        await leave(room, NODES[0])
        await happened(began)
        assert driver.heard == ["+n0", "released n0"]

    played(driver, play)


def test_many_nodes_are_told_side_by_side(monkeypatch: pytest.MonkeyPatch) -> None:
    nodes = [make_node("still", name=f"m{number}") for number in range(500)]
    most = 0

    class Counting(Hearing):
        under_way = 0

        async def node_added(self, node: base.Node) -> None:
            nonlocal most
            self.under_way += 1
            most = max(most, self.under_way)
            await asyncio.sleep(0)
            self.under_way -= 1
            await super().node_added(node)

    driver = Counting()

    async def play(room: DriverRoom) -> None:
        for node in nodes:
            room.following.note(node, True)
        await until(lambda: len(driver.heard) == len(nodes))

    played(driver, play)
    assert 1 < most <= 64


def test_a_driver_that_does_not_ask_hears_nothing() -> None:
    async def play(room: DriverRoom) -> None:
        assert not room.following.is_wanted
        await leave(room, *NODES)

    played(StillDriver(), play)


def test_a_call_that_was_not_made_when_the_room_closes_is_no_failure(
    caplog: pytest.LogCaptureFixture,
) -> None:
    began, let_go = threading.Semaphore(0), threading.Event()
    counts: dict[str, int] = {"none": 0}

    def hang() -> None:
        began.release()
        let_go.wait(PATIENCE)

    async def play(room: DriverRoom) -> None:
        nonlocal counts
        counts = room.faults.counts
        for _ in range(room.size):
            room.run(hang, request=contexts.new())
            assert await asyncio.to_thread(began.acquire, timeout=PATIENCE)
        room.following.note(NODES[0], True)
        await until(lambda: len(room.following._running) == 1)

    try:
        played(HearingPlainly(), play)
    finally:
        let_go.set()
    assert counts == {}
    assert caplog.messages == []


def test_the_time_that_a_plain_call_waits_for_a_thread_does_not_count() -> None:
    began, let_go = threading.Semaphore(0), threading.Event()

    def hang() -> None:
        began.release()
        let_go.wait(PATIENCE)

    driver = HearingPlainly()

    async def play(room: DriverRoom) -> None:
        for _ in range(room.size):
            room.run(hang, request=contexts.new())
            assert await asyncio.to_thread(began.acquire, timeout=PATIENCE)
        room.following.note(NODES[0], True)
        await until(lambda: len(room.following._running) == 1)
        assert room.following._timers == {}
        let_go.set()
        await until(lambda: driver.heard == ["+n0"])

    played(driver, play)
