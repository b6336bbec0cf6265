"""Drivers that read many nodes in one call."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from fakes import PATIENCE, Pieces, StillDriver, happened, pieces, until
from podium import errors, states
from podium.clocks import boottime
from podium.conductor.rooms import context as contexts
from podium.conductor.sweep import batches
from podium.conductor.sweep import sweeper as sweeping
from podium.conductor.sweep.power_sync import PowerSync
from podium.drivers import base


class Racks(StillDriver):
    """Controllers of racks, each of which answers for all of its machines; remembers who was asked for whom.

    :ivar odd: what is said of a node instead of its power, by name
    :ivar fails: what every call raises
    """

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[list[str]] = []
        self.single: list[str] = []
        self.odd: dict[str, Any] = {}
        self.fails: Exception | None = None

    def endpoint(self, node: base.Node) -> str:
        return str(node.driver_info["rack"])

    async def get_power_state(self, node: base.Node) -> str:
        self.single.append(node.name)
        return self.states.get(node.name, states.POWER_OFF)

    async def get_power_states(self, nodes: Sequence[base.Node]) -> Mapping[str, str | Exception]:
        return self.answer(nodes)

    def answer(self, nodes: Sequence[base.Node]) -> Mapping[str, str | Exception]:
        self.calls.append([node.name for node in nodes])
        if self.fails is not None:
            raise self.fails
        known = {node.uuid: self.states.get(node.name, states.POWER_OFF) for node in nodes}
        odd = {node.uuid: self.odd[node.name] for node in nodes if node.name in self.odd}
        return {uuid: state for uuid, state in {**known, **odd}.items() if state is not None}


class PlainRacks(Racks):
    """The same, with a blocking library."""

    def get_power_states(self, nodes: Sequence[base.Node]) -> Mapping[str, str | Exception]:
        return self.answer(nodes)


@contextlib.asynccontextmanager
async def swept(tmp_path: Path, driver: Racks, *names: str, **limits: Any) -> AsyncIterator[Pieces]:
    """Nodes of one driver that a fleet knows; the rack of a node is the first letter of its name."""
    async with pieces(f"sqlite:///{tmp_path}/p", driver) as it:
        it.sync = PowerSync(it.fleet, it.rooms, it.recorder, **limits)
        it.enrol(*({"name": one, "driver": "still", "driver_info": {"rack": one[0]}} for one in names))
        await it.fleet.refresh(it.sql)
        yield it


async def sweep(it: Pieces, interval: float = 0.0) -> None:
    await it.sync.sweep(interval, contexts.new(), at_once=True)
    assert await it.recorder.flush()


async def in_room(it: Pieces, call: Callable[[], Any]) -> Any:
    """Run a coroutine in the room of the driver."""
    return await asyncio.wrap_future(it.rooms["still"].start(call, contexts.new()).future)


@pytest.mark.parametrize("driver", [Racks(), PlainRacks()], ids=["async", "plain"])
def test_the_nodes_of_an_endpoint_are_read_in_one_call(
    tmp_path: Path, driver: Racks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeping, "_PATIENCE", PATIENCE)  # none is slow, as it may be on a busy machine

    async def main() -> None:
        async with swept(tmp_path, driver, "a1", "b1", "a2", "b2", "a3") as it:
            driver.states.update(a2=states.POWER_ON, b1=states.ERROR)
            await sweep(it)
            assert sorted(driver.calls) == [["a1", "a2", "a3"], ["b1", "b2"]]
            assert driver.single == []
            found = {name: it.node(name).power_state for name in ("a1", "a2", "a3", "b1", "b2")}
            assert found == {
                "a1": "power off",
                "a2": "power on",
                "a3": "power off",
                "b1": "error",
                "b2": "power off",
            }

    asyncio.run(main())


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (errors.BMCUnreachable("outlet 2 is silent"), "outlet 2 is silent"),
        (None, "the driver did not answer for it"),
        ("on", "driver still answered 'on', which is no power state"),
        (KeyError("outlet"), "fault of the driver still: KeyError: 'outlet'"),
    ],
)
def test_what_is_wrong_with_one_node_of_a_call_is_its_own_failure(
    tmp_path: Path, answer: Any, words: str
) -> None:
    async def main() -> None:
        async with swept(tmp_path, driver := Racks(), "a1", "a2", "a3") as it:
            driver.odd["a2"] = answer
            await sweep(it)
            assert [it.node(name).power_state for name in ("a1", "a2", "a3")] == [
                "power off",
                None,
                "power off",
            ]
            assert it.node("a2").last_error == words
            assert it.node("a1").power_failures == 0

    asyncio.run(main())


def test_a_call_that_raises_has_failed_for_all_of_its_nodes(tmp_path: Path) -> None:
    async def main() -> None:
        async with swept(tmp_path, driver := Racks(), "a1", "a2") as it:
            driver.fails = errors.BMCUnreachable("the rack is silent")
            await sweep(it)
            assert [it.node(name).last_error for name in ("a1", "a2")] == ["the rack is silent"] * 2

    asyncio.run(main())


@pytest.mark.parametrize(
    ("kind", "counted"),
    [(errors.AuthenticationRefused, "authentication"), (TimeoutError, "timeout"), (OSError, "fault")],
)
@pytest.mark.parametrize("raises", [True, False], ids=["raised", "answered"])
def test_an_error_shows_no_secret_of_any_node_of_the_call(
    tmp_path: Path, kind: type[Exception], counted: str, raises: bool
) -> None:
    async def main() -> None:
        async with swept(tmp_path, driver := Racks()) as it:
            for name, password in (("a1", "hunter2"), ("a2", "swordfish")):
                info = {"rack": "a", "password": password}
                it.enrol({"name": name, "driver": "still", "driver_info": info})
            await it.fleet.refresh(it.sql)
            error = kind("refused: hunter2 and swordfish")
            driver.fails = error if raises else None
            driver.odd = dict.fromkeys(("a1", "a2"), error)
            await sweep(it)
            for name in ("a1", "a2"):
                assert it.node(name).last_error.endswith("refused: ****** and ******")
            # A busy machine may have got to the second attempts already.
            assert set(it.sync.sweepers["still"].failures) == {counted}

    asyncio.run(main())


def test_an_answer_that_is_no_mapping_is_a_fault_of_the_driver(tmp_path: Path) -> None:
    class Lists(Racks):
        async def get_power_states(self, nodes: Sequence[base.Node]) -> Any:
            return [states.POWER_ON for _ in nodes]

    async def main() -> None:
        async with swept(tmp_path, Lists(), "a1") as it:
            await sweep(it)
            assert "get_power_states returned a list, not a mapping by UUID" in it.node("a1").last_error

    asyncio.run(main())


def test_a_call_has_no_more_nodes_than_it_may(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "MOST", 2)

    async def main() -> None:
        async with swept(tmp_path, driver := Racks(), "a1", "a2", "a3", "a4", "a5") as it:
            await sweep(it)
            assert sorted(driver.calls) == [["a1", "a2"], ["a3", "a4"], ["a5"]]

    asyncio.run(main())


def test_a_driver_that_cannot_name_an_endpoint_has_that_node_read_by_itself(tmp_path: Path) -> None:
    class Forgetful(Racks):
        def endpoint(self, node: base.Node) -> str:
            if node.name == "a2":
                raise KeyError("rack")
            return super().endpoint(node)

    async def main() -> None:
        async with swept(tmp_path, driver := Forgetful(), "a1", "a2", "a3") as it:
            await sweep(it)
            assert sorted(driver.calls) == [["a1", "a3"], ["a2"]]

    asyncio.run(main())


def test_nodes_whose_power_is_being_changed_are_not_part_of_the_call(tmp_path: Path) -> None:
    async def main() -> None:
        async with swept(tmp_path, driver := Racks(), "a1", "a2", "a3") as it:
            it.fleet.taken.take(it.node("a2").id)
            await sweep(it)
            assert driver.calls == [["a1", "a3"]]

    asyncio.run(main())


def test_a_call_counts_as_one_read_of_a_sweep_that_is_spread(tmp_path: Path) -> None:
    async def main() -> None:
        names = ("a1", "a2", "b1", "b2", "c1")
        async with swept(tmp_path, driver := Racks(), *names) as it:
            await sweep(it)  # the first one is not paced
            driver.calls.clear()
            paced = asyncio.create_task(it.sync.sweep(3600.0, contexts.new()))
            await until(lambda: driver.calls == [["a1", "a2"]])
            assert it.sync.sweepers["still"].figures.queued == 3
            it.sync.hurry(contexts.new())
            await paced
            assert sorted(driver.calls[1:]) == [["a1", "a2"], ["b1", "b2"], ["c1"]]

    asyncio.run(main())


class FailsOnce(Racks):
    """What is said of a node instead of its power is said once."""

    def answer(self, nodes: Sequence[base.Node]) -> Mapping[str, str | Exception]:
        found = super().answer(nodes)
        self.odd.clear()
        return found


def test_the_failing_nodes_of_an_endpoint_are_retried_in_one_call(tmp_path: Path) -> None:
    async def main() -> None:
        async with swept(tmp_path, driver := FailsOnce(), "a1", "a2", "a3") as it:
            driver.odd.update(a2=errors.BMCUnreachable("silent"), a3=errors.BMCUnreachable("silent"))
            await sweep(it)
            await until(lambda: len(driver.calls) == 2)
            await until(lambda: not any(entry.reads.failures for entry in it.fleet.entries()))
            assert [sorted(names) for names in driver.calls[1:]] == [["a2", "a3"]]
            assert it.sync.sweepers["still"].figures.retrying == 0

    asyncio.run(main())


class Slow(Racks):
    """Its calls for rack ``s`` return when a test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.let_go = asyncio.Event()
        self.broken_off = 0

    async def get_power_states(self, nodes: Sequence[base.Node]) -> Mapping[str, str | Exception]:
        found = self.answer(nodes)
        if nodes[0].name.startswith("s"):
            try:
                await self.let_go.wait()
            except asyncio.CancelledError:
                self.broken_off += 1
                raise
        return found


def test_an_endpoint_that_does_not_answer_keeps_no_other_from_being_read(tmp_path: Path) -> None:
    async def main() -> None:
        async with swept(tmp_path, driver := Slow(), "s1", "s2", "a1", "a2", in_flight={"still": 1}) as it:
            await sweep(it)
            assert it.node("a2").power_state == "power off"
            assert it.node("s1").power_state is None
            await sweep(it)
            assert driver.calls.count(["s1", "s2"]) == 1  # and it is not asked twice at a time

    asyncio.run(main())


def switch(it: Pieces, driver: Racks, name: str) -> Any:
    """Switch a node on, as a person's request does."""
    node = next(entry.node for entry in it.fleet.entries() if entry.node.name == name)
    room = it.rooms["still"]
    return in_room(
        it, lambda: room.command(PATIENCE, node, driver.set_power_state, states.POWER_ON, urgent=True)
    )


def test_a_person_waits_for_the_call_that_has_the_node_and_comes_first_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "_COURTESY", PATIENCE)

    async def main() -> None:
        async with swept(tmp_path, driver := Slow(), "s1", "s2") as it:
            await sweep(it)
            switching = asyncio.create_task(switch(it, driver, "s1"))
            waiting = it.rooms["still"]._visits[it.node("s1").uuid]
            await until(lambda: bool(waiting._waiting))
            assert "s1" not in driver.states
            it.rooms["still"]._loop.call_soon_threadsafe(driver.let_go.set)  # type: ignore[union-attr]
            await switching
            assert (driver.states["s1"], driver.broken_off) == ("power on", 0)
            await it.recorder.flush()
            assert it.node("s2").power_state == "power off"

    asyncio.run(main())


def test_a_call_that_takes_long_is_broken_off_for_a_person_and_the_other_nodes_are_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "_COURTESY", 0.0)

    async def main() -> None:
        async with swept(tmp_path, driver := Slow(), "s1", "s2", "s3") as it:
            await sweep(it)
            await switch(it, driver, "s2")
            await until(lambda: driver.calls == [["s1", "s2", "s3"], ["s1", "s3"]])
            assert (driver.states["s2"], driver.broken_off) == ("power on", 1)
            await it.recorder.flush()
            assert [it.node(name).power_failures for name in ("s1", "s2", "s3")] == [0, 0, 0]

    asyncio.run(main())


def test_a_node_that_another_call_has_is_read_by_itself_after_it(tmp_path: Path) -> None:
    async def main() -> None:
        async with swept(tmp_path, driver := Racks(), "a1", "a2", "a3") as it:
            node = next(entry.node for entry in it.fleet.entries() if entry.node.name == "a2")
            begun, let_go = threading.Event(), threading.Event()

            def work(node: base.Node) -> None:
                begun.set()
                let_go.wait(PATIENCE)

            room = it.rooms["still"]
            task = asyncio.create_task(in_room(it, lambda: room.command(PATIENCE, node, work)))
            await happened(begun)
            sweeping = asyncio.create_task(sweep(it))
            await until(lambda: driver.calls == [["a1", "a3"]])
            let_go.set()
            await task
            await sweeping
            await until(lambda: driver.calls == [["a1", "a3"], ["a2"]])

    asyncio.run(main())


class Stuck(PlainRacks):
    """A blocking library whose calls for rack ``s`` return when a test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.began, self.let_go = threading.Event(), threading.Event()

    def get_power_states(self, nodes: Sequence[base.Node]) -> Mapping[str, str | Exception]:
        if nodes[0].name.startswith("s"):
            self.began.set()
            self.let_go.wait(PATIENCE)
        return self.answer(nodes)


def test_a_call_that_waits_for_its_place_gives_way_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "MOST", 2)

    async def main() -> None:
        names = [f"s{number}" for number in range(1, 7)]
        async with swept(tmp_path, driver := Stuck(), *names) as it:
            await sweep(it)  # two calls to one endpoint are under way, and the third has to wait
            await switch(it, driver, "s6")
            assert (driver.states["s6"], driver.calls) == ("power on", [])
            driver.let_go.set()
            await until(lambda: sorted(driver.calls) == [["s1", "s2"], ["s3", "s4"], ["s5"]])

    asyncio.run(main())


def test_a_plain_call_that_is_given_up_keeps_its_nodes_until_it_returns(tmp_path: Path) -> None:
    async def main() -> None:
        async with swept(tmp_path, driver := Stuck(), "s1", "s2", "a1") as it:
            sweeper = it.sync.sweepers["still"]

            async def at_the_deadline() -> None:
                sweeper._lose_patience(asyncio.get_running_loop().time() + sweeping.READ_DEADLINE + 1)

            await sweep(it, 3600.0)  # so that none is tried again by itself
            await happened(driver.began)
            await in_room(it, at_the_deadline)
            assert sweeper.failures["timeout"] == 2
            await it.recorder.flush()
            assert it.node("s2").last_error == "no answer within 60 s"
            await sweep(it, 3600.0)
            assert all(it.rooms["still"].is_visited(it.node(name).uuid) for name in ("s1", "s2"))
            assert "the last call for it has not returned" in it.node("s1").last_error
            driver.let_go.set()
            # Not before: nodes that are not asked for long go into maintenance, and are read seldom there.
            await until(
                lambda: not any(it.rooms["still"].is_visited(it.node(name).uuid) for name in ("s1", "s2"))
            )
            async with asyncio.timeout(PATIENCE):
                while it.node("s1").power_state != "power off":
                    await sweep(it)

    asyncio.run(main())


def test_nodes_that_become_another_conductors_end_the_call_and_the_others_are_read_again(
    tmp_path: Path,
) -> None:
    async def main() -> None:
        async with swept(tmp_path, driver := Slow(), "s1", "s2", "s3") as it:
            await sweep(it)
            leaving = [entry.node for entry in it.fleet.entries() if entry.node.name != "s2"]
            for node in leaving:
                it.fleet.taken.take(it.fleet.find(node.uuid).number)  # type: ignore[union-attr]
            await in_room(it, lambda: it.rooms["still"].leave(leaving))
            await until(lambda: driver.calls == [["s1", "s2", "s3"], ["s2"]])
            assert not any(it.rooms["still"].is_visited(node.uuid) for node in leaving)

    asyncio.run(main())


def test_nodes_that_the_driver_has_reported_are_left_out_of_a_sweep_that_is_spread(tmp_path: Path) -> None:
    async def main() -> None:
        async with swept(tmp_path, driver := Racks(), "a1", "a2", "b1") as it:
            await sweep(it, 3600.0)
            for entry in it.fleet.entries():
                if entry.node.name in ("a1", "b1"):
                    entry.reads.reported = boottime()
            it.fleet.reporting.add("still")
            driver.calls.clear()
            sweeper, numbers = it.sync.sweepers["still"], [entry.number for entry in it.fleet.entries()]
            await in_room(it, lambda: sweeper.sweep(numbers, 0.01, 3600.0, contexts.new()))
            assert driver.calls == [["a2"]]
            await sweep(it, 3600.0)  # a person wants to know
            assert sorted(driver.calls[1:]) == [["a1", "a2"], ["b1"]]

    asyncio.run(main())
