"""The boot options of simulated BMCs: what they keep, for how long, and what machines boot from."""

import pytest

from podium.drivers.ipmi.lan import packet
from podium.simulator import bmc
from podium.simulator.ipmi import codes
from simulated import CYCLE, OFF, ON, OPERATOR, RESET, SOFT, Clock, control, machine

ONCE, PERSISTENT, UEFI = 0x80, 0xC0, 0x20
PXE, DISK, CDROM, BIOS = 1, 2, 5, 6


def set_option(asked: bmc.BMC, parameter: int, *value: int) -> int:
    return asked.execute(*packet.SET_SYSTEM_BOOT_OPTIONS, bytes((parameter, *value)), OPERATOR)[0]


def get_option(asked: bmc.BMC, parameter: int) -> tuple[int, bytes]:
    return asked.execute(*packet.GET_SYSTEM_BOOT_OPTIONS, bytes((parameter, 0, 0)), OPERATOR)


def choose(asked: bmc.BMC, device: int, first: int = ONCE) -> int:
    return set_option(asked, 5, first, device << 2, 0, 0, 0)


def flags(asked: bmc.BMC) -> bytes:
    code, data = get_option(asked, 5)
    assert (code, data[:2]) == (codes.OK, b"\x01\x05")
    return data[2:]


def chosen(*placed: str, device: int = PXE, first: int = ONCE, on: bool = True) -> tuple[bmc.BMC, Clock]:
    asked, clock = machine(*placed, on=on)
    assert choose(asked, device, first) == codes.OK
    return asked, clock


@pytest.mark.parametrize("action", [RESET, CYCLE])
def test_a_restart_by_command_boots_from_the_device_once(action: bytes) -> None:
    asked, _ = chosen(first=ONCE | UEFI)
    control(asked, action)
    assert (asked.boot.booted, flags(asked)[0] & ONCE) == ("pxe, uefi", 0)
    control(asked, action)
    assert asked.boot.booted == "default"


def test_what_is_persistent_counts_for_all_boots_and_has_no_end() -> None:
    asked, clock = chosen(device=CDROM, first=PERSISTENT)
    clock.now += 3600
    seen = []
    for action in (RESET, OFF, ON):
        control(asked, action)
        seen.append(asked.boot.booted)
    assert seen == ["cdrom, bios"] * 3
    assert asked.boot.chosen == "cdrom, persistent, bios"


def test_the_flags_are_valid_for_a_minute() -> None:
    asked, clock = chosen(device=BIOS)
    clock.now += 59
    before = asked.boot.chosen
    clock.now += 1
    assert (before, asked.boot.chosen) == ("bios, once, bios", "default")
    assert flags(asked) == bytes((0, BIOS << 2, 0, 0, 0))


def test_a_chassis_control_starts_the_minute_again() -> None:
    asked, clock = chosen()
    clock.now += 50
    control(asked, SOFT)
    clock.now += 50
    control(asked, ON)
    assert asked.boot.booted == "pxe, bios"


def test_the_end_of_the_minute_can_be_called_off() -> None:
    asked, clock = machine(on=True)
    assert set_option(asked, 3, 0x08) == codes.OK
    choose(asked, PXE)
    clock.now += 3600
    assert asked.boot.chosen == "pxe, once, bios"


def test_a_power_cycle_that_takes_longer_than_the_minute_still_boots_from_the_device() -> None:
    asked, clock = machine(on=True, delay=90)
    choose(asked, PXE)
    control(asked, CYCLE)
    clock.now += 90
    assert (asked.power_on, asked.boot.booted) == (True, "pxe, bios")


@pytest.mark.parametrize(("clearing", "booted"), [(0x00, "default"), (0x01, "pxe, bios")])
def test_the_power_button_ends_the_flags_unless_told_otherwise(clearing: int, booted: str) -> None:
    asked, _ = machine(on=False)
    set_option(asked, 3, clearing)
    choose(asked, PXE)
    asked.power_on = True
    assert (asked.boot.booted, asked.boot.chosen) == (booted, "default")


def test_a_machine_that_is_on_already_does_not_boot() -> None:
    asked, _ = chosen(on=False)
    for _ in range(2):
        control(asked, ON)
    assert asked.boot.boots == 1


def test_only_one_console_at_a_time_has_the_options_in_progress() -> None:
    asked, _ = machine(on=True)
    assert [set_option(asked, 0, state) for state in (1, 1, 0, 1, 2, 1, 3)] == [0, 0x81, 0, 0, 0, 0, 0xCC]


def test_the_acknowledgement_changes_only_the_bits_of_its_mask() -> None:
    asked, _ = machine(on=True)
    set_option(asked, 4, 0x03, 0xFF)
    set_option(asked, 4, 0x01, 0x00)
    assert get_option(asked, 4) == (codes.OK, b"\x01\x04\x00\x02")


def test_a_parameter_is_marked_as_invalid_and_keeps_its_value() -> None:
    asked, _ = machine(on=True)
    set_option(asked, 2, 0x02)
    assert set_option(asked, 0x82) == codes.OK
    assert get_option(asked, 2) == (codes.OK, b"\x01\x82\x02")
    set_option(asked, 2)
    assert get_option(asked, 2) == (codes.OK, b"\x01\x02\x02")


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", codes.WRONG_LENGTH),
        (b"\x05\x80\x04\0\0", codes.WRONG_LENGTH),
        (b"\x05\x80\x28\0\0\0", codes.INVALID_FIELD),
        (b"\x07\0", 0x80),
    ],
)
def test_an_option_that_makes_no_sense_is_refused(data: bytes, code: int) -> None:
    asked = machine(on=True)[0]
    assert asked.execute(*packet.SET_SYSTEM_BOOT_OPTIONS, data, OPERATOR) == (code, b"")


def test_boot_options_are_for_operators() -> None:
    asked = machine(on=True)[0]
    for command in (packet.SET_SYSTEM_BOOT_OPTIONS, packet.GET_SYSTEM_BOOT_OPTIONS):
        assert asked.execute(*command, b"\x05\0\0", packet.PRIVILEGE_USER) == (0xD4, b"")


def test_some_bmcs_have_not_all_parameters() -> None:
    asked, _ = machine("no-boot-parameters=0,3", on=True)
    assert [set_option(asked, parameter, 0) for parameter in (0, 3)] == [0x80, 0x80]
    assert [get_option(asked, parameter) for parameter in (0, 3)] == [(0x80, b"")] * 2
    assert choose(asked, DISK) == codes.OK


@pytest.mark.parametrize(
    ("fault", "kept"),
    [
        ("boot-lies", "default"),
        ("boot-once", "pxe, once, uefi"),
        ("boot-bios", "pxe, persistent, bios"),
    ],
)
def test_some_bmcs_keep_less_than_they_acknowledge(fault: str, kept: str) -> None:
    assert chosen(fault, first=PERSISTENT | UEFI)[0].boot.chosen == kept
