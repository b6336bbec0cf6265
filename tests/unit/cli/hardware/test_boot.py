"""What nodes boot from: ``podium node boot``, and ``--boot`` of what switches."""

import io
import json
import sys
from typing import Any

import pytest
import sqlalchemy as sa

from commands import Here, Run
from heads import Head
from podium import states
from podium.db import api, hardware_reads
from podium.db.engine import Database
from podium.db.hardware_reads import HardwareRead
from podium.db.worker import Worker
from readers import BOOT, answering


@pytest.fixture
def nodes(database: Database) -> None:
    with database.write() as connection:
        api.create_nodes(connection, [{"name": name, "driver": "fake"} for name in ("n1", "n2")])


def asked(podium: Run) -> tuple[str, Any]:
    """Return the action of the only operation, and what was given with it."""
    found = json.loads(podium("operation", "show", "1", "-f", "json").stdout)
    return found["action"], found["arguments"]


def test_what_nodes_boot_from_is_shown_with_what_they_could(
    podium: Run, database: Database, owner: Worker
) -> None:
    def reads(connection: sa.Connection, read: HardwareRead) -> None:
        hardware_reads.answer(connection, read.id, BOOT)

    with answering(database, owner, reads):
        done = podium("node", "boot", "show", "n[1-2]", "-f", "json")
    assert json.loads(done.stdout) == [{"node": name, **BOOT} for name in ("n1", "n2")]
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.usefixtures("nodes")
@pytest.mark.parametrize(
    ("words", "boot"),
    [
        ("n1 n2 PXE", {"device": "pxe", "persistent": False, "mode": None}),
        ("n1 --persistent n2 disk --uefi", {"device": "disk", "persistent": True, "mode": "uefi"}),
        ("--all --bios safe", {"device": "safe", "persistent": False, "mode": "bios"}),
    ],
)
def test_nodes_are_told_what_to_boot_from(podium: Run, words: str, boot: Any) -> None:
    done = podium("node", "boot", "set", *words.split())
    assert (done.returncode, done.stdout) == (0, "operation 1: 2 requested\n")
    assert asked(podium) == (states.SET_BOOT_DEVICE, {"boot": boot})


@pytest.mark.usefixtures("nodes")
def test_what_was_read_back_is_the_outcome(podium: Run, head: Head) -> None:
    head.go_online()
    head.results[states.SET_BOOT_DEVICE] = "pxe, once, uefi"
    with head.carrying_out({"n2": "it boots from disk, once"}):
        done = podium("node", "boot", "set", "n[1-2]", "pxe", "--uefi", "--wait")
    assert done.returncode == 1
    assert done.stdout.splitlines()[1:] == [
        "n1: pxe, once, uefi",
        "n2: failed: it boots from disk, once",
    ]
    shown = json.loads(podium("operation", "show", "1", "--long", "-f", "json").stdout)
    assert [one["result"] for one in shown["results"]] == ["pxe, once, uefi", None]
    assert shown["what"] == "pxe, once, uefi"


@pytest.mark.usefixtures("nodes")
@pytest.mark.parametrize(
    ("word", "action"),
    [
        ("on", "power on"),
        ("reboot", "rebooting"),
        ("cycle", "power cycle"),
        ("soft-reboot", "soft rebooting"),
    ],
)
def test_a_boot_device_and_the_boot_are_one_operation(podium: Run, word: str, action: str) -> None:
    done = podium("node", "power", word, "n[1-2]", "--boot", "pxe", "--uefi")
    assert (done.returncode, done.stdout) == (0, "operation 1: 2 requested\n")
    assert asked(podium) == (action, {"boot": {"device": "pxe", "persistent": False, "mode": "uefi"}})


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("power reboot n1 --uefi", "argument --uefi: goes with --boot"),
        ("power on n1 --persistent", "argument --persistent: goes with --boot"),
        ("power off n1 --boot pxe", "there is no option --boot; did you mean podium node boot?"),
        ("boot set n1 --uefi --bios pxe", "argument --bios: not allowed with argument --uefi"),
        ("boot set pxe", "say which nodes: NODE, --where or another condition, or --all for all of them"),
        ("boot set n1 floppy", "argument DEVICE: floppy is none of pxe, disk,"),
        (
            "boot set n1",
            "argument DEVICE: n1 is none of pxe, disk, cdrom, bios, safe, default; it is the last",
        ),
        ("power reboot n1 --boot tape", "argument --boot: tape is none of pxe, disk,"),
    ],
)
def test_what_does_not_go_together_is_refused(podium_here: Run, words: str, line: str) -> None:
    done = podium_here("node", *words.split())
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"podium: {line}")


@pytest.mark.parametrize(
    ("words", "question"),
    [
        ("boot set --all disk --persistent", "have 51 nodes boot disk, every time"),
        ("power reboot --all --boot pxe", "reboot 51 nodes, to boot pxe, once"),
        ("identify --all", "have the LEDs of 51 nodes blink for 60 s"),
        ("identify --all --off", "end the blinking of 51 nodes"),
        ("clock set --all", "set the clocks of 51 nodes"),
        ("do fake.blink --all colour=red", "do fake.blink with 51 nodes"),
    ],
)
def test_many_nodes_are_asked_about_in_words(
    podium_here: Here, database: Database, monkeypatch: pytest.MonkeyPatch, words: str, question: str
) -> None:
    with database.write() as connection:
        api.create_nodes(connection, [{"name": f"n{number}", "driver": "fake"} for number in range(51)])
    person = io.StringIO("no\n")
    monkeypatch.setattr(person, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdin", person)
    done = podium_here("node", *words.split())
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[0].startswith(f"{question}? [y/N]")
