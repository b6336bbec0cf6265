"""Reads of the hardware by real conductors, on simulated machines, through podium-api."""

import contextlib
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import podium.cli.main
from apis import Api
from daemons import Daemon, Rack, eventually, run_here
from podium.client import connect
from rounds import only_long

#: A BMC that is silent is soon found out, and one that has to wait for this machine is not taken for one.
TEXT = "[ipmi]\ncommand_retry_timeout = 8\nretransmit_interval = 0.3\n"


class Place:
    """A conductor and a podium-api over a rack of each protocol."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.daemon = Daemon(folder, TEXT)
        self.api = Api(folder, url=self.daemon.url)
        self.racks = {}
        for protocol in ("ipmi", "redfish"):
            (folder / protocol).mkdir()
            self.racks[protocol] = Rack(folder / protocol, 1, protocol=protocol)

    @contextlib.contextmanager
    def running(self) -> Iterator["Place"]:
        with contextlib.ExitStack() as stack:
            for protocol, rack in self.racks.items():
                stack.enter_context(rack)
                rack.nodes.write_text(rack.nodes.read_text().replace("r1n01", f"{protocol}-1"))
                self.daemon.podium("node", "import", str(rack.nodes))
            stack.enter_context(self.api)
            stack.enter_context(self.daemon)
            yield self

    def ask(self, protocol: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Have the sensors of a machine read, over podium-api."""
        words = ["--url", f"unix:{self.api.socket}", "node", "sensors", f"{protocol}-1", "-f", "json"]
        return run_here(podium.cli.main.main, [*words, *arguments])


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    with Place(tmp_path).running() as found:
        yield found


def measured(done: "subprocess.CompletedProcess[str]") -> dict[str, Any]:
    assert done.returncode == 0, done.stderr
    return {row["name"]: row for row in json.loads(done.stdout)}


@only_long
def test_sensors_are_read_and_silence_and_death_are_told(place: Place) -> None:
    of_ipmi, of_redfish = measured(place.ask("ipmi")), measured(place.ask("redfish"))
    inlet = {"node": "ipmi-1", "name": "Inlet Temp", "value": 21.0, "unit": "celsius", "status": "OK"}
    assert inlet.items() <= of_ipmi["Inlet Temp"].items()
    assert of_ipmi["Inlet Temp"]["thresholds"]["lower_caution"] == 5.0
    assert len(of_ipmi) == 14
    assert {"temperature", "fan"} <= {row["kind"] for row in of_redfish.values()}
    here = place.daemon.podium("node", "sensors", "ipmi-1", "-f", "json")
    assert set(measured(here)) == set(of_ipmi)

    place.racks["ipmi"].ctl("fault", "dead", "1")
    silent = place.ask("ipmi")
    assert (silent.returncode, json.loads(silent.stdout)) == (1, [])
    assert "does not answer within 8 s" in silent.stderr
    assert measured(place.ask("redfish"))

    place.daemon.kill()
    dead = place.ask("redfish", "--timeout", "1")
    assert dead.returncode == 1
    assert "the conductor here has not answered within 1 s" in dead.stderr
    place.daemon.start()
    assert measured(place.ask("redfish"))
    assert "Traceback" not in place.daemon.text() + place.api.text()


@only_long
def test_logins_are_tried_at_machines_of_both_protocols(place: Place) -> None:
    def check() -> tuple[int, dict[str, Any]]:
        words = ["--url", f"unix:{place.api.socket}", "node", "check", "ipmi-1,redfish-1", "-f", "json"]
        done = run_here(podium.cli.main.main, words)
        return done.returncode, {row["name"]: row for row in json.loads(done.stdout)}

    status, found = check()
    assert status == 0
    assert {name: (row["result"], row["username"]) for name, row in found.items()} == {
        "ipmi-1": ("works", "admin"),
        "redfish-1": ("works", "admin"),
    }
    place.racks["ipmi"].ctl("fault", "wrong-password", "1")
    place.racks["redfish"].ctl("fault", "dead", "1")
    status, found = check()
    assert (status, found["ipmi-1"]["result"], found["redfish-1"]["result"]) == (1, "refused", "unreachable")
    shown = json.loads(place.daemon.podium("node", "show", "ipmi-1", "-f", "json").stdout)
    assert shown["last_error"] is None


@only_long
def test_a_log_of_ten_thousand_entries_keeps_nobody_from_the_node(tmp_path: Path) -> None:
    with (
        Rack(tmp_path, 1, "--log-entries", "10000") as rack,
        Daemon(tmp_path, f"{TEXT}[conductor]\nsync_power_state_interval = 1\n") as daemon,
        Api(tmp_path, url=daemon.url) as api,
        connect(f"unix:{api.socket}") as podium,
    ):
        daemon.podium("node", "import", str(rack.nodes))
        eventually(lambda: podium.node("r1n01").power_state, "its power was read")
        rack.ctl("event", "--count", "10000", "Inlet Temp", "9", "1")
        pages, failures = [podium.log("r1n01")], set()
        while pages[-1].more:
            pages.append(podium.log("r1n01", before=pages[-1].entries[0].id))
            failures.add(podium.node("r1n01").power_failures)
        entries = [entry for page in reversed(pages) for entry in page.entries]
        assert [int(entry.id) for entry in entries] == [*range(1, 10_001)]
        assert {entry.sensor for entry in entries} == {"Inlet Temp"}
        later = podium.log("r1n01", after="9990")
        assert ([entry.id for entry in later.entries], later.more) == (
            [str(one) for one in range(9991, 10_001)],
            False,
        )

        rack.ctl("fault", "slow-log=0.05", "1")
        page = podium.log("r1n01")
        assert page.more and len(page.entries) < 1000
        failures.add(podium.node("r1n01").power_failures)
        assert failures == {0}
        assert "Traceback" not in daemon.text() + api.text()


@only_long
def test_clocks_and_boot_devices_are_read_from_machines_of_both_protocols(place: Place) -> None:
    with connect(f"unix:{place.api.socket}") as podium:
        for protocol in ("ipmi", "redfish"):
            name = f"{protocol}-1"
            place.racks[protocol].ctl("fault", "clock-off=7200", "1")
            assert podium.clock(name).offset == pytest.approx(7200, abs=60)
            eventually(lambda name=name: (podium.node(name).clock_offset or 0) > 7000, "it is known")
            assert podium.boot_device(name).device == "default"
            assert {"pxe", "disk", "default"} <= {*podium.boot_device(name).supported}
    ahead = place.daemon.rows("node", "list", "--where", "clock_offset>60")
    assert {*ahead} == {"ipmi-1", "redfish-1"}
