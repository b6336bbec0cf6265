import io
import sys

import pytest

from commands import Run
from podium.db import api
from podium.db.engine import Database


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def many_nodes(database: Database) -> None:
    with database.write() as connection:
        api.create_nodes(connection, [{"name": f"n{number:02}", "driver": "fake"} for number in range(73)])


def left(database: Database) -> int:
    with database.read() as connection:
        return api.count_nodes(connection)


def test_many_nodes_are_not_deleted_by_a_program_that_does_not_say_yes(
    podium: Run, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    done = podium("node", "delete", "--all")
    assert (done.returncode, done.stdout, left(database)) == (1, "", 73)
    assert done.stderr == (
        "podium: to delete n[00-72] (73 nodes) needs --yes: these are more than [conductor] confirm_above ="
        " 50; nothing was changed\n"
    )
    assert podium("node", "delete", "--all", "--yes").stdout == "73 deleted\n"


@pytest.mark.parametrize(("answer", "status", "nodes"), [("y\n", 0, 0), ("n\n", 1, 73), ("", 1, 73)])
def test_a_person_is_asked_whether_many_nodes_are_meant(
    podium: Run,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    answer: str,
    status: int,
    nodes: int,
) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    done = podium("node", "delete", "n*")
    assert (done.returncode, left(database)) == (status, nodes)
    assert done.stderr.startswith("delete n[00-72] (73 nodes)? [y/N] ")
    assert ("nothing was changed" in done.stderr) == bool(status)


class Interrupted(Terminal):
    """A terminal at which somebody presses Ctrl-C."""

    def readline(self, *_: object) -> str:
        raise KeyboardInterrupt


def test_ctrl_c_and_ctrl_d_at_a_question_change_nothing_and_say_so_on_a_line_of_their_own(
    podium: Run, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    for stdin, status in ((Interrupted(), 130), (Terminal(), 1)):
        monkeypatch.setattr(sys, "stdin", stdin)
        done = podium("node", "delete", "n*")
        assert (done.returncode, left(database)) == (status, 73)
        assert done.stderr == "delete n[00-72] (73 nodes)? [y/N] \npodium: nothing was changed\n"


def test_few_nodes_are_deleted_without_a_question(podium: Run) -> None:
    assert podium("node", "delete", "n[00-49]").stdout == "50 deleted\n"
