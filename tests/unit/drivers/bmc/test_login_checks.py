"""What a login that is tried costs: simulated BMCs of both protocols count the wrong ones."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from peers import PATIENCE
from podium import errors, states
from podium.drivers import base
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
        self._bmc = simulator.bmc(ADDRESS)
        self.accounts: Accounts = self._bmc.accounts

    def lock_at(self, wrong_logins: int) -> None:
        self._bmc.faults = replace(self._bmc.faults, lockout=wrong_logins, lockout_seconds=60.0)

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
def test_a_wrong_login_counts_once_and_no_more_than_two_are_sent_whatever_the_password(protocol: str) -> None:
    """Three would lock the account."""

    async def main() -> None:
        async with rack(protocol) as found:
            found.lock_at(3)
            await found.driver.get_power_state(found.node())
            for count, password in ((1, "wrong"), (2, "mistyped"), (2, "wrong"), (2, "guessed")):
                await found.refusal(password)
                # Behind the last word of a refused login over IPMI, which has no answer.
                await found.driver.get_power_state(found.node())
                assert found.accounts.wrong_logins == count
            assert "is left alone" in await found.refusal("podium-sim")
            assert found.accounts.refused_while_locked == 0

    run(main)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_session_that_goes_on_does_not_start_the_count_anew(protocol: str) -> None:
    async def main() -> None:
        async with rack(protocol) as found:
            for _ in range(2):
                await found.driver.get_power_state(found.node())
                await found.refusal("wrong")
            await found.driver.get_power_state(found.node())
            assert "is left alone" in await found.refusal("another")

    run(main)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_password_that_a_person_corrects_is_tried_once_at_once(protocol: str) -> None:
    async def main() -> None:
        async with rack(protocol) as found:
            await found.driver.get_power_state(found.node())
            for _ in range(2):
                await found.refusal("wrong")
            found.accounts.own.password = b"by-hand"
            assert await found.driver.get_power_state(found.node("by-hand")) == states.POWER_OFF
            await found.driver.check_login(found.node("by-hand"))
            assert found.accounts.wrong_logins == 2

    run(main)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_correction_that_is_wrong_is_tried_only_once(protocol: str) -> None:
    async def main() -> None:
        async with rack(protocol) as found:
            await found.driver.get_power_state(found.node())
            for _ in range(2):
                await found.refusal("wrong")
            for _ in range(3):
                with pytest.raises(errors.AuthenticationRefused):
                    await found.driver.get_power_state(found.node("wrong too"))
            while found.accounts.wrong_logins < 3:  # the last word of a refused login has no answer
                await asyncio.sleep(0.01)
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
