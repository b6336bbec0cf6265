"""What sensors reported last: how long it is kept, and how much of it."""

from types import SimpleNamespace
from typing import Any

import pytest

from fakes import Clock
from podium.conductor.fleet.sensors import Sensors
from podium.drivers.base import Node, Sensor
from podium.testing import make_node

HOUR = 3600.0


class Owned:
    """A fleet of nodes that a test enrols and deletes."""

    def __init__(self, *nodes: Node) -> None:
        self.nodes = {node.uuid: node for node in nodes}

    def find(self, uuid: str) -> Any:
        return SimpleNamespace(node=self.nodes[uuid]) if uuid in self.nodes else None


def kept(sensors: Sensors) -> dict[tuple[str, str, str], tuple[float | None, int]]:
    """Node, sensor and kind of each sample, and its value and state."""
    return {
        (node.name, one.name, one.kind): (one.value, one.state)
        for node, samples in sensors.current()
        for one in samples
    }


@pytest.fixture
def node() -> Node:
    return make_node("acme", name="r1n01")


@pytest.fixture
def fleet(node: Node) -> Any:
    return Owned(node)


@pytest.fixture
def sensors(fleet: Any, clock: Clock) -> Sensors:
    return Sensors(fleet, clock)


def test_a_sample_has_the_value_and_the_state_of_its_sensor(sensors: Sensors, node: Node) -> None:
    sensors.report(node, [Sensor("CPU1", "temperature", 71.5, "Warning"), Sensor("PSU", "power", 320)])
    assert kept(sensors) == {
        ("r1n01", "CPU1", "temperature"): (71.5, 1),
        ("r1n01", "PSU", "power"): (320.0, 0),
    }


@pytest.mark.parametrize("value", [None, float("nan"), float("inf")])
def test_a_sensor_without_a_reading_has_a_state_alone(
    sensors: Sensors, node: Node, value: float | None
) -> None:
    sensors.report(node, [Sensor("fan 3", "fan", value, "Critical")])
    assert kept(sensors) == {("r1n01", "fan 3", "fan"): (None, 2)}


def test_a_report_takes_the_place_of_the_one_before(sensors: Sensors, node: Node) -> None:
    sensors.report(node, [Sensor("CPU1", "temperature", 40), Sensor("CPU2", "temperature", 41)])
    sensors.report(node, [Sensor("CPU2", "temperature", 42)])
    assert kept(sensors) == {("r1n01", "CPU2", "temperature"): (42, 0)}


def test_a_report_that_no_other_followed_is_forgotten_after_an_hour(
    sensors: Sensors, node: Node, clock: Clock
) -> None:
    sensors.report(node, [Sensor("CPU1", "temperature", 40)])
    clock.now += HOUR - 1
    assert kept(sensors)
    clock.now += 2
    assert not kept(sensors)


def test_a_node_that_left_or_changed_its_driver_has_no_samples(
    sensors: Sensors, node: Node, fleet: Any
) -> None:
    sensors.report(node, [Sensor("CPU1", "temperature", 40)])
    fleet.nodes[node.uuid] = make_node("other", name="r1n01")
    assert not kept(sensors)
    fleet.nodes[node.uuid] = node
    assert kept(sensors)
    fleet.nodes.clear()
    assert not kept(sensors)


def test_a_report_that_comes_after_its_node_left_is_not_kept(
    sensors: Sensors, node: Node, fleet: Any
) -> None:
    fleet.nodes.clear()
    sensors.report(node, [Sensor("CPU1", "temperature", 40)])
    fleet.nodes[node.uuid] = node
    assert not kept(sensors)


def test_a_node_is_known_by_the_name_that_it_has_now(sensors: Sensors, node: Node, fleet: Any) -> None:
    sensors.report(node, [Sensor("CPU1", "temperature", 40)])
    fleet.nodes[node.uuid] = make_node("acme", name="new", uuid=node.uuid)
    assert ("new", "CPU1", "temperature") in kept(sensors)


def test_what_is_kept_of_one_node_is_bounded(sensors: Sensors, node: Node) -> None:
    sensors.report(node, [Sensor(f"{number:03}{'x' * 200}", "voltage", 12) for number in range(300)])
    assert len(kept(sensors)) == 256
    assert {len(sensor) for _, sensor, _ in kept(sensors)} == {128}


def test_of_two_sensors_with_one_name_the_first_is_kept(sensors: Sensors, node: Node) -> None:
    sensors.report(node, [Sensor("PS", "power", 1), Sensor("PS", "voltage", 12), Sensor("PS", "power", 2)])
    ((_, samples),) = sensors.current()
    assert [(one.kind, one.value) for one in samples] == [("power", 1), ("voltage", 12)]


@pytest.mark.parametrize("sensor", [Sensor("x", "humidity", 1), Sensor("x", "fan", 1, "Fine")])
def test_an_unknown_kind_or_status_is_refused(sensors: Sensors, node: Node, sensor: Sensor) -> None:
    with pytest.raises(ValueError, match="no known kind or status"):
        sensors.report(node, [sensor])
