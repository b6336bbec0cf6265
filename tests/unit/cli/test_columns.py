import argparse
import json
from typing import NoReturn

import pytest

from commands import Here, Run
from podium import errors
from podium.cli import nodes
from podium.db import api
from podium.db.engine import Database


@pytest.fixture
def two_nodes(database: Database) -> None:
    rows = [
        {"name": "n1", "driver": "fake", "owner": "zoe"},
        {"name": "n2", "driver": "fake", "owner": "amy"},
    ]
    with database.write() as connection:
        api.create_nodes(connection, rows)


@pytest.mark.parametrize("option", ["-c", "--sort-column"])
@pytest.mark.parametrize(
    ("column", "hint"), [("drvier", "did you mean driver?"), ("xyz", "there are task, driver, ")]
)
def test_a_column_that_there_is_not_is_refused(
    podium_here: Here, option: str, column: str, hint: str
) -> None:
    done = podium_here("task", "list", option, column)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"{option}: there is no column {column}; {hint}" in done.stderr.replace("-c/--column", "-c")


@pytest.mark.parametrize("option", ["-c", "--sort-column"])
def test_columns_with_a_comma_between_them_are_told_how_they_are_given(
    podium_here: Here, option: str
) -> None:
    done = podium_here("task", "list", option, "driver,task")
    assert done.returncode == 2
    assert f"there is no column driver,task; did you mean {option} driver {option} task?" in done.stderr


@pytest.mark.usefixtures("two_nodes")
def test_a_column_that_is_not_shown_can_be_sorted_by(podium: Run) -> None:
    shown = json.loads(podium("node", "list", "-f", "json").stdout)
    sorted_by_owner = json.loads(podium("node", "list", "--sort-column", "owner", "-f", "json").stdout)
    assert [list(row) for row in sorted_by_owner] == [list(row) for row in shown]
    assert [row["name"] for row in sorted_by_owner] == ["n2", "n1"]


@pytest.mark.usefixtures("two_nodes")
def test_an_operation_is_called_as_it_was_asked_for_in_tables_alone(podium: Run) -> None:
    podium("node", "power", "reboot", "n1")
    podium("node", "power", "on", "n2")
    for command in (("list",), ("show", "1")):
        table = podium("operation", *command).stdout
        assert ("reboot " in table, "rebooting" in table) == (True, False)
    found = json.loads(podium("operation", "list", "-f", "json").stdout)
    assert [row["action"] for row in found] == ["power on", "rebooting"]


def test_a_command_that_only_reads_does_not_say_that_nothing_was_changed(
    podium_here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: argparse.Namespace) -> NoReturn:
        raise errors.InvalidNode(["n1: it is wrong"])

    monkeypatch.setattr(nodes.Show, "take_action", refuse)
    assert podium_here("node", "show", "n1").stderr == "podium: n1: it is wrong\n"
