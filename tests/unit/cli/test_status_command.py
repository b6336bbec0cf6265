"""``podium status``: what needs attention, the commands that show more, and the calm figures."""

import io
import json
import shlex
import subprocess
import threading
from collections.abc import Callable
from datetime import timedelta
from itertools import dropwhile, takewhile
from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from commands import Here
from crews import enter, settle
from heads import Head
from podium import errors, node_ranges
from podium.cli.showing.screen import Screen
from podium.cli.status import Show, Watch
from podium.client.calls.status import Status
from podium.db import api, clock, conductors, enforcement, members, power, provision_states
from podium.db.conductors import TaskReport
from podium.db.engine import Database
from podium.db.faults import POWER_FAILURE
from podium.db.figures import DriverFigures, Figures, SinkFigures
from podium.db.models import conductor_workers, nodes, power_readings, utcnow
from podium.db.models import power_requests as requests
from podium.db.worker import Worker
from rounds import only_long
from terminals import Terminal

pytestmark = pytest.mark.usefixtures("xterm")

Run = Callable[..., "subprocess.CompletedProcess[str]"]

#: What is wrong with some nodes.
_ILL: dict[str, dict[str, Any]] = {
    "r1n[1-3]": {"maintenance": True, "fault": POWER_FAILURE, "power_failures": 9},
    "r1n4": {"health": {"status": "Critical", "reasons": ["fan"]}},
    "r1n5": {"power_state": "error"},
    "r1n[6-7]": {"power_failures": 2},
    "r1n8": {"health": {"status": "Warning", "reasons": ["disk"]}},
    "r1n9": {"health": {"status": "Critical", "reasons": ["fan"]}, "maintenance": True},
    "r1n10": {"credentials_expire_at": utcnow() - timedelta(days=1)},
    "r1n11": {"power_policy": "ignore"},
}


#: What is said of that, and of more, the worst first.
KINDS = [
    "unserved",
    "enforcement_frozen",
    "conductor_gone",
    "unreadable",
    "critical_health",
    "power_error",
    "failing",
    "stale",
    "operation_failed",
    "task_failing",
    "notifications_failing",
    "reads_late",
    "health_warning",
    "password_expired",
]


def enrol(database: Database, *names: str, read: float = 1.0, **columns: Any) -> None:
    """Enrol nodes of an hour ago that are on, and were read so many seconds ago."""
    expanded = node_ranges.expand(names)
    with database.write() as connection:
        rows = [{"driver": "fake", "power_state": "power on", **columns, "name": name} for name in expanded]
        api.create_nodes(connection, rows)
        now = clock.now(connection)
        its = nodes.c.name.in_(expanded)
        connection.execute(sa.update(nodes).where(its).values(created_at=clock.later(now, -3600)))
        numbers = sa.select(nodes.c.id).where(its)
        checked = sa.update(power_readings).where(power_readings.c.node_id.in_(numbers))
        connection.execute(checked.values(checked_at=clock.later(now, -read)))


def change(database: Database, names: str, **columns: Any) -> None:
    with database.write() as connection:
        its = nodes.c.name.in_(node_ranges.expand([names]))
        connection.execute(sa.update(nodes).where(its).values(**columns))


def fail(database: Database, action: str, names: str) -> int:
    """Ask for something, and have it fail."""
    with database.write() as connection:
        keys = api.find_keys(connection, node_ranges.expand([names]))
        number = power.ask(connection, keys, action, who="me").operation_id
        assert number is not None
        failed = sa.update(requests).where(requests.c.operation_id == number)
        connection.execute(failed.values(state="failed", error="it says no"))
        asked = {"target_power_state": None, "power_request_id": None}
        connection.execute(sa.update(nodes).values(asked))
    return number


def conducted(database: Database) -> Worker:
    """The only conductor, of all nodes with the driver fake that there will be."""
    found = enter(database, "c1")
    enrol(database, "r1n[1-12]")
    settle(database, found)
    return found


@pytest.fixture
def worker(database: Database) -> Worker:
    """A fleet that is well."""
    return conducted(database)


@pytest.fixture
def ill(database: Database, worker: Worker) -> Worker:
    """A fleet with everything that needs attention."""
    make_ill(database, worker)
    return worker


def make_ill(database: Database, worker: Worker) -> None:
    for names, columns in _ILL.items():
        change(database, names, **columns)
    enrol(database, "x[1-2]", driver="acme")
    enrol(database, "old[1-2]", read=1000.0)
    enrol(database, "left", provision_state=provision_states.ENROLL, power_state=None)
    settle(database, worker)
    fail(database, "power off", "r1n[11-12]")
    report = TaskReport("fake.check", "failing", 60.0, None, None, 9, 9, 0, 0, "no such sensor")
    figures = Figures(
        notifications={"hook": SinkFigures(failing=True, failing_since=utcnow(), last_error="503")},
        drivers={"fake": DriverFigures(late=True)},
    )
    gone = enter(database, "c2")
    with database.write() as connection:
        conductors.save_tasks(connection, worker, [report])
        conductors.save_figures(connection, worker, figures)
        members.leave(connection, gone)
        enforcement.freeze(connection, utcnow(), "many nodes vanished")


def status(podium: Run) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(podium("status", "-f", "json").stdout)
    return found


def test_a_fleet_that_is_well_says_so(podium: Run, worker: Worker) -> None:
    done = podium("status")
    assert (done.returncode, done.stderr) == (0, "")
    first, empty, *figures = done.stdout.splitlines()
    assert (first, empty) == ("nothing needs attention", "")
    assert [line for line in figures if not line.startswith("readings")] == [
        "nodes        12: 12 on",
        "health       12 unknown",
        "maintenance  none",
        "changes      none under way",
        "conductors   1 alive: c1",
    ]


def test_what_needs_attention_comes_first_and_the_worst_of_it_before_the_rest(
    podium_here: Here, ill: Worker
) -> None:
    found = status(podium_here)
    assert [one["kind"] for one in found["attention"]] == KINDS
    assert {one["kind"]: one["names"] for one in found["attention"] if one["names"]} == {
        "unserved": "x[1-2]",
        "unreadable": "r1n[1-3]",
        "critical_health": "r1n4",
        "power_error": "r1n5",
        "failing": "r1n[6-7]",
        "stale": "old[1-2]",
        "operation_failed": "r1n[11-12]",
        "health_warning": "r1n8",
        "password_expired": "r1n10",
    }
    assert (found["nodes"]["total"], found["nodes"]["enroll"]) == (16, 1)


def test_each_command_that_is_named_shows_what_it_is_named_for(podium: Run, ill: Worker) -> None:
    for one in status(podium)["attention"]:
        program, *words = shlex.split(one["command"])
        done = podium(*words, "-f", "json")
        assert (program, done.returncode) == ("podium", 0), (one["command"], done.stderr)
        shown = json.loads(done.stdout)
        if one["names"] and words[1] == "list":
            names = [node.get("name") or node.get("node") for node in shown]
            assert sorted(names) == sorted(node_ranges.expand([one["names"]])), one["command"]
            assert len(names) == one["nodes"]


def test_nodes_that_a_list_is_said_to_have_are_those_that_are_counted_with_unusual_ones_beside(
    podium_here: Here, database: Database, worker: Worker
) -> None:
    enrol(database, "rare", driver="acme", read=900.0)
    enrol(database, "idle", power_policy="ignore", read=900.0)
    enrol(database, "held", reservation=worker, read=900.0)
    enrol(database, "late[1-2]", read=900.0)
    with database.write() as connection:
        api.create_nodes(connection, [{"name": "new", "driver": "fake"}])
        its = Figures(drivers={"acme": DriverFigures(interval=600.0)})
        conductors.save_figures(connection, worker, its)
        members.leave(connection, worker)
    settle(database, enter(database, "c1", drivers=("fake", "acme")))
    (found,) = [one for one in status(podium_here)["attention"] if one["kind"] == "stale"]
    listed = json.loads(podium_here(*shlex.split(found["command"])[1:], "-f", "json").stdout)
    assert (found["names"], [one["name"] for one in listed]) == ("late[1-2]", ["late1", "late2"])


@only_long
def test_the_same_is_counted_in_every_kind_of_database(podium_anywhere: Here, migrated_url: str) -> None:
    database = Database(migrated_url)
    try:
        make_ill(database, conducted(database))
    finally:
        database.dispose()
    found = status(podium_anywhere)["attention"]
    assert [one["kind"] for one in found] == KINDS
    stale = next(one for one in found if one["kind"] == "stale")
    listed = json.loads(podium_anywhere(*shlex.split(stale["command"])[1:], "-f", "json").stdout)
    assert [one["name"] for one in listed] == ["old1", "old2"]


def test_without_a_conductor_that_is_what_is_said_of_all_nodes(podium_here: Here, database: Database) -> None:
    enrol(database, "n[1-3]")
    first, *_ = podium_here("status").stdout.splitlines()[1:]
    assert first.strip() == "no conductor is running"
    assert [one["kind"] for one in status(podium_here)["attention"]] == ["no_conductor"]


def test_an_operation_that_failed_is_over_once_something_else_is_asked_of_its_nodes(
    podium_here: Here, database: Database, worker: Worker
) -> None:
    first = fail(database, "power off", "r1n[1-2]")
    second = fail(database, "power on", "r1n2")
    texts = {one["command"]: one["names"] for one in status(podium_here)["attention"]}
    assert texts == {
        f"podium operation show {second}": "r1n2",
        f"podium operation show {first}": "r1n1",
    }


def test_many_operations_that_failed_are_one_line(
    podium_here: Here, database: Database, worker: Worker
) -> None:
    for number in range(1, 6):
        fail(database, "power off", f"r1n{number}")
    *_, last = status(podium_here)["attention"]
    assert last["text"] == "older operations failed for 2 nodes: 1-2"
    assert last["command"] == "podium operation show 2"


def test_changes_under_way_are_a_calm_figure(podium_here: Here, worker: Worker) -> None:
    podium_here("node", "power", "off", "r1n[1-2]")
    assert "changes      1 operation: 1 (power off, 2 of 2 left)" in podium_here("status").stdout.splitlines()


def test_an_empty_fleet_says_how_to_begin(podium_here: Here, database: Database) -> None:
    assert podium_here("status").stdout.splitlines() == [
        "nothing needs attention",
        "",
        "nodes        none yet; enrol some: podium node import FILE",
        "maintenance  none",
        "changes      none under way",
        "conductors   none has run yet; start one: podium-conductor",
    ]


def test_at_a_terminal_every_line_fits(podium_here: Here, ill: Worker) -> None:
    lines = Terminal(podium_here)("status", "--no-pager", columns=80)
    assert [line for line in lines if len(line) > 80] == []
    assert "  3 nodes are in maintenance, since they could not be read: r1n[1-3]" in lines
    assert "    podium node list --where 'fault=\"power failure\"'" in lines
    assert lines[0] == "14 things need attention"
    assert "  and 4 others, see: podium status -f yaml -c attention" in lines


def test_a_command_that_is_long_can_be_copied_from_a_narrow_terminal(podium_here: Here, ill: Worker) -> None:
    lines = Terminal(podium_here)("status", "--no-pager", columns=50)
    assert [line for line in lines if len(line) > 50] == []
    _, *following = dropwhile(lambda line: "stale>" not in line, lines)
    head = next(line for line in lines if "stale>" in line)
    copied = "\n".join([head, *takewhile(lambda line: line.startswith("      "), following)])
    assert copied.count("\n") == 2
    (_, *words), (finding, *_) = shlex.split(copied), status(podium_here)["attention"][7:]
    assert finding["kind"] == "stale"
    listed = json.loads(podium_here(*words, "-f", "json").stdout)
    assert [one["name"] for one in listed] == ["old1", "old2"]


def test_a_command_is_quoted_where_a_name_has_signs_of_the_shell(
    podium_here: Here, database: Database, worker: Worker
) -> None:
    host = "v$(touch${IFS}x)'"
    odd = enter(database, host)
    report = TaskReport("fake.check", "failing", 60.0, None, None, 9, 9, 0, 0, "no such sensor")
    with database.write() as connection:
        conductors.save_tasks(connection, odd, [report])
        conductors.save_figures(connection, odd, Figures())
        connection.execute(sa.update(conductor_workers).values(updated_at=clock.later(utcnow(), -3600)))
    found = {one["kind"]: shlex.split(one["command"]) for one in status(podium_here)["attention"]}
    assert found["task_failing"][2:] == ["show", "fake.check", "--conductor", host]
    assert found["no_figures"] == ["podium", "conductor", "show", host]
    lines = Terminal(podium_here)("status", "--no-pager", columns=40)
    _, *following = dropwhile(lambda line: "task show" not in line, lines)
    head = next(line for line in lines if "task show" in line)
    copied = "\n".join([head, *takewhile(lambda line: line.startswith("      "), following)])
    assert " \\\n" in copied
    assert shlex.split(copied.replace("\\\n", "")) == found["task_failing"]


def test_colours_say_what_is_worst(podium_here: Here, ill: Worker) -> None:
    text = Terminal(podium_here).raw("status", "--no-pager")
    assert "\x1b[31m  2 nodes are served by no conductor: x[1-2]\x1b[0m" in text
    assert "\x1b[33m  power off failed for 2 nodes" in text


def test_single_columns_are_shown_as_of_other_objects(podium_here: Here, worker: Worker) -> None:
    done = podium_here("status", "-f", "value", "-c", "readings")
    assert json.loads(done.stdout)["fresh_share"] == 1.0


def test_a_fleet_that_is_watched_is_drawn_anew_in_place(
    podium_here: Here, database: Database, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn, pictures, lines = threading.Semaphore(0), [""], Watch.lines

    def draw(self: Watch, screen: Screen) -> list[str]:
        found = lines(self, screen)
        pictures.append("\n".join(found))
        drawn.release()
        return found

    def sleep(seconds: float) -> None:
        assert seconds == 2
        if len(enrolled) == 1:
            enrol(database, enrolled.pop())
            return
        while "13: 13 on" not in pictures[-1]:
            assert drawn.acquire(timeout=60)
        raise KeyboardInterrupt

    enrolled = ["more"]
    monkeypatch.setattr(Watch, "lines", draw)
    monkeypatch.setattr(Show, "sleep", staticmethod(sleep))
    terminal = Terminal(podium_here)
    written = terminal.raw("status", "--watch", "2", columns=80, lines=24)
    assert (terminal.status, terminal.stderr) == (0, "")
    assert written.startswith("\x1b[?1049h") and written.endswith("\x1b[?1049l")
    assert pictures[1].startswith("podium status, every 2 s: 20")
    assert "12: 12 on" in pictures[1]


@pytest.mark.parametrize(("columns", "height"), [(80, 24), (40, 24), (80, 20)])
def test_a_fleet_that_is_watched_fits_the_screen(
    podium_here: Here, ill: Worker, columns: int, height: int
) -> None:
    seen = msgspec.json.decode(podium_here("status", "-f", "json").stdout, type=Status)
    lines = Watch(seen, 5.0, lambda: 0.0).lines(Screen(io.StringIO(), columns, height, False, "…"))
    assert len(lines) <= height
    assert lines[-1].startswith("conductors ")


@pytest.mark.parametrize(
    ("fault", "who"),
    [
        (errors.DatabaseUnavailable("no route"), "the database"),
        (errors.ApiUnavailable("no route"), "podium-api"),
    ],
)
def test_while_nobody_answers_it_is_said_how_old_is_what_is_shown(
    podium_here: Here, worker: Worker, fault: errors.PodiumError, who: str
) -> None:
    now = [1000.0]
    seen = msgspec.json.decode(podium_here("status", "-f", "json").stdout, type=Status)
    screen = Screen(io.StringIO(), 80, 24, False, "…")
    watch = Watch(seen, 5.0, lambda: now[0])
    now[0] += 42
    assert watch.lines(screen)[0] == "there is no answer yet, and this is 42 s old"
    watch.miss(fault)
    now[0] += 1
    assert watch.lines(screen)[0] == f"{who} is away, and this is 43 s old: no route"
    watch.take(seen)
    assert watch.lines(screen)[0].startswith("podium status, every 5 s: ")


@pytest.mark.parametrize("words", [("--watch",), ("--watch", "2", "-f", "json")])
def test_nothing_is_watched_without_a_terminal(podium_here: Here, words: tuple[str, ...]) -> None:
    done = podium_here("status", *words)
    assert done.returncode == 2
    assert "--watch shows lines that change in place, which takes a terminal" in done.stderr


def test_a_password_that_is_unknown_is_found_by_the_command_that_is_named(
    podium: Run, database: Database, head: Head, tmp_path: Path
) -> None:
    head.go_online()
    enrol(database, "n[1-2]")
    password = tmp_path / "new"
    password.write_text("correct horse\n")
    password.chmod(0o600)
    podium("credential", "set", "n1", "--password-file", str(password), "--on-bmc", "--canary", "0")
    head.carry_out({"n1": "unknown"})
    found = next(one for one in status(podium)["attention"] if one["kind"] == "password_unknown")
    listed = json.loads(podium(*shlex.split(found["command"])[1:], "-f", "json").stdout)
    assert (found["names"], [one["node"] for one in listed]) == ("n1", ["n1"])
