"""The promises of the driver to its users. podium.testing describes the test kit."""

import asyncio
from types import SimpleNamespace

from podium.drivers import base
from podium.testing import DriverContract, FakeManager, make_node

from podium_driver_acme.controller import Machine
from podium_driver_acme.driver import AcmeDriver

ADDRESS, SILENT, REFUSING = "192.0.2.1", "192.0.2.2", "192.0.2.3"


def node_at(address: str, name: str = "m1") -> base.Node:
    info = {"acme_address": address, "acme_password": "opensesame"}
    return make_node("acme", info, name=name)


def driver_with(machine: Machine) -> AcmeDriver:
    """Return a driver with a machine that answers, a silent one, and one with another password."""
    driver = AcmeDriver("acme", SimpleNamespace(timeout=0.05))
    driver.client.machines = {
        ADDRESS: machine,
        SILENT: Machine(silent=True),
        REFUSING: Machine(password="swordfish"),
    }
    return driver


class TestAcmeKeepsTheContract(DriverContract):
    driver_class = AcmeDriver
    driver_name = "acme"

    def make_driver(self) -> AcmeDriver:
        return driver_with(Machine())

    def make_node(self, name: str = "node1") -> base.Node:
        return node_at(ADDRESS, name)

    def make_silent_node(self) -> base.Node:
        return node_at(SILENT)

    def make_refusing_node(self) -> base.Node:
        return node_at(REFUSING)


def test_a_broken_fan_makes_the_health_critical() -> None:
    manager = FakeManager([node_at(ADDRESS)])
    asyncio.run(manager.run_task(driver_with(Machine(fans="2 stopped")), "check_fans"))
    assert manager.healths == {"m1": base.Health("Critical", ("fans: 2 stopped",))}


def test_the_controller_of_a_deleted_node_is_forgotten() -> None:
    driver = driver_with(Machine())
    asyncio.run(FakeManager([node_at(ADDRESS)]).run_task(driver, "forget_gone"))
    assert list(driver.client.machines) == [ADDRESS]
