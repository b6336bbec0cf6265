"""The conductor in memory: what it notes, when tasks are due, and what of a failure it lets through."""

import asyncio
import sys
from typing import Any

import pytest

from podium import errors, states, testing
from podium.drivers import base
from podium.drivers.command import CommandResult
from podium.drivers.context import RunContext
from podium.testing import FakeManager, make_node


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
    async def check_status(self, manager: base.Manager, context: Any) -> None:
        if self.broken == "check_status":
            raise KeyError("status")
        for node in manager.nodes(self):
            manager.report_health(node, base.Health("OK"))

    @base.driver_periodic_task(spacing=300, run_immediately=True)
    def discover(self, manager: base.Manager, context: Any) -> None:
        self.seen.append("discover")

    @base.driver_periodic_task(spacing=1, enabled=False)
    def never(self, manager: base.Manager, context: Any) -> None:
        self.seen.append("never")

    @base.node_periodic_task(spacing=90, filters={"power_state": states.POWER_ON})
    async def look(self, node: base.Node, manager: base.Manager, context: Any) -> None:
        self.seen.append(node.name)
        if self.broken == node.name:
            raise errors.BMCUnreachable("no answer")

    @base.node_periodic_task(spacing=90, all_nodes=True)
    def count(self, node: base.Node, manager: base.Manager, context: Any) -> None:
        manager.save_properties(node, {"counted": True})


def on(name: str, driver: str = "acme", **fields: Any) -> base.Node:
    return make_node(driver, name=name, power_state=states.POWER_ON, **fields)


def due_after(*steps: float) -> list[list[str]]:
    """The names of the tasks that ran at the start and after each step."""
    manager, driver = FakeManager(), Tasked()

    async def scenario() -> list[list[str]]:
        ran = [await manager.run_tasks_due(driver)]
        for step in steps:
            manager.advance(step)
            ran.append(await manager.run_tasks_due(driver))
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
    manager = FakeManager(
        [
            on("n1"),
            on("held", maintenance=True),
            on("changing", target_power_state=states.POWER_OFF),
            make_node("acme", name="off", power_state=states.POWER_OFF),
            on("other", driver="fake"),
        ]
    )
    driver = Tasked()
    asyncio.run(manager.run_task(driver, "look"))
    assert driver.seen == ["n1"]


def test_a_run_returns_the_nodes_that_it_was_for() -> None:
    manager = FakeManager([on("n1"), on("n2", maintenance=True), on("n3", driver="fake")])
    driver = Tasked(broken="n1")
    assert asyncio.run(manager.run_task(driver, "look")) == ["n1"]
    assert asyncio.run(manager.run_task(driver, "count")) == ["n1", "n2"]
    assert asyncio.run(manager.run_task(driver, "discover")) == ["n1", "n2"]
    assert asyncio.run(FakeManager().run_task(driver, "look")) == []


def test_the_nodes_of_each_due_task_can_be_asked_for() -> None:
    manager = FakeManager([on("n1"), make_node("acme", name="n2")])
    manager.advance(90)
    asyncio.run(manager.run_tasks_due(Tasked()))
    assert manager.called == {
        "check_status": ["n1", "n2"],
        "count": ["n1", "n2"],
        "discover": ["n1", "n2"],
        "look": ["n1"],
    }


@pytest.mark.parametrize("due", [True, False])
def test_a_manager_with_nodes_of_other_drivers_alone_is_a_mistake(due: bool) -> None:
    manager = FakeManager([on("n1", driver="fake"), on("n2", driver="ipmi")])
    told = "no node of the driver acme, only of fake, ipmi; make_node takes the driver, or its name"
    with pytest.raises(LookupError, match=told):
        asyncio.run(manager.run_tasks_due(Tasked()) if due else manager.run_task(Tasked(), "look"))


def test_a_node_task_for_all_nodes_runs_for_those_in_maintenance_too() -> None:
    manager = FakeManager([on("n1"), on("held", maintenance=True)])
    asyncio.run(manager.run_task(Tasked(), "count"))
    assert manager.properties == {"n1": {"counted": True}, "held": {"counted": True}}


def test_one_nodes_failure_does_not_touch_the_others() -> None:
    manager, driver = FakeManager([on("n1"), on("n2")]), Tasked(broken="n1")
    asyncio.run(manager.run_task(driver, "look"))
    assert driver.seen == ["n1", "n2"]
    assert [(failure.task, failure.node) for failure in manager.failures] == [("look", "n1")]


def test_what_a_driver_task_raises_reaches_the_test() -> None:
    with pytest.raises(KeyError, match="status"):
        asyncio.run(FakeManager().run_task(Tasked(broken="check_status"), "check_status"))


def test_a_due_task_that_fails_does_not_keep_the_others_from_running() -> None:
    manager = FakeManager([on("n1")], now=1000)
    manager.advance(90)
    asyncio.run(manager.run_tasks_due(Tasked(broken="check_status")))
    assert manager.properties == {"n1": {"counted": True}}
    assert [(failure.task, failure.node) for failure in manager.failures] == [("check_status", None)]


def test_an_unknown_task_is_told_with_those_there_are() -> None:
    with pytest.raises(LookupError, match="no task chek_status, only check_status, count"):
        asyncio.run(FakeManager().run_task(Tasked(), "chek_status"))


def test_what_was_saved_shows_in_the_nodes() -> None:
    driver, node = Tasked(), make_node("acme", properties={"cpus": 4, "vendor": "Acme"})
    manager = FakeManager([node])
    manager.save_properties(node, {"cpus": 8, "vendor": None})
    manager.report_power_state(node, states.POWER_ON)
    manager.set_maintenance(node, "on fire")
    (known,) = manager.nodes(driver)
    assert (known.properties, known.power_state, known.maintenance) == ({"cpus": 8}, states.POWER_ON, True)
    assert manager.maintenance == {"node1": "on fire"}


def test_the_sensors_told_last_are_noted() -> None:
    node = make_node("acme")
    manager = FakeManager([node])
    for value in (20.0, 21.0):
        manager.report_sensors(node, [base.Sensor("Inlet", "temperature", value)])
    assert manager.sensors == {"node1": [base.Sensor("Inlet", "temperature", 21.0)]}


@pytest.mark.parametrize("asked", [False, True])
def test_a_task_can_be_run_as_if_a_person_had_asked_for_it(asked: bool) -> None:
    asked_for: list[bool] = []

    class Curious(Tasked):
        @base.driver_periodic_task()
        async def check_status(self, manager: base.Manager, context: RunContext) -> None:
            asked_for.append(context.on_demand)

    asyncio.run(FakeManager().run_task(Curious(), "check_status", on_demand=asked))
    assert asked_for == [asked]


def test_reservations_are_recorded() -> None:
    node = make_node("acme")
    manager = FakeManager([node])
    for purpose in ("first", "second"):
        with manager.reserve(node, purpose):
            pass
    assert manager.reservations == [("node1", "first"), ("node1", "second")]


def test_what_the_conductor_ignores_is_not_recorded() -> None:
    mine, changing = make_node("acme"), make_node("acme", name="changing", target_power_state=states.POWER_ON)
    manager = FakeManager([mine, changing])
    for node in (mine, changing, make_node("acme", name="elsewhere"), make_node("other")):
        manager.report_power_state(node, states.POWER_OFF)
        manager.report_health(node, base.Health("Critical"))
    assert manager.power_states == {"node1": [states.POWER_OFF]}
    assert manager.healths.keys() == {"node1", "changing"}


def test_a_command_gets_the_answer_of_the_longest_match() -> None:
    manager = FakeManager()
    manager.commands_answer(
        {
            ("fence_x",): lambda argv, given: CommandResult(0, given, ""),
            ("fence_x", "--version"): CommandResult(0, "4.12", ""),
            ("fence_y",): errors.DriverError("fence_y did not end within 5 s and was killed"),
        }
    )
    assert manager.run_command(["fence_x"], timeout=5, input="action=on").result(5).stdout == "action=on"
    assert manager.run_command(["fence_x", "--version"], timeout=5).result(5).stdout == "4.12"
    with pytest.raises(errors.DriverError, match="fence_y did not end"):
        manager.run_command(["fence_y"], timeout=5).result(5)
    assert manager.commands == [["fence_x"], ["fence_x", "--version"], ["fence_y"]]
    assert manager.command_inputs == ["action=on", "", ""]


def test_a_command_without_an_answer_really_runs() -> None:
    async def scenario() -> str:
        command = [sys.executable, "-c", "print(input())"]
        return (await FakeManager().run_command(command, timeout=30, input="ping")).stdout

    assert asyncio.run(scenario()) == "ping\n"


def test_drivers_that_use_the_earlier_names_still_work() -> None:
    assert testing.FakeConductor is testing.FakeManager
    assert base.Conductor is base.Manager


class Pushed(Tasked):
    """Listens from its start on."""

    def __init__(self, broken: str = "") -> None:
        super().__init__(broken)
        self.heard: list[str] = []

    async def start(self, manager: base.Manager) -> None:
        if self.broken == "start":
            raise errors.DriverError("no controller")
        self.manager = manager
        self.heard.append(f"{len(manager.nodes(self))} nodes, n1 is {manager.node('n1')}")

    async def node_added(self, node: base.Node) -> None:
        self.manager.spawn(self.listen(node.name))

    async def listen(self, name: str) -> None:
        self.heard.append(name)
        if self.broken == name:
            raise KeyError(name)


def test_a_driver_is_started_without_nodes_and_then_told_of_them() -> None:
    manager, driver = FakeManager([on("n1"), on("n2")]), Pushed(broken="n2")

    async def scenario() -> None:
        await manager.start(driver)
        await asyncio.sleep(0)
        assert driver.heard == ["0 nodes, n1 is None", "n1", "n2"]
        await manager.close(driver)

    asyncio.run(scenario())
    assert [(one.task, one.node) for one in manager.failures] == [("Pushed.listen", None)]


def test_what_start_raises_reaches_the_test() -> None:
    with pytest.raises(errors.DriverError, match="no controller"):
        asyncio.run(FakeManager([on("n1")]).start(Pushed(broken="start")))


def test_a_driver_that_was_not_started_with_the_manager_is_not_told_and_spawns_nothing() -> None:
    manager, driver = FakeManager([on("n1")]), Pushed()
    with pytest.raises(LookupError, match="driver acme was not started with FakeManager.start"):
        asyncio.run(manager.tell_driver(driver))
    with pytest.raises(RuntimeError, match="was not started with this manager"):
        manager.spawn(driver.listen("n1"))
