"""Simulated BMCs that break a rule of HTTP or JSON: read and switched, or refused for the right reason."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from peers import PATIENCE
from podium import states
from podium.drivers.redfish.driver import RedfishDriver
from podium.simulator.fault_values import NOBODY
from podium.simulator.nodes import address_range
from podium.simulator.redfish.server import RedfishSimulator
from podium.testing import FakeManager, make_driver, make_node

BMC = "127.21.9.1"
INFO = {"redfish_username": "admin", "redfish_password": "podium-sim", "redfish_verify_ca": False}
FAULTS = [
    "odd-texts",
    "odd-json",
    "odd-heads",
    "redirects-posts=301",
    "redirects-posts=302",
    "redirects-posts=307",
    "redirects-posts=308",
    "cut-errors forgets-sessions=2",
    "cut-actions",
    "wrong-lengths",
    *(f"says-nobody={form} forgets-sessions=7" for form in NOBODY),
    *(f"says-nobody={form} forgets-sessions=3" for form in NOBODY if form != "500"),  # at the reset itself
    "old-tls",
    "absolute-links",
    "relative-links",
    "absolute-links tasks",
    "relative-links tasks half-closes",
    "redirects redirects-posts=307 absolute-links",
    "odd-texts odd-json odd-heads wrong-lengths",
    "no-sessions relative-links odd-heads cut-actions",
]


def run(main: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(main(), PATIENCE))


@pytest.mark.parametrize("auth", ["auto", "basic"])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_bmc_with_a_quirk_is_read_and_switched(fault: str, auth: str) -> None:
    async def main() -> None:
        async with RedfishSimulator(
            address_range(BMC, 1), placed=[f"{one}:1" for one in fault.split()]
        ) as simulator:
            driver: Any = make_driver(RedfishDriver, "redfish", connect_timeout=PATIENCE)
            info = {**INFO, "redfish_address": simulator.url(BMC), "redfish_auth_type": auth}
            node, machine = make_node("redfish", info), simulator.machine(BMC)
            manager = FakeManager([node])
            await driver.start()
            try:
                for on in (True, False) * 2:
                    machine.power_on = on
                    assert await driver.get_power_state(node) == (states.POWER_ON if on else states.POWER_OFF)
                await manager.run_task(driver, "collect_inventory", on_demand=True)
                properties = manager.properties[node.name]
                assert (properties["memory_mb"], len(properties["mac_addresses"])) == (262144, 2)
                await manager.run_task(driver, "check_status")
                assert manager.healths[node.name].status == "OK"
                await driver.set_power_state(node, states.POWER_ON)
                assert await driver.get_power_state(node) == states.POWER_ON
                await driver.set_power_state(node, states.REBOOTING)
                assert list(machine.log) == ["On", "ForceRestart"]
                if "sessions" not in fault:
                    assert simulator.status()["sessions_opened"] == (auth == "auto")
            finally:
                await driver.close()
            assert simulator.status()["sessions"] == 0

    run(main)
