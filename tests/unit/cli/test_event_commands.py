"""`podium events` and `podium node history`: what the ledger says, and to follow it."""

import json
import subprocess
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from commands import Here
from podium.cli import events as event_commands
from podium.cli.main import main
from podium.db import api
from podium.db.engine import Database
from podium.db.models import power_events, utcnow
from podium.db.worker import Worker
from servers import RestartablePostgreSQL
from templates import prepared
from terminals import Terminal

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def enrol(database: Database, *names: str) -> None:
    with database.write() as connection:
        api.create_nodes(connection, [{"name": name, "driver": "fake"} for name in names])


def happen(database: Database, name: str, *, ago: float = 0, **columns: Any) -> None:
    """An event of a node, a few seconds ago."""
    with database.write() as connection:
        (node,) = api.find_nodes(connection, [name])
        values = {"node_uuid": node.uuid, "node_name": name, "at": utcnow() - timedelta(seconds=ago)}
        values |= {"cause": "out-of-band", "from_state": "power on", "to_state": "power off", **columns}
        connection.execute(sa.insert(power_events).values(**values))


def told(done: "subprocess.CompletedProcess[str]") -> list[Any]:
    assert done.returncode == 0, done.stderr
    rows: list[Any] = json.loads(done.stdout)
    return rows


def nodes(done: "subprocess.CompletedProcess[str]") -> list[str]:
    return [row["node"] for row in told(done)]


def test_an_event_says_who_changed_what_when_and_why(podium: Run, database: Database) -> None:
    enrol(database, "n1")
    happen(
        database, "n1", cause="request", who="eva@desk", reason="fan", operation_id=7, request_id="req-1",
        writer=Worker("here", 1),
    )  # fmt: skip
    (row,) = told(podium("events", "-f", "json"))
    assert list(row) == list(event_commands.COLUMNS)
    assert row.pop("at").endswith("Z")
    assert row == {
        "id": 1,
        "node": "n1",
        "from_state": "power on",
        "to_state": "power off",
        "cause": "request",
        "who": "eva@desk",
        "reason": "fan",
        "operation": 7,
        "request_id": "req-1",
        "conductor": "here",
        "worker": "here/1",
    }
    assert "req-1" not in podium("events").stdout
    assert "req-1" in podium("events", "--long").stdout


def test_a_nodes_history_holds_its_own_events_the_newest_last(podium: Run, database: Database) -> None:
    enrol(database, "n1", "n2")
    for name, who in (("n1", "a"), ("n2", "b"), ("n1", "c"), ("n1", "d")):
        happen(database, name, who=who)
    assert [row["who"] for row in told(podium("node", "history", "n1", "-f", "json"))] == ["a", "c", "d"]
    limited = podium("node", "history", "n1", "--limit", "2", "-f", "json")
    assert [row["who"] for row in told(limited)] == ["c", "d"]


def test_the_history_of_a_deleted_node_stays(podium: Run, database: Database) -> None:
    enrol(database, "n1")
    happen(database, "n1")
    assert podium("node", "delete", "n1").returncode == 0
    assert nodes(podium("node", "history", "n1", "-f", "json")) == ["n1"]


def test_a_renamed_nodes_history_goes_on(podium: Run, database: Database) -> None:
    enrol(database, "n1")
    happen(database, "n1")
    with database.write() as connection:
        (node,) = api.find_nodes(connection, ["n1"])
        api.update_node(connection, node.id, {"name": "n9"})
    assert nodes(podium("node", "history", "n9", "-f", "json")) == ["n1"]


def test_a_node_that_never_was_is_an_error(podium: Run, database: Database) -> None:
    enrol(database, "n1")
    done = podium("events", "n1", "n7", "n8")
    assert (done.returncode, done.stderr) == (
        1,
        "podium: neither a node nor an event has the name or UUID n[7-8]; see: podium node list\n",
    )


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["n[1-2]"], ["n1", "n2"]),
        (["--since", "90s"], ["n2", "n3"]),
        (["--since", "5m"], ["n2", "n3"]),
        (["--since", "2d"], ["n1", "n2", "n3"]),
        (["--cause", "request"], ["n1", "n3"]),
        (["--cause", "request", "--since", "1h"], ["n3"]),
        (["--severity", "warning"], ["n2"]),
        (["--limit", "1"], ["n3"]),
    ],
)
def test_events_are_chosen_by_node_time_cause_and_number(
    podium: Run, database: Database, arguments: list[str], expected: list[str]
) -> None:
    enrol(database, "n1", "n2", "n3")
    happen(database, "n1", ago=86_000, cause="request")
    happen(database, "n2", ago=20)
    happen(database, "n3", ago=10, cause="request")
    assert nodes(podium("events", *arguments, "-f", "json")) == expected


def test_events_left_out_are_told(podium: Run, database: Database) -> None:
    enrol(database, "n1")
    for _ in range(101):
        happen(database, "n1")
    done = podium("events", "-f", "json")
    assert len(told(done)) == 100
    assert done.stderr == "podium: these are the newest 100 events; --limit shows more\n"


@pytest.mark.parametrize("text", ["", "-1h", "99999d", "h"])
def test_a_time_that_cannot_be_understood_is_refused(podium: Run, text: str) -> None:
    done = podium("events", f"--since={text}")
    assert done.returncode == 2
    assert "--since" in done.stderr


def test_following_prints_new_events_one_json_object_a_line(
    podium: Run, database: Database, while_following: Callable[..., None]
) -> None:
    enrol(database, "n1", "n2")
    happen(database, "n1")
    while_following(
        lambda: happen(database, "n2"), lambda: None, lambda: [happen(database, "n1"), happen(database, "n2")]
    )
    done = podium("events", "--follow", "-f", "json")
    assert [json.loads(line)["node"] for line in done.stdout.splitlines()] == ["n2", "n1", "n2"]
    assert (done.returncode, done.stderr) == (0, "")


def test_following_begins_with_what_since_asks_for(
    podium: Run, database: Database, while_following: Callable[..., None]
) -> None:
    enrol(database, "n1", "n2", "n3")
    happen(database, "n1", ago=7200)
    happen(database, "n2", ago=60)
    while_following(lambda: happen(database, "n3"))
    done = podium("events", "--follow", "--since", "1h", "-f", "value", "-c", "node", "-c", "cause")
    assert done.stdout == "n2 out-of-band\nn3 out-of-band\n"


def test_following_prints_only_the_nodes_and_causes_asked_for(
    podium: Run, database: Database, while_following: Callable[..., None]
) -> None:
    enrol(database, "n1", "n2")
    while_following(
        lambda: happen(database, "n1", cause="request"),
        lambda: happen(database, "n2", cause="request", who="a, b"),
        lambda: happen(database, "n2"),
    )
    done = podium("events", "n2", "--cause", "request", "--follow", "-f", "csv", "-c", "node", "-c", "who")
    assert done.stdout == '"node","who"\n"n2","a, b"\n'


def test_following_for_people_has_a_head_and_a_line_for_each_event(
    podium: Run, database: Database, while_following: Callable[..., None]
) -> None:
    enrol(database, "n1")
    while_following(lambda: happen(database, "n1", at=utcnow().replace(2026, 1, 2, 3, 4, 5, 0), reason="why"))
    head, line = podium("events", "--follow").stdout.splitlines()
    assert head.split() == ["at", "node", "from_state", "to_state", "cause", "who", "operation", "reason"]
    assert line.split() == ["2026-01-02T03:04:05Z", "n1", "power", "on", "power", "off", "out-of-band", "why"]
    assert line.index("n1") == head.index("node")
    assert line.index("why") == head.index("reason")


def test_following_at_a_terminal_prints_lines_that_fit(
    podium_here: Here, database: Database, while_following: Callable[..., None]
) -> None:
    enrol(database, "n1")
    while_following(lambda: happen(database, "n1", who="alice", reason="a long story of what went wrong"))
    head, line = Terminal(podium_here)("events", "--follow", columns=80)
    assert head.split() == ["at", "node", "to_state", "cause", "who", "reason"]
    assert "n1" in line and "out-of-band" in line and "alice" in line
    assert len(line) <= 80
    assert line.endswith("…")


def test_columns_of_events_that_are_followed_grow_with_what_comes(
    podium_here: Here, database: Database, while_following: Callable[..., None]
) -> None:
    enrol(database, "n1", "a-longer-name")
    while_following(lambda: happen(database, "n1"), lambda: happen(database, "a-longer-name", who="bob"))
    head, line, wider, other = Terminal(podium_here)("events", "--follow", columns=80)
    assert head.index("cause") == line.index("out-of-band")
    assert head.split() == wider.split()
    assert wider.index("cause") == other.index("out-of-band") > head.index("cause")


def test_following_tells_once_of_a_database_that_goes_away_and_waits_for_it(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    restartable_postgresql: RestartablePostgreSQL,
    while_following: Callable[..., None],
) -> None:
    url = restartable_postgresql.url
    config = tmp_path / "podium.conf"
    config.write_text(f"[DEFAULT]\nstate_path = {tmp_path}\n[database]\nconnection = {url}\n")
    database = prepared(url)
    try:
        enrol(database, "n1", "n2")
        while_following(
            lambda: happen(database, "n1"),
            restartable_postgresql.stop,
            lambda: None,
            lambda: [database.dispose(), restartable_postgresql.start(), happen(database, "n2")],
        )
        command = ["events", "--follow", "-f", "value", "-c", "node"]
        assert main(["--config-file", str(config), *command]) == 0
    finally:
        database.dispose()
    written = capsys.readouterr()
    assert written.out == "n1\nn2\n"
    away, back = written.err.splitlines()
    assert away.startswith("podium: the database is away, waiting for it: [database] connection = ")
    assert back == "podium: the database is back"


@pytest.mark.parametrize("arguments", [["-f", "yaml"], ["-c", "colour"]])
def test_following_refuses_what_it_cannot_print(podium: Run, arguments: list[str]) -> None:
    done = podium("events", "--follow", *arguments)
    assert done.returncode == 2


def test_the_help_of_history_speaks_of_its_own_options_only(podium: Run) -> None:
    words = podium("node", "history", "--help").stdout
    assert "(default: 100)" in " ".join(words.split())
    assert "--since" not in words
    assert "or 10000 with --since" in " ".join(podium("events", "--help").stdout.split())
