"""A command imports the drivers that it needs; one that is broken hinders nobody else's."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from podium.db import api
from podium.db.engine import Database

Run = Callable[..., "subprocess.CompletedProcess[str]"]
Install = Callable[..., None]

SOUND = """
from podium.drivers import base
from podium.drivers.fake import FakeDriver
class Acme(FakeDriver):
    properties = {**FakeDriver.properties, "acme_pin": base.Property("the pin", secret=True)}
"""
BROKEN = SOUND.replace('base.Property("the pin", secret=True)', '"the pin"')
NAMED = (
    "driver acme (package acme-podium, entry point acme_podium:Acme): property acme_pin is a value of the"
    " type str, not a podium.drivers.base.Property"
)


def enrol(database: Database, *nodes: tuple[str, str], **columns: Any) -> None:
    with database.write() as connection:
        api.create_nodes(connection, [{"name": name, "driver": driver, **columns} for name, driver in nodes])


@pytest.mark.parametrize(
    "arguments",
    [
        "node create --driver fake --name new --driver-info fake_latency=0 --property a=b",
        "node set n1 --driver-info fake_latency=1",
        "node set n1 --property a=b",
        "node set n1 --driver redfish --driver-info redfish_address=192.0.2.1",
        "node list",
        "node list --long",
        "node list --long --format json",
        "node show n1",
        "node export",
        "node power on n1",
        "node import nodes.yaml",
        "node delete n1",
        "driver show fake",
        "driver check fake",
        "driver new fresh",
        "config check podium.conf",
        "db upgrade",
        "task list",
        "conductor list",
    ],
)
def test_a_command_does_not_import_what_it_does_not_need(
    podium: Run,
    database: Database,
    install: Install,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: str,
) -> None:
    install("raise SystemExit('imported')")
    monkeypatch.chdir(tmp_path)
    Path("nodes.yaml").write_text("nodes:\n- name: n9\n  driver: fake\n")
    enrol(database, ("n1", "fake"))
    done = podium(*arguments.split())
    assert (done.returncode, "imported" in done.stderr) == (0, False), done.stderr
    assert "acme_podium" not in sys.modules


def test_a_list_of_nodes_imports_no_driver_at_all(podium: Run, database: Database, install: Install) -> None:
    install("raise SystemExit('imported')")
    enrol(database, ("n1", "fake"), ("a1", "acme"))
    assert podium("node", "list").stderr == ""
    assert "acme_podium" not in sys.modules


@pytest.mark.parametrize(
    "arguments", [("node", "list", "--long", "--format", "json"), ("node", "show", "a1", "--format", "json")]
)
def test_the_settings_of_a_broken_drivers_nodes_are_hidden_and_the_driver_is_named_once(
    podium: Run, database: Database, install: Install, arguments: tuple[str, ...]
) -> None:
    install(BROKEN)
    enrol(database, ("a1", "acme"), ("a2", "acme"), driver_info={"acme_pin": "1234"})
    done = podium(*arguments)
    assert (done.returncode, done.stderr) == (0, f"podium: warning: {NAMED}\n")
    shown = json.loads(done.stdout)
    for row in shown if isinstance(shown, list) else [shown]:
        assert row["driver_info"] == {"acme_pin": "******"}


def test_an_export_beside_a_broken_driver_has_the_other_nodes_whole(
    podium: Run, database: Database, install: Install
) -> None:
    install(BROKEN)
    enrol(database, ("a1", "acme"), driver_info={"acme_pin": "1234"})
    enrol(database, ("n1", "fake"), driver_info={"fake_latency": 1})
    done = podium("node", "export", "--format", "json")
    assert (done.returncode, done.stderr) == (0, f"podium: warning: {NAMED}\n")
    assert "1234" not in done.stdout
    assert '"fake_latency": 1' in done.stdout


def test_power_is_requested_of_a_broken_drivers_nodes_and_the_driver_is_named(
    podium: Run, database: Database, install: Install
) -> None:
    install(BROKEN)
    enrol(database, ("a1", "acme"), ("n1", "fake"))
    done = podium("node", "power", "on", "a1", "n1")
    assert f"warning: {NAMED}\n" in done.stderr
    assert "2 requested" in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        "node create --driver acme --name a2 --driver-info acme_pin=1234",
        "node set a1 --driver-info acme_pin=1234",
        "driver show acme",
    ],
)
def test_a_command_for_a_broken_driver_ends_with_one_line_that_names_it(
    podium: Run, database: Database, install: Install, arguments: str
) -> None:
    install(BROKEN)
    enrol(database, ("a1", "acme"))
    done = podium(*arguments.split())
    assert done.returncode == 1
    assert [line for line in done.stderr.splitlines() if "acme-podium" in line] == [f"podium: {NAMED}"]


def test_every_fault_of_what_a_driver_declares_is_a_line_of_its_check(
    bare_podium: Run, install: Install
) -> None:
    install(BROKEN + "    supported_power_states = 'on'\n    async def validate(self, node): pass\n")
    done = bare_podium("driver", "check", "acme")
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.splitlines() == [
        "acme: property acme_pin is a value of the type str, not a podium.drivers.base.Property",
        "acme: supported_power_states is 'on', not a tuple of words from podium.states",
        "acme: validate is async; it is called as a plain method and does no input or output",
    ]


def test_the_list_of_drivers_shows_what_is_wrong_with_one(bare_podium: Run, install: Install) -> None:
    install(BROKEN)
    done = bare_podium("driver", "list", "--format", "json")
    errors_shown = {row["name"]: row["error"] for row in json.loads(done.stdout)}
    assert errors_shown == {"acme": NAMED, **dict.fromkeys(("fake", "fake-hardware", "ipmi", "redfish"))}


def test_a_secret_of_the_nodes_own_driver_is_warned_of_on_a_command_line(
    podium: Run, database: Database, install: Install
) -> None:
    install(SOUND)
    enrol(database, ("a1", "acme"))
    done = podium("node", "set", "a1", "--driver-info", "acme_pin=1234")
    assert (done.returncode, "other users of this machine can see acme_pin" in done.stderr) == (0, True)
