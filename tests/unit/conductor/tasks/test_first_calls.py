"""The first calls of a node task that runs immediately."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from fakes import Clock, StillDriver, until
from peers import PATIENCE
from podium import errors, states
from podium.conductor.rooms import context as contexts
from podium.conductor.tasks import node_task
from podium.db import api
from podium.drivers import base
from stage import Conducted, conducted

DAY = 86400
DAILY = "acme.look"


class Acme(StillDriver):
    """Daily tasks, one that runs immediately and one that does not."""

    def __init__(self) -> None:
        super().__init__("acme")
        self.calls: list[str] = []
        self.waited: list[str] = []
        self.broken: set[str] = set()
        self.silent: set[str] = set()
        self.held: set[str] = set()
        self.answers = asyncio.Event()
        self.answers.set()

    async def get_power_state(self, node: base.Node) -> str:
        if node.name in self.silent:
            raise errors.BMCUnreachable("no answer")
        while not self.answers.is_set() or node.name in self.held:
            await asyncio.sleep(0.001)
        return await super().get_power_state(node)

    @base.node_periodic_task(spacing=DAY, run_immediately=True)
    async def look(self, node: base.Node, manager: base.Manager, context: Any) -> None:
        self.calls.append(node.name)
        if node.name in self.broken:
            raise errors.BMCUnreachable("no answer")

    @base.node_periodic_task(spacing=DAY)
    async def wait(self, node: base.Node, manager: base.Manager, context: Any) -> None:
        self.waited.append(node.name)


async def arrived(it: Conducted, *those: str) -> None:
    """Enrol nodes while the conductor runs."""
    it.parts.enrol(*({"name": name, "driver": "acme"} for name in those))
    await followed(it)


async def followed(it: Conducted) -> None:
    """Have the conductor follow what people have changed."""
    fresh = await it.parts.fleet.refresh(it.parts.sql)
    it.parts.sync.read_now(fresh or (), contexts.new())
    it.manager.note_new(fresh or ())


async def written(it: Conducted, name: str, state: str) -> None:
    """Wait until it is written that a node's power was read as this state."""
    async with asyncio.timeout(PATIENCE):
        while it.parts.node(name).power_state != state:
            await it.parts.recorder.flush()
            await asyncio.sleep(0.01)


def names(count: int) -> list[str]:
    return [f"n{number}" for number in range(count)]


async def begun(it: Conducted, *those: str) -> None:
    """Have the conductor begin with these nodes."""
    it.parts.enrol(*({"name": name, "driver": "acme"} for name in those))
    await it.parts.fleet.refresh(it.parts.sql)
    it.tick()


def test_the_first_run_of_a_daily_task_is_not_spread_over_the_day(tmp_path: Path, clock: Clock) -> None:
    async def main() -> None:
        driver = Acme()
        async with conducted(tmp_path, clock, driver) as it:
            await begun(it, *names(10))
            await it.ended(DAILY, 1)
            assert sorted(driver.calls) == names(10)
            assert it.report(DAILY).last_error is None

    asyncio.run(main())


def test_the_runs_after_the_first_are_spread(tmp_path: Path, clock: Clock) -> None:
    async def main() -> None:
        driver = Acme()
        async with conducted(tmp_path, clock, driver) as it:
            await begun(it, "n1", "n2")
            await it.ended(DAILY, 1)
            driver.calls.clear()
            it.tick(1.1 * DAY)
            await until(lambda: "n1" in driver.calls)
            assert "n2" not in driver.calls
            assert it.report(DAILY).state == "running"

    asyncio.run(main())


def test_a_node_that_is_enrolled_later_does_not_wait_for_the_next_run(tmp_path: Path, clock: Clock) -> None:
    async def main() -> None:
        driver = Acme()
        async with conducted(tmp_path, clock, driver) as it:
            await begun(it, "n1")
            await it.ended(DAILY, 1)
            await arrived(it, "n2", "n3")
            await until(lambda: len(driver.calls) == 3)
            assert driver.calls[0] == "n1"
            assert sorted(driver.calls) == ["n1", "n2", "n3"]
            assert (it.report(DAILY).runs, it.report(DAILY).state) == (1, "idle")

    asyncio.run(main())


def test_the_first_run_ends_though_nodes_go_on_being_enrolled(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At every moment one waits for its first read."""
    monkeypatch.setattr(node_task, "_LOOK_AGAIN", 0.01)

    async def main() -> None:
        driver = Acme()
        driver.answers.clear()
        driver.held = {"n2"}
        async with conducted(tmp_path, clock, driver) as it:
            await begun(it, "n1")
            await arrived(it, "n2")
            driver.answers.set()
            await it.ended(DAILY, 1)
            assert driver.calls == ["n1"]
            it.manager.run_now(DAILY, None, lambda error, seconds: None)  # it is not running any more
            driver.held.clear()
            await until(lambda: "n2" in driver.calls)
            await it.ended(DAILY, 2)

    asyncio.run(main())


def test_a_new_node_does_not_wait_for_the_spread_run_under_way(tmp_path: Path, clock: Clock) -> None:
    async def main() -> None:
        driver = Acme()
        async with conducted(tmp_path, clock, driver) as it:
            await begun(it, "n1", "n2")
            await it.ended(DAILY, 1)
            it.tick(1.1 * DAY)
            await until(lambda: len(driver.calls) == 3)
            await arrived(it, "n3")
            await until(lambda: "n3" in driver.calls)
            assert it.report(DAILY).state == "running"

    asyncio.run(main())


def test_a_node_whose_driver_info_was_changed_is_called_anew(tmp_path: Path, clock: Clock) -> None:
    async def main() -> None:
        driver = Acme()
        async with conducted(tmp_path, clock, driver) as it:
            await begun(it, "n1")
            await it.ended(DAILY, 1)
            with it.parts.database.write() as connection:
                api.update_node(connection, it.parts.node("n1").id, {"driver_info": {"slot": 2}})
            await followed(it)
            await until(lambda: driver.calls == ["n1", "n1"])

    asyncio.run(main())


def test_the_first_call_comes_after_the_power_was_read(tmp_path: Path, clock: Clock) -> None:
    async def main() -> None:
        driver = Acme()
        driver.answers.clear()
        driver.silent = {"silent"}
        async with conducted(tmp_path, clock, driver) as it:
            await begun(it, "n1", "silent")
            await until(lambda: driver.calls == ["silent"])  # the read has failed: it need not be waited for
            driver.answers.set()
            await it.ended(DAILY, 1)
            assert driver.calls == ["silent", "n1"]

    asyncio.run(main())


def test_no_more_first_calls_are_under_way_than_the_driver_allows(tmp_path: Path, clock: Clock) -> None:
    at_once = most = 0
    full = asyncio.Event()

    class Counting(StillDriver):
        @base.node_periodic_task(spacing=DAY, run_immediately=True, max_in_flight=3)
        async def look(self, node: base.Node, manager: base.Manager, context: Any) -> None:
            nonlocal at_once, most
            at_once += 1
            most = max(most, at_once)
            if at_once == 3:
                full.set()
            await full.wait()
            at_once -= 1

    async def main() -> None:
        async with conducted(tmp_path, clock, Counting("acme")) as it:
            await begun(it, *names(20))
            await it.ended(DAILY, 1)

    asyncio.run(main())
    assert most == 3


def test_nodes_that_are_read_are_called_without_a_pause(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between looks at those that are not read yet there are pauses, here of an hour."""
    monkeypatch.setattr(node_task, "_LOOK", 3600)
    several_looks = names(1500)

    async def main() -> None:
        driver = Acme()
        async with conducted(tmp_path, clock, driver) as it:
            await begun(it)
            await it.ended(DAILY, 1)
            it.parts.enrol(*({"name": name, "driver": "acme"} for name in several_looks))
            fresh = await it.parts.fleet.refresh(it.parts.sql)
            it.parts.sync.read_now(fresh or (), contexts.new())
            await until(lambda: all(entry.reads.checked for entry in it.parts.fleet.entries()), step=0.01)
            it.manager.note_new(fresh or ())
            await until(lambda: len(driver.calls) == 1500)

    asyncio.run(main())


def test_a_first_run_that_fails_for_every_node_has_failed(tmp_path: Path, clock: Clock) -> None:
    async def main() -> None:
        driver = Acme()
        driver.broken = {"n0", "n1"}
        async with conducted(tmp_path, clock, driver) as it:
            await begun(it, *names(2))
            await it.ended(DAILY, 1)
            report = it.report(DAILY)
            assert (report.failures, report.last_error) == (1, "failed for n[0-1]: no answer")

    asyncio.run(main())


def test_a_first_call_that_fails_is_shown_before_the_next_run(
    tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        driver = Acme()
        driver.broken = {"n2"}
        async with conducted(tmp_path, clock, driver) as it:
            await begun(it, "n1")
            await it.ended(DAILY, 1)
            await arrived(it, "n2")
            await until(lambda: "Periodic task acme.look failed for n2: no answer" in caplog.messages)
            it.manager.record_tasks()
            report = it.report(DAILY)
            assert (report.runs, report.failures, report.last_error) == (1, 0, "failed for n2: no answer")

    asyncio.run(main())


def test_a_node_that_is_not_what_the_task_is_for_is_called_when_it_has_become_so(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node_task, "_LOOK_AGAIN", 0.01)
    seen: list[str] = []

    class Filtering(StillDriver):
        @base.node_periodic_task(spacing=DAY, run_immediately=True, filters={"power_state": states.POWER_ON})
        async def look(self, node: base.Node, manager: base.Manager, context: Any) -> None:
            seen.append(node.name)

    async def main() -> None:
        driver = Filtering("acme")
        driver.states = {"on": states.POWER_ON}
        async with conducted(tmp_path, clock, driver) as it:
            await begun(it, "on", "off")
            await it.ended(DAILY, 1)
            await written(it, "on", states.POWER_ON)
            await written(it, "off", states.POWER_OFF)
            await until(lambda: seen == ["on"])
            driver.states["off"] = states.POWER_ON
            it.parts.sync.read_now(it.parts.fleet.entries(), contexts.new())
            await written(it, "off", states.POWER_ON)
            await until(lambda: seen == ["on", "off"])

    asyncio.run(main())


def test_a_node_that_is_read_for_another_conductor_gets_no_call(tmp_path: Path, clock: Clock) -> None:
    async def main() -> None:
        driver = Acme()
        async with conducted(tmp_path, clock, driver) as it:
            await begun(it, "n1")
            await it.ended(DAILY, 1)
            it.parts.enrol({"name": "lent", "driver": "acme"})
            it.parts.fleet.lent.add(it.parts.node("lent").id)
            await arrived(it, "n3")
            await until(lambda: "n3" in driver.calls)
            assert "lent" not in driver.calls

    asyncio.run(main())


def test_a_task_that_people_disabled_makes_no_first_calls_until_they_enable_it(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node_task, "_LOOK_AGAIN", 0.01)

    async def main() -> None:
        driver = Acme()
        async with conducted(tmp_path, clock, driver) as it:
            await begun(it, "n1")
            await it.ended(DAILY, 1)
            it.manager.switch(DAILY, False)
            await arrived(it, "n2")
            await until(lambda: it.parts.fleet.entries()[1].reads.checked is not None)
            room = it.parts.rooms["acme"]
            await asyncio.wrap_future(room.start(_turns, contexts.new()).future)
            assert driver.calls == ["n1"]
            it.manager.switch(DAILY, True)
            await until(lambda: driver.calls == ["n1", "n2"])

    asyncio.run(main())


async def _turns() -> None:
    """Let the loop go on for a hundred turns."""
    for _ in range(100):
        await asyncio.sleep(0)


def test_a_task_that_does_not_run_immediately_leaves_new_nodes_to_its_next_run(
    tmp_path: Path, clock: Clock
) -> None:
    async def main() -> None:
        driver = Acme()
        async with conducted(tmp_path, clock, driver) as it:
            await begun(it, "n1")
            await it.ended(DAILY, 1)
            await arrived(it, "n2")
            await until(lambda: "n2" in driver.calls)
            assert driver.waited == []

    asyncio.run(main())
