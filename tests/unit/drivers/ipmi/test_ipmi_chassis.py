"""What a machine boots from, and the LED by which it is found."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import virtual_time
from podium import errors
from podium.drivers import base
from podium.drivers.ipmi import boot_options
from podium.drivers.ipmi.driver import IPMIDriver
from podium.drivers.ipmi.identify import Identifier
from podium.drivers.ipmi.lan import commands, packet
from rounds import ROUNDS

OPTIONS: Final = SimpleNamespace(
    command_retry_timeout=30,
    retransmit_interval=10,
    authentication_retry_interval=600,
    session_close_timeout=5,
    inventory_interval=86400,
)
SETTING: Final = packet.SET_SYSTEM_BOOT_OPTIONS


class BootOptions:
    """The boot options of a BMC, table 28-14.

    :param refuses: completion codes for what sets a parameter, by parameter
    :param hides: the same for what reads one
    """

    def __init__(self, refuses: dict[int, int] | None = None, hides: dict[int, int] | None = None) -> None:
        self.refuses = refuses or {}
        self.hides = hides or {}
        self.values = {0: b"\0", 3: b"\x02", 4: b"\0\0", 5: bytes(5)}

    def get(self, data: bytes) -> tuple[int, bytes]:
        parameter = data[0]
        return self.hides.get(parameter, 0), bytes((1, parameter)) + self.values[parameter]

    def set(self, data: bytes) -> tuple[int, bytes]:
        if code := self.refuses.get(data[0], 0):
            return code, b""
        self.values[data[0]] = data[1:]
        return 0, b""


@asynccontextmanager
async def machine(
    fake_bmc: Any, options: BootOptions | None = None
) -> AsyncIterator[tuple[IPMIDriver, base.Node, Any]]:
    """A driver, a node and its BMC."""
    options = options or BootOptions()
    async with fake_bmc() as bmc:
        bmc.answers = {packet.GET_SYSTEM_BOOT_OPTIONS: options.get, SETTING: options.set}
        info = {"ipmi_address": bmc.host, "ipmi_port": bmc.port}
        info |= {"ipmi_username": "podium", "ipmi_password": "secret"}
        driver = IPMIDriver("ipmi", OPTIONS)
        await driver.start()
        try:
            yield driver, base.Node("n1", "n1", "ipmi", driver_info=info), bmc
        finally:
            await driver.close()


def run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    virtual_time.run(main, virtual_time.UDP)


@pytest.mark.parametrize(
    ("boot", "flags"),
    [
        (base.BootDevice("pxe", mode="bios"), "8004000000"),
        (base.BootDevice("disk", persistent=True, mode="uefi"), "e008000000"),
        (base.BootDevice("safe", mode="bios"), "800c000000"),
        (base.BootDevice("cdrom", mode="uefi"), "a014000000"),
        (base.BootDevice("bios", persistent=True, mode="bios"), "c018000000"),
        (base.BootDevice("default", mode="bios"), "8000000000"),
    ],
)
def test_what_a_machine_is_to_boot_from_is_set_and_read_back(
    fake_bmc: Any, boot: base.BootDevice, flags: str
) -> None:
    async def main() -> None:
        async with machine(fake_bmc) as (driver, node, bmc):
            await driver.set_boot_device(node, boot)
            sent = [data.hex() for command, data in bmc.executed if command == SETTING]
            assert sent == ["0001", "030a", "040101", f"05{flags}", "0000"]
            assert await driver.get_boot_device(node) == base.Boot(boot, base.BOOT_DEVICES)

    run(main)


@pytest.mark.parametrize(("before", "mode"), [("20", "uefi"), ("00", "bios"), ("a0", "uefi")])
def test_without_a_mode_the_machine_boots_as_it_did(fake_bmc: Any, before: str, mode: str) -> None:
    async def main() -> None:
        options = BootOptions()
        options.values[5] = bytes.fromhex(before) + bytes(4)
        async with machine(fake_bmc, options) as (driver, node, _):
            await driver.set_boot_device(node, base.BootDevice("pxe"))
            assert (await driver.get_boot_device(node)).chosen == base.BootDevice("pxe", mode=mode)

    run(main)


@pytest.mark.parametrize("parameter", [3, 5])
def test_flags_that_cannot_be_told_just_now_are_not_lost(fake_bmc: Any, parameter: int) -> None:
    async def main() -> None:
        options = BootOptions(hides={parameter: 0xC3})
        options.values[5] = bytes.fromhex("a000000000")
        before = dict(options.values)
        async with machine(fake_bmc, options) as (driver, node, _):
            with pytest.raises(errors.DriverError, match="timeout while processing"):
                await driver.set_boot_device(node, base.BootDevice("pxe"))
        assert {number: options.values[number] for number in (3, 5)} == {3: before[3], 5: before[5]}

    run(main)


@pytest.mark.parametrize("code", [0x80, 0xC1, 0xC9, 0xCC, 0xFF])
@pytest.mark.parametrize("parameter", [0, 3, 4])
def test_a_bmc_without_the_parameters_around_the_flags_takes_them(
    fake_bmc: Any, parameter: int, code: int
) -> None:
    async def main() -> None:
        options = BootOptions({parameter: code}, {parameter: code})
        async with machine(fake_bmc, options) as (driver, node, _):
            await driver.set_boot_device(node, base.BootDevice("pxe", mode="bios"))
            assert (await driver.get_boot_device(node)).chosen.device == "pxe"
            assert options.values[0] == b"\0"

    run(main)


def test_options_that_somebody_left_half_set_are_set_and_completed(fake_bmc: Any) -> None:
    async def main() -> None:
        options = BootOptions()
        options.values[0] = b"\x01"

        def set_unless_begun(data: bytes) -> tuple[int, bytes]:
            if data == b"\x00\x01" and options.values[0] == b"\x01":
                return 0x81, b""
            return BootOptions.set(options, data)

        options.set = set_unless_begun  # type: ignore[method-assign]
        async with machine(fake_bmc, options) as (driver, node, _):
            await driver.set_boot_device(node, base.BootDevice("pxe", mode="bios"))
        assert options.values[0] == b"\0" and options.values[5][1] == 0x04

    run(main)


def test_flags_that_stay_already_are_not_told_to(fake_bmc: Any) -> None:
    async def main() -> None:
        options = BootOptions()
        options.values[3] = b"\x19"
        async with machine(fake_bmc, options) as (driver, node, bmc):
            await driver.set_boot_device(node, base.BootDevice("pxe"))
            assert not [data for command, data in bmc.executed if command == SETTING and data[0] == 3]

    run(main)


@pytest.mark.parametrize(
    ("code", "kind", "words"),
    [
        (0xCC, errors.Unsupported, "asked for pxe, every time, uefi"),
        (0x80, errors.Unsupported, "does not let others choose"),
        (0xC1, errors.Unsupported, "does not let others choose"),
        (0x82, errors.Unsupported, "does not let others choose"),
        (0xFF, errors.DriverError, "refused Set System Boot Options: unspecified error"),
    ],
)
def test_a_bmc_that_refuses_the_flags_is_left_in_order(
    fake_bmc: Any, code: int, kind: type[Exception], words: str
) -> None:
    async def main() -> None:
        options = BootOptions({5: code})
        async with machine(fake_bmc, options) as (driver, node, _):
            with pytest.raises(kind, match=words):
                await driver.set_boot_device(node, base.BootDevice("pxe", persistent=True, mode="uefi"))
        assert options.values[0] == b"\0"

    run(main)


@pytest.mark.parametrize(
    ("answer", "chosen"),
    [
        ("0105801c000000", base.BootDevice("remote floppy", mode="bios")),
        ("0105e03c000000", base.BootDevice("floppy", persistent=True, mode="uefi")),
        ("01058028000000", base.BootDevice(None, mode="bios")),
        ("01050004000000", base.BootDevice("default")),
        ("01858004000000", base.BootDevice("default")),
        ("01058004", base.BootDevice("pxe", mode="bios")),
        ("0105800700000000ff", base.BootDevice("pxe", mode="bios")),
    ],
    ids=["a word of its own", "floppy", "reserved", "not valid", "locked", "short", "long"],
)
def test_flags_are_read_in_any_form(fake_bmc: Any, answer: str, chosen: base.BootDevice) -> None:
    async def main() -> None:
        async with machine(fake_bmc) as (driver, node, bmc):
            bmc.answers[packet.GET_SYSTEM_BOOT_OPTIONS] = lambda data: (0, bytes.fromhex(answer))
            assert (await driver.get_boot_device(node)).chosen == chosen

    run(main)


@pytest.mark.parametrize(
    ("code", "answer", "kind", "words"),
    [
        (0x80, "", errors.Unsupported, "does not say what the machine boots from"),
        (0xC1, "", errors.Unsupported, "does not say what the machine boots from"),
        (0xC3, "", errors.DriverError, "timeout while processing"),
        (0, "010580", errors.DriverError, "too short"),
        (0, "", errors.DriverError, "too short"),
    ],
)
def test_a_bmc_that_does_not_tell_its_flags_is_an_error(
    fake_bmc: Any, code: int, answer: str, kind: type[Exception], words: str
) -> None:
    async def main() -> None:
        async with machine(fake_bmc) as (driver, node, bmc):
            bmc.answers[packet.GET_SYSTEM_BOOT_OPTIONS] = lambda data: (code, bytes.fromhex(answer))
            with pytest.raises(kind, match=words):
                await driver.get_boot_device(node)

    run(main)


@pytest.mark.parametrize(
    ("seconds", "data"), [(60, "3c"), (0.2, "01"), (255, "ff"), (3600, "ff"), (0, "00"), (None, "0001")]
)
def test_the_led_blinks_for_so_long(fake_bmc: Any, seconds: float | None, data: str) -> None:
    async def main() -> None:
        async with machine(fake_bmc) as (driver, node, bmc):
            await driver.identify(node, seconds)
            assert bmc.executed[-1] == (packet.CHASSIS_IDENTIFY, bytes.fromhex(data))

    run(main)


@pytest.mark.parametrize(
    ("seconds", "code", "words"),
    [
        (None, 0xC7, "only for a time: ask for so many seconds"),
        (None, 0xCC, "only for a time: ask for so many seconds"),
        (600, 0xC1, "no LED that it can switch"),
        (60, 0xC1, "no LED that it can switch"),
    ],
)
def test_what_cannot_blink_so_is_told_how_it_can(
    fake_bmc: Any, seconds: float | None, code: int, words: str
) -> None:
    async def main() -> None:
        async with machine(fake_bmc) as (driver, node, bmc):
            bmc.answers[packet.CHASSIS_IDENTIFY] = lambda data: (code, b"")
            with pytest.raises(errors.Unsupported, match=words):
                await driver.identify(node, seconds)

    run(main)


class Led:
    """The time, and what a BMC is told at which, of which it does not hear everything.

    :param deaf: from when to when it does not answer
    """

    target = "192.0.2.1:623"

    def __init__(self, deaf: range = range(0)) -> None:
        self.now = 0.0
        self.deaf = deaf
        self.heard: list[tuple[float, int]] = []

    async def pause(self, seconds: float) -> None:
        self.now += seconds
        await asyncio.sleep(0)

    async def command(self, command: tuple[int, int], data: bytes = b"", **_: Any) -> bytes:
        if int(self.now) in self.deaf:
            raise errors.BMCUnreachable("no answer")
        self.heard.append((self.now, data[0]))
        return b""

    @property
    def lit(self) -> list[tuple[float, float]]:
        """From when to when it blinks."""
        times: list[tuple[float, float]] = []
        for now, seconds in self.heard:
            begun = times.pop()[0] if times and times[-1][1] >= now else now
            times.append((begun, now + seconds))
        return times


NODE: Final = base.Node("n1", "r1n01", "ipmi")


def led_task() -> asyncio.Task[Any] | None:
    return next((task for task in asyncio.all_tasks() if task.get_name() == "LED of r1n01"), None)


@pytest.mark.parametrize("seconds", [256, 300, 511.5, 600, 3600, 86400])
def test_an_led_blinks_for_longer_than_a_bmc_has_it_blink(seconds: float) -> None:
    async def main() -> None:
        led: Any = Led()
        await Identifier(lambda _: led, lambda: led.now, led.pause).identify(NODE, led, seconds)
        renewing = led_task()
        assert renewing is not None
        await renewing
        ((begun, ended),) = led.lit
        assert begun == 0 and seconds <= ended < seconds + 1
        assert len(led.heard) <= seconds / 180 + 2

    run(main)


@pytest.mark.parametrize(("deaf", "told"), [(range(170, 240), 1), (range(170, 900), 1), (range(0), 0)])
def test_an_led_goes_on_when_its_bmc_answers_again(
    deaf: range, told: int, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        led: Any = Led(deaf)
        await Identifier(lambda _: led, lambda: led.now, led.pause).identify(NODE, led, 1200)
        renewing = led_task()
        assert renewing is not None
        await renewing
        assert led.lit[-1][1] == pytest.approx(1200, abs=1)
        assert (len(led.lit) == 1) == (deaf.stop <= 255)

    run(main)
    assert caplog.text.count("the LED of node r1n01 may go out before its time") == told


@pytest.mark.parametrize("last", [0, 60, None])
def test_of_what_was_asked_only_the_last_is_renewed(last: float | None) -> None:
    async def main() -> None:
        led: Any = Led()
        still = asyncio.Event()
        identifier = Identifier(lambda _: led, lambda: led.now, lambda _: still.wait())  # type: ignore[arg-type, return-value]
        await identifier.identify(NODE, led, 3600)
        renewing = led_task()
        assert renewing is not None
        await identifier.identify(NODE, led, last)
        await asyncio.wait([renewing])
        assert renewing.cancelled() and len(led.heard) == 2

    run(main)


@pytest.mark.parametrize("how", ["release", "close"])
def test_a_node_that_goes_elsewhere_is_not_renewed_here(fake_bmc: Any, how: str) -> None:
    async def main() -> None:
        async with machine(fake_bmc) as (driver, node, _):
            node = replace(node, name="r1n01")
            await driver.identify(node, 3600)
            renewing = led_task()
            assert renewing is not None
            await (driver.release(node) if how == "release" else driver.close())
            await asyncio.wait([renewing])
            assert renewing.cancelled()

    run(main)


def test_who_may_only_read_learns_what_is_missing(fake_bmc: Any) -> None:
    async def main() -> None:
        async with machine(fake_bmc) as (driver, node, bmc):
            reader = replace(node, driver_info={**node.driver_info, "ipmi_priv_level": "USER"})
            for refused in (packet.CHASSIS_IDENTIFY, packet.GET_SYSTEM_BOOT_OPTIONS, SETTING):
                bmc.codes[refused] = 0xD4
            words = "insufficient privilege level .* check ipmi_priv_level, and the level that the user has"
            with pytest.raises(errors.DriverError, match=words):
                await driver.identify(reader, 60)
            with pytest.raises(errors.DriverError, match=words):
                await driver.set_boot_device(reader, base.BootDevice("pxe"))
            with pytest.raises(errors.DriverError, match=words):
                await driver.get_boot_device(reader)

    run(main)


class Answering:
    """Stands for a connection, with the answers of a script."""

    target = "192.0.2.1:623"

    def __init__(self, script: list[tuple[int, bytes]]) -> None:
        self._script = script
        self.asked: list[tuple[tuple[int, int], bytes]] = []

    async def command(self, command: tuple[int, int], data: bytes = b"", **_: Any) -> bytes:
        self.asked.append((command, data))
        code, answer = self._script[len(self.asked) % len(self._script)]
        if code:
            raise commands.CommandFailed(self.target, command, code)
        return answer


@settings(max_examples=200 * ROUNDS)
@given(
    st.lists(
        st.tuples(st.sampled_from([0, 0, 0, 0x80, 0x81, 0xC0, 0xC1, 0xCC, 0xD4]), st.binary(max_size=9)),
        min_size=1,
    ),
    st.sampled_from(base.BOOT_DEVICES),
    st.booleans(),
    st.sampled_from([None, *base.BOOT_MODES]),
)
def test_whatever_a_bmc_answers_there_are_flags_or_an_error_that_names_it(
    script: list[tuple[int, bytes]], device: str, persistent: bool, mode: str | None
) -> None:
    connection: Any = Answering(script)
    try:
        asyncio.run(boot_options.choose(connection, base.BootDevice(device, persistent, mode)))
        found = asyncio.run(boot_options.read(connection))
    except errors.DriverError as failure:
        assert "192.0.2.1" in str(failure)
    else:
        assert found.chosen.mode in (None, *base.BOOT_MODES)
    assert len(connection.asked) <= 8
