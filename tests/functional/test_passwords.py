"""Another password for many BMCs with faults: whatever becomes of it, no driver logs in with a wrong one."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from podium import errors, states
from podium.drivers.base import Driver
from podium.drivers.ipmi.driver import IPMIDriver
from podium.drivers.redfish.driver import RedfishDriver
from podium.simulator.nodes import address_range, text
from podium.simulator.redfish.server import RedfishSimulator
from podium.simulator.server import Simulator
from podium.testing import make_driver, make_node
from rounds import only_long

OLD, NEW = "podium-sim", "another one"
COUNT = 200
#: A tenth of the BMCs each; the shares of different faults are different BMCs.
FAULTS = (
    *("password-silent", "password-lost", "password-refused=history", "password-lies"),
    *("password-reboots=2", "password-ends-sessions"),
)
PLACED = [*(f"{fault}:10%" for fault in FAULTS), "lockout=3:100%"]
Rack = Simulator | RedfishSimulator


def ipmi() -> tuple[Rack, Callable[[str], Mapping[str, Any]]]:
    sim = Simulator(address_range("127.20.95.1", COUNT), placed=PLACED)
    user = {"ipmi_username": "admin", "ipmi_password": OLD}
    return sim, lambda address: {"ipmi_address": address, "ipmi_port": sim.port, **user}


def redfish() -> tuple[Rack, Callable[[str], Mapping[str, Any]]]:
    sim = RedfishSimulator(address_range("127.21.95.1", COUNT), placed=PLACED, tls=False)
    user = {"redfish_username": "admin", "redfish_password": OLD}
    return sim, lambda address: {"redfish_address": sim.url(address), **user}


@only_long
@pytest.mark.parametrize(
    ("name", "kind", "made", "options"),
    [
        ("ipmi", IPMIDriver, ipmi, {"command_retry_timeout": 10.0}),
        ("redfish", RedfishDriver, redfish, {"read_timeout": 10.0}),
    ],
)
def test_no_login_is_wrong_whatever_becomes_of_a_password(
    name: str, kind: type[Driver], made: Any, options: Mapping[str, Any]
) -> None:
    async def main() -> None:
        sim, info = made()
        async with sim:
            driver: Any = make_driver(kind, name, **options)
            await driver.start()
            ended: Counter[type[Exception] | None] = Counter()

            async def change(address: str) -> None:
                node, failure = make_node(name, info(address), name=address), None
                try:
                    await driver.set_password(node, NEW)
                except errors.DriverError as error:
                    known = (errors.PasswordRefused, errors.BMCUnreachable)
                    failure = next(one for one in known if isinstance(error, one))
                ended[failure] += 1
                for target in (states.POWER_ON, states.POWER_OFF):  # as others would who do not know
                    with contextlib.suppress(errors.DriverError):
                        await driver.set_power_state(node, target)

            await asyncio.gather(*(change(text(address)) for address in sim.addresses))
            await driver.close()
            reports = [sim.at(address).accounts.report() for address in sim.addresses]
            tenth = COUNT // 10
            assert 0 < ended[errors.PasswordRefused] <= tenth  # fewer if one had to be sent twice
            assert ended[None] + ended[errors.BMCUnreachable] == COUNT - ended[errors.PasswordRefused]
            assert sum(one["password_changes"] for one in reports) == 7 * tenth
            assert [one for one in reports if one["wrong_logins"] or one["locked"]] == []

    asyncio.run(main())
