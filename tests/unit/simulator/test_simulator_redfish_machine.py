"""The machine behind a simulated Redfish BMC, and its events."""

import pytest

from podium.simulator import faults
from podium.simulator.redfish.bmc import BMC, Settings
from podium.simulator.redfish.events import Event
from podium.simulator.redfish.machine import OFF, ON, PAUSED, POWERING_OFF, POWERING_ON, RESETS, Machine


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def bmc(*placed: str, on: bool, delay: float = 0.0, systems: int = 1) -> tuple[BMC, Clock]:
    clock = Clock()
    made = BMC(Settings(power_delay=delay, systems=systems, clock=clock), 0x7F150001)
    made.power_on = on
    for fault in placed:
        made.faults = faults.parse_fault(fault).apply(made.faults)
    return made, clock


def machine(*placed: str, on: bool, delay: float = 0.0) -> tuple[Machine, Clock]:
    made, clock = bmc(*placed, on=on, delay=delay)
    return made.machines["1"], clock


@pytest.mark.parametrize(
    ("before", "reset", "after"),
    [
        (False, "On", ON),
        (False, "ForceOn", ON),
        (False, "PushPowerButton", ON),
        (True, "ForceOff", OFF),
        (True, "GracefulShutdown", OFF),
        (True, "PushPowerButton", OFF),
        (True, "ForceRestart", ON),
        (True, "GracefulRestart", ON),
        (True, "PowerCycle", ON),
        (True, "Nmi", ON),
        (True, "Pause", PAUSED),
    ],
)
def test_a_reset_switches_the_machine(before: bool, reset: str, after: str) -> None:
    switched, _ = machine(on=before)
    switched.reset(reset)
    assert (switched.power, switched.log) == (after, (reset,))


@pytest.mark.parametrize(
    ("resets", "delay"),
    [
        (["ForceRestart"], 0.0),
        (["GracefulRestart"], 0.0),
        (["GracefulRestart"], 2.0),
        (["GracefulShutdown", "ForceRestart"], 2.0),
    ],
)
def test_a_restart_boots_once_and_from_what_was_chosen(resets: list[str], delay: float) -> None:
    restarted, clock = machine(on=True, delay=delay)
    before = restarted.boot.boots
    chosen = {"BootSourceOverrideTarget": "Pxe", "BootSourceOverrideEnabled": "Once"}
    assert restarted.boot.change(chosen, restarted.faults) is None
    for reset in resets:
        restarted.reset(reset)
    clock.now += 5
    assert restarted.shown == ON
    assert (restarted.boot.boots - before, restarted.boot.booted) == (1, "Pxe")


@pytest.mark.parametrize("reset", ["ForceRestart", "GracefulRestart", "PowerCycle", "Nmi", "Pause", "Resume"])
def test_a_machine_that_is_off_refuses_what_needs_power(reset: str) -> None:
    assert machine(on=False)[0].refuses(reset)


def test_a_machine_that_is_on_refuses_nothing() -> None:
    assert not any(machine(on=True)[0].refuses(reset) for reset in RESETS)


@pytest.mark.parametrize(
    ("before", "reset", "meanwhile", "after"),
    [
        (False, "On", POWERING_ON, ON),
        (True, "GracefulShutdown", POWERING_OFF, OFF),
        (True, "GracefulRestart", POWERING_OFF, ON),
        (True, "PowerCycle", OFF, ON),
        (True, "ForceOff", OFF, OFF),
    ],
)
def test_a_change_takes_the_power_delay(before: bool, reset: str, meanwhile: str, after: str) -> None:
    changed, clock = machine(on=before, delay=5)
    changed.reset(reset)
    clock.now += 4
    seen = changed.shown
    clock.now += 1
    assert (seen, changed.shown) == (meanwhile, after)


@pytest.mark.parametrize(
    ("before", "first", "second", "at_once", "after"),
    [
        (True, "GracefulShutdown", "ForceOff", OFF, OFF),
        (True, "GracefulShutdown", "On", ON, ON),
        (False, "On", "ForceOff", OFF, OFF),
        (False, "On", "On", POWERING_ON, ON),
        (True, "PowerCycle", "On", POWERING_ON, ON),
    ],
)
def test_a_later_reset_calls_off_what_a_delayed_one_would_do(
    before: bool, first: str, second: str, at_once: str, after: str
) -> None:
    switched, clock = machine(on=before, delay=5)
    switched.reset(first)
    switched.reset(second)
    seen = switched.power
    clock.now += 5
    assert (seen, switched.power) == (at_once, after)


def test_a_paused_machine_resumes() -> None:
    paused, _ = machine(on=True)
    paused.reset("Pause")
    paused.reset("Resume")
    assert paused.power == ON


def test_a_stale_bmc_shows_the_old_state_for_its_seconds_only() -> None:
    stale, clock = machine("stale=3", on=True)
    stale.reset("ForceOff")
    at_once = stale.shown
    clock.now += 3
    assert (at_once, stale.shown) == (ON, OFF)


def test_a_bmc_that_refuses_after_a_reset_does_so_for_its_seconds_only() -> None:
    busy, clock = machine("refuses=5", on=True)
    busy.reset("ForceOff")
    refused = busy.refuses("On")
    clock.now += 5
    assert (refused, busy.refuses("On")) == (True, False)


def test_a_lying_bmc_does_nothing() -> None:
    liar, _ = machine("lies", on=True)
    liar.reset("ForceOff")
    assert (liar.power, liar.log) == (ON, ())


def test_the_log_stays_bounded() -> None:
    busy, _ = machine(on=True)
    for reset in ["Nmi"] * 300 + ["ForceOff"]:
        busy.reset(reset)
    assert (len(busy.log), busy.log[-2:]) == (256, ("Nmi", "ForceOff"))


def names(events: list[Event]) -> list[str]:
    return [event.name for event in events]


def test_every_state_of_a_change_has_an_event_even_when_nobody_looked() -> None:
    events: list[Event] = []
    made, clock = bmc(on=True, delay=5)
    made.publish = events.append
    made.machines["1"].reset("GracefulRestart")
    clock.now += 5
    made.settle()
    assert names(events) == ["ResourcePoweringOff", "ResourcePoweredOn"]


def test_a_power_cycle_without_a_delay_tells_both_states() -> None:
    events: list[Event] = []
    made, _ = bmc(on=True)
    made.publish = events.append
    made.machines["1"].reset("PowerCycle")
    assert names(events) == ["ResourcePoweredOff", "ResourcePoweredOn"]


def test_what_changes_nothing_has_no_event() -> None:
    events: list[Event] = []
    made, _ = bmc(on=True)
    made.publish = events.append
    made.machines["1"].reset("ForceRestart")
    made.power_on = True
    assert events == []


def test_another_health_is_told() -> None:
    events: list[Event] = []
    made, _ = bmc(on=True)
    made.publish = events.append
    made.faults = faults.parse_fault("intrusion").apply(made.faults)
    made.faults = faults.parse_fault("power-fault").apply(made.faults)
    made.faults = faults.HEALTHY
    assert names(events) == [
        "ResourceStatusChangedWarning",
        "ResourceStatusChangedCritical",
        "ResourceStatusChangedOK",
    ]


def test_an_event_names_the_machine_that_it_befell() -> None:
    events: list[Event] = []
    made, _ = bmc(on=False, systems=2)
    made.publish = events.append
    made.machines["2"].reset("On")
    assert [event.system for event in events] == ["2"]
