"""Trials of Podium's drivers, on simulated BMCs."""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

import podium.cli.main
from daemons import BIN, Rack, run_here
from peers import PATIENCE


def arguments(rack: Rack, folder: Path, **changes: str) -> list[str]:
    """The command line for the only machine of a rack, with its password in a file."""
    (node,) = yaml.safe_load(rack.nodes.read_text())["nodes"]
    driver, info = node["driver"], {**node["driver_info"], **changes}
    (folder / "password").write_text(info[f"{driver}_password"])
    info[f"{driver}_password"] = f"@{folder / 'password'}"
    values = [word for key, value in info.items() for word in ("--driver-info", f"{key}={value}")]
    return ["driver", "try", driver, *values]


@contextmanager
def watching(command: list[str]) -> Iterator[Iterator[str]]:
    """The lines of a trial with --watch, which Ctrl-C ends; then it is checked that it ended well."""
    process = subprocess.Popen(
        [BIN / "podium", *command, "--watch"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    try:
        yield iter(process.stdout)
    finally:
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    assert ".close: ended, in " in rest


def test_a_machine_is_switched_and_asked_for_its_health_and_sensors(tmp_path: Path) -> None:
    with Rack(tmp_path, 1) as rack:
        command = arguments(rack, tmp_path)
        done = run_here(
            podium.cli.main.main,
            [*command, "--set", "power on", "--yes", "--task", "check_status", "--task", "collect_sensors"],
        )
        (carried_out,) = rack.log("1").values()
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert "trial: identity ipmi:" in done.stdout
    assert "ipmi.set_power_state: power on accepted, in " in done.stdout
    assert "ipmi.check_status: health OK\n" in done.stdout
    assert " celsius, OK\n" in done.stdout
    assert "sessions=1" in done.stdout
    assert carried_out["power_on"]
    assert (tmp_path / "password").read_text() not in done.stdout


def test_a_refused_password_is_one_line_and_status_1(tmp_path: Path) -> None:
    with Rack(tmp_path, 1) as rack:
        done = run_here(podium.cli.main.main, arguments(rack, tmp_path, ipmi_password="wrong-one"))
    assert (done.returncode, done.stderr) == (1, "")
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("ipmi.get_power_state")]
    assert "failed after" in line
    assert "password" in line
    assert "wrong-one" not in done.stdout


def test_a_watch_ends_well_at_ctrl_c(tmp_path: Path) -> None:
    with Rack(tmp_path, 1) as rack, watching(arguments(rack, tmp_path)) as lines:
        assert any("ipmi.get_power_state: power " in line for line in lines)


def test_a_watch_shows_what_a_bmc_reports_by_itself(tmp_path: Path) -> None:
    with (
        Rack(tmp_path, 1, protocol="redfish") as rack,
        watching(arguments(rack, tmp_path)) as lines,
    ):
        assert any("redfish.follow_events: reports power off" in line for line in lines)
        rack.ctl("power", "on", "1")
        assert any("redfish.follow_events: reports power on" in line for line in lines)
