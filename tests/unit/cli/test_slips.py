"""Slips at every command: few lines on standard error, no words of the program, and never status 0."""

from pathlib import Path
from typing import Final

import pytest

from commands import Here, Run
from podium.cli.app import COMMANDS
from podium.cli.main import main
from podium.db import api
from podium.db.engine import Database
from rounds import ONLY_LONG

NAMES: Final = [name for name, _, _ in COMMANDS]
MOST_LINES: Final = 3
#: Arguments of which one is wrong; of other commands a name that nothing has.
WRONG: Final = {
    "db copy": "--to nonsense",
    "node create": "--driver no-such-driver --name n9",
    "node set": "n1 --driver no-such-driver",
    "node adopt": "n1 no-such-node",
    "operation show": "99",
    "operation wait": "99",
    "operation cancel": "99",
    "operation undo": "99",
    "credential set": "no-such-node --generate --on-bmc",
    "driver new": "ipmi",
    "token create": "--name x --role king --expires 5d",
    "secret forget": "0123456789ab",
    "secret reveal": "no-such-node --output-file no-such-file",
    "conductor avoid": "no-such-host 10.0.0.0/24",
    "conductor unavoid": "no-such-host 10.0.0.0/24",
}


def check(status: int, out: str, err: str, *, expected: set[int]) -> None:
    assert status in expected
    assert 0 < len((out + err).splitlines()) <= MOST_LINES
    assert all(line.startswith("podium: ") for line in err.splitlines())
    for word in ("Traceback", "unexpected ", "Error", "usage:", "None"):
        assert word not in out + err


def misspelt(name: str) -> list[str]:
    """The words of a command without one letter, and in another order."""
    *first, last = name.split()
    if " ".join(first) in NAMES:
        return []  # the word would be a node
    return [" ".join([*first, last[:1] + last[2:]]), " ".join([last, *first]) if first else f"{name}s"]


@pytest.mark.parametrize("name", NAMES)
def test_a_slip_in_a_command_line_is_one_line_and_status_2(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for words in (f"{name} --no-such-option x", f"{name} --config-file", *misspelt(name)):
        status = main(words.split())
        written = capsys.readouterr()
        check(status, written.out, written.err, expected={2})
        assert written.err.count("\n") == 1


@pytest.mark.parametrize("name", NAMES)
def test_the_help_needs_neither_a_configuration_nor_a_database(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--config-file", str(tmp_path / "missing"), *name.split(), "--help"]) == 0
    written = capsys.readouterr()
    assert (written.out.startswith(f"usage: podium {name} "), written.err) == (True, "")


def test_what_is_not_there_is_told_in_few_lines_by_every_command(
    podium_here: Here, database: Database
) -> None:
    _told_by_every_command(podium_here, database)


@pytest.mark.parametrize("_", [pytest.param("over HTTP", marks=ONLY_LONG)])
def test_and_over_podium_api(podium_there: Run, database: Database, _: str) -> None:
    _told_by_every_command(podium_there, database)


@pytest.mark.parametrize(
    ("command", "done"),
    [
        ("power off", "requested"),
        ("check", "checked"),
        ("sensors", "read"),
        *(
            (one, "changed")
            for one in ("manage", "delete", "set --owner a", "maintenance set", "maintenance unset")
        ),
    ],
)
def test_that_no_node_was_meant_is_said_in_the_same_way(podium_here: Run, command: str, done: str) -> None:
    said = podium_here("node", *command.split(), "--where", "name=n1")
    assert (said.returncode, said.stdout.strip()) == (1, "")
    assert said.stderr == f"podium: there are no such nodes, so nothing was {done}\n"


def test_all_nodes_of_an_empty_fleet_are_not_called_a_pattern(podium_here: Run) -> None:
    said = podium_here("node", "delete", "--all")
    assert (said.returncode, said.stderr) == (
        1,
        "podium: there are no nodes yet; enrol some: podium node import FILE\n",
    )


def _told_by_every_command(podium: Run, database: Database) -> None:
    with database.write() as connection:
        api.create_nodes(connection, [{"name": "n1", "driver": "fake"}])
    for name in NAMES:
        done = podium(*name.split(), *WRONG.get(name, "no-such-thing").split())
        check(done.returncode, done.stdout, done.stderr, expected={1, 2})
