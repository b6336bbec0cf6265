import json
import re
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from podium import states
from podium.db import api, conductors, fleet
from podium.db.engine import Database
from podium.db.models import utcnow

Run = Callable[..., "subprocess.CompletedProcess[str]"]
_PATIENCE = 30.0  # seconds


@pytest.fixture
def three_nodes(podium: Run) -> None:
    for name in ("n1", "n2", "n3"):
        podium("node", "create", "--driver", "fake", "--name", name)


def go_online(database: Database, *drivers: str, group: str = "") -> None:
    member = conductors.Membership("head", "1", drivers, group)
    with database.write() as connection:
        conductors.claim(connection, member, 60, lambda _process: False)


@contextmanager
def conductor(database: Database, errors_by_name: dict[str, str | None]) -> Iterator[None]:
    """A thread that carries out requests as a conductor does, each with the error that is given for it."""
    end = threading.Event()

    def serve() -> None:
        waited = 0.0
        while not end.is_set() and waited < _PATIENCE:
            with database.write() as connection:
                asked = [row.id for row in fleet.requested(connection, "", ["fake"], "head")]
                for row in fleet.load(connection, asked):
                    if row.name in errors_by_name and fleet.reserve(connection, row.id, row.version, "head"):
                        error = errors_by_name[row.name]
                        state = states.POWER_OFF if error else states.REACHED[row.target_power_state]
                        outcome = fleet.Outcome(row.id, "head", utcnow(), state, error)
                        fleet.record_outcomes(connection, [outcome])
            end.wait(0.02)
            waited += 0.02

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join(_PATIENCE)


def test_a_request_is_written_with_the_one_who_asked(podium_anywhere: Run) -> None:
    podium_anywhere("node", "create", "--driver", "fake", "--name", "n1")
    assert podium_anywhere("node", "power", "on", "n1").stdout == "1 requested\n"
    shown = json.loads(podium_anywhere("node", "show", "n1", "-f", "json").stdout)
    assert shown["target_power_state"] == "power on"
    assert re.fullmatch(r"\S+@\S+", shown["power_requested_by"])


@pytest.mark.usefixtures("three_nodes")
@pytest.mark.parametrize(
    ("word", "target"), [("on", "power on"), ("off", "power off"), ("reboot", "rebooting")]
)
def test_each_word_asks_for_its_state(podium: Run, word: str, target: str) -> None:
    podium("node", "power", word, "n[1-3]")
    listed = json.loads(podium("node", "list", "-f", "json").stdout)
    assert [node["target_power_state"] for node in listed] == [target] * 3


@pytest.mark.usefixtures("three_nodes")
def test_nodes_that_are_being_changed_are_named_and_the_others_requested(
    podium: Run, database: Database
) -> None:
    go_online(database, "fake")
    podium("node", "power", "on", "n2")
    done = podium("node", "power", "off", "n[1-3]")
    assert (done.returncode, done.stdout) == (1, "2 requested\n")
    assert re.fullmatch(r"podium: n2: power on is under way, asked for by \S+ since .*\n", done.stderr)


@pytest.mark.usefixtures("three_nodes")
def test_an_unknown_node_keeps_every_request_back(podium: Run) -> None:
    done = podium("node", "power", "on", "n[1-4]")
    assert (done.returncode, done.stdout) == (1, "")
    assert "n4" in done.stderr
    assert podium("node", "list", "-f", "value", "-c", "target_power_state").stdout == "None\n" * 3


@pytest.mark.usefixtures("three_nodes")
def test_without_a_conductor_a_warning_says_that_nothing_happens(podium: Run, database: Database) -> None:
    go_online(database, "ipmi")
    go_online(database, "fake", group="elsewhere")
    done = podium("node", "power", "on", "n[1-3]")
    assert done.returncode == 0
    assert done.stderr == (
        "podium: warning: no conductor with the driver fake is online;"
        " nothing happens to n[1-3] until one runs\n"
    )


@pytest.mark.usefixtures("three_nodes")
def test_waiting_ends_when_every_node_has_reached_its_state(podium: Run, database: Database) -> None:
    go_online(database, "fake")
    with conductor(database, {"n1": None, "n2": None, "n3": None}):
        done = podium("node", "power", "on", "n[1-3]", "--wait", "--timeout", "30")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "3 requested\nn[1-3]: power on\n"


@pytest.mark.usefixtures("three_nodes")
def test_waiting_tells_which_node_failed_and_why(podium: Run, database: Database) -> None:
    with conductor(database, {"n1": None, "n2": "no answer", "n3": None}):
        done = podium("node", "power", "on", "n[1-3]", "--wait", "--timeout", "30")
    assert done.returncode == 1
    assert sorted(done.stdout.splitlines()[1:]) == ["n2: failed: no answer", "n[1,3]: power on"]


@pytest.mark.usefixtures("three_nodes")
def test_waiting_ends_at_the_timeout(podium: Run) -> None:
    done = podium("node", "power", "on", "n[1-2]", "--wait", "--timeout", "0.1")
    assert (done.returncode, done.stdout) == (1, "2 requested\nn[1-2]: not finished after 0.1 s\n")


@pytest.mark.usefixtures("three_nodes")
def test_a_node_that_is_deleted_meanwhile_counts_as_failed(podium: Run, database: Database) -> None:
    def forget() -> None:
        waited = threading.Event()
        for _ in range(int(_PATIENCE / 0.02)):
            with database.write() as connection:
                (row,) = api.find_nodes(connection, ["n1"])
                if row.target_power_state:
                    api.delete_node(connection, row.id)
                    return
            waited.wait(0.02)

    thread = threading.Thread(target=forget)
    thread.start()
    done = podium("node", "power", "on", "n1", "--wait", "--timeout", "30")
    thread.join(_PATIENCE)
    assert (done.returncode, done.stdout) == (1, "1 requested\nn1: failed: the node was deleted\n")
