"""What sensors said last: how long it is kept, how much of it, and how Prometheus gets it."""

from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client import parser

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


def told(sensors: Sensors) -> dict[tuple[str, str, str], float]:
    """Name, node and sensor of each sample, and its value."""
    return {
        (sample.name, sample.labels["node"], sample.labels["sensor"]): sample.value
        for family in parser.text_string_to_metric_families("".join(sensors.text()))
        for sample in family.samples
    }


@pytest.fixture
def node() -> Node:
    return make_node(name="r1n01")


@pytest.fixture
def fleet(node: Node) -> Any:
    return Owned(node)


@pytest.fixture
def sensors(fleet: Any, clock: Clock) -> Sensors:
    return Sensors(fleet, clock)


def test_a_sensor_is_a_sample_with_its_unit_and_one_of_its_state(sensors: Sensors, node: Node) -> None:
    sensors.report(node, [Sensor("CPU1", "temperature", 71.5, "Warning"), Sensor("PSU", "power", 320)])
    assert told(sensors) == {
        ("podium_sensor_temperature_celsius", "r1n01", "CPU1"): 71.5,
        ("podium_sensor_power_watts", "r1n01", "PSU"): 320.0,
        ("podium_sensor_state", "r1n01", "CPU1"): 1.0,
        ("podium_sensor_state", "r1n01", "PSU"): 0.0,
    }


@pytest.mark.parametrize("value", [None, float("nan"), float("inf")])
def test_a_sensor_without_a_reading_has_a_state_alone(
    sensors: Sensors, node: Node, value: float | None
) -> None:
    sensors.report(node, [Sensor("fan 3", "fan", value, "Critical")])
    assert told(sensors) == {("podium_sensor_state", "r1n01", "fan 3"): 2.0}


def test_a_report_takes_the_place_of_the_one_before(sensors: Sensors, node: Node) -> None:
    sensors.report(node, [Sensor("CPU1", "temperature", 40), Sensor("CPU2", "temperature", 41)])
    sensors.report(node, [Sensor("CPU2", "temperature", 42)])
    assert told(sensors)["podium_sensor_temperature_celsius", "r1n01", "CPU2"] == 42
    assert len(told(sensors)) == 2


def test_a_report_that_no_other_followed_is_forgotten_after_an_hour(
    sensors: Sensors, node: Node, clock: Clock
) -> None:
    sensors.report(node, [Sensor("CPU1", "temperature", 40)])
    clock.now += HOUR - 1
    assert told(sensors)
    clock.now += 2
    assert not told(sensors)


def test_a_node_that_left_or_changed_its_driver_is_told_of_no_more(
    sensors: Sensors, node: Node, fleet: Any
) -> None:
    sensors.report(node, [Sensor("CPU1", "temperature", 40)])
    fleet.nodes[node.uuid] = make_node("other", name="r1n01")
    assert not told(sensors)
    fleet.nodes[node.uuid] = node
    assert told(sensors)
    fleet.nodes.clear()
    assert not told(sensors)


def test_a_report_that_comes_after_its_node_left_is_not_kept(
    sensors: Sensors, node: Node, fleet: Any
) -> None:
    fleet.nodes.clear()
    sensors.report(node, [Sensor("CPU1", "temperature", 40)])
    fleet.nodes[node.uuid] = node
    assert not told(sensors)


def test_a_node_is_known_by_the_name_that_it_has_now(sensors: Sensors, node: Node, fleet: Any) -> None:
    sensors.report(node, [Sensor("CPU1", "temperature", 40)])
    fleet.nodes[node.uuid] = make_node(name="new", uuid=node.uuid)
    assert ("podium_sensor_state", "new", "CPU1") in told(sensors)


@pytest.mark.parametrize("name", ['a "quoted" fan', "back\\slash", "two\nlines"])
def test_names_are_told_as_the_hardware_has_them(sensors: Sensors, node: Node, name: str) -> None:
    sensors.report(node, [Sensor(name, "fan", 900)])
    assert ("podium_sensor_fan_rpm", "r1n01", name) in told(sensors)


def test_what_one_node_can_tell_is_bounded(sensors: Sensors, node: Node) -> None:
    sensors.report(node, [Sensor(f"{number:03}{'x' * 200}", "voltage", 12) for number in range(300)])
    assert len(told(sensors)) == 2 * 256
    assert {len(sensor) for _, _, sensor in told(sensors)} == {128}


def test_of_two_sensors_with_one_name_the_first_is_told(sensors: Sensors, node: Node) -> None:
    sensors.report(node, [Sensor("PS", "power", 1), Sensor("PS", "voltage", 12), Sensor("PS", "power", 2)])
    assert told(sensors)["podium_sensor_power_watts", "r1n01", "PS"] == 1
    assert "".join(sensors.text()).count("podium_sensor_power_watts{") == 1


@pytest.mark.parametrize("sensor", [Sensor("x", "humidity", 1), Sensor("x", "fan", 1, "Fine")])
def test_an_unknown_kind_or_status_is_refused(sensors: Sensors, node: Node, sensor: Sensor) -> None:
    with pytest.raises(ValueError, match="no known kind or status"):
        sensors.report(node, [sensor])
