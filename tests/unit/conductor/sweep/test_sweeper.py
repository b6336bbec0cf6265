import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from fakes import PATIENCE, Pieces, StillDriver, happened, pieces, until
from podium import errors, states
from podium.clocks import boottime
from podium.conductor.rooms import context as contexts
from podium.conductor.sweep import sweeper as sweeping
from podium.conductor.sweep.power_sync import PowerSync
from podium.conductor.telling.statistics import Statistics
from podium.db import api, models
from podium.drivers import base
from rude import Rude, RudeDriverError, RudeTimeout


@contextlib.asynccontextmanager
async def swept(tmp_path: Path, driver: base.Driver, *names: str, **limits: Any) -> AsyncIterator[Pieces]:
    """Nodes of one driver that a fleet knows, and a PowerSync with these limits."""
    async with pieces(f"sqlite:///{tmp_path}/p", driver) as it:
        it.sync = PowerSync(it.fleet, it.rooms, it.recorder, **limits)
        it.enrol(*({"name": name, "driver": driver.name} for name in names))
        await it.fleet.refresh(it.sql)
        yield it


async def sweep(it: Pieces, interval: float = 0.0) -> None:
    await it.sync.sweep(interval, contexts.new(), at_once=True)
    assert await it.recorder.flush()


class Silent(StillDriver):
    """Its nodes whose names begin with ``dead`` never answer; remembers how many were read at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = {"dead": 0, "live": 0}
        self.living = self.most = 0
        self.answer = asyncio.Event()

    async def get_power_state(self, node: base.Node) -> str:
        self.calls[node.name[:4]] += 1
        if node.name.startswith("dead"):
            await self.answer.wait()
            return states.POWER_ON
        self.living += 1
        self.most = max(self.most, self.living)
        await asyncio.sleep(0)
        self.living -= 1
        return states.POWER_OFF


def test_nodes_that_do_not_answer_keep_no_other_from_being_read(tmp_path: Path) -> None:
    async def main() -> None:
        dead = [f"dead{number}" for number in range(10)]
        async with swept(tmp_path, driver := Silent(), *dead, "live1", "live2", in_flight={"still": 2}) as it:
            await sweep(it)
            assert [it.node(name).power_state for name in ("dead1", "live1", "live2")] == [
                None,
                "power off",
                "power off",
            ]
            assert it.sync.sweepers["still"].figures.lingering == 10
            await sweep(it)
            assert driver.calls == {"dead": 10, "live": 4}  # and they are not asked twice at a time

    asyncio.run(main())


def test_no_more_nodes_are_read_at_a_time_than_the_operator_allows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeping, "_PATIENCE", PATIENCE)  # none is slow, as it may be on a busy machine

    async def main() -> None:
        names = [f"live{number}" for number in range(50)]
        async with swept(tmp_path, driver := Silent(), *names, in_flight={"still": 7}) as it:
            await sweep(it)
            assert driver.most == 7

    asyncio.run(main())


def test_a_read_that_never_ends_fails_at_its_deadline_and_its_node_is_left_alone_until_it_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeping, "READ_DEADLINE", 0.3)

    class Deaf(Silent):
        async def get_power_state(self, node: base.Node) -> str:
            while not self.answer.is_set():
                with contextlib.suppress(asyncio.CancelledError):
                    await super().get_power_state(node)
            return states.POWER_ON

    async def main() -> None:
        async with swept(tmp_path, driver := Deaf(), "dead1") as it:
            await sweep(it)
            await until(lambda: it.sync.sweepers["still"].failures["timeout"] == 1)
            await sweep(it)
            assert it.node("dead1").last_error == "not asked: the last call for it has not returned"
            room = it.rooms["still"]
            room._loop.call_soon_threadsafe(driver.answer.set)  # type: ignore[union-attr]
            async with asyncio.timeout(PATIENCE):
                while it.node("dead1").power_state != "power on":
                    await sweep(it)

    asyncio.run(main())


class Failing(StillDriver):
    def __init__(self) -> None:
        super().__init__()
        self.failing: set[str] = set()
        self.order: list[str] = []

    async def get_power_state(self, node: base.Node) -> str:
        self.order.append(node.name)
        if node.name in self.failing:
            raise errors.BMCUnreachable("no answer")
        return states.POWER_OFF


def test_a_node_that_failed_is_tried_again_before_the_next_sweep(tmp_path: Path) -> None:
    async def main() -> None:
        async with swept(tmp_path, driver := Failing(), "a", "b") as it:
            driver.failing = {"a"}
            await sweep(it)
            driver.failing.clear()
            await until(lambda: driver.order.count("a") >= 2)
            await until(lambda: not it.fleet.entries()[0].reads.failures)
            await it.recorder.flush()
            assert it.node("a").power_state == "power off"
            assert driver.order.count("b") == 1

    asyncio.run(main())


@pytest.mark.parametrize("year", [1970, 2036])
def test_retries_and_ages_go_on_when_the_clock_leaps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, year: int
) -> None:
    class Failing(StillDriver):
        reads = 0

        async def get_power_state(self, node: base.Node) -> str:
            self.reads += 1
            if self.reads < 3:
                raise errors.BMCUnreachable("no answer")
            return states.POWER_ON

    async def main() -> None:
        async with swept(tmp_path, Failing(), "n1", "n2") as it:
            await sweep(it)
            monkeypatch.setattr(models, "utcnow", lambda: datetime(year, 1, 2, tzinfo=UTC))
            await it.fleet.refresh(it.sql)

            def found() -> set[tuple[str | None, int]]:
                return {(it.node(name).power_state, it.node(name).power_failures) for name in ("n1", "n2")}

            async with asyncio.timeout(PATIENCE):  # each failed once, and is retried after a second
                while found() != {(states.POWER_ON, 0)}:
                    await it.recorder.flush()
                    await asyncio.sleep(0.01)
            assert it.node("n1").power_checked_at.year == year
            figures = Statistics(it.fleet, it.rooms, it.sync, it.recorder, max_age=60).figures()
            assert figures.fresh_share == 1.0

    asyncio.run(main())


def test_a_change_counts_no_more_failed_reads_than_the_sweeps_own_retries_would(tmp_path: Path) -> None:
    async def main() -> None:
        async with swept(tmp_path, StillDriver(), "a") as it:
            sweeper, (entry,) = it.sync.sweepers["still"], it.fleet.entries()
            await sweep(it, interval=3600.0)
            it.fleet.taken.take(entry.number)
            for words in ("no answer", "no answer", "no route"):
                sweeper.take_of_change(entry.number, None, errors.BMCUnreachable(words))
            assert await it.recorder.flush()
            assert (entry.reads.failures, sweeper.failures["unreachable"]) == (1, 3)
            assert sweeper.figures.retrying == 1

    asyncio.run(main())


@pytest.mark.parametrize(
    "outcome", [Rude(), RudeDriverError(), RudeTimeout()], ids=lambda one: type(one).__name__
)
@pytest.mark.parametrize("is_raised", [True, False], ids=["raised", "answered"])
def test_an_outcome_that_cannot_say_what_it_is_counts_as_a_failure_and_the_node_is_read_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, outcome: Exception, is_raised: bool
) -> None:
    class Odd(StillDriver):
        reads = 0
        answers = False

        async def get_power_state(self, node: base.Node) -> Any:
            self.reads += 1
            if self.reads > 1:
                while not self.answers:
                    await asyncio.sleep(0.001)
                return states.POWER_ON
            if is_raised:
                raise outcome
            return outcome

    async def main() -> None:
        async with swept(tmp_path, driver := Odd(), "n1") as it:
            await sweep(it)
            assert f"{type(outcome).__name__} whose " in it.node("n1").last_error
            assert f"{type(outcome).__name__} whose " in caplog.text
            driver.answers = True
            await until(lambda: driver.reads == 2)
            await until(lambda: not it.fleet.entries()[0].reads.failures)

    asyncio.run(main())


def test_nodes_that_failed_are_read_after_all_others(tmp_path: Path) -> None:
    async def main() -> None:
        async with swept(tmp_path, driver := Failing(), "a", "b", "c", in_flight={"still": 1}) as it:
            driver.failing = {"a"}
            await sweep(it, 3600.0)  # so that it is not tried again in between
            driver.order.clear()
            await sweep(it, 3600.0)
            assert driver.order == ["b", "c", "a"]

    asyncio.run(main())


def test_a_paced_sweep_leaves_failing_nodes_to_their_own_times(tmp_path: Path) -> None:
    async def main() -> None:
        async with swept(tmp_path, driver := Failing(), "a", "b") as it:
            driver.failing = {"a"}
            await sweep(it, 1000.0)
            room, sweeper = it.rooms["still"], it.sync.sweepers["still"]
            numbers = [entry.number for entry in it.fleet.entries()]
            run = room.start(lambda: sweeper.sweep(numbers, 0.1, 1000.0, contexts.new()), contexts.new())
            await asyncio.wrap_future(run.future)
            assert driver.order == ["a", "b", "b"]

    asyncio.run(main())


def test_nodes_that_a_driver_has_reported_are_left_out_of_a_sweep_that_is_spread(tmp_path: Path) -> None:
    async def main() -> None:
        async with swept(tmp_path, driver := Failing(), "a", "b") as it:
            await sweep(it)
            it.fleet.entries()[0].reads.reported = boottime()
            it.fleet.reporting.add("still")
            room, sweeper = it.rooms["still"], it.sync.sweepers["still"]
            numbers = [entry.number for entry in it.fleet.entries()]
            run = room.start(lambda: sweeper.sweep(numbers, 0.01, 3600.0, contexts.new()), contexts.new())
            await asyncio.wrap_future(run.future)
            assert driver.order == ["a", "b", "b"]

    asyncio.run(main())


def test_what_was_found_as_it_was_moves_the_time_and_nothing_else(tmp_path: Path) -> None:
    async def main() -> None:
        async with swept(tmp_path, StillDriver(), "a", "b") as it:
            await sweep(it)
            before = it.node("a")
            await sweep(it)
            after = it.node("a")
            assert after.power_checked_at > before.power_checked_at
            assert (after.version, after.power_changed_at) == (before.version, before.power_changed_at)

    asyncio.run(main())


def test_an_unchanged_reading_of_a_node_that_was_changed_meanwhile_is_not_written(tmp_path: Path) -> None:
    async def main() -> None:
        async with swept(tmp_path, StillDriver(), "a") as it:
            await sweep(it)
            before = it.node("a")
            await it.sync.sweep(0.0, contexts.new(), at_once=True)
            with it.database.write() as connection:
                api.update_node(connection, before.id, {"driver_info": {}})
            assert await it.recorder.flush()
            assert it.node("a").power_checked_at == before.power_checked_at

    asyncio.run(main())


def test_a_driver_that_answers_without_waiting_leaves_its_loop_to_others(tmp_path: Path) -> None:
    class Watching(StillDriver):
        async def start(self) -> None:
            self.turns = 0
            asyncio.get_running_loop().call_soon(self._turn)

        def _turn(self) -> None:
            self.turns += 1
            asyncio.get_running_loop().call_soon(self._turn)

        async def get_power_state(self, node: base.Node) -> str:
            self.ran.append(str(self.turns))
            return states.POWER_OFF

    async def main() -> None:
        names = [f"n{number}" for number in range(2000)]
        async with swept(tmp_path, driver := Watching(), *names) as it:
            await sweep(it)
            assert len(driver.ran) == 2000
            assert max(driver.ran.count(turn) for turn in set(driver.ran)) <= 512

    asyncio.run(main())


class Slow(StillDriver):
    threads = 1

    def __init__(self) -> None:
        super().__init__()
        self.began, self.let_go = threading.Event(), threading.Event()

    def get_power_state(self, node: base.Node) -> str:  # type: ignore[override]
        if node.name == "slow":
            self.began.set()
            self.let_go.wait()
        return states.POWER_OFF


def test_a_driver_that_cannot_keep_the_interval_is_told_once_with_the_option_to_change(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="podium.conductor.sweep.power_sync")

    async def main() -> None:
        async with swept(tmp_path, driver := Slow(), "slow", "quick") as it:
            first = asyncio.create_task(it.sync.sweep(30.0, contexts.new()))
            await happened(driver.began)
            await it.sync.sweep(30.0, contexts.new())
            await it.sync.sweep(30.0, contexts.new())
            assert "still" in it.sync.late
            driver.let_go.set()
            await first
            await sweep(it, 30.0)

    asyncio.run(main())
    late, again = caplog.messages
    assert "Driver still cannot keep the interval" in late
    assert "sync_power_state_interval (now 30), [still] threads and endpoint_calls, or see" in late
    assert again == "Driver still keeps the interval of 30 s again"


def test_a_sweep_under_way_can_be_hurried(tmp_path: Path) -> None:
    async def main() -> None:
        async with swept(tmp_path, driver := Failing(), "a", "b", "c") as it:
            await sweep(it)  # the first one is not paced
            paced = asyncio.create_task(it.sync.sweep(3600.0, contexts.new()))
            await until(lambda: len(driver.order) == 4)
            it.sync.hurry(contexts.new())
            await paced
            assert sorted(driver.order[4:]) == ["a", "b", "c"]

    asyncio.run(main())


class Hanging(StillDriver):
    """Plain reads. Those of machines on ``hv2`` hang until they are let go."""

    threads = 4

    def __init__(self) -> None:
        super().__init__()
        self.let_go = threading.Event()
        self.called: list[str] = []

    def endpoint(self, node: base.Node) -> str:
        return node.name[:3]

    def get_power_state(self, node: base.Node) -> str:  # type: ignore[override]
        self.called.append(node.name)
        if node.name.startswith("hv2"):
            self.let_go.wait()
        return states.POWER_OFF


async def until_off(it: Pieces, *names: str) -> None:
    """Wait until it is written that these are off: a busy machine may read some after the sweep has ended."""
    async with asyncio.timeout(PATIENCE):
        while not all(it.node(name).power_state == "power off" for name in names):
            assert await it.recorder.flush()
            await asyncio.sleep(0.01)


MACHINES = tuple(f"{host}-{number}" for number in range(20) for host in ("hv2", "hv1"))


def test_plain_reads_that_hang_keep_no_machine_of_another_hypervisor_from_being_read(tmp_path: Path) -> None:
    async def main() -> None:
        async with swept(tmp_path, driver := Hanging(), *MACHINES) as it:
            await sweep(it)
            await until_off(it, *MACHINES[1::2])
            await until(lambda: "hv2-0" in driver.called)
            assert [name for name in driver.called if name[:3] == "hv2"] == ["hv2-0"]
            driver.let_go.set()
            await until_off(it, *MACHINES)
            assert not it.sync.sweepers["still"].failures

    asyncio.run(main())


def test_a_read_fails_at_its_deadline_only_if_its_driver_was_called_and_others_are_not_asked_then(
    tmp_path: Path,
) -> None:
    async def main() -> None:
        async with swept(tmp_path, driver := Hanging(), *MACHINES) as it:
            await sweep(it, 3600.0)  # so that none is tried again by itself
            await until_off(it, *MACHINES[1::2])
            await until(lambda: "hv2-0" in driver.called)
            room, sweeper = it.rooms["still"], it.sync.sweepers["still"]

            async def at_the_deadline() -> None:
                sweeper._lose_patience(asyncio.get_running_loop().time() + sweeping.READ_DEADLINE + 1)

            await asyncio.wrap_future(room.start(at_the_deadline, contexts.new()).future)
            assert sweeper.failures == {"timeout": 1, "not_asked": 19}
            assert await it.recorder.flush()
            assert it.node("hv2-0").last_error == "no answer within 60 s"
            behind = {it.node(f"hv2-{number}").last_error for number in range(1, 20)}
            assert behind <= {
                "not asked: hv2 has 1 call that does not return",
                "not asked: hv2 had 1 other call under way for 60 s",
            }
            driver.let_go.set()
            await until(lambda: not room.lost)
            await sweep(it, 3600.0)
            await until_off(it, *MACHINES)

    asyncio.run(main())


def test_nodes_that_did_not_answer_before_have_no_more_than_half_of_the_threads(tmp_path: Path) -> None:
    class Dead(Hanging):
        is_patient = False

        def endpoint(self, node: base.Node) -> str:
            return node.name

        def get_power_state(self, node: base.Node) -> str:  # type: ignore[override]
            if node.name.startswith("hv2") and not self.is_patient:
                raise errors.BMCUnreachable("no answer")
            return super().get_power_state(node)

    async def main() -> None:
        async with swept(tmp_path, driver := Dead(), *MACHINES) as it:
            await sweep(it, 3600.0)
            await until_off(it, *MACHINES[1::2])
            await until(lambda: sum(bool(entry.reads.failures) for entry in it.fleet.entries()) == 20)
            driver.is_patient = True
            driver.called.clear()
            await sweep(it, 3600.0)
            await until(lambda: {name for name in driver.called if name[:3] == "hv1"} == {*MACHINES[1::2]})
            await until(lambda: it.sync.sweepers["still"].figures.lingering == 20)
            await until(lambda: len([name for name in driver.called if name[:3] == "hv2"]) >= 2)
            assert len([name for name in driver.called if name[:3] == "hv2"]) == 2
            driver.let_go.set()

    asyncio.run(main())


def test_reads_that_wait_fail_only_if_none_before_them_was_answered_meanwhile(tmp_path: Path) -> None:
    class Task(Hanging):
        """A task has the only place at ``hv2``, and after it a person's call."""

        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = threading.Event(), threading.Event()
            self.began = threading.Event()

        def task(self, node: base.Node) -> None:
            self.first.wait()

        def person(self, node: base.Node) -> None:
            self.began.set()
            self.second.wait()

    async def main() -> None:
        names = ("hv2-a", "hv2-b", "hv2-c")
        async with swept(tmp_path, driver := Task(), *names) as it:
            room, sweeper = it.rooms["still"], it.sync.sweepers["still"]
            busy, other = (base.Node(name, name, "still") for name in ("hv2-x", "hv2-y"))
            room.start(lambda: room.command(PATIENCE, busy, driver.task), contexts.new())
            await sweep(it, 3600.0)
            await until(lambda: sweeper.figures.lingering == 3)
            room.start(lambda: room.command(PATIENCE, other, driver.person, urgent=True), contexts.new())

            async def later(minutes: float) -> None:
                sweeper._lose_patience(asyncio.get_running_loop().time() + minutes * 60)

            await asyncio.wrap_future(room.start(lambda: asyncio.sleep(0), contexts.new()).future)
            driver.first.set()
            await happened(driver.began)
            await asyncio.wrap_future(room.start(lambda: later(1.1), contexts.new()).future)
            assert not sweeper.failures
            await asyncio.wrap_future(room.start(lambda: later(2.2), contexts.new()).future)
            assert sweeper.failures == {"not_asked": 3}
            assert await it.recorder.flush()
            told = {it.node(name).last_error for name in names}
            assert told == {"not asked: hv2 had 1 other call under way for 60 s"}
            driver.second.set()

    asyncio.run(main())
