"""``podium node watch``: a line for each change, or a table that changes in place."""

import json
import subprocess
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from commands import Here
from podium.cli.node_watch import Watch
from podium.cli.showing.watched import Seen
from podium.db import api
from podium.db.engine import Database
from terminals import Terminal

pytestmark = pytest.mark.usefixtures("xterm")

Run = Callable[..., "subprocess.CompletedProcess[str]"]
Steps = Callable[..., None]


@pytest.fixture
def fleet(database: Database) -> None:
    with database.write() as connection:
        rows = [{"name": name, "driver": "fake", "power_state": "power on"} for name in ("n1", "n2", "m1")]
        api.create_nodes(connection, rows)


@pytest.fixture
def while_watching(monkeypatch: pytest.MonkeyPatch) -> Steps:
    """``while_watching(first, second)`` has these done, each when the one before was seen; then Ctrl-C."""

    def script(*steps: Callable[[], object]) -> None:
        left = iter(steps)

        def go_on() -> None:
            step = next(left, None)
            if step is None:
                raise KeyboardInterrupt
            step()

        listed, shown = Watch._listed, Watch._shown

        def list_and_go_on(self: Watch, *arguments: Any) -> Any:
            found = listed(self, *arguments)
            go_on()
            return found

        def show_and_go_on(self: Watch, seen: Sequence[Seen]) -> None:
            shown(self, seen)
            for _ in seen:
                go_on()

        monkeypatch.setattr(Watch, "_listed", list_and_go_on)
        monkeypatch.setattr(Watch, "_shown", show_and_go_on)

    return script


def change(database: Database, name: str, **values: Any) -> None:
    with database.write() as connection:
        (key,) = api.find_keys(connection, [name])
        api.update_node(connection, key.id, values)


def delete(database: Database, name: str) -> None:
    with database.write() as connection:
        (key,) = api.find_keys(connection, [name])
        api.delete_node(connection, key.id)


def printed(done: "subprocess.CompletedProcess[str]") -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.usefixtures("fleet")
def test_each_change_is_a_line_of_json(podium: Run, database: Database, while_watching: Steps) -> None:
    while_watching(
        lambda: change(database, "n1", power_state="power off"),
        lambda: [change(database, "m1", maintenance=True), change(database, "n2", maintenance=True)],
        lambda: delete(database, "n2"),
    )
    done = podium("node", "watch", "n[1-2]")
    assert (done.returncode, done.stderr) == (0, "")
    first, second, third = printed(done)
    assert (first["name"], first["power_state"], first["gone"]) == ("n1", "power off", False)
    assert (second["name"], second["maintenance"]) == ("n2", True)
    assert (third["name"], third["gone"], "power_state" in third) == ("n2", True, False)
    assert first["at"].endswith("Z")


@pytest.mark.usefixtures("fleet")
def test_nodes_come_and_go_as_they_meet_a_condition(
    podium: Run, database: Database, while_watching: Steps
) -> None:
    while_watching(
        lambda: [change(database, "m1", description="x"), change(database, "n1", power_state="power off")],
        lambda: change(database, "n1", power_state="power on"),
    )
    done = podium("node", "watch", "--where", "power_state=off", "-f", "json")
    assert [(one["name"], one["gone"]) for one in printed(done)] == [("n1", False), ("n1", True)]


@pytest.mark.usefixtures("fleet")
def test_at_a_terminal_a_table_changes_in_place(
    podium_here: Here, database: Database, while_watching: Steps, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    while_watching(lambda: change(database, "n1", power_state="power off"))
    written = Terminal(podium_here).raw("node", "watch", "n*", columns=80)
    assert written.startswith("\x1b[?1049h")
    assert written.endswith("\x1b[?1049l")
    first, *_ = written.split("\x1b[H")[1:]
    lines = first.replace("\x1b[K", "").replace("\x1b[J", "").splitlines()
    assert lines[0] == "2 nodes: 2 power on"
    assert [line.split()[0] for line in lines[2:4]] == ["n1", "n2"]
    assert max(map(len, lines)) <= 80


def test_a_node_that_does_not_exist_is_not_watched(podium: Run, database: Database) -> None:
    done = podium("node", "watch", "nope")
    assert (done.returncode, done.stdout) == (1, "")
    assert "nope" in done.stderr
