"""The traps of oslo.service's PeriodicTasks, and that none of them is left."""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fakes import PATIENCE, Clock, StillDriver, happened, make_conf, until
from podium import errors
from podium.conductor.manager import ConductorManager
from podium.conductor.tasks.schedule import Schedule
from podium.drivers import base
from stage import Conducted, conducted


class Checked(StillDriver):
    """Counts the runs of its ``check_status``."""

    def __init__(self, name: str = "checked") -> None:
        super().__init__(name)
        self.runs = 0
        self.seen: list[str] = []

    @base.driver_periodic_task(spacing=10)
    async def check_status(self, manager: base.Manager, context: Any) -> None:
        self.seen = [node.name for node in manager.nodes(self)]
        self.runs += 1


def test_two_drivers_with_the_same_task_name_each_keep_their_own_rhythm(tmp_path: Path, clock: Clock) -> None:
    one, two = Checked("one"), Checked("two")

    async def main() -> None:
        async with conducted(
            tmp_path, clock, one, two, text="[periodic_tasks]\nspacing = two.check_status:15\n"
        ) as it:
            it.tick()
            for elapsed in range(10, 60, 10):
                it.tick(10)
                await it.ended("one.check_status", elapsed // 10)
                await it.ended("two.check_status", elapsed // 15)

    asyncio.run(main())
    assert (one.runs, two.runs) == (5, 3)


def test_each_instance_of_the_manager_has_its_own_tasks(tmp_path: Path, clock: Clock) -> None:
    async def main() -> None:
        async with conducted(tmp_path, clock, Checked("one")) as first:
            (tmp_path / "b").mkdir()
            async with conducted(tmp_path / "b", clock, Checked("two")) as second:
                assert "two.check_status" not in first.manager.task_names
                assert "one.check_status" not in second.manager.task_names
                assert ConductorManager._periodic_tasks == []

    asyncio.run(main())


def test_a_task_name_that_is_taken_is_refused(tmp_path: Path, clock: Clock) -> None:
    class Twice(Checked):
        @base.driver_periodic_task(spacing=60, name="check_status")
        async def check_again(self, manager: base.Manager, context: Any) -> None: ...

    async def main() -> None:
        async with conducted(tmp_path, clock, Twice("twice")):
            pass

    with pytest.raises(errors.DuplicateTask, match="two periodic tasks twice.check_status"):
        asyncio.run(main())


class Hanging(StillDriver):
    def __init__(self, name: str = "hanging") -> None:
        super().__init__(name)
        self.began = threading.Semaphore(0)
        self.hangs = threading.Event()
        self.cancelled = threading.Event()
        self.let_go = threading.Event()

    @base.driver_periodic_task(spacing=10, deadline=0.05)
    async def hang(self, manager: base.Manager, context: Any) -> None:
        self.hangs.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise

    @base.driver_periodic_task(spacing=10, deadline=0.05)
    def hang_plain(self, manager: base.Manager, context: Any) -> None:
        self.began.release()
        self.let_go.wait()


class Deadlines:
    """The deadlines of runs, which pass when the test says so: a busy machine may begin a run late."""

    def __init__(self, it: Conducted) -> None:
        self._planned: list[tuple[float, Callable[[], Any]]] = []
        it.manager._timers.call_later = self._plan  # type: ignore[assignment]

    def _plan(self, delay: float, callback: Callable[[], Any]) -> asyncio.TimerHandle:
        self._planned.append((delay, callback))
        return asyncio.get_running_loop().call_later(86400.0, callback)

    def let_pass(self, seconds: float) -> None:
        due = [callback for delay, callback in self._planned if delay <= seconds]
        self._planned.clear()
        for callback in due:
            callback()


def test_a_task_that_hangs_does_not_delay_another_drivers_task(tmp_path: Path, clock: Clock) -> None:
    hanging, checked = Hanging(), Checked()

    async def main() -> None:
        async with conducted(tmp_path, clock, hanging, checked) as it:
            for runs in range(1, 5):
                it.tick(10)
                await it.ended("checked.check_status", runs)
            hanging.let_go.set()

    asyncio.run(main())
    assert checked.runs == 4


def test_an_async_task_that_outlives_its_deadline_is_cancelled_and_runs_again(
    tmp_path: Path, clock: Clock
) -> None:
    hanging = Hanging()

    async def main() -> None:
        async with conducted(tmp_path, clock, hanging) as it:
            deadlines = Deadlines(it)
            it.tick(10)
            await happened(hanging.hangs)
            deadlines.let_pass(0.05)
            await happened(hanging.cancelled)
            await it.ended("hanging.hang", 1)
            assert it.report("hanging.hang").deadline_misses == 1
            hanging.hangs.clear()
            it.tick(10)
            await happened(hanging.hangs)
            deadlines.let_pass(0.05)
            await it.ended("hanging.hang", 2)
            hanging.let_go.set()

    asyncio.run(main())


def test_a_plain_task_that_outlives_its_deadline_is_told_and_not_started_twice(
    tmp_path: Path, clock: Clock
) -> None:
    hanging = Hanging()

    async def main() -> None:
        async with conducted(tmp_path, clock, hanging) as it:
            deadlines = Deadlines(it)
            it.tick(10)
            assert await asyncio.to_thread(hanging.began.acquire, timeout=PATIENCE)
            deadlines.let_pass(0.05)
            assert it.report("hanging.hang_plain").state == "late"
            it.tick(10)
            report = it.report("hanging.hang_plain")
            assert (report.skipped, report.deadline_misses) == (1, 1)
            assert "left alone in its thread" in report.last_error
            hanging.let_go.set()
            await it.ended("hanging.hang_plain", 1)
            assert not hanging.began.acquire(blocking=False)

    asyncio.run(main())


@pytest.mark.parametrize("error", [ValueError, SystemExit, KeyboardInterrupt])
def test_a_task_that_raises_every_time_keeps_its_rhythm_and_stays_in_its_room(
    tmp_path: Path, clock: Clock, error: type[BaseException]
) -> None:
    class Raising(StillDriver):
        @base.driver_periodic_task(spacing=10)
        async def raising(self, manager: base.Manager, context: Any) -> None:
            raise error("always")

        @base.driver_periodic_task(spacing=10)
        def raising_plain(self, manager: base.Manager, context: Any) -> None:
            raise error("always")

    async def main() -> None:
        async with conducted(tmp_path, clock, Raising("raising")) as it:
            for runs in (1, 2, 3):
                it.tick(10)
                for name in ("raising.raising", "raising.raising_plain"):
                    await it.ended(name, runs)
                    assert it.report(name).failures == runs
                    assert "always" in it.report(name).last_error

    asyncio.run(main())


def test_a_subclass_of_a_driver_sees_only_its_own_nodes(tmp_path: Path, clock: Clock) -> None:
    class Newer(Checked):
        pass

    older, newer = Checked("older"), Newer("newer")

    async def main() -> None:
        async with conducted(tmp_path, clock, older, newer) as it:
            it.parts.enrol({"name": "a", "driver": "older"}, {"name": "b", "driver": "newer"})
            await it.parts.fleet.refresh(it.parts.sql)
            it.tick(10)
            await it.ended("older.check_status", 1)
            await it.ended("newer.check_status", 1)

    asyncio.run(main())
    assert (older.seen, newer.seen) == (["a"], ["b"])


def test_a_reload_changes_the_rhythm_of_a_running_conductor(tmp_path: Path, clock: Clock) -> None:
    async def main() -> None:
        async with conducted(tmp_path, clock, Checked()) as it:
            conf = make_conf(tmp_path, "[periodic_tasks]\nspacing = checked.check_status:3\n")
            it.manager.apply(Schedule.read(conf))
            it.tick(3)
            await it.ended("checked.check_status", 1)
            assert it.report("checked.check_status").spacing == 3.0

    asyncio.run(main())


def test_a_disabled_task_does_not_run_but_is_shown_and_comes_back_by_a_reload(
    tmp_path: Path, clock: Clock
) -> None:
    async def main() -> None:
        text = "[periodic_tasks]\ndisabled = checked.check_status\n"
        async with conducted(tmp_path, clock, Checked(), text=text) as it:
            it.tick(100)
            assert it.report("checked.check_status").state == "disabled"
            it.manager.apply(Schedule.read(make_conf(tmp_path)))
            it.tick(100)
            await it.ended("checked.check_status", 1)

    asyncio.run(main())


def test_a_task_name_in_the_config_file_that_there_is_not_is_warned_of(
    tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        text = "[periodic_tasks]\nspacing = checked.chek_status:3\n"
        async with conducted(tmp_path, clock, Checked(), text=text):
            pass

    asyncio.run(main())
    assert "there is no task checked.chek_status; did you mean checked.check_status?" in caplog.text


def at_first_tick(immediately: bool) -> type[StillDriver]:
    class Immediate(StillDriver):
        @base.driver_periodic_task(spacing=40, run_immediately=immediately)
        async def task(self, manager: base.Manager, context: Any) -> None: ...

    return Immediate


@pytest.mark.parametrize(("immediately", "ticks"), [(True, [1, 1, 2]), (False, [0, 0, 1])])
def test_the_first_run_comes_at_once_or_one_spacing_after_the_start(
    tmp_path: Path, clock: Clock, immediately: bool, ticks: list[int]
) -> None:
    async def main() -> None:
        async with conducted(tmp_path, clock, at_first_tick(immediately)("im")) as it:
            for seconds, runs in zip((0, 39, 3), ticks, strict=True):
                it.tick(seconds)
                await it.ended("im.task", runs)

    asyncio.run(main())


def test_idle_for_is_the_time_until_the_next_task_is_due(tmp_path: Path, clock: Clock) -> None:
    async def main() -> None:
        async with conducted(tmp_path, clock, Checked()) as it:
            assert it.tick() == 10.0
            assert it.tick(4) == 6.0

    asyncio.run(main())


def test_the_sweep_is_a_task_beside_the_drivers(tmp_path: Path, clock: Clock) -> None:
    async def main() -> None:
        async with conducted(tmp_path, clock, StillDriver()) as it:
            it.parts.enrol({"name": "a", "driver": "still"})
            await it.parts.fleet.refresh(it.parts.sql)
            it.tick()
            await it.ended("conductor.sync_power_status", 1)
            await it.parts.recorder.flush()
            assert it.parts.node("a").power_state == "power off"

    asyncio.run(main())


@pytest.mark.parametrize("by_hand", [False, True])
def test_the_manager_that_a_task_receives_knows_whose_it_is(
    tmp_path: Path, clock: Clock, by_hand: bool
) -> None:
    class Looking(StillDriver):
        found: tuple[Any, ...] = ()

        @base.node_periodic_task(spacing=10)
        async def look(self, node: base.Node, manager: base.Manager, context: Any) -> None:
            manager.spawn(asyncio.sleep(0))
            self.found = (manager.node("mine"), manager.node("theirs"))

    driver = Looking("one")

    async def main() -> None:
        async with conducted(tmp_path, clock, driver, StillDriver("two")) as it:
            it.parts.enrol({"name": "mine", "driver": "one"}, {"name": "theirs", "driver": "two"})
            await it.parts.fleet.refresh(it.parts.sql)
            (node,) = it.manager.nodes(driver)
            if by_hand:
                it.manager.run_now("one.look", node.uuid, lambda error, seconds: None)
            else:
                it.tick(20)
            await until(lambda: driver.found == (node, None))

    asyncio.run(main())
