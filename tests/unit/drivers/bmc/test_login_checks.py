"""What a login that is tried costs: simulated BMCs of both protocols count the wrong ones."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from peers import PATIENCE
from podium import errors, states
from podium.drivers import base
from podium.drivers.bmc.logins import NONE_REFUSED, Checks, RefusedLogins
from podium.drivers.ipmi.driver import IPMIDriver
from podium.drivers.redfish.driver import RedfishDriver
from podium.simulator.accounts import Accounts
from podium.simulator.nodes import address_range
from podium.simulator.redfish.server import RedfishSimulator
from podium.simulator.server import Simulator
from podium.testing import make_driver, make_node

ADDRESS = "127.20.8.7"
PROTOCOLS = ("ipmi", "redfish")


class Rack:
    """A started driver, one BMC, and its node."""

    def __init__(self, driver: base.Driver, simulator: Any) -> None:
        self.driver: Any = driver
        self._port = simulator.port
        self.accounts: Accounts = simulator.bmc(ADDRESS).accounts

    def node(self, password: str = "podium-sim") -> base.Node:
        if isinstance(self.driver, IPMIDriver):
            info: dict[str, Any] = {"ipmi_address": ADDRESS, "ipmi_port": self._port}
        else:
            info = {"redfish_address": f"https://{ADDRESS}:{self._port}", "redfish_verify_ca": False}
        login = base.login_of(self.driver)
        assert login is not None and login.username is not None
        info |= {login.username: "admin", login.password: password}
        return make_node(self.driver, info)

    async def refusal(self, password: str) -> str:
        with pytest.raises(errors.AuthenticationRefused) as refused:
            await self.driver.check_login(self.node(password))
        return str(refused.value)


@asynccontextmanager
async def rack(protocol: str) -> AsyncIterator[Rack]:
    is_ipmi = protocol == "ipmi"
    simulator = (Simulator if is_ipmi else RedfishSimulator)(address_range(ADDRESS, 1))
    driver: base.Driver = make_driver(IPMIDriver if is_ipmi else RedfishDriver, protocol)
    async with simulator as running:
        await driver.start()  # type: ignore[misc]
        try:
            yield Rack(driver, running)
        finally:
            await driver.close()  # type: ignore[misc]


def run(main: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(main(), PATIENCE))


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_right_login_is_none_that_counts(protocol: str) -> None:
    async def main() -> None:
        async with rack(protocol) as found:
            for _ in range(3):
                assert await found.driver.get_power_state(found.node()) == states.POWER_OFF
                report = await found.driver.check_login(found.node())
                assert (report.username, report.power_state) == ("admin", states.POWER_OFF)
            assert (found.accounts.logins, found.accounts.wrong_logins) == (4, 0)

    run(main)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_wrong_login_counts_once_and_no_more_than_three_are_sent(protocol: str) -> None:
    async def main() -> None:
        async with rack(protocol) as found:
            await found.driver.get_power_state(found.node())
            for count in (1, 2, 3, 3, 3):
                await found.refusal("wrong")
                # Behind the last word of a refused login over IPMI, which has no answer.
                await found.driver.get_power_state(found.node())
                assert found.accounts.wrong_logins == count
            assert "is left alone" in await found.refusal("wrong")
            await found.driver.check_login(found.node())
            await found.driver.get_power_state(found.node())
            assert found.accounts.wrong_logins == 3

    run(main)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_login_is_refused_that_only_a_session_which_is_open_still_has(protocol: str) -> None:
    async def main() -> None:
        async with rack(protocol) as found:
            await found.driver.get_power_state(found.node())
            found.accounts.own.password = b"another"
            await found.refusal("podium-sim")
            assert await found.driver.get_power_state(found.node()) == states.POWER_OFF
            await found.driver.check_login(found.node("another"))
            assert found.accounts.wrong_logins == 1

    run(main)


class Held:
    """A connection that counts."""

    def __init__(self) -> None:
        self.refused = NONE_REFUSED


REFUSAL = errors.AuthenticationRefused("no")


def test_a_connection_goes_on_counting_what_was_counted_before_it_was_made() -> None:
    held: dict[str, Held] = {}
    checks = Checks[str](held.get, lambda: 0.0, 600.0)
    checks.count("bmc", REFUSAL)
    held["bmc"] = Held()
    held["bmc"].refused = checks.take("bmc")
    checks.count("bmc", REFUSAL)
    assert (held["bmc"].refused.count, checks.of("other")) == (2, NONE_REFUSED)
    checks.clear("bmc")
    assert held["bmc"].refused is NONE_REFUSED


def test_only_so_many_targets_are_remembered() -> None:
    checks = Checks[int]({}.get, lambda: 0.0, 600.0)  # type: ignore[arg-type]
    for target in range(1001):
        checks.count(target, REFUSAL)
    assert checks.of(0) is NONE_REFUSED
    assert checks.of(1000) == RefusedLogins(1, checks.of(1000).left_alone_until, "no")
