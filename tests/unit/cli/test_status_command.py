"""``podium status``: what needs attention, the commands that show more, and the calm figures."""

import json
import shlex
import subprocess
from collections.abc import Callable
from itertools import dropwhile, takewhile
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from commands import Here
from crews import enter, settle
from heads import Head
from ill_fleets import conducted, enrol, fail, make_ill
from podium import node_ranges
from podium.db import api, clock, conductors, members
from podium.db.conductors import TaskReport
from podium.db.engine import Database
from podium.db.figures import DriverFigures, Figures
from podium.db.models import conductor_workers, nodes, utcnow
from podium.db.worker import Worker
from rounds import only_long
from terminals import Terminal

pytestmark = pytest.mark.usefixtures("xterm")

Run = Callable[..., "subprocess.CompletedProcess[str]"]

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


@pytest.fixture
def worker(database: Database) -> Worker:
    """A fleet that is well."""
    return conducted(database)


@pytest.fixture
def ill(database: Database, worker: Worker) -> Worker:
    """A fleet with everything that needs attention."""
    make_ill(database, worker)
    return worker


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


def test_nodes_whose_login_was_refused_are_told_from_those_that_do_not_answer(
    podium_here: Here, database: Database, worker: Worker
) -> None:
    refused, away = "BMC b has another password; check ipmi_password", "BMC b does not answer"
    unreadable = {"maintenance": True, "fault": "power failure"}
    states: dict[str, dict[str, Any]] = {
        "r1n1": {**unreadable, "last_error": refused},
        "r1n2": {"last_error": refused},
        "r1n3": {**unreadable, "last_error": away},
        "r1n4": {"last_error": away},
        "r1n5": {},
        "r1n6": {"maintenance": True, "last_error": refused},
    }
    with database.write() as connection:
        for name, its in states.items():
            connection.execute(sa.update(nodes).where(nodes.c.name == name).values(power_failures=3, **its))
    found = {one["kind"]: one for one in status(podium_here)["attention"]}
    names = {kind: one["names"] for kind, one in found.items()}
    assert names == {"login_refused": "r1n[1-2]", "unreadable": "r1n3", "failing": "r1n[4-5]"}
    for kind, one in found.items():
        words = [*shlex.split(one["command"])[1:], "-f", "value", "-c", "name"]
        assert podium_here(*words).stdout.split() == node_ranges.expand([names[kind]])
    assert "maintenance  3, 2 of them unreadable" in podium_here("status").stdout.splitlines()


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
