"""The redfish driver's periodic tasks, for one node on a BMC of JSON documents."""

import asyncio
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from bmc_tree import CHASSIS, SYSTEM, TreeSystem, link
from podium import errors
from podium.drivers import base
from podium.drivers.redfish.driver import RedfishDriver
from podium.drivers.redfish.tasks import ClockCheck, HealthCheck, InventoryCollector, SensorCollector
from podium.simulator.nodes import address_range
from podium.simulator.redfish.server import RedfishSimulator
from podium.testing import FakeManager, make_driver, make_node

ADDRESS = "127.21.9.1"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
RESOURCE: dict[str, Any] = {
    "Model": "Anvil 9",
    "BiosVersion": "2.4",
    "PowerState": "On",
    "Status": {"Health": "OK", "HealthRollup": "OK"},
    "Links": {"Chassis": [link(CHASSIS)]},
}
TREE: dict[str, Any] = {
    SYSTEM: RESOURCE,
    CHASSIS: {"Thermal": link("/thermal")},
    "/thermal": {"Temperatures": [{"Name": "CPU", "ReadingCelsius": 60}]},
}


class Machines(RedfishDriver):
    """The driver with one system that nodes have or, for None, have not yet."""

    def __init__(self, system: TreeSystem | None) -> None:
        super().__init__("acme", SimpleNamespace())
        connections: Any = SimpleNamespace(find=lambda node: system, of=lambda node: system)
        self._health_check = HealthCheck(connections)
        self._clock_check = ClockCheck(connections)
        self._inventory_collector = InventoryCollector(connections, 86400.0)
        self._sensor_collector = SensorCollector(connections)


def run(system: TreeSystem | None, *tasks: str, **how: Any) -> FakeManager:
    conductor = FakeManager([make_node("acme", driver_internal_info=how.pop("known", {}))])

    async def main() -> None:
        for task in tasks:
            await conductor.run_task(Machines(system), task, **how)

    asyncio.run(main())
    return conductor


def test_a_simulated_machine_is_told_of_through_the_whole_driver() -> None:
    async def main() -> None:
        async with RedfishSimulator(address_range(ADDRESS, 1)) as simulator:
            simulator.set_fault("power-fault", ADDRESS)
            info = {
                "redfish_address": simulator.url(ADDRESS),
                "redfish_username": "admin",
                "redfish_password": "podium-sim",
                "redfish_verify_ca": False,
            }
            conductor = FakeManager([make_node("redfish", info)])
            driver: Any = make_driver(RedfishDriver, "redfish")
            await driver.start()
            try:
                for task in ("collect_inventory", "check_status", "collect_sensors"):
                    await conductor.run_task(driver, task, on_demand=True)
            finally:
                await driver.close()
        assert conductor.failures == []
        health = conductor.healths["node1"]
        assert (health.status, "PSU2" in health.reasons[0]) == ("Critical", True)
        assert conductor.properties["node1"]["mac_addresses"]
        kinds = {sensor.kind for sensor in conductor.sensors["node1"]}
        assert kinds >= {"temperature", "fan", "power", "voltage"}

    asyncio.run(main())


def test_health_inventory_and_sensors_are_told() -> None:
    told = run(TreeSystem(TREE), "check_status", "collect_inventory", "collect_sensors")
    assert told.failures == []
    assert told.healths["node1"] == base.Health("OK")
    assert told.properties["node1"] == {"model": "Anvil 9", "bios_version": "2.4"}
    assert told.sensors["node1"] == [base.Sensor("CPU", "temperature", 60.0)]


@pytest.mark.parametrize("was_read", [True, False])
def test_sensors_are_read_for_a_person_whether_or_not_the_power_was(was_read: bool) -> None:
    system = TreeSystem(TREE)
    system.was_read = was_read
    found = asyncio.run(Machines(system).get_sensors(make_node("acme")))
    assert found == [base.Sensor("CPU", "temperature", 60.0)]


def test_a_person_learns_why_sensors_cannot_be_read() -> None:
    system = TreeSystem({SYSTEM: errors.BMCUnreachable("silence")})
    system.was_read = False
    with pytest.raises(errors.BMCUnreachable, match="silence"):
        asyncio.run(Machines(system).get_sensors(make_node("acme")))


@pytest.mark.parametrize("task", ["check_status", "collect_inventory", "collect_sensors"])
def test_a_node_whose_power_was_not_read_is_left_alone(task: str) -> None:
    system = TreeSystem(TREE)
    system.was_read = False
    run(system, task)
    assert system.bmc.asked == []
    run(None, task)


@pytest.mark.parametrize("task", ["check_status", "collect_inventory", "collect_sensors"])
def test_a_bmc_that_stops_answering_leaves_all_as_it_was(task: str) -> None:
    told = run(TreeSystem({SYSTEM: errors.BMCUnreachable("silence")}), task)
    assert not told.healths and not told.properties and not told.sensors and not told.driver_internal_info


def test_a_failed_collection_is_a_failure_of_the_task_and_a_failed_check_is_not() -> None:
    told = run(TreeSystem({}), "check_status", "collect_inventory", "collect_sensors")
    assert [failure.task for failure in told.failures] == ["collect_inventory", "collect_sensors"]


def test_an_inventory_is_collected_once_until_the_machine_changes() -> None:
    system = TreeSystem(TREE)
    first = run(system, "collect_inventory")
    known = first.driver_internal_info["node1"]
    assert run(system, "check_status", "collect_inventory", known=known).properties == {}

    system.bmc.documents[SYSTEM] = {**RESOURCE, "PowerState": "Off", "BiosVersion": None}
    assert run(system, "check_status", "collect_inventory", known=known).properties == {}

    system.bmc.documents[SYSTEM] = {**RESOURCE, "BiosVersion": "2.5"}
    changed = run(system, "check_status", "collect_inventory", known=known)
    assert changed.properties["node1"]["bios_version"] == "2.5"


def test_an_inventory_that_a_person_asks_for_is_collected_again() -> None:
    system = TreeSystem(TREE)
    known = run(system, "collect_inventory").driver_internal_info["node1"]
    system.was_read = False
    assert run(system, "collect_inventory", known=known, on_demand=True).properties["node1"]
