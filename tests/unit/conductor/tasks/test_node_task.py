"""Tasks that a driver has for each node, run by the manager."""

import asyncio
import itertools
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from fakes import Clock, StillDriver, until
from peers import PATIENCE
from podium import errors, states
from podium.db import api, power
from podium.drivers import base
from podium.drivers.context import RunContext
from rude import Rude
from stage import Conducted, conducted


class Polling(StillDriver):
    def __init__(self) -> None:
        super().__init__("polling")
        self.seen: list[str] = []
        self.broken: set[str] = set()

    @base.node_periodic_task(spacing=0.1, deadline=PATIENCE)
    async def poll(self, node: base.Node, manager: base.Manager, context: Any) -> None:
        if node.name in self.broken:
            raise errors.BMCUnreachable("no answer")
        self.seen.append(node.name)

    @base.node_periodic_task(
        spacing=0.1, deadline=PATIENCE, all_nodes=True, filters={"power_state": states.POWER_ON}
    )
    def poll_plain(self, node: base.Node, manager: base.Manager, context: Any) -> None:
        self.seen.append(f"plain {node.name}")


async def enrolled(it: Conducted, *names: str, **columns: Any) -> None:
    it.parts.enrol(*({"name": name, "driver": "polling", **columns} for name in names))
    await it.parts.fleet.refresh(it.parts.sql)


async def ran(it: Conducted, name: str, runs: int) -> Any:
    it.tick(10)
    await it.ended(name, runs)
    return it.report(name)


async def fails(
    it: Conducted, name: str, error: str, before_another: Callable[[], Awaitable[None]] | None = None
) -> None:
    """Run a task until it fails with nothing but that: on a busy machine, others may be late once, too.

    :param before_another: awaited between two runs
    """
    async with asyncio.timeout(PATIENCE):
        for runs in itertools.count(1):
            if (await ran(it, name, runs)).last_error == error:
                return
            if before_another is not None:
                await before_another()


def test_it_runs_for_each_node_of_the_driver_but_those_that_are_to_be_left_alone(
    tmp_path: Path, clock: Clock
) -> None:
    driver = Polling()

    async def main() -> None:
        async with conducted(tmp_path, clock, driver) as it:
            await enrolled(it, "a", "b")
            await enrolled(it, "resting", maintenance=True)
            await enrolled(it, "on", power_state=states.POWER_ON, maintenance=True)
            with it.parts.database.write() as connection:
                power.ask(connection, [it.parts.node("b")], states.POWER_ON, who="me")
            await it.parts.fleet.refresh(it.parts.sql)
            await ran(it, "polling.poll", 1)
            await it.ended("polling.poll_plain", 1)

    asyncio.run(main())
    assert sorted(driver.seen) == ["a", "plain on"]


@pytest.mark.parametrize("why", ["maintenance", "taken", "read for another conductor"])
def test_a_node_that_is_to_be_left_alone_when_its_turn_comes_is_not_called(
    tmp_path: Path, clock: Clock, why: str
) -> None:
    """It was not when the run began."""

    class Slow(StillDriver):
        go = threading.Event()

        @base.node_periodic_task(spacing=0.1, deadline=PATIENCE, max_in_flight=1)
        async def poll(self, node: base.Node, manager: base.Manager, context: Any) -> None:
            self.ran.append(node.name)
            while not self.go.is_set():
                await asyncio.sleep(0.001)

    driver = Slow("polling")

    async def main() -> None:
        async with conducted(tmp_path, clock, driver) as it:
            await enrolled(it, "n1", "n2", "n3")
            it.tick(10)
            await until(lambda: driver.ran == ["n1"])
            number = it.parts.node("n2").id
            if why == "taken":
                it.parts.fleet.taken.take(number)
            elif why == "maintenance":
                with it.parts.database.write() as connection:
                    api.update_node(connection, number, {"maintenance": True})
                await it.parts.fleet.refresh(it.parts.sql)
            else:
                it.parts.fleet.lent.add(number)
            driver.go.set()
            await it.ended("polling.poll", 1)

    asyncio.run(main())
    assert driver.ran == ["n1", "n3"]


def test_one_nodes_failure_is_told_and_does_not_touch_the_others(
    tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="podium")
    driver = Polling()

    async def main() -> None:
        async with conducted(tmp_path, clock, driver) as it:
            await enrolled(it, "n1", "n2", "n3")
            driver.broken = {"n2", "n3"}
            report = await ran(it, "polling.poll", 1)
            assert (report.failures, report.state) == (0, "idle")
            assert report.last_error == "failed for n[2-3]: no answer"
            await ran(it, "polling.poll", 2)
            driver.broken = set()
            assert (await ran(it, "polling.poll", 3)).last_error is None

    asyncio.run(main())
    assert driver.seen.count("n1") == 3
    assert caplog.messages == [
        "Periodic task polling.poll failed for n[2-3]: no answer",
        "Periodic task polling.poll succeeds again for n[2-3]",
    ]


@pytest.mark.parametrize("error", [errors.BMCUnreachable("no answer"), OSError("no answer")])
def test_a_run_that_fails_for_every_node_is_one_line_with_the_traceback_of_a_fault(
    tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    caplog.set_level("INFO", logger="podium")

    class Broken(StillDriver):
        error: Exception | None = None

        @base.node_periodic_task(spacing=0.1)
        async def poll(self, node: base.Node, manager: base.Manager, context: Any) -> None:
            if self.error is not None:
                raise self.error

    driver = Broken("polling")
    driver.error = error

    async def main() -> None:
        async with conducted(tmp_path, clock, driver) as it:
            await enrolled(it, "n1", "n2")
            assert (await ran(it, "polling.poll", 1)).state == "failing"
            await ran(it, "polling.poll", 2)
            driver.error = None
            assert (await ran(it, "polling.poll", 3)).state == "idle"

    asyncio.run(main())
    assert caplog.messages == [
        f"Periodic task polling.poll failed for n[1-2]: {errors.one_line(error)}",
        "Periodic task polling.poll succeeds again for n[1-2]",
    ]
    assert caplog.text.count("Traceback") == isinstance(error, OSError)


class Talkative(StillDriver):
    """A driver whose errors show what it was given."""

    def __init__(self) -> None:
        super().__init__("polling")

    @base.node_periodic_task(spacing=0.1)
    async def poll(self, node: base.Node, manager: base.Manager, context: Any) -> None:
        self.fail(node)

    @base.driver_periodic_task(spacing=0.1)
    async def check_status(self, manager: base.Manager, context: Any) -> None:
        self.fail(manager.nodes(self)[0])

    def fail(self, node: base.Node) -> None:
        try:
            raise ValueError(f"no header {node.driver_info}")
        except ValueError as error:
            raise OSError("refused: " + node.driver_info["api_password"]) from error


def test_no_secret_of_a_node_is_in_the_log_or_the_report_of_a_failing_task(
    tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with conducted(tmp_path, clock, Talkative()) as it:
            await enrolled(it, "n1", driver_info={"api_password": "hunter2"})
            for name in ("polling.poll", "polling.check_status"):
                assert "hunter2" not in (await ran(it, name, 1)).last_error

    asyncio.run(main())
    assert caplog.text.count("OSError: refused: ******") == 4  # a line and a traceback of each
    assert caplog.text.count("ValueError: no header {'api_password': '******'}") == 2
    assert "hunter2" not in caplog.text


@pytest.mark.parametrize("per_node", [True, False], ids=["for a node", "for all"])
def test_an_error_that_cannot_say_what_it_is_is_counted_and_logged(
    tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture, per_node: bool
) -> None:
    class Odd(StillDriver):
        @base.node_periodic_task(spacing=0.1, enabled=per_node)
        def poll(self, node: base.Node, manager: base.Manager, context: Any) -> None:
            raise Rude

        @base.driver_periodic_task(spacing=0.1, enabled=not per_node)
        async def check(self, manager: base.Manager, context: Any) -> None:
            raise Rude

    async def main() -> None:
        async with conducted(tmp_path, clock, Odd("polling")) as it:
            await enrolled(it, "n1")
            report = await ran(it, "polling.poll" if per_node else "polling.check", 1)
            assert (report.failures, report.state) == (1, "failing")
            assert report.last_error.endswith("Rude: Rude whose str() raises RuntimeError")

    asyncio.run(main())
    assert "Rude: Rude whose str() raises RuntimeError" in caplog.text
    assert "Traceback" in caplog.text


def test_a_run_that_fails_for_every_node_has_failed(tmp_path: Path, clock: Clock) -> None:
    driver = Polling()

    async def main() -> None:
        async with conducted(tmp_path, clock, driver) as it:
            await enrolled(it, "n1", "n2")
            driver.broken = {"n1", "n2"}
            report = await ran(it, "polling.poll", 1)
            assert (report.failures, report.state) == (1, "failing")
            assert "failed for n[1-2]: no answer" in report.last_error

    asyncio.run(main())


def test_a_call_that_hangs_is_given_up_at_its_deadline_and_the_others_go_on(
    tmp_path: Path, clock: Clock
) -> None:
    class Hanging(StillDriver):
        hangs = True

        @base.node_periodic_task(spacing=0.1, deadline=0.05)
        def poll(self, node: base.Node, manager: base.Manager, context: Any) -> None:
            while node.name == "n1" and self.hangs:
                time.sleep(0.001)

    driver = Hanging("polling")

    async def main() -> None:
        async with conducted(tmp_path, clock, driver) as it:

            async def returned() -> None:  # until then the node is not called again
                driver.hangs = False
                await until(lambda: not it.parts.rooms["polling"].lost)
                driver.hangs = True

            await enrolled(it, "n1", "n2")
            told = "failed for n1: TimeoutError: no answer within 0.05 s"
            await fails(it, "polling.poll", told, returned)
            driver.hangs = False

    asyncio.run(main())


def test_no_more_nodes_are_called_at_a_time_than_the_driver_allows(tmp_path: Path, clock: Clock) -> None:
    at_once = most = 0
    full = asyncio.Event()

    class Counting(StillDriver):
        @base.node_periodic_task(spacing=0.1, max_in_flight=3)
        async def poll(self, node: base.Node, manager: base.Manager, context: Any) -> None:
            nonlocal at_once, most
            at_once += 1
            most = max(most, at_once)
            if at_once == 3:
                full.set()
            await full.wait()
            at_once -= 1

    async def main() -> None:
        async with conducted(tmp_path, clock, Counting("polling")) as it:
            await enrolled(it, *(f"n{number}" for number in range(20)))
            await ran(it, "polling.poll", 1)

    asyncio.run(main())
    assert most == 3


def test_a_person_can_have_it_run_now_for_one_node(tmp_path: Path, clock: Clock) -> None:
    driver, ends = Polling(), []

    async def main() -> None:
        async with conducted(tmp_path, clock, driver) as it:
            await enrolled(it, "n1", "n2")
            ended = asyncio.Event()

            def done(error: str | None, seconds: float) -> None:
                ends.append(error)
                ended.set()

            it.manager.run_now("polling.poll", it.parts.node("n2").uuid, done)
            await asyncio.wait_for(ended.wait(), PATIENCE)
            with pytest.raises(errors.PodiumError, match="there is no task polling.pol"):
                it.manager.run_now("polling.pol", None, done)
            with pytest.raises(errors.PodiumError, match="does not run for single nodes"):
                it.manager.run_now("conductor.sync_power_status", it.parts.node("n2").uuid, done)

    asyncio.run(main())
    assert (driver.seen, ends) == (["n2"], [None])


def test_a_task_learns_from_its_context_whether_a_person_asked_for_the_run(
    tmp_path: Path, clock: Clock
) -> None:
    seen: list[bool] = []

    class Curious(StillDriver):
        @base.node_periodic_task(spacing=0.1)
        async def poll(self, node: base.Node, manager: base.Manager, context: RunContext) -> None:
            seen.append(context.on_demand)

    async def main() -> None:
        async with conducted(tmp_path, clock, Curious("polling")) as it:
            await enrolled(it, "n1")
            await ran(it, "polling.poll", 1)
            it.manager.run_now("polling.poll", None, lambda error, seconds: None)
            await it.ended("polling.poll", 2)
            await ran(it, "polling.poll", 3)

    asyncio.run(main())
    assert seen == [False, True, False]


def test_the_operators_deadline_is_that_of_the_call_for_one_node(tmp_path: Path, clock: Clock) -> None:
    class Slow(StillDriver):
        @base.node_periodic_task(spacing=0.1, deadline=1000)
        async def poll(self, node: base.Node, manager: base.Manager, context: Any) -> None:
            if node.name == "n1":
                await asyncio.Event().wait()

    async def main() -> None:
        text = "[periodic_tasks]\ndeadline = polling.poll:0.1\n"
        async with conducted(tmp_path, clock, Slow("polling"), text=text) as it:
            await enrolled(it, "n1", "n2")
            await fails(it, "polling.poll", "failed for n1: TimeoutError: no answer within 0.1 s")

    asyncio.run(main())


def test_a_task_that_its_author_left_disabled_runs_when_the_operator_says_so(
    tmp_path: Path, clock: Clock
) -> None:
    class Shy(StillDriver):
        @base.driver_periodic_task(spacing=10, enabled=False)
        async def sense(self, manager: base.Manager, context: Any) -> None: ...

    async def main() -> None:
        async with conducted(tmp_path, clock, Shy("shy")) as it:
            with pytest.raises(errors.PodiumError, match=r"\[periodic_tasks\] enabled"):
                it.manager.switch("shy.sense", True)
            it.tick(10)
            assert it.report("shy.sense").state == "disabled"
        text = "[periodic_tasks]\nenabled = shy.sense\n"
        (tmp_path / "b").mkdir()
        async with conducted(tmp_path / "b", clock, Shy("shy"), text=text) as it:
            it.tick(10)
            await it.ended("shy.sense", 1)

    asyncio.run(main())


def test_what_a_person_has_run_now_is_not_spread_over_the_spacing(tmp_path: Path, clock: Clock) -> None:
    class Daily(StillDriver):
        @base.node_periodic_task(spacing=86400)
        async def poll(self, node: base.Node, manager: base.Manager, context: Any) -> None: ...

    async def main() -> None:
        async with conducted(tmp_path, clock, Daily("polling")) as it:
            await enrolled(it, "n1", "n2")
            it.manager.run_now("polling.poll", None, lambda error, seconds: None)
            await it.ended("polling.poll", 1)

    asyncio.run(main())


def test_a_task_that_was_switched_off_does_not_run_until_it_is_switched_on(
    tmp_path: Path, clock: Clock
) -> None:
    driver = Polling()

    async def main() -> None:
        async with conducted(tmp_path, clock, driver) as it:
            await enrolled(it, "n1")
            it.manager.switch("polling.poll", False)
            it.tick(10)
            assert it.report("polling.poll").state == "disabled"
            it.manager.switch("polling.poll", True)
            await ran(it, "polling.poll", 1)

    asyncio.run(main())


def test_a_task_that_goes_on_failing_is_run_less_often_and_at_once_again_when_it_succeeds(
    tmp_path: Path, clock: Clock
) -> None:
    class Failing(StillDriver):
        broken = True

        @base.driver_periodic_task(spacing=10)
        async def fail(self, manager: base.Manager, context: Any) -> None:
            if self.broken:
                raise ValueError("broken")

    driver = Failing("failing")

    async def main() -> None:
        async with conducted(tmp_path, clock, driver) as it:
            waits = []
            for runs in range(1, 9):
                it.tick(it.manager._periodic_spacing["failing.fail"] * 1.1)  # oslo.service adds up to 5 %
                await it.ended("failing.fail", runs)
                waits.append(it.manager._periodic_spacing["failing.fail"])
            assert waits == [10, 10, 20, 40, 80, 100, 100, 100]
            assert it.report("failing.fail").state == "slowed"
            driver.broken = False
            it.tick(110)
            await it.ended("failing.fail", 9)
            assert it.manager._periodic_spacing["failing.fail"] == 10
            assert it.report("failing.fail").state == "idle"

    asyncio.run(main())
