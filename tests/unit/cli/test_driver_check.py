"""``podium driver check``, on drivers of this environment and on packages made for it."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., "subprocess.CompletedProcess[str]"]

UNSOUND = """
from podium import states
from podium.drivers import base


class Unsound(base.Driver):
    properties = {"acme_password": base.Property("password")}

    def get_power_state(self, node):
        return states.POWER_OFF

    def set_power_state(self, node):
        pass
"""


def check_installed(folder: Path, text: str) -> "subprocess.CompletedProcess[str]":
    """The command on a driver ``acme`` with this text as its module, in a process that has it installed."""
    (folder / "acme_to_check.py").write_text(text)
    info = folder / "acme_to_check-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-to-check\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[podium.drivers]\nacme = acme_to_check:Unsound\n")
    # The cache is stevedore's, which others must not see.
    environment = os.environ | {"PYTHONPATH": str(folder), "XDG_CACHE_HOME": str(folder / "cache")}
    command = [Path(sys.executable).with_name("podium"), "driver", "check", "acme"]
    return subprocess.run(
        command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=50
    )


@pytest.mark.parametrize("driver", ["fake", "ipmi"])
def test_a_sound_driver_passes(bare_podium: Run, driver: str) -> None:
    done = bare_podium("driver", "check", driver)
    assert (done.returncode, done.stdout) == (0, f"{driver}: no fault found without its hardware\n")


def test_every_finding_is_a_line(tmp_path: Path) -> None:
    done = check_installed(tmp_path, UNSOUND)
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        "acme: class Unsound has no docstring, whose first line is its description",
        "acme: property acme_password is named like a secret; declare it with secret=True",
        "acme: set_power_state cannot be called with (node, target): too many positional arguments",
    ]


def test_a_driver_that_cannot_be_imported_is_told_with_the_reason(tmp_path: Path) -> None:
    done = check_installed(tmp_path, "import no_such_module\n")
    assert done.returncode == 1
    assert "driver acme (package acme-to-check, entry point acme_to_check:Unsound)" in done.stderr
    assert "no_such_module" in done.stderr


def test_a_driver_that_is_not_installed_is_told_with_its_near_miss(bare_podium: Run) -> None:
    done = bare_podium("driver", "check", "ipmj")
    assert (done.returncode, done.stderr) == (1, "podium: there is no driver ipmj; did you mean ipmi?\n")
