import json
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from podium import errors
from podium.client.local import operations
from podium.client.waiting import operation
from podium.client.waiting.owners import OwnersWatch
from podium.db import api
from podium.db import operations as statements
from podium.db.engine import Database

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(autouse=True)
def three_nodes(database: Database, head: Any) -> None:
    head.go_online()
    with database.write() as connection:
        api.create_nodes(connection, [{"name": name, "driver": "fake"} for name in ("n1", "n2", "n3")])


def shown(podium: Run, *arguments: str) -> dict[str, Any]:
    done = podium("operation", "show", *arguments, "-f", "json")
    assert (done.returncode, done.stderr) == (0, "")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_operations_are_listed_with_how_far_they_are_the_newest_first(podium: Run, head: Any) -> None:
    podium("node", "power", "on", "n[1-3]", "--reason", "why not")
    head.carry_out({"n2": "refused"})
    podium("node", "power", "off", "n[1-2]")
    listed = json.loads(podium("operation", "list", "-f", "json").stdout)
    columns = ("id", "action", "nodes", "waiting", "begun", "done", "failed", "reason")
    assert [[one[column] for column in columns] for one in listed] == [
        [2, "power off", 2, 2, 0, 0, 0, None],
        [1, "power on", 3, 0, 0, 2, 1, "why not"],
    ]


def test_the_newest_operations_are_listed_up_to_a_limit(podium: Run) -> None:
    for _ in range(3):
        podium("node", "power", "on", "n1")
    assert podium("operation", "list", "--limit", "2", "-f", "value", "-c", "id").stdout == "3\n2\n"


def test_an_operation_is_shown_with_its_results_folded(podium: Run, head: Any) -> None:
    podium("node", "power", "on", "n[1-3]")
    head.carry_out({"n2": "10.0.0.2: refused"})
    found = shown(podium, "1")
    assert {key: found[key] for key in ("nodes", "done", "failed", "waiting", "cancelled_by")} == {
        "nodes": 3,
        "done": 2,
        "failed": 1,
        "waiting": 0,
        "cancelled_by": None,
    }
    assert found["results"] == {"n[1,3]": "power on", "n2": "failed: 10.0.0.2: refused"}


def test_a_long_operation_has_each_node_with_the_full_words(podium: Run, head: Any) -> None:
    podium("node", "power", "on", "n[1-3]")
    head.carry_out({"n1": "10.0.0.1: refused", "n2": "10.0.0.2: refused"})
    results = shown(podium, "1", "--long")["results"]
    assert [(one["name"], one["state"], one["power_state"], one["error"]) for one in results] == [
        ("n1", "failed", "power off", "10.0.0.1: refused"),
        ("n2", "failed", "power off", "10.0.0.2: refused"),
        ("n3", "done", "power on", None),
    ]
    assert results[2]["begun_at"] <= results[2]["finished_at"]


def test_a_table_has_a_line_for_each_node(podium: Run, head: Any) -> None:
    podium("node", "power", "on", "n[1-3]")
    head.carry_out({"n1": "refused"})
    table = podium("operation", "show", "1", "--long", "-c", "results").stdout
    assert [line for line in table.splitlines() if "n1 (state failed" in line and "error refused)" in line]
    assert "n2 (state done, power_state power on, not_before 20" in table


def test_cancelling_takes_back_what_nobody_has_begun(podium: Run, head: Any) -> None:
    podium("node", "power", "on", "n1")
    head.carry_out({})
    podium("node", "power", "off", "n[1-3]")
    done = podium("operation", "cancel", "2")
    assert (done.returncode, done.stdout) == (0, "operation 2: 3 cancelled, 0 under way, 0 had ended\n")
    assert shown(podium, "2")["cancelled"] == 3
    listed = podium("node", "list", "-f", "value", "-c", "target_power_state")
    assert listed.stdout == "None\n" * 3


def test_cancelling_says_what_is_under_way_and_goes_on(podium: Run, head: Any) -> None:
    podium("node", "power", "on", "n[1-3]")
    head.begin(1)
    done = podium("operation", "cancel", "1")
    assert (done.returncode, done.stdout) == (1, "operation 1: 2 cancelled, 1 under way, 0 had ended\n")


def test_waiting_for_an_operation_tells_how_it_ended(podium: Run, head: Any) -> None:
    podium("node", "power", "on", "n[1-3]")
    with head.carrying_out({"n3": "refused"}):
        done = podium("operation", "wait", "1")
    assert (done.returncode, done.stdout) == (1, "n[1-2]: power on\nn3: failed: refused\n")
    podium("node", "power", "on", "n[1-2]")
    head.carry_out({})
    assert podium("operation", "wait", "2").returncode == 0


def test_an_operation_of_which_nothing_ends_is_not_waited_for_for_ever(
    podium: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operations, "patience_for", lambda *_: 0.0)
    podium("node", "power", "on", "n[1-3]")
    done = podium("operation", "wait", "1")
    assert (done.returncode, done.stdout) == (1, "n[1-3]: not begun yet\n")
    assert done.stderr.startswith(
        "podium: operation 1: no node has finished for a long time; the operation goes on; look:"
    )


def test_a_database_that_goes_away_while_waiting_is_told_once_and_waited_for(
    podium_here: Run, head: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    podium_here("node", "power", "on", "n[1-3]")
    find, away = statements.operation, [False, False, True, True]

    def sometimes(*arguments: Any) -> Any:
        if away and away.pop(0):
            raise errors.DatabaseUnavailable("it is away")
        return find(*arguments)

    monkeypatch.setattr(statements, "operation", sometimes)
    head.carry_out({})
    done = podium_here("operation", "wait", "1")
    assert (done.returncode, done.stdout) == (0, "n[1-3]: power on\n")
    assert done.stderr == "podium: it is away; waiting for it\n"


def test_waiting_without_a_conductor_ends_with_what_is_missing_and_how_to_cancel(
    podium: Run, head: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    head.go_online("ipmi")

    def impatient(_clock: object) -> OwnersWatch:
        hours = iter(range(1000))
        return OwnersWatch(lambda: next(hours) * 3600.0)

    monkeypatch.setattr(operation, "OwnersWatch", impatient)
    done = podium("node", "power", "on", "n1", "--wait")
    assert done.returncode == 1
    assert done.stdout == "operation 1: 1 requested\nn1: not begun yet\n"
    assert done.stderr.splitlines()[-1] == (
        "podium: operation 1: no conductor with the driver fake has been heard of for 30 s (online: head with"
        " ipmi); it stays requested; look: podium operation show 1; cancel what has not begun: podium"
        " operation cancel 1"
    )
    assert podium("operation", "wait", "1").returncode == 1


@pytest.mark.parametrize("word", ["show", "wait", "cancel"])
def test_an_operation_that_there_is_not_is_an_error(podium: Run, word: str) -> None:
    done = podium("operation", word, "7")
    assert (done.returncode, done.stderr) == (
        1,
        "podium: there is no operation 7; see: podium operation list\n",
    )
