"""How Prometheus reads what sensors reported."""

from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client import parser

from podium.conductor.fleet.sensors import Sensors
from podium.conductor.telling import sensor_metrics
from podium.drivers.base import Sensor
from podium.testing import make_node


def read(*sensors: Sensor, name: str = "r1n01") -> dict[tuple[str, str, str], float]:
    """Name, node and sensor of each sample of a node, and its value."""
    node = make_node("acme", name=name)
    fleet: Any = SimpleNamespace(find=lambda uuid: SimpleNamespace(node=node))
    store = Sensors(fleet)
    store.report(node, sensors)
    return {
        (sample.name, sample.labels["node"], sample.labels["sensor"]): sample.value
        for family in parser.text_string_to_metric_families("".join(sensor_metrics.text(store)))
        for sample in family.samples
    }


def test_a_sensor_is_a_sample_with_its_unit_and_one_of_its_state() -> None:
    assert read(Sensor("CPU1", "temperature", 71.5, "Warning"), Sensor("PSU", "power", 320)) == {
        ("podium_sensor_temperature_celsius", "r1n01", "CPU1"): 71.5,
        ("podium_sensor_power_watts", "r1n01", "PSU"): 320.0,
        ("podium_sensor_state", "r1n01", "CPU1"): 1.0,
        ("podium_sensor_state", "r1n01", "PSU"): 0.0,
    }


def test_a_sensor_without_a_reading_is_a_sample_of_its_state_alone() -> None:
    assert read(Sensor("fan 3", "fan", None, "Critical")) == {("podium_sensor_state", "r1n01", "fan 3"): 2.0}


@pytest.mark.parametrize("name", ['a "quoted" name', "back\\slash", "two\nlines"])
def test_names_are_read_as_they_are(name: str) -> None:
    assert ("podium_sensor_fan_rpm", name, name) in read(Sensor(name, "fan", 900), name=name)
