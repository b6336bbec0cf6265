"""Simulated BMCs that do what no standard foresees: read and switched, or refused for the right reason."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, NamedTuple

import pytest

from peers import PATIENCE
from podium import errors, states
from podium.drivers import base
from podium.drivers.redfish.driver import RedfishDriver
from podium.simulator.nodes import address_range
from podium.simulator.redfish.bmc import Settings
from podium.simulator.redfish.server import RedfishSimulator
from podium.testing import FakeManager, make_driver, make_node

BMC = "127.21.9.1"
INFO = {"redfish_username": "admin", "redfish_password": "podium-sim", "redfish_verify_ca": False}


class Rack(NamedTuple):
    """A simulated BMC, and the driver with the node of its first machine."""

    simulator: RedfishSimulator
    driver: Any
    node: base.Node

    @property
    def machine(self) -> Any:
        return self.simulator.machine(BMC)

    async def read(self) -> str:
        return str(await self.driver.get_power_state(self.node))


@contextlib.asynccontextmanager
async def rack(*faults: str, systems: int = 1, **info: Any) -> AsyncIterator[Rack]:
    placed = [f"{fault}:1" for fault in faults]
    settings = Settings(systems=systems)
    async with RedfishSimulator(
        address_range(BMC, 1), settings=settings, placed=placed, tls=False
    ) as simulator:
        driver: Any = make_driver(RedfishDriver, "redfish", connect_timeout=PATIENCE)
        await driver.start()
        try:
            node = make_node("redfish", {**INFO, "redfish_address": simulator.url(BMC), **info})
            yield Rack(simulator, driver, node)
        finally:
            await driver.close()


def run(main: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(main(), PATIENCE))


UNHARMED = [
    "no-systems-link", "renamed", "pages", "select-fails", "expand-fails", "filter-fails", "odd-conditions",
    "unasked-304", "body-304", "demands-etags", "null-health", "no-actions",
]  # fmt: skip


@pytest.mark.parametrize("fault", UNHARMED)
def test_a_bmc_with_an_oddity_is_read_and_switched(fault: str) -> None:
    async def main() -> None:
        async with rack(fault) as one:
            for on in (True, False) * 3:
                one.machine.power_on = on
                assert await one.read() == (states.POWER_ON if on else states.POWER_OFF)
            for action in (states.POWER_ON, states.REBOOTING, states.POWER_OFF):
                await one.driver.set_power_state(one.node, action)
            assert await one.read() == states.POWER_OFF
            assert list(one.machine.log) == ["On", "ForceRestart", "ForceOff"]

    run(main)


def test_resets_in_lower_case_are_sent_so_and_lists_that_lie_are_left() -> None:
    async def main() -> None:
        async with rack("lower-case") as one:
            for action in (states.POWER_ON, states.REBOOTING, states.POWER_OFF):
                await one.driver.set_power_state(one.node, action)
            assert list(one.machine.log) == ["On", "ForceRestart", "ForceOff"]
            assert await one.read() == states.POWER_OFF
        async with rack("lying-resets") as one:
            for action in (states.POWER_ON, states.REBOOTING, states.POWER_OFF):
                await one.driver.set_power_state(one.node, action)
            assert list(one.machine.log) == ["ForceOn", "PowerCycle", "GracefulShutdown"]

    run(main)


def test_one_of_two_systems_on_two_pages_is_chosen_by_nobody() -> None:
    async def main() -> None:
        async with rack("pages", systems=2) as one:
            with pytest.raises(errors.InvalidDriverInfo, match="has 2 systems"):
                await one.read()
        async with rack("short-lists", systems=2) as one:
            with pytest.raises(errors.DriverError, match="lists 1 of the 2 systems"):
                await one.read()
        for fault in ("pages", "short-lists"):
            async with rack(fault, systems=2, redfish_system_id="2") as one:
                assert await one.read() == states.POWER_OFF
                await one.driver.set_power_state(one.node, states.POWER_ON)
                log = one.simulator.bmc(BMC).machines["2"].log
                assert (list(log), list(one.machine.log)) == (["On"], [])

    run(main)


def test_a_system_is_found_under_another_name_in_the_same_read() -> None:
    async def main() -> None:
        async with rack() as one:
            assert await one.read() == states.POWER_OFF
            one.simulator.set_fault("renamed", BMC)
            one.machine.power_on = True
            assert await one.read() == states.POWER_ON
            await one.driver.set_power_state(one.node, states.POWER_OFF)
            assert list(one.machine.log) == ["ForceOff"]
        async with rack("renamed", redfish_system_id="1") as one:
            with pytest.raises(errors.DriverError, match="set redfish_system_id to one of its systems"):
                await one.read()
            assert not one.machine.log

    run(main)


def test_a_bmc_that_starts_is_read_as_soon_as_it_has_its_systems() -> None:
    async def main() -> None:
        async with rack("starts=3600") as one:
            for _ in range(2):
                with pytest.raises(errors.DriverError, match="no systems in its service root"):
                    await one.read()
            one.simulator.clear_fault("starts", BMC)
            one.driver._connections.of(one.node).bmc._clock = lambda: time.monotonic() + 5
            assert await one.read() == states.POWER_OFF
            assert one.driver.statistics()["reconnects"] == 0

    run(main)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("error-200", "HTTP 200.*The host interface is not ready"),
        ("empty-bodies", r"the body is empty \(HTTP 200\)"),
        ("null-power", "PowerState is null"),
    ],
)
def test_what_says_nothing_of_the_power_is_an_error_in_the_bmcs_words(fault: str, words: str) -> None:
    async def main() -> None:
        async with rack() as one:
            assert await one.read() == states.POWER_OFF
            one.simulator.set_fault(fault, BMC)
            with pytest.raises(errors.DriverError, match=words):
                await one.read()
            one.simulator.clear_fault(fault, BMC)
            one.machine.power_on = True
            assert await one.read() == states.POWER_ON

    run(main)


def test_a_health_that_a_machine_shows_only_while_it_is_on_is_unknown_while_it_is_off() -> None:
    async def main() -> None:
        async with rack("null-health", "power-fault") as one:
            manager = FakeManager([one.node])
            for on, status in ((True, "Critical"), (False, None), (True, "Critical")):
                one.machine.power_on = on
                await one.read()
                await manager.run_task(one.driver, "check_status")
                health = manager.healths.get(one.node.name)
                assert (health and health.status) == status

    run(main)


def test_a_health_that_a_silent_bmc_does_not_confirm_is_unknown_after_three_checks() -> None:
    async def main() -> None:
        async with rack("power-fault") as one:
            manager = FakeManager([one.node])
            await one.read()
            await manager.run_task(one.driver, "check_status")
            one.simulator.set_fault("empty-bodies", BMC)
            for status in ("Critical", "Critical", "Critical", None):
                assert (one.node.name in manager.healths) == (status is not None)
                manager.advance(301)
                await manager.run_task(one.driver, "check_status")

    run(main)


def test_sensors_are_read_though_they_cannot_come_all_at_once() -> None:
    async def main() -> None:
        async with rack("expand-fails", "pages") as one:
            one.machine.power_on = True
            await one.read()
            manager = FakeManager([one.node])
            for _ in range(2):
                await manager.run_task(one.driver, "collect_sensors")
                assert len(manager.sensors[one.node.name]) >= 8

    run(main)
