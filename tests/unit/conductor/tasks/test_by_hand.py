"""Runs for single nodes that people ask for, beside the run that is spread over the spacing."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from fakes import Clock, StillDriver, until
from peers import PATIENCE
from podium import errors
from podium.conductor.rooms import context as contexts
from podium.conductor.tasks import by_hand
from podium.drivers import base
from podium.drivers.context import RunContext
from stage import Conducted, conducted

#: Its first call comes at the start of a run, the next one some hours later.
DAY = 86400
DAILY = "acme.look"


class Acme(StillDriver):
    """A daily task, of which calls last until they are let go."""

    def __init__(self, *, holds: bool = False) -> None:
        super().__init__("acme")
        self.broken: set[str] = set()
        self.calls: list[str] = []
        self.on_demand: list[bool] = []
        self.under_way: list[str] = []
        self.most = 0
        self.go = asyncio.Event()
        if not holds:
            self.go.set()

    @base.node_periodic_task(spacing=DAY, max_in_flight=4)
    async def look(self, node: base.Node, manager: base.Manager, context: RunContext) -> None:
        self.calls.append(node.name)
        self.on_demand.append(context.on_demand)
        await self.hold(node)
        if node.name in self.broken:
            raise errors.BMCUnreachable("no answer")

    async def hold(self, node: base.Node) -> None:
        self.under_way.append(node.name)
        self.most = max(self.most, self.under_way.count(node.name))
        while not self.go.is_set():
            await asyncio.sleep(0.001)
        self.under_way.remove(node.name)

    async def other(self, node: base.Node) -> None:
        self.calls.append(f"other {node.name}")


class Ends:
    """How runs by hand ended."""

    def __init__(self) -> None:
        self.errors: list[str | None] = []

    def __call__(self, error: str | None, seconds: float) -> None:
        self.errors.append(error)

    async def come(self, *errors: str | None) -> None:
        await until(lambda: len(self.errors) >= len(errors))
        assert self.errors == list(errors)


async def spread(it: Conducted, driver: Acme, *names: str) -> None:
    """Enrol nodes, and have the daily run begin with the first of them."""
    it.parts.enrol(*({"name": name, "driver": "acme"} for name in names))
    await it.parts.fleet.refresh(it.parts.sql)
    it.tick(2 * DAY)
    await until(lambda: driver.calls == [names[0]])


def run_for(it: Conducted, name: str, ends: Ends) -> None:
    it.manager.run_now(DAILY, it.parts.node(name).uuid, ends)


def test_a_run_for_one_node_goes_beside_the_one_under_way_and_does_not_count_as_one(
    tmp_path: Path, clock: Clock
) -> None:
    async def main() -> None:
        driver, ends = Acme(), Ends()
        async with conducted(tmp_path, clock, driver) as it:
            await spread(it, driver, "n1", "n2", "n3")
            before = it.report(DAILY)
            run_for(it, "n3", ends)
            await ends.come(None)
            assert (driver.calls, driver.on_demand) == (["n1", "n3"], [False, True])
            assert it.report(DAILY) == before
            assert (before.state, before.runs) == ("running", 0)

    asyncio.run(main())


def test_it_waits_until_the_runs_own_call_to_the_node_has_returned(tmp_path: Path, clock: Clock) -> None:
    async def main() -> None:
        driver, ends = Acme(holds=True), Ends()
        async with conducted(tmp_path, clock, driver) as it:
            await spread(it, driver, "n1", "n2")
            run_for(it, "n1", ends)
            run_for(it, "n2", ends)
            await until(lambda: driver.under_way == ["n1", "n2"])
            assert driver.calls == ["n1", "n2"]
            driver.go.set()
            await ends.come(None, None)
            assert (driver.calls, driver.most) == (["n1", "n2", "n1"], 1)

    asyncio.run(main())


def test_a_person_goes_before_other_calls_that_wait_for_the_node(tmp_path: Path, clock: Clock) -> None:
    async def main() -> None:
        driver, ends = Acme(holds=True), Ends()
        async with conducted(tmp_path, clock, driver) as it:
            await spread(it, driver, "n1", "n2")
            room, (node, _) = it.parts.rooms["acme"], it.manager.nodes(driver)
            other = room.start(lambda: room.command(PATIENCE, node, driver.other), contexts.new())
            run_for(it, "n1", ends)
            # A call to another node, of a person who asks later: by then both of them wait.
            run_for(it, "n2", ends)
            await until(lambda: "n2" in driver.calls)
            driver.go.set()
            await asyncio.wrap_future(other.future)
            assert driver.calls == ["n1", "n2", "n1", "other n1"]

    asyncio.run(main())


def test_a_second_run_for_the_same_node_is_refused_until_the_first_has_ended(
    tmp_path: Path, clock: Clock
) -> None:
    async def main() -> None:
        driver, ends = Acme(holds=True), Ends()
        async with conducted(tmp_path, clock, driver) as it:
            await spread(it, driver, "n1", "n2")
            run_for(it, "n2", ends)
            with pytest.raises(errors.PodiumError, match="acme.look runs for this node already"):
                run_for(it, "n2", ends)
            driver.go.set()
            await ends.come(None)
            run_for(it, "n2", ends)
            await ends.come(None, None)

    asyncio.run(main())


def test_only_so_many_runs_for_single_nodes_are_under_way_at_a_time(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(by_hand, "_MOST", 2)

    async def main() -> None:
        driver, ends = Acme(holds=True), Ends()
        async with conducted(tmp_path, clock, driver) as it:
            await spread(it, driver, "n1", "n2", "n3", "n4")
            run_for(it, "n2", ends)
            run_for(it, "n3", ends)
            with pytest.raises(errors.PodiumError, match="acme.look runs for 2 single nodes already"):
                run_for(it, "n4", ends)
            driver.go.set()
            await ends.come(None, None)

    asyncio.run(main())


def test_what_the_driver_allows_at_the_same_time_holds_for_people_too(tmp_path: Path, clock: Clock) -> None:
    async def main() -> None:
        driver, ends = Acme(holds=True), Ends()
        names = [f"n{number}" for number in range(10)]
        async with conducted(tmp_path, clock, driver) as it:
            await spread(it, driver, *names)
            for name in names[1:]:
                run_for(it, name, ends)
            await until(lambda: len(driver.under_way) == 4)
            # The room goes on, and none of the others begins.
            room = it.parts.rooms["acme"]
            await asyncio.wrap_future(
                room.run(driver.other, it.manager.nodes(driver)[0], request=contexts.new()).future
            )
            assert (len(driver.under_way), driver.calls[4:]) == (4, ["other n0"])
            driver.go.set()
            await ends.come(*[None] * 9)

    asyncio.run(main())


def test_it_fails_with_the_nodes_error_which_the_tasks_row_shows_until_it_succeeds(
    tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="podium")

    async def main() -> None:
        driver, ends = Acme(), Ends()
        async with conducted(tmp_path, clock, driver) as it:
            await spread(it, driver, "n1", "n2")
            it.manager.record_tasks()
            driver.broken = {"n2"}
            run_for(it, "n2", ends)
            await ends.come("failed for n2: no answer")
            it.manager.record_tasks()
            report = it.report(DAILY)
            assert (report.state, report.runs, report.failures) == ("running", 0, 0)
            assert report.last_error == "failed for n2: no answer"
            driver.broken = set()
            run_for(it, "n2", ends)
            await ends.come("failed for n2: no answer", None)
            it.manager.record_tasks()
            assert it.report(DAILY).last_error is None

    asyncio.run(main())
    assert caplog.messages == [
        "Periodic task acme.look failed for n2: no answer",
        "Periodic task acme.look succeeds again for n2",
    ]


def test_a_task_that_failed_for_all_nodes_goes_on_failing_when_one_succeeds_by_hand(
    tmp_path: Path, clock: Clock
) -> None:
    async def main() -> None:
        driver, ends = Acme(), Ends()
        driver.broken = {"n1"}
        async with conducted(tmp_path, clock, driver) as it:
            await spread(it, driver, "n1")
            await it.ended(DAILY, 1)
            driver.broken = set()
            run_for(it, "n1", ends)
            await ends.come(None)
            it.manager.record_tasks()
            report = it.report(DAILY)
            assert (report.state, report.last_error) == ("failing", "failed for n1: no answer")

    asyncio.run(main())


def test_a_node_whose_power_is_being_changed_is_not_called_and_that_is_told(
    tmp_path: Path, clock: Clock
) -> None:
    async def main() -> None:
        driver, ends = Acme(), Ends()
        async with conducted(tmp_path, clock, driver) as it:
            await spread(it, driver, "n1", "n2")
            it.parts.fleet.taken.take(it.parts.node("n2").id)
            run_for(it, "n2", ends)
            await ends.come("n2 is taken: a request for it is under way, or its driver has reserved it")
            assert driver.calls == ["n1"]

    asyncio.run(main())


def test_one_who_asks_for_all_nodes_during_a_run_learns_how_to_ask_for_one(
    tmp_path: Path, clock: Clock
) -> None:
    async def main() -> None:
        driver, ends = Acme(), Ends()
        async with conducted(tmp_path, clock, driver) as it:
            await spread(it, driver, "n1", "n2")
            with pytest.raises(errors.PodiumError) as refused:
                it.manager.run_now(DAILY, None, ends)
            assert str(refused.value) == (
                "acme.look is running already; --node runs it for a single node meanwhile"
            )

    asyncio.run(main())


def test_the_end_of_the_conductor_ends_it_too(tmp_path: Path, clock: Clock) -> None:
    async def main() -> None:
        driver, ends = Acme(holds=True), Ends()
        async with conducted(tmp_path, clock, driver) as it:
            await spread(it, driver, "n1", "n2")
            run_for(it, "n2", ends)
            await until(lambda: "n2" in driver.calls)
            await it.manager.cancel_runs(PATIENCE)
            await ends.come("the conductor stops")

    asyncio.run(main())


def test_a_call_of_the_spread_run_finds_the_node_failing_that_failed_by_hand_later(
    tmp_path: Path, clock: Clock
) -> None:
    """The last call of a node counts, whichever run ends last."""

    class Twice(Acme):
        @base.node_periodic_task(spacing=0.1, name="look", deadline=PATIENCE)
        async def look_twice(self, node: base.Node, manager: base.Manager, context: Any) -> None:
            self.calls.append(node.name)
            if node.name == "n2":
                await self.hold(node)
            elif context.on_demand:
                raise errors.BMCUnreachable("no answer")

        look = None  # type: ignore[assignment]  # the parent's is not a task of this driver

    async def main() -> None:
        driver, ends = Twice(holds=True), Ends()
        async with conducted(tmp_path, clock, driver) as it:
            it.parts.enrol({"name": "n1", "driver": "acme"}, {"name": "n2", "driver": "acme"})
            await it.parts.fleet.refresh(it.parts.sql)
            it.tick(10)
            await until(lambda: driver.calls == ["n1", "n2"])
            run_for(it, "n1", ends)
            await ends.come("failed for n1: no answer")
            driver.go.set()
            await it.ended(DAILY, 1)
            assert it.report(DAILY).last_error == "failed for n1: no answer"

    asyncio.run(main())
