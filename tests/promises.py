"""A driver that keeps the contract, and a check of which promises another driver breaks."""

import asyncio
import datetime
import unittest
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from oslo_config import cfg

from podium import errors, states
from podium.drivers import base
from podium.testing import DriverContract

SILENT, REFUSING = "silent", "refusing"


class Good(base.Driver):
    """Machines that keep every promise."""

    properties: ClassVar[Mapping[str, base.Property]] = {
        "acme_address": base.Property("host name", required=True),
        "acme_password": base.Property("password", secret=True),
    }
    options: Any = (cfg.IntOpt("retries", default=2, help="How often it tries."),)

    def __init__(self, name: str, options: Any) -> None:
        super().__init__(name, options)
        self.on: dict[str, bool] = {}

    async def get_power_state(self, node: base.Node) -> str:
        address = self.parse_driver_info(node)["acme_address"]
        if address == SILENT:
            await self.silence()
        if address == REFUSING:
            raise errors.AuthenticationRefused("it refuses the login")
        return states.POWER_ON if self.on.get(node.name) else states.POWER_OFF

    async def silence(self) -> None:
        try:
            async with asyncio.timeout(0.05):
                await asyncio.Event().wait()
        except TimeoutError:
            raise errors.BMCUnreachable("it does not answer") from None

    async def set_power_state(self, node: base.Node, target: str) -> None:
        if target not in self.supported_power_states:
            raise errors.UnsupportedPowerState(f"it cannot do {target}")
        self.on[node.name] = states.REACHED[target] == states.POWER_ON

    @base.driver_periodic_task(spacing=60)
    async def check_status(self, manager: base.Manager, context: Any) -> None:
        for node in manager.nodes(self):
            manager.report_health(node, base.Health("OK"))


class Able(Good):
    """Machines that support everything besides power, and have their own actions."""

    def __init__(self, name: str, options: Any) -> None:
        super().__init__(name, options)
        self.boot = base.BootDevice("default")
        self.events = list[base.LogEntry]()
        self.ahead = datetime.timedelta(hours=1)

    def happen(self, number: int) -> None:
        for _ in range(number):
            here = str(len(self.events) + 1)
            self.events.append(base.LogEntry(here, None, "OK", f"event {here}"))

    async def ask(self, node: base.Node) -> None:
        await self.get_power_state(node)

    async def get_boot_device(self, node: base.Node) -> base.Boot:
        await self.ask(node)
        return base.Boot(self.boot, ["pxe", "disk", "default"])

    async def set_boot_device(self, node: base.Node, boot: base.BootDevice) -> None:
        await self.ask(node)
        if boot.device not in ("pxe", "disk", "default") or boot.mode == "uefi":
            raise errors.Unsupported(f"it cannot boot from {boot}")
        self.boot = boot

    async def identify(self, node: base.Node, seconds: float | None) -> None:
        await self.ask(node)
        if seconds is None:
            raise errors.Unsupported("its LED blinks for an hour at the most")

    async def get_log(self, node: base.Node, before: str | None, after: str | None, limit: int) -> base.Log:
        await self.ask(node)
        found = [
            one
            for one in self.events
            if (before is None or not before.isdigit() or int(one.id) < int(before))
            and (after is None or not after.isdigit() or int(one.id) > int(after))
        ]
        return base.Log(found[-limit:], more=len(found) > limit)

    async def clear_log(self, node: base.Node, last: str) -> None:
        await self.ask(node)
        if not self.events or self.events[-1].id != last:
            raise errors.LogChanged("there are newer entries")
        self.events = [base.LogEntry("1", None, "OK", "the log was cleared")]

    async def get_clock(self, node: base.Node) -> datetime.datetime:
        await self.ask(node)
        return datetime.datetime.now(datetime.UTC) + self.ahead

    async def set_clock(self, node: base.Node) -> None:
        await self.ask(node)
        self.ahead = datetime.timedelta()

    @base.action(help="Blink at the door")
    async def blink(self, node: base.Node, label: str, colour: Literal["red", "green"]) -> str | None:
        await self.ask(node)
        return f"{label} blinks {colour}"


def contract(driver: type[base.Driver]) -> DriverContract:
    class Contract(DriverContract):
        driver_class = driver
        driver_info = {"acme_address": "n1", "acme_password": "secret"}
        patience = 1.0
        action_arguments = {"blink": {"label": "r1"}}
        refusing: ClassVar = {"acme_address": REFUSING, "acme_password": "opensesame"}

        async def fill_log(self, driver: base.Driver, node: base.Node) -> None:
            if isinstance(driver, Able):
                driver.happen(5)

        def make_silent_node(self) -> base.Node:
            return base.Node("s", "s", "acme", driver_info={"acme_address": SILENT})

        def make_refusing_node(self) -> base.Node:
            return base.Node("r", "r", "acme", driver_info=self.refusing)

    return Contract()


def broken_promises(driver: type[base.Driver]) -> dict[str, str]:
    """Return the contract tests that fail for a driver, with their messages."""
    suite = contract(driver)
    failed = {}
    for name in dir(suite):
        if name.startswith("test_"):
            try:
                getattr(suite, name)()
            except unittest.SkipTest:
                continue
            except Exception as error:
                failed[name] = str(error)
    return failed


def meets_silence(name: str) -> bool:
    """Whether a test of the contract has a driver ask hardware that does not answer."""
    words = "silent", "not_answer", "nothing_is_left", "no_async_method_blocks", "cancelled"
    return any(word in name for word in words)
