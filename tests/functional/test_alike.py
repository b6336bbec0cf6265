"""What Podium promises of a machine whatever its BMC speaks: one set of expectations for every driver.

A real conductor in this process reads, switches and checks one machine of each kind. What a kind cannot show
is skipped, for the reason that stands with it in tests/hardware.py.
"""

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from fakes import until
from hardware import IPMI, Fake, Hardware, PolledRedfish, Redfish
from podium import states
from podium.drivers.bmc.inventory import Inventory
from rounds import ONLY_LONG, rest_is_long
from sites import Site, site

Scenario = Callable[[Site], Awaitable[None]]
#: Plays a scenario; the words are what the hardware must be able to show for it, ``patience`` is
#: the number of seconds until it counts as silent.
Play = Callable[..., None]
#: Where it is silent. On a busy machine it seems so before, too, and is read or told again.
SOON = 1.0

ON, OFF = states.POWER_ON, states.POWER_OFF


HARDWARE = [IPMI, Redfish, *(pytest.param(one, marks=ONLY_LONG) for one in (Fake, PolledRedfish))]


@pytest.fixture(params=HARDWARE, ids=lambda hardware: hardware.__name__.lower())
def play(request: pytest.FixtureRequest, tmp_path: Path) -> Play:
    hardware: Hardware = request.param(tmp_path)

    def run(scenario: Scenario, *needs: str, patience: float = hardware.patience) -> None:
        hardware.patience = patience
        for need in needs:
            if need in hardware.cannot:
                pytest.skip(hardware.cannot[need])

        async def main() -> None:
            async with site(hardware) as made:
                await scenario(made)

        asyncio.run(main())

    return run


def test_an_enrolled_machine_is_read_at_once(play: Play) -> None:
    async def scenario(site: Site) -> None:
        await site.reads(OFF)
        node = site.node()
        assert (node.power_state, node.last_error, node.power_failures) == (OFF, None, 0)
        assert site.events() == [(None, OFF, "first reading")]

    play(scenario)


def test_a_machine_comes_to_be_as_was_asked(play: Play) -> None:
    asked = {
        states.POWER_ON: ON,
        states.REBOOTING: ON,
        states.INJECT_NMI: ON,
        states.SOFT_REBOOTING: ON,
        states.POWER_CYCLE: ON,
        states.SOFT_POWER_OFF: OFF,
    }

    async def scenario(site: Site) -> None:
        for action, after in asked.items():
            assert await site.power(action) is None, action
            node = site.node()
            told = (node.power_state, node.last_error, node.target_power_state)
            assert told == (after, None, None), action

    play(scenario)


@rest_is_long("action", [states.REBOOTING, states.POWER_CYCLE])
def test_a_reboot_of_a_machine_that_is_off_switches_it_on(play: Play, action: str) -> None:
    async def scenario(site: Site) -> None:
        assert await site.power(action) is None
        assert site.node().power_state == ON
        assert await site.power(states.POWER_OFF) is None
        assert site.node().power_state == OFF

    play(scenario)


def test_a_machine_that_is_there_already_is_not_told_again(play: Play) -> None:
    async def scenario(site: Site) -> None:
        assert await site.power(states.SOFT_POWER_OFF) is None
        assert await site.power(states.POWER_OFF) is None
        assert site.hardware.carried_out() == ()
        assert await site.power(states.POWER_ON) is None
        assert await site.power(states.POWER_ON) is None
        assert site.hardware.carried_out() == ("on",)

    play(scenario, "log")


def test_a_machine_that_is_off_cannot_be_interrupted(play: Play) -> None:
    async def scenario(site: Site) -> None:
        error = await site.power(states.INJECT_NMI)
        assert error is not None
        assert "inject nmi" in error
        assert site.node().power_state == OFF

    play(scenario, "nmi off")


def test_a_reboot_is_one_command(play: Play) -> None:
    async def scenario(site: Site) -> None:
        assert await site.power(states.POWER_ON) is None
        before = len(site.hardware.carried_out())
        assert await site.power(states.REBOOTING) is None
        assert len(site.hardware.carried_out()) == before + 1

    play(scenario, "log")


def test_a_machine_switched_behind_its_back_is_noticed(play: Play) -> None:
    async def scenario(site: Site) -> None:
        await site.reads(OFF)
        site.hardware.press_button(True)
        await site.reads(ON)
        site.hardware.press_button(False)
        await site.reads(OFF)
        assert site.events()[1:] == [(OFF, ON, "out-of-band"), (ON, OFF, "out-of-band")]

    play(scenario, "button")


def test_a_bmc_that_lies_is_not_believed(play: Play) -> None:
    async def scenario(site: Site) -> None:
        site.set_fault("lies")
        error = await site.power(states.POWER_ON, timeout=5)
        assert error == "power on was accepted, but 5 s later it is power off"
        assert site.node().last_error == error

    play(scenario)


def test_a_bmc_that_refuses_leaves_the_machine_as_it_is_and_says_why(play: Play) -> None:
    async def scenario(site: Site) -> None:
        assert await site.power(states.POWER_ON) is None
        site.set_fault("refuses")
        await site.power(states.REBOOTING, timeout=5)  # after a switch, simulated BMCs refuse the next one
        error = await site.power(states.POWER_OFF, timeout=5)
        assert error is not None
        assert "refuse" in error
        assert "accepted" not in error
        assert (site.node().power_state, site.node().last_error) == (ON, error)

    play(scenario)


def test_a_silent_bmc_leaves_the_last_known_state_and_says_so(play: Play) -> None:
    async def scenario(site: Site) -> None:
        assert await site.power(states.POWER_ON) is None
        site.set_fault("silent")
        assert "does not answer" in await site.fails_to_read()
        node = site.node()
        assert (node.power_state, node.maintenance) == (ON, False)
        assert await site.failures("unreachable") > 0
        site.clear_faults()
        await until(lambda: known(site.node()) == (ON, None, 0))

    def known(node: Any) -> tuple[str | None, str | None, int]:
        return node.power_state, node.last_error, node.power_failures

    play(scenario, patience=SOON)


def test_a_change_that_a_silent_bmc_never_heard_fails_with_the_silence(play: Play) -> None:
    async def scenario(site: Site) -> None:
        await site.reads(OFF)  # otherwise this may happen before or after the fault
        site.set_fault("silent")
        error = await site.power(states.POWER_ON, timeout=8)
        assert error is not None
        assert "does not answer" in error
        assert site.node().power_state == OFF

    play(scenario, patience=SOON)


def test_a_refused_login_is_not_silence(play: Play) -> None:
    async def scenario(site: Site) -> None:
        site.set_fault("login")
        error = await site.fails_to_read()
        assert f"{site.hardware.protocol}_password" in error
        assert "secret" not in error
        assert await site.failures("authentication") > 0
        assert await site.failures("unreachable") == 0
        # A request does not wait for its timeout: the same password will be as wrong then.
        assert await site.power(states.POWER_ON, timeout=3600) is not None

    play(scenario, "login")


def test_health_is_ok_then_critical_with_a_reason_then_ok(play: Play) -> None:
    async def scenario(site: Site) -> None:
        assert await site.health("OK") == []
        await site.healths(OK=1, Warning=0, Critical=0, unknown=0)
        site.set_fault("cooling")
        reasons = await site.health("Critical")
        assert reasons
        assert all(reason and reason.isprintable() and len(reason) <= 200 for reason in reasons)
        await site.healths(OK=0, Warning=0, Critical=1, unknown=0)
        site.clear_faults()
        assert await site.health("OK") == []

    play(scenario)


def test_the_health_of_a_silent_bmc_stays_what_it_was(play: Play) -> None:
    async def scenario(site: Site) -> None:
        while not site.node().health:
            await site.run_task("check_status")  # in vain as long as it seems silent
        site.set_fault("silent")
        await site.fails_to_read()
        await site.run_task("check_status")
        assert site.node().health == {"status": "OK", "reasons": []}

    play(scenario, patience=SOON)


def test_what_a_machine_is_made_of_is_told_in_the_same_words(play: Play) -> None:
    async def scenario(site: Site) -> None:
        site.hardware.press_button(True)
        await site.reads(ON)
        assert await site.run_task("collect_inventory") is None
        await until(
            lambda: bool(site.node().properties) and "inventory_of" in site.node().driver_internal_info
        )
        told = site.node().properties
        assert told.keys() <= {field.name for field in dataclasses.fields(Inventory)}
        assert told.keys() >= {
            *("manufacturer", "model", "serial_number"),
            *("bmc_firmware_version", "bios_version", "bmc_mac_address"),
        }
        noted = site.node().driver_internal_info
        assert datetime.fromisoformat(noted["inventory_collected_at"]).utcoffset() == timedelta()
        assert noted["inventory_of"]

    play(scenario, "inventory")


def test_sensors_are_metrics_of_the_same_names(play: Play) -> None:
    async def scenario(site: Site) -> None:
        site.hardware.press_button(True)
        await site.reads(ON)
        assert await site.run_task("collect_sensors") is None
        told = await site.sensors()
        assert {name for name, _, _ in told} >= {
            "podium_sensor_temperature_celsius",
            "podium_sensor_fan_rpm",
            "podium_sensor_power_watts",
            "podium_sensor_voltage_volts",
            "podium_sensor_state",
        }
        assert {value for name, _, value in told if name == "podium_sensor_state"} == {0.0}
        site.set_fault("cooling")
        assert await site.run_task("collect_sensors") is None
        told = await site.sensors()
        critical = {kind for name, kind, value in told if name == "podium_sensor_state" and value == 2.0}
        assert "fan" in critical
        read = await site.read_sensors()
        assert {one["kind"] for one in read} >= {"temperature", "fan", "power", "voltage"}
        assert {one["kind"] for one in read if one["status"] == "Critical"} == critical

    play(scenario, "sensors")
