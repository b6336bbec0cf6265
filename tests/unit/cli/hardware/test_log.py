"""``podium node log``, with pages, a clock that is off, and an end that never comes."""

import json
from collections.abc import Callable
from datetime import datetime

import pytest
import sqlalchemy as sa

from commands import Here, Run
from logbooks import Logbook, messages, read_by, read_by_name
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
    assert list(found[0]) == ["node", "id", "at", "clock_at", "severity", "sensor", "message", "raw"]
    assert done.stderr == "podium: n1: these are the newest 100 entries; --limit shows more\n"
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
@pytest.mark.parametrize("columns", [80, 60, 30, 20])
@pytest.mark.parametrize("more", [[], ["--follow"]])
def test_people_read_all_of_a_message_however_narrow_their_terminal_is(
    podium_here: Here,
    database: Database,
    owner: Worker,
    book: Logbook,
    while_following: Callable[..., None],
    columns: int,
    more: list[str],
) -> None:
    words = "48 degrees C, above its upper critical threshold of 45 degrees C, and still rising"
    book.add(words, severity="Critical", sensor="CPU1 Temp")
    book.add("well again")
    while_following()
    with read_by(database, owner, book):
        shown = Terminal(podium_here)("node", "log", "n1", *more, columns=columns)
    assert max(map(len, shown)) <= columns
    assert words in " ".join(" ".join(shown).replace("Critical", "").replace("CPU1 Temp", "").split())
    assert "well again" in shown[-1]


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
    assert book.reads[-1]["after"] == "12"  # with the last that was seen, which must be the same


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
        f"podium: n1: {lost}; trying again",
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
    assert done.stderr == "podium: n1: the log was cleared\n"


@pytest.mark.parametrize(("before", "after"), [(1, 1), (1, 3), (2, 2), (2, 5), (3, 3)])
def test_following_misses_nothing_where_the_ids_of_a_cleared_log_reach_the_last_one(
    podium_here: Here,
    database: Database,
    owner: Worker,
    book: Logbook,
    while_following: Callable[..., None],
    before: int,
    after: int,
) -> None:
    def begin_anew() -> None:
        book.entries.clear()
        for number in range(after):
            book.add(f"new {number}")

    for number in range(before):
        book.add(f"old {number}", ago=60)
    while_following(begin_anew, lambda: None)
    with read_by(database, owner, book):
        done = podium_here("node", "log", "n1", "--follow", "-f", "value", "-c", "message")
    assert done.stdout.splitlines() == [
        *(f"old {number}" for number in range(before)),
        *(f"new {number}" for number in range(after)),
    ]
    assert done.stderr == "podium: n1: the log was cleared\n"


def test_following_goes_on_where_single_entries_are_deleted(
    podium_here: Here, database: Database, owner: Worker, book: Logbook, while_following: Callable[..., None]
) -> None:
    for number in range(3):
        book.add(f"event {number}")
    while_following(lambda: book.entries.pop(), lambda: book.add("new", id="9"))
    with read_by(database, owner, book):
        done = podium_here("node", "log", "n1", "--follow", "-f", "value", "-c", "message")
    assert (done.stdout.splitlines(), done.stderr) == (["event 0", "event 1", "event 2", "new"], "")


def test_following_knows_an_entry_again_whose_sensor_has_a_name_by_now(
    podium_here: Here, database: Database, owner: Worker, book: Logbook, while_following: Callable[..., None]
) -> None:
    book.add("sensor 48 is slow", raw="0100aa", sensor=None)
    while_following(
        lambda: book.entries[0].update(message="is slow", sensor="Fan 1"), lambda: book.add("new")
    )
    with read_by(database, owner, book):
        done = podium_here("node", "log", "n1", "--follow", "-f", "value", "-c", "message")
    assert (done.stdout.splitlines(), done.stderr) == (["sensor 48 is slow", "new"], "")


def test_logs_of_several_nodes_are_merged_by_time(podium: Run, database: Database, owner: Worker) -> None:
    books = {"n1": Logbook(), "n2": Logbook(), "n3": Logbook()}
    for node, message, ago in (
        *(("n1", "first", 90), ("n1", "of no time", None), ("n1", "fourth", 60)),
        *(("n2", "second", 80), ("n2", "fifth", 50), ("n3", "third", 70)),
    ):
        books[node].add(message, ago)
    with read_by_name(database, owner, books):
        done = podium("node", "log", "n[1-3]", "-f", "value", "-c", "node", "-c", "message")
        few = podium("node", "log", "n[1-3]", "--limit", "1", "-f", "value", "-c", "node", "-c", "message")
    assert done.stdout.splitlines() == [
        *("n1 first", "n2 second", "n3 third", "n1 of no time", "n1 fourth", "n2 fifth")
    ]
    assert few.stdout.splitlines() == ["n3 third", "n1 fourth", "n2 fifth"]


def test_a_node_whose_log_cannot_be_read_does_not_keep_those_of_others_away(
    podium: Run, database: Database, owner: Worker, while_following: Callable[..., None]
) -> None:
    books = {"n1": Logbook(), "n2": Logbook()}
    for book in books.values():
        book.add("event")
    books["n1"].faults = ["10.0.0.1: no answer within 5 s"] * 2
    words = ("node", "log", "n1", "n2", "-f", "value", "-c", "node", "-c", "message")
    while_following(lambda: None, lambda: books["n2"].add("new"))
    with read_by_name(database, owner, books):
        done = podium(*words)
        followed = podium(*words, "--follow")
    line = "podium: n1: 10.0.0.1: no answer within 5 s\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, "n2 event\n", line)
    assert (followed.returncode, followed.stdout) == (0, "n2 event\nn1 event\nn2 new\n")
    assert followed.stderr == f"{line}podium: n1: its log can be read again\n"


def test_only_entries_of_a_severity_or_a_greater_one(
    podium_here: Here, database: Database, owner: Worker, book: Logbook, while_following: Callable[..., None]
) -> None:
    for number in range(1500):
        book.add(f"event {number}", severity={0: "Critical", 7: "Warning"}.get(number, "OK"))
    words = ("node", "log", "n1", "-f", "value", "-c", "message")
    while_following(lambda: [book.add("fine"), book.add("hot", severity="Critical")])
    with read_by(database, owner, book):
        warning = podium_here(*words, "--severity", "warning")
        critical = podium_here(*words, "--severity", "critical")
        newest = podium_here(*words, "--severity", "warning", "--limit", "1")
        followed = podium_here(*words, "--severity", "critical", "--follow")
    assert (warning.stdout, warning.stderr) == ("event 0\nevent 7\n", "")
    assert (critical.stdout, newest.stdout) == ("event 0\n", "event 7\n")
    assert followed.stdout == "event 0\nhot\n"


@pytest.mark.usefixtures("xterm")
def test_people_see_which_node_an_entry_is_of_where_there_are_several(
    podium_here: Here, database: Database, owner: Worker, book: Logbook
) -> None:
    book.add("fan 1 is slow", raw="0100aa")
    with read_by(database, owner, book):
        terminal = Terminal(podium_here)
        several, one = (terminal("node", "log", nodes, columns=100) for nodes in ("n[1-2]", "n1"))
        every = terminal("node", "log", "n1", "--long", columns=100)
    assert several[0].split() == ["node", "at", "severity", "sensor", "message"]
    assert sorted(line.split()[0] for line in several[1:]) == ["n1", "n2"]
    assert one[0].split() == ["at", "severity", "sensor", "message"]
    assert every[0].split() == ["node", "id", "at", "clock_at", "severity", "sensor", "message", "raw"]


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
            assert done.stderr == "podium: n1: 10.0.0.1: no answer within 5 s\n"


def test_entries_are_shown_although_older_ones_cannot_be_read(
    podium: Run, database: Database, owner: Worker, book: Logbook, while_following: Callable[..., None]
) -> None:
    for number in range(1500):
        book.add(f"event {number}")
    shown = ("node", "log", "n1", "--limit", "1200", "-f", "value", "-c", "message")
    while_following(lambda: book.add("new"), lambda: None)
    with read_by(database, owner, book):
        for more, new in (([], []), (["--follow"], ["new"])):
            book.faults = [None, "10.0.0.1: only 1000 entries can be read"]
            done = podium(*shown, *more)
            assert done.returncode == 1
            assert done.stdout.splitlines() == [*(f"event {number}" for number in range(500, 1500)), *new]
            assert done.stderr == (
                "podium: n1: 10.0.0.1: only 1000 entries can be read; what was read is shown\n"
            )


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("", "say which nodes: NODE,"),
        ("n1 -c colour", "argument -c/--column: there is no column colour"),
        ("n1 --follow -f yaml", "--follow takes the formats table, json, csv, value"),
        ("n1 --follow -c colour", "argument -c/--column: there is no column colour"),
    ],
)
def test_slips_are_one_line(podium_here: Here, words: str, line: str) -> None:
    done = podium_here("node", "log", *words.split())
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"podium: {line}")
