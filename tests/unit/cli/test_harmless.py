"""What machines and people have written into the database does nothing to the terminal that shows it."""

import pytest
import sqlalchemy as sa

from commands import Here
from heads import Head
from podium.db import api
from podium.db.engine import Database
from podium.db.models import nodes
from terminals import Terminal

WILD = "\x1b]0;mine\x07\x1b[2J\r\x9b1A\u202eend"


@pytest.fixture(autouse=True)
def wild(database: Database) -> None:
    row = {"name": "n1", "driver": "fake", "extra": {"rack": WILD}, "description": f"one\n{WILD}"}
    with database.write() as connection:
        api.create_nodes(connection, [row])
        connection.execute(sa.update(nodes).values(last_error=WILD))


COMMANDS = [
    "node list --long",
    "node list -f value -c name -c last_error",
    "node list -f csv -c name -c last_error -c description",
    "node show n1",
    "node show n1 -f value -c description -c extra",
    "node show n1 -f shell -c description",
    "node export -f csv",
    "node export",
    "status",
]


def test_a_terminal_is_given_nothing_that_it_would_obey(
    podium_here: Here, xterm: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    terminal = Terminal(podium_here)
    shown = {command: terminal.raw(*command.split(), columns=200) for command in COMMANDS}
    assert [command for command, text in shown.items() if not harmless(text)] == []
    assert "end" in shown["node export -f csv"]


def test_neither_is_a_pipe_to_one_by_what_people_read(podium_here: Here) -> None:
    commands = ["node list --long", "node show n1", "status"]
    shown = {command: podium_here(*command.split()).stdout for command in commands}
    assert [command for command, text in shown.items() if not harmless(text)] == []


def test_programs_get_what_was_written(podium_here: Here) -> None:
    shown = podium_here("node", "list", "-f", "value", "-c", "last_error").stdout
    assert shown == f"{WILD}\n"


def test_lines_errors_and_warnings_have_nothing_of_it(podium_here: Here, head: Head) -> None:
    head.go_online()
    podium_here("node", "power", "on", "n1")
    head.carry_out({"n1": WILD})
    done = podium_here("operation", "wait", "1")
    assert (done.returncode, harmless(done.stdout), "end" in done.stdout) == (1, True, True)
    done = podium_here("node", "show", "n\x1bc")
    assert (done.returncode, harmless(done.stderr)) == (1, True)
    done = podium_here("--debug", "node", "show", "n\x1bc")
    assert "Traceback" in done.stderr
    assert "\x1b" not in done.stderr


def harmless(text: str) -> bool:
    return all(line.isprintable() for line in text.split("\n"))
