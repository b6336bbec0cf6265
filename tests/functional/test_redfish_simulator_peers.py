"""podium-sim's Redfish, used by sushy, which is Ironic's client, and judged by the DMTF's validator."""

import csv
import json
import re
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import pytest

import peers
from daemons import Rack
from peers import PATIENCE
from rounds import only_long

ADDRESS = "127.21.9.21"

SUSHY = """\
import json, sys
import sushy

url, password, certificate = sys.argv[1:]
root = sushy.Sushy(url, username="admin", password=password, verify=certificate)
system = root.get_system()
told = {
    "identity": [system.manufacturer, system.serial_number, system.bios_version],
    "memory": system.memory_summary.size_gib,
    "resets": sorted(one.value for one in system.get_allowed_reset_system_values()),
    "interfaces": len(system.ethernet_interfaces.summary),
    "health": system.status.health.value,
    "power": [system.power_state.value],
}
for reset in (sushy.ResetType.ON, sushy.ResetType.FORCE_RESTART, sushy.ResetType.GRACEFUL_SHUTDOWN):
    system.reset_system(reset)
    system.refresh(force=True)
    told["power"].append(system.power_state.value)
for target, enabled, mode in (("Pxe", "Once", "UEFI"), ("Hdd", "Continuous", "Legacy")):
    system.set_system_boot_options(
        sushy.BootSource(target), sushy.BootSourceOverrideEnabled(enabled), sushy.BootSourceOverrideMode(mode)
    )
    system.refresh(force=True)
    chosen = [one.value for one in (system.boot.target, system.boot.enabled, system.boot.mode)]
    told.setdefault("boot", []).append(chosen)
    system.reset_system(sushy.ResetType.ON)
    system.refresh(force=True)
    told["boot"].append(system.boot.target.value)
manager = root.get_manager()
manager.set_datetime("2024-05-01T12:00:00+02:00", "+02:00")
manager.refresh(force=True)
told["clock"] = [manager.datetime[:16], manager.datetimelocaloffset]
root._conn._auth.close()
print(json.dumps(told))
"""
LED = """\
import sys
import sushy

url, password, certificate = sys.argv[1:]
root = sushy.Sushy(url, username="admin", password=password, verify=certificate)
for state in ("Lit", "Off", "Lit"):
    chassis = root.get_chassis()
    chassis.set_indicator_led(sushy.IndicatorLED(state))
    chassis.refresh(force=True)
    print(chassis.indicator_led.value)
root._conn._auth.close()
"""

#: What the validator finds that the simulator does not set out to be, and why.
EXCUSED: Final = {
    "PROTO_HTTP_UNSUPPORTED_METHODS": "the parser knows the methods of HTTP and breaks off at others",
    "PROTO_STD_URIS_SUPPORTED": "there are no OData documents, which no driver reads",
    "REQ_GET_METADATA_ODATA_NO_AUTH": "the same",
    "REQ_GET_METADATA_URI": "the same",
    "REQ_GET_ODATA_URI": "the same",
    "RESP_HEADERS_LINK_REL_DESCRIBED_BY": "the same",
    "RESP_ODATA_METADATA_ENTITY_CONTAINER": "the same",
    "RESP_ODATA_METADATA_MIME_TYPE": "the same",
    "RESP_ODATA_SERVICE_CONTEXT": "the same",
    "RESP_ODATA_SERVICE_MIME_TYPE": "the same",
    "RESP_ODATA_SERVICE_VALUE_PROP": "the same",
    "SEC_READ_REQUIRES_AUTH": "the same",
    "SEC_PRIV_SUPPORT_PREDEFINED_ROLES": "there is one user, and no AccountService",
}


class Trusted(Rack):
    """One BMC, and the file with its certificate."""

    def __init__(self, folder: Path) -> None:
        self.certificate = folder / "certificate"
        place = ("--address", ADDRESS, "--tls-ca-file", str(self.certificate))
        super().__init__(folder, 1, *place, protocol="redfish")

    @property
    def url(self) -> str:
        return f"https://{ADDRESS}:{self.port}"


@pytest.fixture
def rack(tmp_path: Path) -> Iterator[Trusted]:
    with Trusted(tmp_path) as running:
        yield running


def run(command: Sequence[str | Path], folder: Path, certificate: Path) -> str:
    """What a program of the environment prints; it believes this certificate and no other."""
    environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "REQUESTS_CA_BUNDLE": str(certificate)}
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE,
    )
    return done.stdout


def test_sushy_reads_and_switches_a_machine(rack: Trusted, tmp_path: Path) -> None:
    python = peers.require_in("sushy", "python")
    command: list[str | Path] = [python, "-c", SUSHY, rack.url, "podium-sim", str(rack.certificate)]
    told: dict[str, Any] = json.loads(run(command, tmp_path, rack.certificate))
    assert told["power"] == ["Off", "On", "On", "Off"]
    assert {"On", "ForceOff", "GracefulShutdown", "ForceRestart"} <= {*told["resets"]}
    assert told["clock"] == ["2024-05-01T12:00", "+02:00"]
    assert told["boot"] == [["Pxe", "Once", "UEFI"], "None", ["Hdd", "Continuous", "Legacy"], "Hdd"]
    assert (told["interfaces"], told["memory"], told["health"]) == (2, 256, "OK")
    assert all(told["identity"])
    assert rack.log("1")[ADDRESS]["log"] == ["On", "ForceRestart", "GracefulShutdown", "On", "On"]


def test_sushy_lights_the_led_of_an_older_bmc(rack: Trusted, tmp_path: Path) -> None:
    rack.ctl("fault", "old-indicator", "1")
    python = peers.require_in("sushy", "python")
    command: list[str | Path] = [python, "-c", LED, rack.url, "podium-sim", str(rack.certificate)]
    assert run(command, tmp_path, rack.certificate).split() == ["Lit", "Off", "Lit"]
    assert "identify on" in rack.ctl("machines", "1")


def tacklebox(rack: Trusted, folder: Path, program: str, *options: str) -> str:
    """What one of the DMTF's own tools says."""
    login = ("--user", "admin", "--password", "podium-sim", "--rhost", rack.url)
    return run([peers.require_in("sushy", program), *login, *options], folder, rack.certificate)


@pytest.mark.parametrize("fault", ["", "log-newest-first", "log-of-manager"])
def test_the_dmtfs_tools_read_and_empty_a_log(rack: Trusted, tmp_path: Path, fault: str) -> None:
    if fault:
        rack.ctl("fault", fault, "1")
    rack.ctl("event", "CPU1 Temp", "9", "1")
    rack.ctl("event", "--count", "120", "Fan1", "2", "1")
    said = tacklebox(rack, tmp_path, "rf_sel.py")
    assert said.count("Sensor 'Fan1' is beyond its lower critical threshold") == 120, said
    assert said.count("Sensor 'CPU1 Temp' is beyond its upper critical threshold") == 1
    tacklebox(rack, tmp_path, "rf_sel.py", "--clear")
    assert "log_entries 0" in rack.ctl("machines", "1")


def test_the_dmtfs_tools_choose_what_a_machine_boots_from(rack: Trusted, tmp_path: Path) -> None:
    tacklebox(rack, tmp_path, "rf_boot_override.py", "--target", "Pxe", "--mode", "UEFI")
    assert "boot Pxe, once, UEFI" in rack.ctl("machines", "1")
    assert "Pxe" in tacklebox(rack, tmp_path, "rf_boot_override.py", "--info")


@only_long
def test_the_dmtfs_validator_finds_nothing_but_what_is_excused(rack: Trusted, tmp_path: Path) -> None:
    program = peers.require_in("sushy", "rf_protocol_validator")
    # With accounts it wants roles too, and makes users, which the simulator does not.
    rack.ctl("fault", "no-accounts", "1")
    login = ("--user", "admin", "--password", "podium-sim", "--ca-bundle", str(rack.certificate))
    options = (*login, "--avoid-http-redirect", "--report-type", "tsv", "--report-dir", str(tmp_path))
    said = run([program, "--rhost", rack.url, *options], tmp_path, rack.certificate)
    (report,) = tmp_path.glob("*.tsv")
    with report.open(newline="") as file:
        rows = [row for row in csv.reader(file, delimiter="\t") if "FAIL" in row]
    assert [row for row in rows if row[0] not in EXCUSED] == [], said
    passed = re.search(r"PASS: (\d+)", said)
    assert passed is not None
    assert int(passed[1]) > 100
