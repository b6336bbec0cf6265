"""``podium node log clear``: nothing is lost."""

import io
import json
import re
import stat
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from commands import Here, Run, There
from logbooks import Logbook, read_by
from podium import states
from podium.api.callers import Role
from podium.db.engine import Database
from podium.db.hardware_reads import HardwareRead
from podium.db.worker import Worker


@pytest.fixture
def book() -> Logbook:
    """A log of three entries."""
    found = Logbook()
    for number in range(3):
        found.add(f"event {number}", ago=60)
    return found


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which the command runs."""
    found = tmp_path / "here"
    found.mkdir()
    monkeypatch.chdir(found)
    return found


def operations(podium: Run) -> list[Any]:
    found: list[Any] = json.loads(podium("operation", "list", "-f", "json").stdout)
    return found


def answers(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    person = io.StringIO(text)
    monkeypatch.setattr(person, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdin", person)


def test_a_log_is_copied_and_then_cleared_up_to_the_last_entry_of_the_copy(
    podium: Run, database: Database, owner: Worker, book: Logbook, folder: Path
) -> None:
    with read_by(database, owner, book):
        done = podium("node", "log", "clear", "n1", "--yes", "--reason", "it is full")
    (file,) = folder.iterdir()
    assert re.fullmatch(r"n1-log-\d{8}T\d{6}Z\.jsonl", file.name)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    copied = [json.loads(line) for line in file.read_text().splitlines()]
    assert [(one["id"], one["message"]) for one in copied] == [(str(n + 1), f"event {n}") for n in range(3)]
    assert done.stdout == f"n1: 3 entries copied to {file.name}\noperation 1: 1 requested\n"
    shown = json.loads(podium("operation", "show", "1", "-f", "json").stdout)
    seen = shown["arguments"]["log"]
    assert (shown["action"], seen["last"], seen["message"]) == (states.CLEAR_LOG, "3", "event 2")
    assert datetime.fromisoformat(seen["clock_at"]) == datetime.fromisoformat(copied[-1]["clock_at"])
    assert shown["reason"] == "it is full"


def test_a_person_is_asked_first(
    podium_here: Here,
    database: Database,
    owner: Worker,
    book: Logbook,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers(monkeypatch, "n\n")
    with read_by(database, owner, book):
        done = podium_here("node", "log", "clear", "n1", "--copy", "old.jsonl")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "clear the log of n1, 3 entries, after copying it to old.jsonl? [y/N] podium: nothing was cleared\n"
    )
    assert ([*folder.iterdir()], operations(podium_here)) == ([], [])


def test_a_program_has_to_say_yes(
    podium: Run, database: Database, owner: Worker, book: Logbook, folder: Path
) -> None:
    with read_by(database, owner, book):
        done = podium("node", "log", "clear", "n1")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "podium: to clear the log of n1 needs --yes; nothing was cleared\n"
    assert ([*folder.iterdir()], operations(podium)) == ([], [])


@pytest.mark.parametrize(
    ("copy", "fault"),
    [
        ("there.jsonl", "there.jsonl is there already; name a new file"),
        ("nowhere/a.jsonl", "nowhere/a.jsonl cannot be written: No such file or directory"),
    ],
)
def test_without_a_copy_nothing_is_cleared(
    podium_here: Here, database: Database, owner: Worker, book: Logbook, folder: Path, copy: str, fault: str
) -> None:
    (folder / "there.jsonl").write_text("kept\n")
    with read_by(database, owner, book):
        done = podium_here("node", "log", "clear", "n1", "--yes", "--copy", copy)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"podium: {fault}; nothing was cleared\n"
    assert operations(podium_here) == []
    assert (folder / "there.jsonl").read_text() == "kept\n"


def test_a_copy_is_a_file(podium_here: Here, owner: Worker, folder: Path) -> None:
    done = podium_here("node", "log", "clear", "n1", "--yes", "--copy", "-")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("podium: argument --copy: what is printed may get lost; name a file")
    assert [*folder.iterdir()] == []


def test_entries_that_the_hardware_calls_alike_are_all_copied(
    podium_here: Here, database: Database, owner: Worker, book: Logbook, folder: Path
) -> None:
    for number in range(1500):
        book.add(f"more {number}", ago=30)
    book.entries[3]["id"] = "1500"  # which is on the other page
    with read_by(database, owner, book):
        done = podium_here("node", "log", "clear", "n1", "--yes", "--copy", "a.jsonl")
    assert done.stdout.startswith("n1: 1,503 entries copied to a.jsonl\n")
    copied = [json.loads(line) for line in (folder / "a.jsonl").read_text().splitlines()]
    assert [one["message"] for one in copied] == [one["message"] for one in book.entries]


def test_no_copy_is_left_of_a_log_that_somebody_may_not_clear(
    podium_there: There, database: Database, owner: Worker, book: Logbook, folder: Path
) -> None:
    podium_there.everybody.role = Role.READER
    with read_by(database, owner, book):
        done = podium_there("node", "log", "clear", "n1", "--yes", "--copy", "a.jsonl")
    assert done.returncode == 1
    assert "; nothing was cleared, and a.jsonl was removed; " in done.stderr
    assert [*folder.iterdir()] == []


def test_a_log_of_which_a_page_is_lost_is_not_cleared(
    podium_here: Here, database: Database, owner: Worker, folder: Path
) -> None:
    book = Logbook()
    for number in range(1500):
        book.add(f"event {number}")
    book.faults = [None, "10.0.0.1: no answer within 5 s"]
    with read_by(database, owner, book):
        done = podium_here("node", "log", "clear", "n1", "--yes")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "podium: 10.0.0.1: no answer within 5 s\n")
    assert ([*folder.iterdir()], operations(podium_here)) == ([], [])


def test_a_log_whose_older_entries_nobody_is_given_is_not_cleared(
    podium_here: Here, database: Database, owner: Worker, folder: Path
) -> None:
    class Stuck(Logbook):
        def answer(self, connection: sa.Connection, read: HardwareRead) -> None:
            super().answer(connection, read._replace(arguments=None))

    book = Stuck()
    for number in range(1500):
        book.add(f"event {number}")
    with read_by(database, owner, book):
        done = podium_here("node", "log", "clear", "n1", "--yes")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "podium: n1: its log has more than the 1,000 entries that could be read; nothing was cleared\n"
    )
    assert ([*folder.iterdir()], operations(podium_here)) == ([], [])


def test_an_empty_log_needs_no_copy(podium: Run, database: Database, owner: Worker, folder: Path) -> None:
    with read_by(database, owner, Logbook()):
        done = podium("node", "log", "clear", "n1")
    assert (done.returncode, done.stdout, done.stderr) == (0, "n1: its log is empty\n", "")
    assert ([*folder.iterdir()], operations(podium)) == ([], [])
