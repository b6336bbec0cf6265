"""What people see at a terminal of 80, 120 and 200 columns, on the database and over podium-api."""

import importlib
import re
import stat
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

import demo_fleets
import readers
from commands import Here, There
from heads import Head
from podium.cli.app import COMMANDS
from podium.cli.command import Lister
from podium.db import hardware_reads
from podium.db.engine import Database
from podium.db.hardware_reads import HardwareRead
from podium.db.models import CHECKED_AT, nodes, utcnow
from read_nodes import create_nodes
from terminals import Terminal

PAGE = Path(__file__).parents[3] / "docs/commands.md"
ERROR = "BMC 10.0.0.7 does not answer within 9.75 s: it was asked three times, and never said a word"


pytestmark = pytest.mark.usefixtures("xterm")


@pytest.fixture
def here(podium_here: Here) -> Terminal:
    return Terminal(podium_here)


@pytest.fixture
def there(podium_there: There) -> Terminal:
    return Terminal(podium_there)


def enrol(database: Database, count: int) -> None:
    """Enrol nodes in racks of 16, every tenth of which does not answer."""
    read = utcnow() - timedelta(seconds=300)
    rows = [
        {
            "name": f"r{number // 16 + 1}n{number % 16 + 1}",
            "driver": "fake",
            "power_state": ("power on", "power off")[number % 2],
            "power_failures": int(number % 10 == 0),
            "last_error": ERROR if number % 10 == 0 else None,
            CHECKED_AT: read,
        }
        for number in range(count)
    ]
    with database.write() as connection:
        create_nodes(connection, rows)


def check(terminal: Terminal, columns: int, count: int, heads: str) -> None:
    """Check that a list of nodes has these columns, a line for each node in order, and fits."""
    head, *lines = terminal("node", "list", "--no-pager", columns=columns)
    assert head.split() == heads.split()
    assert max(map(len, lines)) <= columns
    assert [line.split()[0] for line in lines] == [f"r{n // 16 + 1}n{n % 16 + 1}" for n in range(count)]
    assert all("5 min ago" in line for line in lines)
    assert lines[0].endswith(ERROR if columns == 200 else "…")


@pytest.mark.parametrize(
    ("columns", "heads"),
    [
        (80, "name power_state power_checked_at last_error"),
        (120, "name driver power_state power_checked_at last_error"),
        (200, "name driver power_state target_power_state power_checked_at maintenance health last_error"),
    ],
)
def test_a_list_fits_the_terminal(
    database: Database, here: Terminal, there: Terminal, columns: int, heads: str
) -> None:
    enrol(database, 48)
    check(here, columns, 48, heads)
    assert there("node", "list", columns=columns) == here("node", "list", columns=columns)


def test_the_maintenance_of_nodes_is_shown_where_the_health_of_one_is_long(
    database: Database, here: Terminal
) -> None:
    enrol(database, 3)
    with database.write() as connection:
        connection.execute(
            sa.update(nodes)
            .where(nodes.c.name == "r1n2")
            .values(health={"status": "Critical", "reasons": ["main power fault", "PSU1: failure detected"]})
        )
        connection.execute(sa.update(nodes).where(nodes.c.name == "r1n3").values(maintenance=True))
    head, *lines = here("node", "list", columns=80)
    assert "maintenance" in head.split()
    assert "True" in lines[2].split()


def test_a_wide_list_has_all_of_it(database: Database, here: Terminal) -> None:
    enrol(database, 1)
    head, line = here("node", "list", "--wide", columns=80)
    assert "target_power_state" in head
    assert line.endswith(ERROR)


def test_chosen_columns_are_all_shown(database: Database, here: Terminal) -> None:
    enrol(database, 1)
    columns = [word for name in ("driver", "maintenance", "fault", "last_error") for word in ("-c", name)]
    head, line = here("node", "list", *columns, columns=40)
    assert head.split() == ["driver", "last_error", "maintenance", "fault"]
    assert "…" in line
    assert len(line) <= 40


def test_a_table_in_a_pipe_has_all_columns_and_stamps(database: Database, podium_here: Here) -> None:
    enrol(database, 1)
    done = podium_here("node", "list")
    assert ERROR in done.stdout
    assert re.search(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", done.stdout)
    assert "\x1b" not in done.stdout


@pytest.mark.parametrize("form", ["json", "csv", "yaml", "value"])
def test_the_formats_of_programs_are_the_same_at_a_terminal(
    database: Database, podium_here: Here, here: Terminal, form: str
) -> None:
    enrol(database, 11)
    command = ("node", "list", "-f", form, "-c", "name", "-c", "last_error")
    assert here.raw(*command).replace("\r", "") == podium_here(*command).stdout.replace("\r", "")


def test_an_empty_list_says_so_to_people(here: Terminal, podium_here: Here) -> None:
    assert (here("node", "list", columns=80), here.stderr) == ([], "no nodes\n")
    assert (here("task", "list", columns=80), here.stderr) == ([], "no tasks\n")
    assert (here.raw("node", "list", "-f", "json"), here.stderr) == ("[]\n", "")
    done = podium_here("node", "list")
    assert (done.stdout, done.stderr) == ("", "")


def test_colours_are_for_terminals_that_have_them(
    database: Database, here: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    enrol(database, 1)
    assert "\x1b[32mpower on" in here.raw("node", "list")
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in here.raw("node", "list")
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    assert "\x1b" not in here.raw("node", "list")


def test_the_width_can_be_given(database: Database, here: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    enrol(database, 1)
    monkeypatch.setenv("COLUMNS", "60")
    assert max(map(len, here("node", "list", columns=200))) <= 60
    assert max(map(len, here("node", "list", "--max-width", "50", columns=200))) <= 50


@pytest.mark.usefixtures("pager")
def test_what_is_longer_than_the_screen_goes_through_the_pager(database: Database, here: Terminal) -> None:
    enrol(database, 48)
    (line,) = here("node", "list", columns=80, lines=24)
    assert line.startswith("a page: name")
    assert (here.status, here.stderr) == (0, "")
    assert len(here("node", "list", columns=80, lines=50)) == 49
    assert len(here("node", "list", "--no-pager", columns=80, lines=24)) == 49
    assert here("node", "show", "r1n1", columns=80, lines=5)[0].startswith("a page: ")


def test_less_begins_where_the_newest_events_are(
    database: Database, podium_here: Here, here: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    demo_fleets.fill(database, racks=12, each=4)
    script = tmp_path / "less"
    script.write_text('#!/bin/sh\necho "$LESS"\n')
    script.chmod(stat.S_IRWXU)
    monkeypatch.setenv("PAGER", str(script))
    assert here("events", columns=80, lines=2) == ["-FRX +G"]
    assert here("node", "list", columns=80, lines=2) == ["-FRX"]


def test_remarks_of_a_check_do_not_repeat_the_node(database: Database, here: Terminal) -> None:
    owner = readers.owner(database)
    with database.write() as connection:
        create_nodes(connection, [{"name": "n1", "driver": "fake"}])

    def refuse(connection: sa.Connection, read: HardwareRead) -> None:
        hardware_reads.fail(connection, read.id, "AuthenticationRefused", "n1: wrong password")

    with readers.answering(database, owner, refuse):
        assert here("node", "check", "n1", columns=80)[1].split() == ["n1", "refused", "wrong", "password"]


@pytest.mark.parametrize("pager", ["", "cat", "a-pager-that-is-not-there", "'"])
def test_without_a_pager_everything_is_printed(
    database: Database, here: Terminal, monkeypatch: pytest.MonkeyPatch, pager: str
) -> None:
    enrol(database, 48)
    monkeypatch.setenv("PAGER", pager)
    assert len(here("node", "list", columns=80, lines=24)) == 49
    assert here.stderr == ""


def test_the_nodes_of_a_long_operation_are_a_table_in_natural_order(
    podium_here: Here, here: Terminal, head: Head
) -> None:
    head.go_online()
    for number in (10, 2, 1):
        podium_here("node", "create", "--driver", "fake", "--name", f"n{number}")
    podium_here("node", "power", "on", "n10", "n2", "n1")
    head.carry_out({"n2": ERROR})
    lines = here("operation", "show", "1", "--long", columns=80)
    assert max(map(len, lines)) <= 80
    table = lines[lines.index("results") + 1 :]
    assert [line.split()[0] for line in table] == ["name", "n1", "n2", "n10"]
    assert table[2].endswith("…")
    assert "ago (" in next(line for line in lines if line.startswith("requested_at"))
    assert not [line for line in lines if line.startswith("cancelled_by")]
    wide = here("operation", "show", "1", "--long", "--wide", columns=80)
    assert [line for line in wide if line.endswith(ERROR)]
    assert here("operation", "list", columns=80)[0].split()[:3] == ["id", "action", "what"]


def test_lists_are_in_natural_order_in_every_format(podium: Here, database: Database) -> None:
    enrol(database, 40)
    shown = podium("node", "list", "-f", "value", "-c", "name").stdout.split()
    assert shown == [f"r{n // 16 + 1}n{n % 16 + 1}" for n in range(40)]
    backwards = ("--sort-column", "name", "--sort-descending")
    assert podium("node", "list", "-f", "value", "-c", "name", *backwards).stdout.split() == shown[::-1]
    named = podium("node", "list", "-f", "value", "-c", "name", "r1n10", "r1n2").stdout.split()
    assert named == ["r1n10", "r1n2"]
    matching = podium("node", "list", "-f", "value", "-c", "name", "r2n*", "r1n2").stdout.split()
    assert matching == ["r1n2", *shown[16:32]]


def test_the_page_has_the_order_in_which_columns_are_left_out() -> None:
    rows = re.findall(r"^\| (`podium [a-z -]+.*?) \| (`.*`) \|$", PAGE.read_text(), re.M)
    said = {name: re.findall(r"`(\w+)`", order) for names, order in rows for name in names.split("`")[1::2]}
    for name, target, _ in COMMANDS:
        module, _, attribute = target.partition(":")
        command = getattr(importlib.import_module(f"podium.cli.{module}"), attribute)
        if issubclass(command, Lister) and command.form.dropped:
            assert said[f"podium {name}"] == [*command.form.dropped]
        for field, form in getattr(command, "forms", {}).items():
            assert said[field] == [*form.dropped]
