"""The machine behind a simulated BMC, and its commands."""

import pytest

from podium.drivers.ipmi.lan import packet
from podium.simulator import bmc
from podium.simulator.ipmi import codes
from simulated import CYCLE, DIAGNOSE, OFF, ON, OPERATOR, RESET, SOFT, control, machine


def status(machine: bmc.BMC) -> bytes:
    code, data = machine.execute(*packet.GET_CHASSIS_STATUS, b"", packet.PRIVILEGE_USER)
    assert code == codes.OK
    return data


@pytest.mark.parametrize(
    ("before", "action", "after"),
    [(False, ON, True), (True, OFF, False), (True, CYCLE, True), (True, RESET, True), (True, SOFT, False)],
)
def test_chassis_control_switches_the_machine(before: bool, action: bytes, after: bool) -> None:
    switched, _ = machine(on=before)
    assert (control(switched, action), switched.power_on) == (codes.OK, after)


@pytest.mark.parametrize("action", [CYCLE, RESET, DIAGNOSE])
def test_a_machine_that_is_off_refuses_what_needs_power(action: bytes) -> None:
    assert control(machine(on=False)[0], action) == codes.NOT_IN_THIS_STATE


def test_chassis_control_needs_the_operator_level() -> None:
    switched, _ = machine(on=True)
    assert (control(switched, OFF, packet.PRIVILEGE_USER), switched.power_on) == (
        codes.INSUFFICIENT_PRIVILEGE,
        True,
    )


def test_a_power_cycle_is_off_for_the_power_delay() -> None:
    cycled, clock = machine(on=True, delay=5)
    control(cycled, CYCLE)
    clock.now += 4
    off_meanwhile = cycled.power_on
    clock.now += 1
    assert (off_meanwhile, cycled.power_on) == (False, True)


def test_a_later_command_calls_off_what_a_delayed_one_would_do() -> None:
    switched, clock = machine(on=True, delay=5)
    control(switched, SOFT)
    control(switched, ON)
    clock.now += 10
    assert switched.power_on


def test_a_stale_bmc_reports_the_old_state_for_its_seconds_only() -> None:
    stale, clock = machine("stale=3", on=True)
    control(stale, OFF)
    at_once = status(stale)[0] & 1
    clock.now += 3
    assert (at_once, status(stale)[0] & 1) == (1, 0)


def test_a_stale_bmc_is_not_stale_for_longer_when_it_is_told_the_same_again() -> None:
    stale, clock = machine("stale=3", on=True)
    control(stale, OFF)
    clock.now += 2
    control(stale, OFF)
    clock.now += 1
    assert status(stale)[0] & 1 == 0


def test_a_bmc_that_refuses_after_a_switch_is_busy_for_its_seconds_only() -> None:
    busy, clock = machine("refuses=5", on=True)
    assert [control(busy, OFF), control(busy, ON)] == [codes.OK, codes.NODE_BUSY]
    assert (busy.power_on, busy.log) == (False, ("off",))
    clock.now += 5
    assert (control(busy, ON), busy.power_on) == (codes.OK, True)


def test_a_lying_bmc_acknowledges_and_does_nothing() -> None:
    liar, _ = machine("lies", on=True)
    assert [control(liar, action) for action in (OFF, CYCLE, SOFT)] == [codes.OK] * 3
    assert (liar.power_on, liar.log) == (True, ())


@pytest.mark.parametrize(
    ("fault", "byte", "bit"),
    [("power-fault", 0, 3), ("intrusion", 2, 0), ("drive-fault", 2, 2), ("cooling-fault", 2, 3)],
)
def test_a_fault_of_the_chassis_shows_in_its_status(fault: str, byte: int, bit: int) -> None:
    healthy, _ = machine(on=True)
    broken, _ = machine(fault, on=True)
    assert (status(healthy)[byte] >> bit & 1, status(broken)[byte] >> bit & 1) == (0, 1)


def test_identify_is_over_after_its_interval() -> None:
    blinking, clock = machine(on=True)
    blinking.execute(packet.NETFN_CHASSIS, 0x04, b"\x0a", OPERATOR)
    before = status(blinking)[2] >> 4 & 3
    clock.now += 10
    assert (before, status(blinking)[2] >> 4 & 3) == (1, 0)


def test_a_failed_self_test_is_reported() -> None:
    broken, _ = machine("self-test-failed", on=True)
    assert broken.execute(*packet.GET_SELF_TEST_RESULTS, b"", OPERATOR) == (codes.OK, b"\x57\x80")


def test_a_command_that_is_not_known_gets_the_code_for_that() -> None:
    assert machine(on=True)[0].execute(0x2C, 0x3E, b"", OPERATOR) == (codes.INVALID_COMMAND, b"")


def test_the_log_tells_what_was_done_and_stays_bounded() -> None:
    busy, _ = machine(on=True)
    for action in [ON] * 300 + [OFF]:
        control(busy, action)
    assert (len(busy.log), busy.log[-2:]) == (256, ("on", "off"))
