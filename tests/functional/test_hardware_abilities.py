"""What a node can do beside its power, asked of a daemon at a terminal, over BMCs that keep count of it."""

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from daemons import Daemon, Rack, eventually

#: What the simulator says of itself, by protocol, in the words of that.
WORDS = {
    "ipmi": {"once": "pxe, uefi", "lasting": "disk, persistent, uefi", "timed": "for a time"},
    "redfish": {"once": "Pxe", "lasting": "Hdd, continuous, UEFI", "timed": "on"},
}


class Machine:
    """A machine that is on, the daemon that has its node, and the BMC behind it.

    :param number: of the BMC in its rack, from 1 on
    """

    def __init__(self, protocol: str, daemon: Daemon, rack: Rack, number: int) -> None:
        self.words = WORDS[protocol]
        self.daemon = daemon
        self.rack = rack
        self.number = str(number)
        self.node = f"r1n{number:02}"

    def podium(self, *arguments: str) -> str:
        return self.daemon.podium(*arguments).stdout

    def rows(self, *arguments: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.podium(*arguments, "-f", "json"))
        return found

    def state(self) -> str:
        return self.rack.ctl("machines", self.number)

    def knows(self, **expected: object) -> bool:
        """Whether the database holds this of the node."""
        return expected.items() <= self.daemon.nodes()[self.node].items()


@pytest.fixture(scope="module", params=["ipmi", "redfish"])
def machines(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Iterator[Machine]]:
    """One machine after the other, each of which nobody had."""
    folder = tmp_path_factory.mktemp("abilities")
    with (
        Rack(folder, 12, protocol=request.param) as rack,
        Daemon(folder, "sync_power_state_interval = 1\n") as daemon,
    ):
        rack.ctl("power", "on", "100%")
        daemon.podium("node", "import", str(rack.nodes))
        yield (Machine(request.param, daemon, rack, number) for number in range(1, 13))


@pytest.fixture
def machine(machines: Iterator[Machine]) -> Machine:
    made = next(machines)
    eventually(lambda: made.knows(power_state="power on"), "the node is known to be on")
    return made


def test_a_machine_boots_once_from_what_was_chosen_for_a_reboot(machine: Machine) -> None:
    machine.podium("node", "power", "reboot", machine.node, "--boot", "pxe", "--uefi", "--wait", "--yes")
    assert f"booted {machine.words['once']}, boots 2" in machine.state()
    machine.podium("node", "power", "reboot", machine.node, "--wait", "--yes")
    assert "booted default, boots 3" in machine.state()


def test_a_machine_that_is_on_is_not_left_with_a_boot_device_that_waits(machine: Machine) -> None:
    done = machine.podium("node", "power", "on", machine.node, "--boot", "pxe", "--wait", "--yes")
    assert f"{machine.node}: power on, was on already; its boot device was left alone" in done
    [row] = machine.rows("node", "boot", "show", machine.node)
    assert (row["device"], "boots 1" in machine.state()) == ("default", True)


def test_a_machine_that_refuses_to_restart_boots_from_what_it_did_before(machine: Machine) -> None:
    disk = ("node", "boot", "set", machine.node, "disk", "--persistent", "--uefi", "--wait", "--yes")
    pxe = ("node", "power", "reboot", machine.node, "--boot", "pxe", "--wait", "--yes")
    machine.rack.ctl("fault", "refuses=3600", machine.number)  # from the first one on
    machine.podium(*disk)
    said = f"{machine.node}: power on, boot device pxe, once (was disk, persistent, uefi)"
    assert said in machine.podium(*pxe)
    machine.podium(*disk)
    done = machine.daemon.podium(*pxe, "--timeout", "6", expect=1)
    assert "; its boot device is disk, persistent, uefi again" in done.stdout
    assert f"boot {machine.words['lasting']}, booted {machine.words['once']}, boots 2" in machine.state()


def test_a_boot_device_stays_and_is_shown(machine: Machine) -> None:
    machine.podium("node", "boot", "set", machine.node, "disk", "--persistent", "--uefi", "--wait", "--yes")
    assert f"boot {machine.words['lasting']}, booted default, boots 1" in machine.state()
    [row] = machine.rows("node", "boot", "show", machine.node)
    assert (row["node"], row["device"], row["persistent"]) == (machine.node, "disk", True)


def test_a_boot_device_that_the_bmc_does_not_keep_is_an_error(machine: Machine) -> None:
    machine.rack.ctl("fault", "boot-lies", machine.number)
    words = ("node", "boot", "set", machine.node, "pxe", "--timeout", "6", "--wait", "--yes")
    done = machine.daemon.podium(*words, expect=1)
    assert f"{machine.node}: failed: set boot device was accepted, but 6 s later it is default" in done.stdout


def test_the_light_is_switched(machine: Machine) -> None:
    lights = []
    for option in (["--on"], ["--seconds", "200"], ["--off"]):
        machine.podium("node", "identify", machine.node, *option, "--wait", "--yes")
        lights.append(machine.state().split("identify ")[1].split(",")[0])
    assert lights == ["on", machine.words["timed"], "off"]


@pytest.mark.parametrize("machines", ["ipmi"], indirect=True)
def test_a_log_is_read_with_times_that_are_right_and_cleared_with_a_copy(
    machine: Machine, tmp_path: Path
) -> None:
    machine.rack.ctl("fault", "clock-off=-7200", machine.number)
    machine.rack.ctl("event", "CPU1 Temp", "9", machine.number)
    machine.rack.ctl("event", "0000e0a0a1a2a3a4a5a6a7a8a9aaabac", machine.number)
    first, last = machine.rows("node", "log", machine.node)
    assert (first["sensor"], first["severity"]) == ("CPU1 Temp", "Critical")
    behind = datetime.fromisoformat(first["at"]) - datetime.fromisoformat(first["clock_at"])
    assert abs(behind.total_seconds() - 7200) < 60
    assert last["raw"] == "0200e0a0a1a2a3a4a5a6a7a8a9aaabac"
    copy = tmp_path / "copy.jsonl"
    machine.podium("node", "log", "clear", machine.node, "--copy", str(copy), "--wait", "--yes")
    kept = [json.loads(line) for line in copy.read_text().splitlines()]
    assert [entry["id"] for entry in kept] == ["1", "2"]
    assert "log_entries 0" in machine.state()
    assert machine.rows("node", "log", machine.node) == []


def test_a_clock_is_set(machine: Machine) -> None:
    machine.rack.ctl("fault", "clock-unset", machine.number)
    [shown] = machine.rows("node", "clock", "show", machine.node)
    assert shown["offset"] < -86400
    machine.podium("node", "clock", "set", machine.node, "--wait", "--yes")
    ahead = float(machine.state().split("clock_ahead ")[1].split(",")[0])
    assert abs(ahead) < 60


def test_what_was_done_to_hardware_is_in_the_history_with_who_and_why(machine: Machine) -> None:
    machine.podium(
        "node", "identify", machine.node, "--seconds", "60", "--reason", "where is it?", "--wait", "--yes"
    )
    _, row = machine.rows("node", "history", machine.node)
    assert (row["cause"], row["from_state"], row["to_state"]) == ("identify", "power on", "power on")
    assert row["who"] and row["reason"] == "on for 60 s; where is it?"
