"""The conductor in memory: what it notes, when tasks are due, and what of a failure it lets through."""

import asyncio
import sys
from collections.abc import Callable
from typing import Any

import pytest

from podium import errors, states
from podium.drivers import base
from podium.drivers.command import CommandResult
from podium.drivers.context import RunContext
from podium.testing import FakeConductor, make_node


class Tasked(base.Driver):
    """Machines with tasks."""

    def __init__(self, broken: str = "") -> None:
        super().__init__("acme", None)
        self.broken = broken
        self.seen: list[str] = []

    def get_power_state(self, node: base.Node) -> str:
        return states.POWER_OFF

    def set_power_state(self, node: base.Node, target: str) -> None:
        pass

    @base.driver_periodic_task(spacing=60)
    async def check_status(self, manager: base.Conductor, context: Any) -> None:
        if self.broken == "check_status":
            raise KeyError("status")
        for node in manager.nodes(self):
            manager.report_health(node, base.Health("OK"))

    @base.driver_periodic_task(spacing=300, run_immediately=True)
    def discover(self, manager: base.Conductor, context: Any) -> None:
        self.seen.append("discover")

    @base.driver_periodic_task(spacing=1, enabled=False)
    def never(self, manager: base.Conductor, context: Any) -> None:
        self.seen.append("never")

    @base.node_periodic_task(spacing=90, filters={"power_state": states.POWER_ON})
    async def look(self, node: base.Node, manager: base.Conductor, context: Any) -> None:
        self.seen.append(node.name)
        if self.broken == node.name:
            raise errors.BMCUnreachable("no answer")

    @base.node_periodic_task(spacing=90, all_nodes=True)
    def count(self, node: base.Node, manager: base.Conductor, context: Any) -> None:
        manager.save_properties(node, {"counted": True})


def on(name: str, **fields: Any) -> base.Node:
    return make_node(name=name, power_state=states.POWER_ON, **fields)


def due_after(*steps: float) -> list[list[str]]:
    """The names of the tasks that ran at the start and after each step."""
    conductor, driver = FakeConductor(), Tasked()

    async def scenario() -> list[list[str]]:
        ran = [await conductor.run_tasks_due(driver)]
        for step in steps:
            conductor.advance(step)
            ran.append(await conductor.run_tasks_due(driver))
        return ran

    return asyncio.run(scenario())


def test_a_task_is_due_once_per_spacing() -> None:
    assert due_after(59, 1, 0, 60) == [
        ["discover"],
        [],
        ["check_status"],
        [],
        ["check_status", "count", "look"],
    ]


def test_a_node_task_runs_for_the_nodes_that_fit_and_are_left_to_the_conductor() -> None:
    conductor = FakeConductor(
        [
            on("n1"),
            on("held", maintenance=True),
            on("changing", target_power_state=states.POWER_OFF),
            make_node(name="off", power_state=states.POWER_OFF),
            on("other", driver="fake"),
        ]
    )
    driver = Tasked()
    asyncio.run(conductor.run_task(driver, "look"))
    assert driver.seen == ["n1"]


def test_a_node_task_for_all_nodes_runs_for_those_in_maintenance_too() -> None:
    conductor = FakeConductor([on("n1"), on("held", maintenance=True)])
    asyncio.run(conductor.run_task(Tasked(), "count"))
    assert conductor.properties == {"n1": {"counted": True}, "held": {"counted": True}}


def test_one_nodes_failure_does_not_touch_the_others() -> None:
    conductor, driver = FakeConductor([on("n1"), on("n2")]), Tasked(broken="n1")
    asyncio.run(conductor.run_task(driver, "look"))
    assert driver.seen == ["n1", "n2"]
    assert [(failure.task, failure.node) for failure in conductor.failures] == [("look", "n1")]


def test_what_a_driver_task_raises_reaches_the_test() -> None:
    with pytest.raises(KeyError, match="status"):
        asyncio.run(FakeConductor().run_task(Tasked(broken="check_status"), "check_status"))


def test_a_due_task_that_fails_does_not_keep_the_others_from_running() -> None:
    conductor = FakeConductor([on("n1")], now=1000)
    conductor.advance(90)
    asyncio.run(conductor.run_tasks_due(Tasked(broken="check_status")))
    assert conductor.properties == {"n1": {"counted": True}}
    assert [(failure.task, failure.node) for failure in conductor.failures] == [("check_status", None)]


def test_an_unknown_task_is_told_with_those_there_are() -> None:
    with pytest.raises(LookupError, match="no task chek_status, only check_status, count"):
        asyncio.run(FakeConductor().run_task(Tasked(), "chek_status"))


def test_what_was_saved_shows_in_the_nodes() -> None:
    driver, node = Tasked(), make_node(properties={"cpus": 4, "vendor": "Acme"})
    conductor = FakeConductor([node])
    conductor.save_properties(node, {"cpus": 8, "vendor": None})
    conductor.report_power_state(node, states.POWER_ON)
    conductor.set_maintenance(node, "on fire")
    (known,) = conductor.nodes(driver)
    assert (known.properties, known.power_state, known.maintenance) == ({"cpus": 8}, states.POWER_ON, True)
    assert conductor.maintenance == {"node1": "on fire"}


def test_the_sensors_told_last_are_noted() -> None:
    conductor, node = FakeConductor(), make_node()
    for value in (20.0, 21.0):
        conductor.report_sensors(node, [base.Sensor("Inlet", "temperature", value)])
    assert conductor.sensors == {"node1": [base.Sensor("Inlet", "temperature", 21.0)]}


@pytest.mark.parametrize("asked", [False, True])
def test_a_task_can_be_run_as_if_a_person_had_asked_for_it(asked: bool) -> None:
    told: list[bool] = []

    class Curious(Tasked):
        @base.driver_periodic_task()
        async def check_status(self, manager: base.Conductor, context: RunContext) -> None:
            told.append(context.on_demand)

    asyncio.run(FakeConductor().run_task(Curious(), "check_status", on_demand=asked))
    assert told == [asked]


def test_maintenance_that_a_person_set_stays() -> None:
    driver, node = Tasked(), make_node(maintenance=True)
    conductor = FakeConductor([node])
    conductor.set_maintenance(node, "on fire")
    conductor.clear_maintenance(node)
    assert [known.maintenance for known in conductor.nodes(driver)] == [True]
    assert conductor.maintenance == {}


@pytest.mark.parametrize(
    ("tell", "error"),
    [
        (lambda conductor, node: conductor.report_power_state(node, "on"), ValueError),
        (lambda conductor, node: conductor.save_properties(node, {"cpus": {4}}), TypeError),
        (lambda conductor, node: conductor.report_sensors(node, [base.Sensor("x", "mood", 1)]), ValueError),
    ],
    ids=["a state that is no reading", "a value that is no JSON", "a sensor of no known kind"],
)
def test_what_the_conductor_would_refuse_is_refused(
    tell: Callable[[FakeConductor, base.Node], None], error: type[Exception]
) -> None:
    with pytest.raises(error):
        tell(FakeConductor(), make_node())


def test_a_reserved_node_cannot_be_reserved_again() -> None:
    node = make_node()
    conductor = FakeConductor([node])
    refused = pytest.raises(errors.NodeConflict, match="reserved: first")
    with conductor.reserve(node, "first"), refused, conductor.reserve(node, "second"):
        pass
    with conductor.reserve(node, "third"):
        pass
    assert conductor.reservations == [("node1", "first"), ("node1", "third")]


def test_a_reservation_that_would_block_the_loop_is_told() -> None:
    node = make_node()

    async def scenario() -> None:
        with FakeConductor([node]).reserve(node, "flash"):
            pass

    with pytest.raises(AssertionError, match="async with"):
        asyncio.run(scenario())


def test_a_command_gets_the_answer_of_the_longest_match() -> None:
    conductor = FakeConductor()
    conductor.commands_answer(
        {
            ("fence_x",): lambda argv, given: CommandResult(0, given, ""),
            ("fence_x", "--version"): CommandResult(0, "4.12", ""),
            ("fence_y",): errors.DriverError("fence_y did not end within 5 s and was killed"),
        }
    )
    assert conductor.run_command(["fence_x"], timeout=5, input="action=on").result(5).stdout == "action=on"
    assert conductor.run_command(["fence_x", "--version"], timeout=5).result(5).stdout == "4.12"
    with pytest.raises(errors.DriverError, match="fence_y did not end"):
        conductor.run_command(["fence_y"], timeout=5).result(5)
    assert conductor.commands == [["fence_x"], ["fence_x", "--version"], ["fence_y"]]
    assert conductor.command_inputs == ["action=on", "", ""]


def test_a_command_without_an_answer_really_runs() -> None:
    async def scenario() -> str:
        command = [sys.executable, "-c", "print(input())"]
        return (await FakeConductor().run_command(command, timeout=30, input="ping")).stdout

    assert asyncio.run(scenario()) == "ping\n"
