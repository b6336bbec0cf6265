"""One suite over the author's fake and the real manager: what holds in a driver's tests holds in the daemon.

What the real manager does is right: the fake follows it.
"""

import asyncio
import math
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from fakes import Clock, happened
from managers import NodeColumns, Side, elsewhere, moved, node_of, opened
from podium import errors, states
from podium.drivers import base

Play = Callable[[Side], Awaitable[None]]


@pytest.fixture(params=["fake", "real"])
def on(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Callable[..., None]:
    """``on(play, *nodes)`` plays a scene before one of the managers, which has these nodes."""

    def play_it(play: Play, *nodes: NodeColumns) -> None:
        async def main() -> None:
            async with opened(request.param, tmp_path, clock, *nodes or [{"name": "n1"}]) as side:
                await play(side)

        asyncio.run(main())

    return play_it


THEIRS = {"name": "theirs", "driver": "other"}


def test_a_driver_sees_the_nodes_that_are_enrolled_with_it(on: Callable[..., None]) -> None:
    async def play(side: Side) -> None:
        assert [node.name for node in side.manager.nodes(side.acme)] == ["n1"]

    on(play, {"name": "n1"}, THEIRS)


def test_a_reported_power_state_counts_as_if_it_had_been_read(on: Callable[..., None]) -> None:
    async def play(side: Side) -> None:
        for state in (states.POWER_ON, states.POWER_OFF, states.ERROR):
            side.manager.report_power_state(node_of(side), state)
            await side.settle()
            assert node_of(side).power_state == state

    on(play)


@pytest.mark.parametrize("state", ["on", "rebooting", "soft power off", "", None])
def test_a_power_state_that_no_read_returns_is_refused(on: Callable[..., None], state: Any) -> None:
    async def play(side: Side) -> None:
        for node in (node_of(side), elsewhere(side)):
            with pytest.raises(ValueError, match=f"{state!r} is none of error, power off, power on"):
                side.manager.report_power_state(node, state)

    on(play)


def test_a_report_of_power_for_a_node_that_is_to_change_is_ignored(on: Callable[..., None]) -> None:
    async def play(side: Side) -> None:
        side.manager.report_power_state(node_of(side), states.POWER_OFF)
        await side.settle()
        assert node_of(side).power_state == states.POWER_ON

    on(play, {"name": "n1", "power_state": states.POWER_ON, "target_power_state": states.POWER_OFF})


def test_a_report_of_power_for_a_reserved_node_is_ignored(on: Callable[..., None]) -> None:
    async def play(side: Side) -> None:
        async with side.manager.reserve(node_of(side), "firmware"):
            side.manager.report_power_state(node_of(side), states.POWER_OFF)
        await side.settle()
        assert node_of(side).power_state == states.POWER_ON
        side.manager.report_power_state(node_of(side), states.POWER_OFF)
        await side.settle()
        assert node_of(side).power_state == states.POWER_OFF

    on(play, {"name": "n1", "power_state": states.POWER_ON})


def test_what_was_observed_before_a_change_says_nothing_of_the_time_after_it(on: Callable[..., None]) -> None:
    async def play(side: Side) -> None:
        walk, before = node_of(side), time.monotonic()  # a walk begins, which takes seconds
        await side.switch("n1", states.POWER_OFF)
        side.manager.report_power_state(walk, states.POWER_ON)
        side.manager.report_power_state(walk, states.POWER_ON, observed_at=before)
        side.manager.report_power_state(node_of(side), states.POWER_ON, observed_at=before)
        await side.settle()
        assert node_of(side).power_state == states.POWER_OFF

    on(play, {"name": "n1", "power_state": states.POWER_ON})


@pytest.mark.parametrize("with_time", [True, False])
def test_what_is_observed_after_a_change_counts(on: Callable[..., None], with_time: bool) -> None:
    async def play(side: Side) -> None:
        old = node_of(side)
        await side.switch("n1", states.POWER_OFF)
        node, observed_at = (old, time.monotonic()) if with_time else (node_of(side), None)
        side.manager.report_power_state(node, states.POWER_ON, observed_at=observed_at)
        await side.settle()
        assert node_of(side).power_state == states.POWER_ON

    on(play, {"name": "n1", "power_state": states.POWER_ON})


def test_what_else_is_reported_counts_after_a_change_too(on: Callable[..., None]) -> None:
    async def play(side: Side) -> None:
        walk = node_of(side)
        await side.switch("n1", states.POWER_OFF)
        side.manager.report_health(walk, base.Health("Warning", ("hot",)))
        side.manager.report_sensors(walk, [base.Sensor("Inlet", "temperature", 21)])
        side.manager.save_properties(walk, {"cpus": 4})
        side.manager.set_maintenance(walk, "on fire")
        await side.settle()
        assert side.health("n1") == base.Health("Warning", ("hot",))
        assert (side.sensors("n1"), side.reason("n1")) == (["Inlet"], "on fire")
        assert node_of(side).properties == {"cpus": 4}

    on(play, {"name": "n1", "power_state": states.POWER_ON})


def test_what_was_learned_of_other_hardware_is_ignored(on: Callable[..., None]) -> None:
    async def play(side: Side) -> None:
        node = node_of(side)
        await side.change_driver_info("n1", {"address": "new"})
        before, manager = node_of(side), side.manager
        manager.report_power_state(node, states.POWER_ON)
        manager.report_power_state(node, states.POWER_ON, observed_at=time.monotonic())
        manager.report_health(node, base.Health("Critical"))
        manager.report_sensors(node, [base.Sensor("Inlet", "temperature", 21)])
        manager.report_clock(node, datetime.now(UTC))
        manager.save_properties(node, {"cpus": 4})
        manager.save_driver_internal_info(node, {"firmware": "2.1"})
        manager.set_maintenance(node, "on fire")
        await side.settle()
        assert (node_of(side), side.health("n1"), side.sensors("n1")) == (before, None, [])
        assert side.clock_offset("n1") is None
        manager.report_power_state(before, states.POWER_ON)
        await side.settle()
        assert node_of(side).power_state == states.POWER_ON

    on(play)


def test_a_time_of_the_wall_clock_is_refused(on: Callable[..., None]) -> None:
    async def play(side: Side) -> None:
        with pytest.raises(ValueError, match=r"still to come; it is of the clock time\.monotonic\(\)"):
            side.manager.report_power_state(node_of(side), states.POWER_ON, observed_at=time.monotonic() + 60)

    on(play)


@pytest.mark.parametrize("moment", [math.nan, "12", True])
def test_a_time_that_is_none_is_refused(on: Callable[..., None], moment: Any) -> None:
    async def play(side: Side) -> None:
        for node in (node_of(side), elsewhere(side)):
            with pytest.raises(ValueError, match=f"observed_at={moment!r} is no time"):
                side.manager.report_power_state(node, states.POWER_ON, observed_at=moment)

    on(play)


@pytest.mark.parametrize("with_time", [True, False])
def test_what_was_observed_before_the_last_report_changes_nothing(
    on: Callable[..., None], with_time: bool
) -> None:
    async def play(side: Side) -> None:
        before = time.monotonic()
        await side.settle()
        observed_at = time.monotonic() if with_time else None
        side.manager.report_power_state(node_of(side), states.POWER_OFF, observed_at=observed_at)
        side.manager.report_power_state(node_of(side), states.POWER_ON, observed_at=before)
        await side.settle()
        assert node_of(side).power_state == states.POWER_OFF

    on(play)


@pytest.mark.parametrize("stranger", [elsewhere, moved])
def test_what_is_told_of_a_node_that_is_not_the_drivers_is_ignored(
    on: Callable[..., None], stranger: Callable[[Side], base.Node]
) -> None:
    async def play(side: Side) -> None:
        before, node, manager = node_of(side, "theirs"), stranger(side), side.manager
        manager.report_power_state(node, states.POWER_ON)
        manager.report_health(node, base.Health("Critical", ("on fire",)))
        manager.report_sensors(node, [base.Sensor("Inlet", "temperature", 21)])
        manager.report_clock(node, datetime.now(UTC))
        manager.save_properties(node, {"cpus": 4})
        manager.save_driver_internal_info(node, {"firmware": "2.1"})
        manager.set_maintenance(node, "on fire")
        manager.clear_maintenance(node)
        manager.set_maintenance(node, "on fire")
        await side.settle()
        assert (node_of(side, "theirs"), side.clock_offset("theirs")) == (before, None)
        assert (side.health("theirs"), side.sensors("theirs")) == (None, [])

    on(play, THEIRS)


def test_the_health_that_was_reported_last_counts(on: Callable[..., None]) -> None:
    async def play(side: Side) -> None:
        for health in (base.Health("Critical", ("on fire",)), base.Health("Warning", ("hot", "loud"))):
            side.manager.report_health(node_of(side), health)
            await side.settle()
            assert side.health("n1") == health

    on(play)


def test_people_see_so_much_of_a_reason(on: Callable[..., None]) -> None:
    async def play(side: Side) -> None:
        side.manager.report_health(node_of(side), base.Health("Warning", ("x" * 501,)))
        await side.settle()
        assert side.health("n1") == base.Health("Warning", ("x" * 500,))

    on(play)


def test_no_half_of_a_secret_is_left_where_a_reason_is_cut(tmp_path: Path, clock: Clock) -> None:
    async def main() -> None:
        async with opened(
            "real", tmp_path, clock, {"name": "n1", "driver_info": {"password": "xyzzy"}}
        ) as side:
            side.manager.report_health(node_of(side), base.Health("Warning", (f"{'x' * 496} xyzzy",)))
            await side.settle()
            assert side.health("n1") == base.Health("Warning", (f"{'x' * 496} ***",))

    asyncio.run(main())


def test_a_health_is_unknown_after_three_times_the_spacing_of_the_task_that_reports_it(
    on: Callable[..., None],
) -> None:
    async def play(side: Side) -> None:
        side.acme.fares["n1"] = health = base.Health("Critical", ("on fire",))
        for task, seconds in (("check", 60.0), ("check_plainly", 180.0), ("check", 180.0)):
            await side.run(task, on_demand=True)
            await side.settle()
            side.advance(seconds - 5)
            assert side.health("n1") == health
            side.advance(10)
            assert side.health("n1") is None
            side.advance(-seconds - 5)

    on(play)


def test_a_health_that_nobody_knows_any_more_is_unknown_at_once(on: Callable[..., None]) -> None:
    async def play(side: Side) -> None:
        for health in (base.Health("Critical", ("on fire",)), None, base.Health("OK"), None, None):
            side.manager.report_health(node_of(side), health)
            await side.settle()
            assert side.health("n1") == health

    on(play)


def test_the_clock_that_was_reported_last_counts(on: Callable[..., None]) -> None:
    async def play(side: Side) -> None:
        for ahead in (7200.0, -7200.0):
            clock = datetime.now(UTC) + timedelta(seconds=ahead)
            side.manager.report_clock(node_of(side), clock.astimezone(timezone(timedelta(hours=9))))
            await side.settle()
            assert side.clock_offset("n1") == pytest.approx(ahead, abs=600)

    on(play)


@pytest.mark.parametrize(
    ("clock", "kind", "text"),
    [
        (12.5, TypeError, "a clock shows a datetime, not 12.5"),
        (datetime(2026, 3, 1), ValueError, "an offset from UTC, other than 2026-03-01 00:00:00"),
    ],
)
def test_a_clock_that_shows_no_time_is_refused(
    on: Callable[..., None], clock: Any, kind: type[Exception], text: str
) -> None:
    async def play(side: Side) -> None:
        for node in (node_of(side), elsewhere(side)):
            with pytest.raises(kind, match=text):
                side.manager.report_clock(node, clock)

    on(play)


def test_the_sensors_that_were_reported_last_count(on: Callable[..., None]) -> None:
    async def play(side: Side) -> None:
        for names in (["Inlet", "Outlet"], ["CPU"]):
            side.manager.report_sensors(
                node_of(side), [base.Sensor(name, "temperature", 21.0) for name in names]
            )
            assert side.sensors("n1") == names

    on(play)


@pytest.mark.parametrize(
    "sensor", [base.Sensor("x", "mood", 1), base.Sensor("x", "fan", 1, "Fine")], ids=["kind", "status"]
)
def test_a_sensor_of_no_known_kind_or_status_is_refused(on: Callable[..., None], sensor: base.Sensor) -> None:
    async def play(side: Side) -> None:
        with pytest.raises(ValueError, match="no known kind or status"):
            side.manager.report_sensors(node_of(side), [sensor])

    on(play)


@pytest.mark.parametrize("column", ["properties", "driver_internal_info"])
def test_values_are_saved_beside_those_that_are_there_and_none_removes(
    on: Callable[..., None], column: str
) -> None:
    async def play(side: Side) -> None:
        save = getattr(side.manager, f"save_{column}")
        given = {"new": [1, {"a": 2}], "gone": None}
        save(node_of(side), given)
        given["new"].append(3)
        save(node_of(side), {"never": None})
        await side.settle()
        assert getattr(node_of(side), column) == {"old": 1, "new": [1, {"a": 2}]}

    on(play, {"name": "n1", column: {"old": 1, "gone": 2}})


@pytest.mark.parametrize("column", ["properties", "driver_internal_info"])
@pytest.mark.parametrize(
    ("value", "error"), [({4}, TypeError), (float("nan"), ValueError)], ids=["set", "nan"]
)
def test_a_value_that_is_no_json_is_refused_at_once(
    on: Callable[..., None], column: str, value: Any, error: type[Exception]
) -> None:
    async def play(side: Side) -> None:
        for node in (node_of(side), elsewhere(side)):
            with pytest.raises(error):
                getattr(side.manager, f"save_{column}")(node, {"good": 1, "bad": value})
        await side.settle()
        assert getattr(node_of(side), column) == {}

    on(play)


def test_maintenance_is_set_with_its_reason_and_taken_back(on: Callable[..., None]) -> None:
    async def play(side: Side) -> None:
        side.manager.set_maintenance(node_of(side), "on fire")
        await side.settle()
        assert (node_of(side).maintenance, side.reason("n1")) == (True, "on fire")
        side.manager.set_maintenance(node_of(side), "still on fire")
        await side.settle()
        assert side.reason("n1") == "on fire"
        side.manager.clear_maintenance(node_of(side))
        await side.settle()
        assert (node_of(side).maintenance, side.reason("n1")) == (False, None)

    on(play)


def test_maintenance_that_a_person_set_stays(on: Callable[..., None]) -> None:
    async def play(side: Side) -> None:
        side.manager.set_maintenance(node_of(side), "on fire")
        await side.settle()
        side.manager.clear_maintenance(node_of(side))
        await side.settle()
        assert (node_of(side).maintenance, side.reason("n1")) == (True, None)

    on(play, {"name": "n1", "maintenance": True})


def test_to_clear_maintenance_that_is_not_set_changes_nothing(on: Callable[..., None]) -> None:
    async def play(side: Side) -> None:
        side.manager.clear_maintenance(node_of(side))
        await side.settle()
        assert not node_of(side).maintenance

    on(play)


def test_a_node_is_reserved_once_at_a_time(on: Callable[..., None]) -> None:
    async def play(side: Side) -> None:
        node = node_of(side)
        async with side.manager.reserve(node, "first"):
            with pytest.raises(errors.NodeConflict, match="n1 is taken; it was to be reserved for: second"):
                async with side.manager.reserve(node, "second"):
                    pass
        await side.settle()
        async with side.manager.reserve(node, "third"):
            pass

    on(play)


def test_a_reservation_ends_with_the_block_whatever_the_block_raises(on: Callable[..., None]) -> None:
    async def play(side: Side) -> None:
        with pytest.raises(LookupError):
            async with side.manager.reserve(node_of(side), "first"):
                raise LookupError
        await side.settle()
        async with side.manager.reserve(node_of(side), "second"):
            pass

    on(play)


def test_plain_methods_reserve_with_the_plain_with(on: Callable[..., None]) -> None:
    async def play(side: Side) -> None:
        node = node_of(side)

        def work() -> None:
            with side.manager.reserve(node, "first"):
                refused = pytest.raises(errors.NodeConflict)
                with refused, side.manager.reserve(node, "second"):
                    pass

        await asyncio.to_thread(work)

    on(play)


def test_the_plain_with_is_refused_where_it_would_block_a_loop(on: Callable[..., None]) -> None:
    async def play(side: Side) -> None:
        refused = pytest.raises(RuntimeError, match="async with")
        with refused, side.manager.reserve(node_of(side), "firmware"):
            pass
        async with side.manager.reserve(node_of(side), "firmware"):
            pass

    on(play)


def test_a_node_that_is_to_change_cannot_be_reserved(on: Callable[..., None]) -> None:
    async def play(side: Side) -> None:
        with pytest.raises(errors.NodeConflict, match="reserved for: firmware"):
            async with side.manager.reserve(node_of(side), "firmware"):
                pass

    on(play, {"name": "n1", "target_power_state": states.POWER_ON})


@pytest.mark.parametrize("stranger", [elsewhere, moved])
def test_a_node_that_is_not_the_drivers_cannot_be_reserved(
    on: Callable[..., None], stranger: Callable[[Side], base.Node]
) -> None:
    async def play(side: Side) -> None:
        node = stranger(side)
        with pytest.raises(errors.NodeNotFound, match=f"{node.name} is no longer this conductor's"):
            async with side.manager.reserve(node, "firmware"):
                pass

    on(play, THEIRS)


PYTHON = (sys.executable, "-c")


def test_a_program_gets_its_input_and_environment(on: Callable[..., None]) -> None:
    async def play(side: Side) -> None:
        argv = [*PYTHON, "import os, sys; print(input(), os.environ['MOOD']); sys.exit(3)"]
        result = await side.manager.run_command(argv, timeout=30, input="ping", env={"MOOD": "calm"})
        assert (result.returncode, result.stdout) == (3, "ping calm\n")

        def plainly() -> str:
            return side.manager.run_command([*PYTHON, "print(1)"], timeout=30).result().stdout

        assert await asyncio.to_thread(plainly) == "1\n"

    on(play)


@pytest.mark.parametrize(
    ("argv", "limits"),
    [
        (("/no/such/program",), {"timeout": 30}),
        ((*PYTHON, "import signal; signal.pause()"), {"timeout": 0.01}),
        ((*PYTHON, "print('x' * 1000)"), {"timeout": 30, "max_output": 10}),
    ],
    ids=["no program", "too long", "too much"],
)
def test_a_program_that_cannot_be_used_is_an_error_of_the_driver(
    on: Callable[..., None], argv: tuple[str, ...], limits: dict[str, Any]
) -> None:
    async def play(side: Side) -> None:
        with pytest.raises(errors.DriverError):
            await side.manager.run_command(argv, **limits)

    on(play)


@pytest.mark.parametrize("task", ["discover", "look"])
@pytest.mark.parametrize("on_demand", [False, True])
def test_a_task_learns_whether_a_person_asked_for_the_run(
    on: Callable[..., None], task: str, on_demand: bool
) -> None:
    async def play(side: Side) -> None:
        assert await side.run(task, on_demand=on_demand) is None
        assert "n1" in side.acme.ran
        assert set(side.acme.on_demand) >= {on_demand}

    on(play)


def test_a_task_for_each_node_leaves_out_those_that_are_to_be_left_alone(on: Callable[..., None]) -> None:
    async def play(side: Side) -> None:
        async with side.manager.reserve(node_of(side, "reserved"), "firmware"):
            assert await side.run("look", on_demand=True) is None
            assert side.acme.ran == ["n1"]
            side.acme.ran.clear()
            assert await side.run("look_plainly", on_demand=True) is None
            assert sorted(side.acme.ran) == ["reserved", "resting"]

    on(
        play,
        {"name": "n1", "power_state": states.POWER_OFF},
        {"name": "resting", "power_state": states.POWER_ON, "maintenance": True},
        {"name": "changing", "target_power_state": states.POWER_ON},
        {"name": "reserved", "power_state": states.POWER_ON},
        THEIRS,
    )


def test_one_nodes_failure_does_not_touch_the_others(on: Callable[..., None]) -> None:
    async def play(side: Side) -> None:
        side.acme.broken = {"n2"}
        assert await side.run("look", on_demand=True) == "no answer"
        assert side.acme.ran == ["n1"]

    on(play, {"name": "n1"}, {"name": "n2"})


def test_the_suite_covers_all_that_drivers_may_ask() -> None:
    text = Path(__file__).read_text()
    methods = {name for name in vars(base.Manager) if not name.startswith("_")}
    assert {name for name in methods if f"manager.{name}(" not in text} == set()


@pytest.mark.parametrize("health", ["OK", 1, {"status": "OK"}])
def test_what_is_no_health_is_refused(on: Callable[..., None], health: Any) -> None:
    async def play(side: Side) -> None:
        with pytest.raises(TypeError, match=r"is a podium\.drivers\.base\.Health or None, not "):
            side.manager.report_health(node_of(side), health)

    on(play)


def test_a_driver_has_room_for_64_kib_of_its_own_with_a_node(on: Callable[..., None]) -> None:
    async def play(side: Side) -> None:
        save = side.manager.save_driver_internal_info
        save(node_of(side), {"firmware": "2.1", "log": "x" * 60_000})
        await side.settle()
        with pytest.raises(ValueError, match=r"^n1: driver_internal_info would have 6\d{4} bytes, .* 65536;"):
            save(node_of(side), {"more": "x" * 6_000})
        await side.settle()
        assert node_of(side).driver_internal_info.keys() == {"firmware", "log"}
        save(node_of(side), {"log": None, "more": "x" * 6_000})
        await side.settle()
        assert node_of(side).driver_internal_info.keys() == {"firmware", "more"}

    on(play)


def test_what_was_saved_a_moment_ago_takes_its_room(on: Callable[..., None]) -> None:
    async def play(side: Side) -> None:
        save = side.manager.save_driver_internal_info
        save(node_of(side), {"one": "x" * 40_000})
        with pytest.raises(ValueError, match=r"^n1: driver_internal_info would have 800\d\d bytes"):
            save(node_of(side), {"two": "x" * 40_000})
        await side.settle()
        assert node_of(side).driver_internal_info.keys() == {"one"}

    on(play)


def test_twenty_megabytes_are_refused_at_once(on: Callable[..., None]) -> None:
    async def play(side: Side) -> None:
        with pytest.raises(ValueError, match="keep less in it"):
            side.manager.save_driver_internal_info(node_of(side), {"dump": "x" * 20_000_000})
        await side.settle()
        assert node_of(side).driver_internal_info == {}

    on(play)


def test_a_driver_hears_of_its_nodes_in_order_and_releases_those_that_are_gone(
    on: Callable[..., None],
) -> None:
    async def play(side: Side) -> None:
        await side.hears("+n1")
        await side.enrol({"name": "n2"}, {"name": "n3", "driver": "other"})
        await side.hears("+n2")
        await side.change_driver_info("n1", {"address": "new"})
        await side.hears("~n1 new")
        side.manager.report_power_state(node_of(side), states.POWER_ON)
        side.manager.save_properties(node_of(side), {"cpus": 4})
        await side.settle()
        await side.delete("n1")
        await side.hears("-n1 new", "released n1")
        await side.enrol({"name": "n1"})
        await side.hears("+n1")

    on(play, {"name": "n1"}, THEIRS)


def test_a_node_of_which_a_driver_did_not_take_note_is_removed_all_the_same(on: Callable[..., None]) -> None:
    async def play(side: Side) -> None:
        await side.hears("+n1")
        side.acme.broken = {"n2"}
        await side.enrol({"name": "n2"})
        await side.hears("+n2")
        await side.delete("n2")
        await side.hears("-n2 None", "released n2")

    on(play)


def test_a_driver_finds_its_own_nodes_by_name_or_uuid(on: Callable[..., None]) -> None:
    async def play(side: Side) -> None:
        node, manager = node_of(side), side.manager
        assert manager.node("n1") == manager.node(node.uuid) == node
        assert manager.node("theirs") is manager.node(node_of(side, "theirs").uuid) is None
        assert manager.node("elsewhere") is manager.node("") is None
        await side.delete("n1")
        assert manager.node("n1") is manager.node(node.uuid) is None

    on(play, {"name": "n1"}, THEIRS)


def test_a_task_that_a_driver_spawns_runs_beside_it_and_can_be_cancelled(on: Callable[..., None]) -> None:
    async def play(side: Side) -> None:
        began, ended = threading.Event(), threading.Event()

        async def listen() -> None:
            began.set()
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()

        spawned = await asyncio.to_thread(lambda: side.manager.spawn(listen()))
        await happened(began)
        spawned.cancel()
        await happened(ended)
        spawned.cancel()

    on(play)


def test_what_a_driver_spawned_ends_before_the_driver_is_closed(on: Callable[..., None]) -> None:
    ended: list[bool] = []

    async def play(side: Side) -> None:
        began = threading.Event()

        async def listen() -> None:
            began.set()
            try:
                await asyncio.Event().wait()
            finally:
                ended.append(side.acme.closed)

        side.manager.spawn(listen())
        await happened(began)

    on(play)
    assert ended == [False]


def test_a_driver_may_spawn_a_thousand_tasks_and_four_for_each_node(
    on: Callable[..., None], recwarn: pytest.WarningsRecorder
) -> None:
    async def play(side: Side) -> None:
        spawned = [side.manager.spawn(asyncio.sleep(3600)) for _ in range(1004)]
        with pytest.raises(RuntimeError, match="has 1004 spawned tasks, as many as it may"):
            side.manager.spawn(asyncio.sleep(3600))
        for one in spawned:
            one.cancel()

    on(play)
    assert [str(one.message) for one in recwarn] == []


def test_only_a_coroutine_can_be_spawned(on: Callable[..., None]) -> None:
    async def play(side: Side) -> None:
        with pytest.raises(TypeError, match="spawn is given a coroutine"):
            side.manager.spawn(asyncio.sleep)  # type: ignore[arg-type]

    on(play)
