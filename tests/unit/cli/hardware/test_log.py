"""``podium node log``, with pages, a clock that is off, and an end that never comes."""

import json
from collections.abc import Callable
from datetime import datetime

import pytest
import sqlalchemy as sa

from commands import Here, Run
from logbooks import Logbook, messages, read_by
from podium.db.engine import Database
from podium.db.hardware_reads import HardwareRead
from podium.db.worker import Worker
from terminals import Terminal


@pytest.fixture
def book() -> Logbook:
    return Logbook()


def test_the_newest_entries_are_shown_the_oldest_of_them_first(
    podium: Run, database: Database, owner: Worker, book: Logbook
) -> None:
    for number in range(120):
        book.add(f"event {number}", ago=7200 - number)
    with read_by(database, owner, book):
        done = podium("node", "log", "n1", "-f", "json")
        few = podium("node", "log", "n1", "--limit", "2", "-f", "value", "-c", "message")
    found = json.loads(done.stdout)
    assert [one["message"] for one in found] == [f"event {number}" for number in range(20, 120)]
    assert list(found[0]) == ["id", "at", "clock_at", "severity", "sensor", "message", "raw"]
    assert done.stderr == "podium: these are the newest 100 entries; --limit shows more\n"
    assert (few.stdout, few.stderr) == ("event 118\nevent 119\n", "")


def test_a_long_log_is_read_page_by_page_and_no_further_than_asked_for(
    podium_here: Here, database: Database, owner: Worker, book: Logbook
) -> None:
    for number in range(5000):
        book.add(f"event {number}", ago=5000 - number)
    with read_by(database, owner, book):
        recent = podium_here("node", "log", "n1", "--since", "1500", "-f", "value", "-c", "message")
        since = len(book.reads)
        every = podium_here("node", "log", "n1", "--limit", "9999", "-f", "value", "-c", "message")
    first = int(recent.stdout.split()[1])
    assert 3500 <= first <= 3600
    assert recent.stdout.splitlines() == [f"event {number}" for number in range(first, 5000)]
    assert [one["before"] for one in book.reads[:since]] == [None, "4001"]
    assert every.stdout.splitlines() == [f"event {number}" for number in range(5000)]
    assert max(one["limit"] for one in book.reads) == 1000


def test_entries_without_a_time_go_with_the_next_that_has_one(
    podium_here: Here, database: Database, owner: Worker, book: Logbook
) -> None:
    for message, ago in (("old", 9000), ("unknown", None), ("new", 60), ("newest", None)):
        book.add(message, ago)
    with read_by(database, owner, book):
        done = podium_here("node", "log", "n1", "--since", "1h", "-f", "value", "-c", "message")
    assert done.stdout == "unknown\nnew\nnewest\n"


def test_a_log_that_is_cleared_between_two_pages_is_shown_once(
    podium_here: Here, database: Database, owner: Worker, book: Logbook
) -> None:
    class Cleared(Logbook):
        def answer(self, connection: sa.Connection, read: HardwareRead) -> None:
            super().answer(connection, read)
            self.entries = self.entries[-2:]

    cleared = Cleared()
    for number in range(1500):
        cleared.add(f"event {number}")
    with read_by(database, owner, cleared):
        done = podium_here("node", "log", "n1", "--limit", "1200", "-f", "value", "-c", "message")
    assert done.stdout.splitlines() == [f"event {number}" for number in range(500, 1500)]


@pytest.mark.usefixtures("xterm")
def test_people_see_the_clocks_time_where_nobody_knows_how_far_it_is_off(
    podium_here: Here, database: Database, owner: Worker
) -> None:
    book = Logbook(clock_offset=None)
    book.add("fan 1 is slow", severity="Critical")
    with read_by(database, owner, book):
        terminal = Terminal(podium_here)
        (_, row) = terminal("node", "log", "n1", columns=80)
        (found,) = json.loads(podium_here("node", "log", "n1", "-f", "json").stdout)
    clock_at = datetime.fromisoformat(found["clock_at"])
    assert row == f"{clock_at:%Y-%m-%dT%H:%M:%SZ}  Critical  Fan 1   fan 1 is slow"
    assert found["at"] is None
    assert terminal.stderr == (
        "podium: n1: nobody knows how far its clock is off, by which its log is dated\n"
    )


@pytest.mark.usefixtures("xterm")
def test_severities_have_colours(
    podium_here: Here, database: Database, owner: Worker, book: Logbook, while_following: Callable[..., None]
) -> None:
    book.add("fan 1 is slow", severity="Critical")
    while_following()
    with read_by(database, owner, book):
        listed = Terminal(podium_here).raw("node", "log", "n1")
        followed = Terminal(podium_here).raw("node", "log", "n1", "--follow")
    assert "\x1b[31mCritical\x1b[0m" in listed
    assert "\x1b[31mCritical\x1b[0m" in followed


def test_following_prints_what_is_new_one_object_a_line(
    podium: Run, database: Database, owner: Worker, book: Logbook, while_following: Callable[..., None]
) -> None:
    for number in range(12):
        book.add(f"event {number}")
    while_following(lambda: None, lambda: book.add("new"), lambda: [book.add("newer"), book.add("newest")])
    with read_by(database, owner, book):
        done = podium("node", "log", "n1", "--follow", "-f", "json")
    assert messages(done.stdout.splitlines()) == [
        *(f"event {number}" for number in range(2, 12)),
        *("new", "newer", "newest"),
    ]
    assert (done.returncode, done.stderr) == (0, "")
    assert book.reads[-1]["after"] == "13"


def test_following_goes_on_after_a_lost_answer(
    podium: Run, database: Database, owner: Worker, book: Logbook, while_following: Callable[..., None]
) -> None:
    book.add("first")
    lost = "10.0.0.1: no answer within 5 s"
    while_following(
        lambda: [book.add("second"), book.faults.append(lost)], lambda: book.faults.append(lost), lambda: None
    )
    with read_by(database, owner, book):
        done = podium("node", "log", "n1", "--follow", "-f", "json")
    assert messages(done.stdout.splitlines()) == ["first", "second"]
    assert done.stderr.splitlines() == [
        f"podium: {lost}; trying again",
        "podium: n1: its log can be read again",
    ]


def test_following_goes_on_after_the_log_was_cleared(
    podium: Run, database: Database, owner: Worker, book: Logbook, while_following: Callable[..., None]
) -> None:
    for number in range(3):
        book.add(f"event {number}")
    while_following(
        lambda: [book.entries.clear(), book.add("cleared")], lambda: None, lambda: book.add("after that")
    )
    with read_by(database, owner, book):
        done = podium("node", "log", "n1", "--follow", "-f", "value", "-c", "message")
    assert done.stdout.splitlines() == ["event 0", "event 1", "event 2", "cleared", "after that"]


def test_following_an_empty_log_begins_with_its_first_entry(
    podium_here: Here, database: Database, owner: Worker, book: Logbook, while_following: Callable[..., None]
) -> None:
    while_following(lambda: book.add("first"))
    with read_by(database, owner, book):
        done = podium_here("node", "log", "n1", "--follow", "-f", "value", "-c", "message")
    assert done.stdout == "first\n"


def test_what_cannot_be_read_is_one_line(
    podium: Run, database: Database, owner: Worker, book: Logbook
) -> None:
    book.faults = ["10.0.0.1: no answer within 5 s"] * 2
    with read_by(database, owner, book):
        for more in ([], ["--follow"]):
            done = podium("node", "log", "n1", *more)
            assert (done.returncode, done.stdout) == (1, "")
            assert done.stderr == "podium: 10.0.0.1: no answer within 5 s\n"


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("n[1-2]", "argument NODE: n[1-2] is a range of nodes, and this command takes one node"),
        ("n1 --follow -f yaml", "--follow takes the formats table, json, csv, value"),
        ("n1 --follow -c colour", "argument -c/--column: there is no column colour"),
    ],
)
def test_slips_are_one_line(podium_here: Here, words: str, line: str) -> None:
    done = podium_here("node", "log", *words.split())
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"podium: {line}")
