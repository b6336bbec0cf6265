"""What the driver, and ipmitool beside it, make of boot options, logs and clocks that bend the rules."""

import asyncio
import os
import subprocess
from collections.abc import Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any, Final

import pytest

from peers import PATIENCE
from podium import errors
from podium.drivers import base
from podium.drivers.ipmi.driver import IPMIDriver
from podium.simulator import bmc
from podium.simulator.nodes import address_range
from podium.simulator.server import Simulator

OPTIONS: Final = SimpleNamespace(
    inventory_interval=86400,
    command_retry_timeout=PATIENCE,
    retransmit_interval=1,
    authentication_retry_interval=600,
    session_close_timeout=5,
)
ENTRIES: Final = 25
PAGE: Final = 10
CHOICE: Final = base.BootDevice("pxe", persistent=True, mode="uefi")


@dataclass(frozen=True)
class Seen:
    """What comes of all abilities at one BMC: values, or the errors instead.

    :param ids: of the log's entries, oldest first
    :param left: entries after it was cleared
    :param clock: whether it is right after it was set
    """

    boot: object = CHOICE
    light: object = None
    ids: object = tuple(range(1, ENTRIES + 1))
    left: object = 0
    clock: object = True


HEALTHY: Final = Seen()
SIXTEENTH: Final = replace(HEALTHY, ids=tuple(range(1, 16 * ENTRIES, 16)))
QUIRKS: Final = {
    "": HEALTHY,
    "operator-only": HEALTHY,
    "lacks=boot": replace(HEALTHY, boot=errors.Unsupported),
    "lacks=identify": replace(HEALTHY, light=errors.Unsupported),
    "lacks=log": replace(HEALTHY, ids=errors.Unsupported, left=errors.Unsupported),
    "lacks=clock": replace(HEALTHY, clock=errors.Unsupported),
    "lacks=sensors": HEALTHY,
    "no-boot-parameters=0,3,4": HEALTHY,
    "no-boot-parameters=5": replace(HEALTHY, boot=errors.Unsupported),
    "boot-lies": replace(HEALTHY, boot=base.BootDevice("default")),
    "boot-once": replace(HEALTHY, boot=replace(CHOICE, persistent=False)),
    "boot-bios": replace(HEALTHY, boot=replace(CHOICE, mode="bios")),
    "no-force-identify": replace(HEALTHY, light=errors.Unsupported),
    "log-loops": HEALTHY,
    "short-entries": HEALTHY,
    "no-last-entry": HEALTHY,
    "odd-entry-ids": SIXTEENTH,
    "odd-entry-ids no-last-entry log-loops": SIXTEENTH,
    "no-reservations": HEALTHY,
    "reserved-entries": HEALTHY,
    "slow-erase=1": HEALTHY,
    "clear-logged": replace(HEALTHY, left=1),
    "clear-lies": replace(HEALTHY, left=errors.DriverError),
    "clock-off=-7200": HEALTHY,
    "clock-unset": HEALTHY,
    "clock-off=60 clock-lies": replace(HEALTHY, clock=False),
    "clock-refuses": HEALTHY,  # it is right
}
ADDRESSES: Final = address_range("127.20.13.1", len(QUIRKS))


@asynccontextmanager
async def rack(quirks: Sequence[str], entries: int = ENTRIES) -> Any:
    """A driver, a simulator whose BMCs have these quirks, and their nodes."""
    driver = IPMIDriver("ipmi", OPTIONS)
    settings = bmc.Settings(log_entries=ENTRIES)
    placed = [f"{fault}:{place}" for place, quirk in enumerate(quirks, 1) for fault in quirk.split()]
    async with Simulator(ADDRESSES, settings=settings, placed=placed) as sim:
        sim.add_event({"sensor": "CPU1 Temp", "offset": 9}, entries, "100%")
        await driver.start()
        try:
            yield driver, sim, [node(place, sim.port) for place in range(1, len(quirks) + 1)]
        finally:
            await driver.close()


def node(number: int, port: int) -> base.Node:
    info = {"ipmi_address": f"127.20.13.{number}", "ipmi_port": port}
    info |= {"ipmi_username": "admin", "ipmi_password": "podium-sim"}
    return base.Node(f"n{number}", f"n{number}", "ipmi", driver_info=info)


def run(main: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(main(), PATIENCE))


async def attempt(ability: Awaitable[object]) -> object:
    """What an ability returns, or the kind of its error."""
    try:
        return await ability
    except errors.DriverError as failure:
        return type(failure)


async def boot(driver: IPMIDriver, one: base.Node) -> base.BootDevice:
    await driver.set_boot_device(one, CHOICE)
    return (await driver.get_boot_device(one)).chosen


async def read(driver: IPMIDriver, one: base.Node) -> tuple[int, ...]:
    """The IDs of all entries, read as a terminal does: the newest page first."""
    ids: list[int] = []
    log = await driver.get_log(one, None, None, PAGE)
    while True:
        ids = [int(entry.id) for entry in log.entries] + ids
        if not log.more:
            return tuple(ids)
        log = await driver.get_log(one, log.entries[0].id, None, PAGE)


async def clear(driver: IPMIDriver, one: base.Node) -> int:
    newest = (await driver.get_log(one, None, None, 1)).entries[-1]
    await driver.clear_log(one, newest.id)
    return len((await driver.get_log(one, None, None, PAGE)).entries)


async def clock(driver: IPMIDriver, one: base.Node) -> bool:
    await driver.set_clock(one)
    return abs(base.clock_offset(await driver.get_clock(one))) < 30


async def all_of_it(driver: IPMIDriver, one: base.Node) -> Seen:
    return Seen(
        boot=await attempt(boot(driver, one)),
        light=await attempt(driver.identify(one, None)),
        ids=await attempt(read(driver, one)),
        left=await attempt(clear(driver, one)),
        clock=await attempt(clock(driver, one)),
    )


def test_each_bmc_that_bends_a_rule_does_what_it_can_and_says_what_it_cannot() -> None:
    async def main() -> None:
        async with rack(list(QUIRKS)) as (driver, _, nodes):
            seen = await asyncio.gather(*(all_of_it(driver, one) for one in nodes))
            assert dict(zip(QUIRKS, seen, strict=True)) == QUIRKS

    run(main)


def test_a_log_that_grows_while_it_is_read_is_not_cleared_of_what_nobody_saw() -> None:
    async def main() -> None:
        async with rack(["log-grows log-wraps"]) as (driver, sim, [one]):
            ids = await read(driver, one)
            assert ids == tuple(range(ids[0], ENTRIES + 1))
            assert await attempt(driver.clear_log(one, str(ids[-1]))) is errors.LogChanged
            assert len(sim.bmc("127.20.13.1").events) == ENTRIES

    run(main)


def test_of_a_log_that_shrinks_while_it_is_read_what_is_left_comes_in_its_order() -> None:
    async def main() -> None:
        async with rack(["log-shrinks"]) as (driver, _, [one]):
            ids = await read(driver, one)
            assert ids == tuple(range(ids[0], ENTRIES + 1)) and len(ids) >= PAGE

    run(main)


@pytest.mark.parametrize(
    "quirk",
    ["", "odd-entry-ids", "no-last-entry", "no-reservations", "log-wraps", "clock-unset"],
)
def test_ipmitool_and_the_driver_see_the_same_entries(quirk: str, require_peer: Callable[[str], str]) -> None:
    program = require_peer("ipmitool")

    async def main() -> None:
        async with rack([quirk], entries=ENTRIES + 10) as (driver, sim, [one]):
            where = ("-H", "127.20.13.1", "-p", str(sim.port), "-U", "admin", "-E", "-N", "5")
            peer = await asyncio.create_subprocess_exec(
                program, "-I", "lanplus", "-C", "17", *where, "sel", "list",
                env=os.environ | {"IPMI_PASSWORD": "podium-sim", "LC_ALL": "C"},
                stdout=subprocess.PIPE,
            )  # fmt: skip
            lines = (await peer.communicate())[0].decode().splitlines()
            seen = tuple(int(line.split("|")[0], 16) for line in lines)
            assert len(seen) == ENTRIES
            assert await read(driver, one) == seen

    run(main)
