"""The contract of what drivers can do beside the power can fail, too: each driver breaks one promise."""

import asyncio
import time
from dataclasses import replace
from typing import Any, Literal

import pytest

from podium import errors
from podium.drivers import base
from promises import SILENT, Able, broken_promises


class Plain(Able):
    """The same, with a blocking library."""

    def get_clock(self, node: base.Node) -> Any:
        time.sleep(0.001)
        return asyncio.run(super().get_clock(node))


class BootsFromNothing(Able):
    """Broken."""

    async def set_boot_device(self, node: base.Node, boot: base.BootDevice) -> None:
        await super().set_boot_device(node, boot)
        self.boot = base.BootDevice("default")


class BootsOnceForAlways(Able):
    """Broken."""

    async def set_boot_device(self, node: base.Node, boot: base.BootDevice) -> None:
        await super().set_boot_device(node, replace(boot, persistent=False))


class OwnDevice(Able):
    """Broken."""

    async def get_boot_device(self, node: base.Node) -> base.Boot:
        return replace(await super().get_boot_device(node), supported=["pxe", "floppy"])


class TakesAllDevices(Able):
    """Broken."""

    async def set_boot_device(self, node: base.Node, boot: base.BootDevice) -> None:
        await self.ask(node)
        self.boot = boot


class TogglesTheDevice(Able):
    """Broken."""

    async def set_boot_device(self, node: base.Node, boot: base.BootDevice) -> None:
        again = self.boot == boot
        await super().set_boot_device(node, boot)
        if again:
            self.boot = base.BootDevice("default")


class NeverEndsBlinking(Able):
    """Broken."""

    async def identify(self, node: base.Node, seconds: float | None) -> None:
        await super().identify(node, seconds)
        if seconds == 0:
            raise errors.Unsupported("it blinks until somebody comes")


class NewestFirst(Able):
    """Broken."""

    async def get_log(self, node: base.Node, before: str | None, after: str | None, limit: int) -> base.Log:
        found = await super().get_log(node, before, after, limit)
        return replace(found, entries=found.entries[::-1])


class OldestOfAll(Able):
    """Broken."""

    async def get_log(self, node: base.Node, before: str | None, after: str | None, limit: int) -> base.Log:
        found = await super().get_log(node, before, after, 1000)
        return base.Log(found.entries[:limit], more=len(found.entries) > limit)


class ForgetsMore(Able):
    """Broken."""

    async def get_log(self, node: base.Node, before: str | None, after: str | None, limit: int) -> base.Log:
        return replace(await super().get_log(node, before, after, limit), more=False)


class TakesNoUnknownId(Able):
    """Broken."""

    async def get_log(self, node: base.Node, before: str | None, after: str | None, limit: int) -> base.Log:
        if after is not None and not after.isdigit():
            raise errors.DriverError(f"there is no entry {after}")
        return await super().get_log(node, before, after, limit)


class OneId(Able):
    """Broken."""

    async def get_log(self, node: base.Node, before: str | None, after: str | None, limit: int) -> base.Log:
        found = await super().get_log(node, before, after, limit)
        return replace(found, entries=[replace(one, id="0") for one in found.entries[:3]])


class LogsThePassword(Able):
    """Broken."""

    async def get_log(self, node: base.Node, before: str | None, after: str | None, limit: int) -> base.Log:
        found = await super().get_log(node, before, after, limit)
        password = node.driver_info.get("acme_password")
        return replace(found, entries=[replace(one, message=f"login {password}") for one in found.entries])


class ClearsWhatNobodySaw(Able):
    """Broken."""

    async def clear_log(self, node: base.Node, last: str) -> None:
        await self.ask(node)
        self.events.clear()


class ClearsNothing(Able):
    """Broken."""

    async def clear_log(self, node: base.Node, last: str) -> None:
        events = self.events
        await super().clear_log(node, last)
        self.events = events


class ClockWithoutOffset(Able):
    """Broken."""

    async def get_clock(self, node: base.Node) -> Any:
        return (await super().get_clock(node)).replace(tzinfo=None)


class ClockThatStays(Able):
    """Broken."""

    async def set_clock(self, node: base.Node) -> None:
        await self.ask(node)


class ReturnsANumber(Able):
    """Broken."""

    @base.action(help="Blink")
    async def blink(self, node: base.Node, label: str, colour: Literal["red"]) -> Any:
        await self.ask(node)
        return 7


class TakesAPassword(Able):
    """Broken."""

    @base.action(help="Open the door")
    async def blink(self, node: base.Node, label: str, password: str = "") -> None:
        await self.ask(node)


class ReadsNoClock(Able):
    """Broken."""

    get_clock = base.Driver.get_clock  # type: ignore[assignment]


class SilentSensors(Able):
    """Broken."""

    async def get_sensors(self, node: base.Node) -> Any:
        if node.driver_info.get("acme_address") != SILENT:
            await self.ask(node)
        return []


class CannotBeCancelled(Able):
    """Broken."""

    async def identify(self, node: base.Node, seconds: float | None) -> None:
        try:
            await super().identify(node, seconds)
        except asyncio.CancelledError:
            raise errors.BMCUnreachable("it does not answer") from None


class BlinksInPlace(Able):
    """Broken."""

    @base.action(help="Blink")
    async def blink(self, node: base.Node, label: str) -> None:
        time.sleep(0.001)  # noqa: ASYNC251
        await self.ask(node)


class LeavesABlinkingTask(Able):
    """Broken."""

    async def identify(self, node: base.Node, seconds: float | None) -> None:
        await super().identify(node, seconds)
        self.blinking = asyncio.ensure_future(asyncio.Event().wait())


BROKEN = {
    BootsFromNothing: ["test_a_boot_device_is_set_and_read"],
    BootsOnceForAlways: ["test_a_boot_device_is_set_and_read"],
    OwnDevice: ["test_a_boot_device_is_set_and_read"],
    TakesAllDevices: ["test_a_boot_device_is_set_and_read"],
    TogglesTheDevice: ["test_a_boot_device_is_set_and_read"],
    NeverEndsBlinking: ["test_it_identifies_a_machine"],
    NewestFirst: ["test_its_log_is_cleared", "test_its_log_is_read"],
    OldestOfAll: ["test_its_log_is_read"],
    ForgetsMore: ["test_its_log_is_read"],
    TakesNoUnknownId: ["test_its_log_is_read"],
    OneId: ["test_its_log_is_cleared", "test_its_log_is_read"],
    LogsThePassword: ["test_its_log_is_cleared", "test_its_log_is_read"],
    ClearsWhatNobodySaw: ["test_its_log_is_cleared"],
    ClearsNothing: ["test_its_log_is_cleared"],
    ClockWithoutOffset: ["test_its_clock_is_read", "test_its_clock_is_set"],
    ClockThatStays: ["test_its_clock_is_set"],
    ReturnsANumber: ["test_its_own_actions_are_carried_out"],
    TakesAPassword: ["test_its_actions_can_be_asked_for"],
    ReadsNoClock: ["test_its_abilities_are_whole"],
    SilentSensors: ["test_what_is_asked_of_silent_hardware_fails_as_such"],
    CannotBeCancelled: ["test_what_is_asked_and_cancelled_ends"],
    BlinksInPlace: ["test_no_async_method_blocks"],
    LeavesABlinkingTask: ["test_nothing_is_left_after_close"],
}


@pytest.mark.parametrize("driver", [Able, Plain])
def test_a_good_driver_breaks_no_promise(driver: type[base.Driver]) -> None:
    assert broken_promises(driver) == {}


@pytest.mark.parametrize(("driver", "promises"), BROKEN.items(), ids=lambda one: getattr(one, "__name__", ""))
def test_a_broken_promise_is_told_by_its_own_test(driver: type[base.Driver], promises: list[str]) -> None:
    assert list(broken_promises(driver)) == promises
