"""The driver and ipmitool on a simulated rack where every BMC bends a rule of its own."""

import asyncio
import os
import subprocess
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any, Final

import pytest

from peers import PATIENCE
from podium import errors, states
from podium.drivers import base
from podium.drivers.ipmi.driver import IPMIDriver
from podium.simulator import bmc
from podium.simulator.nodes import address_range
from podium.simulator.server import Simulator

QUIRKS: Final = (
    "no-suite-17=02", "no-suite-17=04", "no-suite-17=09", "no-suite-17=0a", "no-suite-17=11",
    "no-suite-17=12", "blank-refusals", "short-refusals", "echoed-ids", "zero-codes", "zero-tags",
    "zero-ids", "open-privilege", "short-passwords", "no-lookup-bit", "long-codes", "wrong-checksums",
    "trailing-bytes", "operator-only", "operator-session",
)  # fmt: skip
#: What changes nothing until a login is refused.
IN_ANY_FORM: Final = ("", "blank-refusals", "short-refusals", "echoed-ids", "zero-tags", "zero-ids")
OPTIONS: Final = SimpleNamespace(
    inventory_interval=86400,
    command_retry_timeout=PATIENCE,
    retransmit_interval=0.1,
    authentication_retry_interval=600,
    session_close_timeout=5,
)
ADDRESSES: Final = address_range("127.20.11.1", 2 * len(QUIRKS))
LONG: Final = bmc.Settings(password=b"twenty bytes of it..")


def run(main: Awaitable[None]) -> None:
    asyncio.run(asyncio.wait_for(main, PATIENCE))


def node(number: int, port: int, settings: bmc.Settings, **changes: Any) -> base.Node:
    info = {
        "ipmi_address": f"127.20.11.{number}",
        "ipmi_port": port,
        "ipmi_username": settings.user,
        "ipmi_password": settings.password.decode(),
    }
    return base.Node(f"n{number}", f"n{number}", "ipmi", driver_info=info | changes)


def with_rack(
    placed: list[str], use: Callable[[IPMIDriver, Simulator], Awaitable[None]], settings: bmc.Settings = LONG
) -> None:
    async def main() -> None:
        driver = IPMIDriver("ipmi", OPTIONS)
        async with Simulator(ADDRESSES, settings=settings, placed=placed) as sim:
            await driver.start()
            try:
                await use(driver, sim)
            finally:
                await driver.close()

    run(main())


@pytest.mark.parametrize("form", IN_ANY_FORM)
def test_every_bmc_that_bends_a_rule_is_read_and_switched(form: str) -> None:
    placed = [f"{quirk}:{2 * place + 1}-{2 * place + 2}" for place, quirk in enumerate(QUIRKS)]
    placed += [f"{form}:100%"] if form else []

    async def use(driver: IPMIDriver, sim: Simulator) -> None:
        async def go(number: int) -> tuple[str, str]:
            one = node(number, sim.port, LONG)
            before = await driver.get_power_state(one)
            await driver.set_power_state(one, states.POWER_ON)
            return before, await driver.get_power_state(one)

        said = await asyncio.gather(*(go(number) for number in range(1, len(ADDRESSES) + 1)))
        read = dict(zip([quirk for quirk in QUIRKS for _ in range(2)], said, strict=True))
        assert read == dict.fromkeys(QUIRKS, (states.POWER_OFF, states.POWER_ON))

    with_rack(placed, use)


@pytest.mark.parametrize("form", IN_ANY_FORM)
@pytest.mark.parametrize("quirk", ["", "open-privilege", "short-passwords", "long-codes"])
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"ipmi_password": "twenty bytes in it.."}, "ipmi_password"),
        ({"ipmi_username": "nobody"}, "unauthorized name"),
    ],
)
def test_who_is_refused_is_refused_for_the_right_reason(
    form: str, quirk: str, changes: dict[str, str], words: str
) -> None:
    async def use(driver: IPMIDriver, sim: Simulator) -> None:
        for expected in (words, words, "left alone"):
            with pytest.raises(errors.AuthenticationRefused, match=expected):
                await driver.get_power_state(node(1, sim.port, LONG, **changes))

    with_rack([f"{fault}:1" for fault in (form, quirk) if fault], use)


def test_a_suite_that_was_set_is_not_replaced_and_the_option_is_named() -> None:
    async def use(driver: IPMIDriver, sim: Simulator) -> None:
        for number in (1, 2):
            for _ in range(4):
                with pytest.raises(errors.DriverError, match="ipmi_cipher_suite to 3") as caught:
                    await driver.get_power_state(node(number, sim.port, LONG, ipmi_cipher_suite=17))
                assert not isinstance(caught.value, errors.AuthenticationRefused)

    with_rack(["zero-codes:1", "no-suite-17=04:2", "blank-refusals:2"], use)


@pytest.mark.parametrize(
    ("quirk", "suite"),
    [
        ("no-suite-17=04", 3),
        ("blank-refusals", 17),
        ("short-refusals", 17),
        ("zero-codes", 3),
        ("zero-tags", 17),
        ("long-codes", 17),
        ("wrong-checksums", 17),
    ],
)
def test_ipmitool_reads_a_bmc_that_bends_a_rule_too(
    quirk: str, suite: int, require_peer: Callable[[str], str]
) -> None:
    program = require_peer("ipmitool")
    settings = bmc.Settings()

    async def use(driver: IPMIDriver, sim: Simulator) -> None:
        assert await driver.get_power_state(node(1, sim.port, settings)) == states.POWER_OFF
        where = ("-H", "127.20.11.1", "-p", str(sim.port), "-U", settings.user, "-E", "-N", "5")
        peer = await asyncio.create_subprocess_exec(
            program, "-I", "lanplus", "-C", str(suite), *where, "power", "status",
            env=os.environ | {"IPMI_PASSWORD": settings.password.decode(), "LC_ALL": "C"},
            stdout=subprocess.PIPE,
        )  # fmt: skip
        assert (await peer.communicate())[0] == b"Chassis Power is off\n"

    with_rack([f"{quirk}:1"], use, settings)
