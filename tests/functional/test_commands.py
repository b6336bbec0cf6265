"""The installed ``podium`` as a process: what only a real pipe, signal or plugin package brings out."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from peers import PATIENCE
from rounds import only_long
from templates import prepared

_PODIUM = Path(sys.executable).with_name("podium")

Start = Callable[..., "subprocess.Popen[str]"]
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def start(tmp_path: Path) -> Start:
    """Starts ``podium`` with a config of the test's own, and with ``tmp_path/plugins`` to import from."""
    config = tmp_path / "podium.conf"
    config.write_text(f"[DEFAULT]\nstate_path = {tmp_path}\n")
    environment = os.environ | {"PYTHONPATH": str(tmp_path / "plugins")}

    def run(*arguments: str, stdout: int = subprocess.PIPE) -> "subprocess.Popen[str]":
        command = [_PODIUM, "--config-file", config, *arguments]
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )

    return run


@pytest.fixture
def run(start: Start, tmp_path: Path) -> Run:
    """Runs ``podium`` to its end; the database has its schema."""

    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        with start(*arguments) as process:
            out, err = process.communicate(timeout=PATIENCE)
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    prepared(f"sqlite:///{tmp_path}/podium.sqlite").dispose()
    return run


@pytest.fixture
def plugins(tmp_path: Path) -> None:
    """A package with a driver that works and one that cannot be imported."""
    folder = tmp_path / "plugins"
    (folder / "acme-1.0.dist-info").mkdir(parents=True)
    (folder / "acme-1.0.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n"
    )
    (folder / "acme-1.0.dist-info" / "entry_points.txt").write_text(
        "[podium.drivers]\nacme = acme:Acme\nbroken = acme_broken:Broken\n"
    )
    (folder / "acme_broken.py").write_text("import no_such_module\n")
    (folder / "acme.py").write_text(
        "from podium.drivers import base\n"
        "class Acme(base.Driver):\n"
        "    '''Acme rack controllers.'''\n"
        "    properties = {'acme_pin': base.Property('PIN', secret=True)}\n"
        "    supported_power_states = ('power on',)\n"
        "    def get_power_state(self, node): return 'power on'\n"
        "    def set_power_state(self, node, target): pass\n"
    )


@pytest.mark.parametrize("arguments", [["node", "list", "-f", "json"], ["--help"]])
@pytest.mark.usefixtures("run")
def test_a_reader_that_has_seen_enough_is_no_error(start: Start, arguments: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with start(*arguments, stdout=writing) as process:
        os.close(writing)
        _, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, err) == (0, "")


def test_debug_logs_no_secret(run: Run, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("hunter2\n")
    secret = f"fake_password=@{tmp_path}/secret"
    done = run("--debug", "node", "create", "--driver", "fake", "--name", "n1", "--driver-info", secret)
    assert done.returncode == 0
    assert "hunter2" not in done.stderr


def test_an_interrupt_ends_the_waiting_quietly(run: Run, start: Start) -> None:
    run("node", "create", "--driver", "fake", "--name", "n1")
    with start("node", "power", "on", "n1", "--wait") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "operation 1: 1 requested\n"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (130, "")
    assert err.splitlines()[-1].startswith("podium: operation 1 goes on; look: podium operation show 1;")
    assert "Traceback" not in err


@pytest.mark.usefixtures("plugins")
def test_a_driver_that_cannot_be_loaded_is_listed_with_its_error(run: Run) -> None:
    listed = {one["name"]: one for one in json.loads(run("driver", "list", "-f", "json").stdout)}
    assert listed["acme"]["description"] == "Acme rack controllers."
    assert "acme_broken" in listed["broken"]["error"]
    assert "No module named 'no_such_module'" in listed["broken"]["error"]


@pytest.mark.usefixtures("plugins")
def test_what_a_plugin_declares_as_a_secret_is_masked(run: Run) -> None:
    run("node", "create", "--driver", "acme", "--name", "n1", "--driver-info", "acme_pin=1234")
    done = run("node", "show", "n1", "-f", "json", "-c", "driver_info")
    assert json.loads(done.stdout) == {"driver_info": {"acme_pin": "******"}}


@pytest.mark.usefixtures("plugins")
@only_long
def test_a_state_that_the_driver_does_not_know_is_refused_for_all_nodes(run: Run) -> None:
    run("node", "create", "--driver", "acme", "--name", "n1")
    run("node", "create", "--driver", "fake", "--name", "n2")
    done = run("node", "power", "off", "n[1-2]")
    assert done.returncode == 1
    assert done.stderr == (
        "podium: n1: the driver acme does not know power off, only power on; nothing was requested\n"
    )
    assert run("node", "list", "-f", "value", "-c", "target_power_state").stdout == "None\nNone\n"
