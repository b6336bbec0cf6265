"""The whole driver and simulated BMCs that send events: what a person would see of a machine's power."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from oslo_config import cfg

from podium import errors, states
from podium.clocks import boottime
from podium.drivers import base
from podium.drivers.redfish.driver import RedfishDriver
from podium.simulator.nodes import address_range
from podium.simulator.redfish.bmc import Settings
from podium.simulator.redfish.server import RedfishSimulator
from podium.testing import FakeManager
from podium.testing.watch import Leaks

ON, OFF = states.POWER_ON, states.POWER_OFF
ADDRESS = "127.21.7.1"


class Manager(FakeManager):
    """Lets a test wait for what is reported."""

    def __init__(self, *nodes: base.Node) -> None:
        super().__init__(nodes)
        self._told = asyncio.Event()

    def report_power_state(self, node: base.Node, state: str, *, observed_at: float | None = None) -> None:
        super().report_power_state(node, state, observed_at=observed_at)
        self._told.set()

    def report_health(self, node: base.Node, health: base.Health) -> None:
        super().report_health(node, health)
        self._told.set()

    async def until(self, condition: Callable[[], Any]) -> None:
        """Wait until what was reported makes a condition true."""
        while not condition():
            self._told.clear()
            await self._told.wait()

    def last(self, name: str = "web1") -> str | None:
        return self.power_states.get(name, [None])[-1]


def options(**changes: Any) -> Any:
    conf = cfg.ConfigOpts()
    conf.register_opts(RedfishDriver.options, "redfish")
    conf([])
    for name, value in changes.items():
        conf.set_override(name, value, "redfish")
    return conf.redfish


def node(sim: RedfishSimulator, name: str = "web1", system: str = "1") -> base.Node:
    info = {
        "redfish_address": sim.url(ADDRESS),
        "redfish_system_id": system,
        "redfish_username": "admin",
        "redfish_password": "podium-sim",
        "redfish_verify_ca": False,
    }
    return base.Node(uuid=name, name=name, driver="redfish", driver_info=info)


@contextlib.asynccontextmanager
async def simulated(*faults: str, **settings: Any) -> AsyncIterator[RedfishSimulator]:
    """One BMC at :data:`ADDRESS`, of which nothing is left in the end."""
    leaks = Leaks()
    placed = [f"{fault}:1" for fault in faults]
    range_ = address_range(ADDRESS, 1)
    async with RedfishSimulator(range_, settings=Settings(**settings), placed=placed) as sim:
        yield sim
        assert sim.status()["sessions"] == 0
    assert await leaks.left() == []


@contextlib.asynccontextmanager
async def following(*nodes: base.Node, **changes: Any) -> AsyncIterator[tuple[RedfishDriver, Manager]]:
    """A driver that read each node and follows its events."""
    driver, manager = RedfishDriver("redfish", options(**changes)), Manager(*nodes)
    await driver.start()
    try:
        for one in nodes:
            await driver.get_power_state(one)
        await manager.run_task(driver, "follow_events")
        await manager.until(lambda: len(manager.power_states) == len(nodes))
        assert manager.failures == []
        yield driver, manager
    finally:
        await driver.close()


def test_a_stream_that_ends_with_the_password_does_not_log_in_with_the_old_one() -> None:
    async def main() -> None:
        async with simulated("password-ends-sessions") as sim, following(web := node(sim)) as (driver, _):
            await driver.set_password(web, "another one")
            while sim.status()["event_streams"]:
                await asyncio.sleep(0.01)
            with pytest.raises(errors.DriverError, match="no login with the old one"):
                await driver.set_power_state(web, states.POWER_ON)
            assert sim.status()["logins_refused"] == 0

    asyncio.run(main())


def test_a_switch_behind_its_back_is_reported_and_nothing_is_asked_in_between() -> None:
    async def main() -> None:
        async with simulated() as sim, following(web := node(sim)) as (driver, manager):
            asked = sim.status()["requests"]
            assert [await driver.get_power_state(web) for _ in range(3)] == [OFF] * 3
            assert sim.status()["requests"] == asked
            sim.machine(ADDRESS).power_on = True
            await manager.until(lambda: manager.last() == ON)
            assert [await driver.get_power_state(web) for _ in range(3)] == [ON] * 3
            assert sim.status()["requests"] == asked + 2  # what is new is read twice before it stands

    asyncio.run(main())


def test_podiums_own_change_is_read_from_the_bmc_until_it_is_reached() -> None:
    async def main() -> None:
        async with simulated(power_delay=0.2) as sim, following(web := node(sim)) as (driver, manager):
            await driver.set_power_state(web, ON)
            while await driver.get_power_state(web) != ON:
                await asyncio.sleep(0.01)
            assert sim.machine(ADDRESS).power_on
            await driver.set_power_state(web, OFF)
            while await driver.get_power_state(web) != OFF:
                await asyncio.sleep(0.01)
            assert not sim.machine(ADDRESS).power_on

    asyncio.run(main())


def test_an_event_that_comes_before_the_state_shows_is_no_lie_in_the_end() -> None:
    async def main() -> None:
        passed = [0.0]
        async with (
            simulated("stale=3600", clock=lambda: boottime() + passed[0]) as sim,
            following(node(sim)) as (_, manager),
        ):
            sim.machine(ADDRESS).power_on = True
            await manager.until(lambda: manager.power_states["web1"].count(OFF) >= 2)
            passed[0] = 3600.0
            await manager.until(lambda: manager.last() == ON)

    asyncio.run(main())


def test_a_stream_that_says_nothing_is_made_up_for_by_the_read_that_confirms() -> None:
    async def main() -> None:
        async with (
            simulated("event-silence") as sim,
            following(web := node(sim), events_confirm_interval=3600) as (driver, manager),
        ):
            sim.machine(ADDRESS).power_on = True
            assert await driver.get_power_state(web) == OFF
            driver._connections.of(web)._clock = lambda: boottime() + 3600
            assert await driver.get_power_state(web) == ON
            assert driver.statistics()["streams"] == 1

    asyncio.run(main())


def test_two_nodes_on_one_bmc_share_a_stream() -> None:
    async def main() -> None:
        async with (
            simulated(systems=2) as sim,
            following(node(sim, "one"), node(sim, "two", "2")) as (driver, manager),
        ):
            assert (sim.status()["event_streams"], sim.status()["sessions"]) == (1, 1)
            sim.machine(ADDRESS, "2").power_on = True
            await manager.until(lambda: manager.last("two") == ON)
            assert manager.last("one") == OFF

    asyncio.run(main())


@pytest.mark.parametrize("fault", ["no-events", "drops-events=0.1"])
def test_a_bmc_without_a_stream_that_lasts_is_polled(fault: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)

    async def main() -> None:
        async with simulated(fault) as sim:
            web, driver = node(sim), RedfishDriver("redfish", options())
            manager = Manager(web)
            await driver.start()
            await driver.get_power_state(web)
            await manager.run_task(driver, "follow_events")
            while fault != "no-events" and "it ended the stream" not in caplog.text:
                await asyncio.sleep(0.01)
            while driver.statistics()["streams"]:
                await asyncio.sleep(0.01)
            sim.machine(ADDRESS).power_on = True
            assert await driver.get_power_state(web) == ON
            await driver.close()

    asyncio.run(main())


def test_a_fault_shows_in_the_health_as_soon_as_its_event_comes() -> None:
    async def main() -> None:
        async with simulated() as sim, following(node(sim)) as (_, manager):
            sim.set_fault("cooling-fault", "1")
            await manager.until(lambda: manager.healths and manager.healths["web1"].status != "OK")

    asyncio.run(main())


def test_a_node_that_is_released_has_its_stream_closed() -> None:
    async def main() -> None:
        async with simulated() as sim, following(web := node(sim)) as (driver, _):
            changed = base.Node(
                web.uuid, web.name, "redfish", {**web.driver_info, "redfish_auth_type": "basic"}
            )
            assert await driver.get_power_state(changed) == OFF
            while sim.status()["event_streams"] or sim.status()["sessions"]:
                await asyncio.sleep(0.01)

    asyncio.run(main())
