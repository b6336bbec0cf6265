import io
import json
import re
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from podium import errors
from podium.db import api
from podium.db import power as statements
from podium.db.engine import Database
from podium.drivers.fake import FakeDriver

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def three_nodes(database: Database) -> None:
    with database.write() as connection:
        api.create_nodes(connection, [{"name": name, "driver": "fake"} for name in ("n1", "n2", "n3")])


@pytest.fixture
def many_nodes(database: Database) -> None:
    with database.write() as connection:
        api.create_nodes(connection, [{"name": f"n{number:02}", "driver": "fake"} for number in range(73)])


def operation(podium: Run, number: str = "1") -> dict[str, Any]:
    found: dict[str, Any] = json.loads(podium("operation", "show", number, "--long", "-f", "json").stdout)
    return found


def targets(podium: Run) -> list[str | None]:
    listed = json.loads(podium("node", "list", "-f", "json", "-c", "target_power_state").stdout)
    return [node["target_power_state"] for node in listed]


@pytest.mark.mariadb_long
def test_a_request_is_written_with_the_one_who_asked_and_the_reason(podium_anywhere: Run) -> None:
    podium_anywhere("node", "create", "--driver", "fake", "--name", "n1")
    done = podium_anywhere("node", "power", "on", "n1", "--reason", "after the move", "--timeout", "20.5")
    assert (done.returncode, done.stdout) == (0, "operation 1: 1 requested\n")
    shown = json.loads(podium_anywhere("node", "show", "n1", "-f", "json").stdout)
    assert shown["target_power_state"] == "power on"
    assert re.fullmatch(r"\S+@\S+", shown["power_requested_by"])
    found = operation(podium_anywhere)
    told = {key: found[key] for key in ("action", "reason", "timeout", "then_off", "requested_by")}
    assert told == {
        "action": "power on",
        "reason": "after the move",
        "timeout": 20.5,
        "then_off": False,
        "requested_by": shown["power_requested_by"],
    }


@pytest.mark.usefixtures("three_nodes")
@pytest.mark.parametrize(
    ("word", "action"),
    [
        ("on", "power on"),
        ("off", "power off"),
        ("reboot", "rebooting"),
        ("soft-off", "soft power off"),
        ("soft-reboot", "soft rebooting"),
        ("cycle", "power cycle"),
        ("nmi", "inject nmi"),
    ],
)
def test_each_word_asks_for_its_action(podium: Run, word: str, action: str) -> None:
    podium("node", "power", word, "n[1-3]")
    assert targets(podium) == [action] * 3


@pytest.mark.usefixtures("three_nodes")
def test_what_a_driver_cannot_do_is_refused_for_all_nodes(
    podium: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FakeDriver, "supported_power_states", ("power on", "power off"))
    done = podium("node", "power", "soft-off", "n[1-3]")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "podium: n[1-3]: the driver fake does not know soft power off, only inject nmi, power cycle,"
        " power off, power on; nothing was requested\n"
    )


@pytest.mark.usefixtures("three_nodes")
def test_then_off_takes_a_driver_that_can_switch_off(podium: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FakeDriver, "supported_power_states", ("soft power off",))
    done = podium("node", "power", "soft-off", "n1", "--then-off")
    assert done.returncode == 1
    assert "the driver fake does not know power off, only inject nmi, soft power off" in done.stderr


@pytest.mark.usefixtures("three_nodes")
def test_a_request_that_nobody_has_begun_is_replaced_and_the_command_says_so(podium: Run, head: Any) -> None:
    head.go_online()
    podium("node", "power", "on", "n[2-3]")
    done = podium("node", "power", "off", "n[1-3]")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "operation 2: 3 requested; 2 replaced an earlier request\n"
    assert targets(podium) == ["power off"] * 3


@pytest.mark.usefixtures("three_nodes")
def test_nodes_that_are_being_changed_are_named_as_one_and_the_others_requested(
    podium: Run, head: Any
) -> None:
    head.go_online()
    podium("node", "power", "on", "n[1-2]")
    head.begin(2)
    done = podium("node", "power", "off", "n[1-3]")
    assert (done.returncode, done.stdout) == (1, "operation 2: 1 requested\n")
    assert re.fullmatch(
        r"podium: n\[1-2\]: power on is under way, asked for by \S+ since .* UTC; wait for it to end\n",
        done.stderr,
    )


@pytest.mark.usefixtures("three_nodes")
def test_without_any_node_that_can_be_asked_there_is_no_operation(podium: Run, head: Any) -> None:
    podium("node", "power", "on", "n1")
    head.begin(1)
    done = podium("node", "power", "off", "n1", "--wait")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-1] == "podium: nothing was requested"
    assert podium("operation", "list", "-f", "value", "-c", "id").stdout == "1\n"


@pytest.mark.usefixtures("three_nodes")
def test_an_unknown_node_keeps_every_request_back(podium: Run) -> None:
    done = podium("node", "power", "on", "n[1-4]")
    assert (done.returncode, done.stdout) == (1, "")
    assert "n4" in done.stderr
    assert targets(podium) == [None] * 3


@pytest.mark.usefixtures("three_nodes")
def test_a_lock_that_others_hold_for_a_moment_is_waited_out(
    podium: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    busy = [errors.DatabaseBusy("a deadlock")] * 2
    ask = statements.ask

    def sometimes(*arguments: Any, **more: Any) -> statements.Asked:
        if busy:
            raise busy.pop()
        return ask(*arguments, **more)

    monkeypatch.setattr(statements, "ask", sometimes)
    assert podium("node", "power", "on", "n[1-3]").stdout == "operation 1: 3 requested\n"


@pytest.mark.usefixtures("three_nodes")
def test_without_a_conductor_a_warning_says_that_nothing_happens(podium: Run, head: Any) -> None:
    head.go_online("ipmi")
    head.go_online("fake", group="elsewhere")
    done = podium("node", "power", "on", "n[1-3]")
    assert done.returncode == 0
    assert done.stderr == (
        "podium: warning: no conductor with the driver fake is online;"
        " nothing happens to n[1-3] until one runs\n"
    )


@pytest.mark.usefixtures("three_nodes")
def test_staggered_nodes_are_begun_some_at_a_time(podium: Run) -> None:
    podium("node", "power", "on", "n[1-3]", "--stagger", "2/3600")
    starts = [row["not_before"][:13] for row in operation(podium)["results"]]
    assert starts[0] == starts[1] != starts[2]


@pytest.mark.usefixtures("three_nodes")
@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["on", "n1", "--stagger", "0/1"], "'0/1' is not N/TIME; one looks like 10/1s"),
        (["on", "n1", "--stagger", "10"], "'10' is not N/TIME"),
        (["on", "n1", "--stagger", "10/0"], "give more than 0 seconds"),
        (["on", "n1", "--timeout", "0"], "give more than 0 seconds"),
        (["on", "n1", "--timeout", "nan"], "'nan' is not a time"),
        (["on", "n1", "--reason", "x" * 1001], "longer than 1000 characters"),
        (["off", "n1", "--then-off"], "there is no option --then-off"),
    ],
)
def test_what_makes_no_sense_is_an_error_of_the_command_line(
    podium: Run, arguments: list[str], fault: str
) -> None:
    done = podium("node", "power", *arguments)
    assert done.returncode == 2
    assert fault in done.stderr
    assert targets(podium) == [None] * 3


@pytest.mark.usefixtures("three_nodes")
def test_a_soft_power_off_may_be_followed_by_a_hard_one(podium: Run) -> None:
    podium("node", "power", "soft-off", "n1", "--then-off")
    assert operation(podium)["then_off"] is True


def while_waiting(monkeypatch: pytest.MonkeyPatch, do: Callable[[], None]) -> None:
    """Have something done whenever the command pauses; oslo.db sleeps for 0 seconds."""
    monkeypatch.setattr("time.sleep", lambda seconds: do() if seconds else None)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.usefixtures("many_nodes")
def test_many_nodes_are_not_switched_by_a_program_that_does_not_say_yes(
    podium: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    done = podium("node", "power", "off", "n[00-72]")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "podium: to switch 73 nodes off needs --yes: these are more than [conductor] confirm_above = 50;"
        " nothing was requested\n"
    )
    assert podium("node", "power", "off", "n[00-72]", "--yes").stdout == "operation 1: 73 requested\n"


@pytest.mark.usefixtures("many_nodes")
@pytest.mark.parametrize(
    ("answer", "status", "told"),
    [
        ("y\n", 0, "operation 1: 73 requested\n"),
        ("Yes\n", 0, "operation 1: 73 requested\n"),
        ("n\n", 1, ""),
        ("\n", 1, ""),
        ("", 1, ""),
    ],
)
def test_a_person_is_asked_whether_many_nodes_are_meant(
    podium: Run, monkeypatch: pytest.MonkeyPatch, answer: str, status: int, told: str
) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    done = podium("node", "power", "off", "n[00-72]")
    assert (done.returncode, done.stdout) == (status, told)
    assert done.stderr.startswith("switch 73 nodes off? [y/N] ")
    assert ("nothing was requested" in done.stderr) == (not told)


@pytest.mark.usefixtures("many_nodes")
def test_few_nodes_are_switched_without_a_question(podium: Run) -> None:
    assert podium("node", "power", "off", "n[00-49]").stdout == "operation 1: 50 requested\n"


@pytest.mark.usefixtures("three_nodes")
def test_waiting_ends_when_every_node_has_reached_its_state(podium: Run, head: Any) -> None:
    head.go_online()
    with head.carrying_out({}):
        done = podium("node", "power", "on", "n[1-3]", "--wait")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "operation 1: 3 requested\nn[1-3]: power on\n"


@pytest.mark.usefixtures("three_nodes")
def test_waiting_tells_which_nodes_failed_and_why_as_one(podium: Run, head: Any) -> None:
    head.go_online()
    failures = {
        "n1": "BMC 10.0.0.1:623: authentication refused",
        "n2": "BMC 10.0.0.2:623: authentication refused",
    }
    with head.carrying_out(failures):
        done = podium("node", "power", "on", "n[1-3]", "--wait")
    assert done.returncode == 1
    assert done.stdout.splitlines()[1:] == ["n3: power on", "n[1-2]: failed: authentication refused"]


@pytest.mark.usefixtures("three_nodes")
def test_waiting_for_an_interrupt_ends_when_it_was_accepted(podium: Run, head: Any) -> None:
    head.go_online()
    with head.carrying_out({}):
        done = podium("node", "power", "nmi", "n1", "--wait")
    assert (done.returncode, done.stdout.splitlines()[1]) == (0, "n1: inject nmi accepted")


@pytest.mark.usefixtures("three_nodes")
def test_interrupted_waiting_says_that_the_operation_goes_on(
    podium: Run, monkeypatch: pytest.MonkeyPatch, head: Any
) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    head.go_online()
    while_waiting(monkeypatch, interrupt)
    done = podium("node", "power", "on", "n[1-3]", "--wait")
    assert done.returncode == 130
    assert done.stderr == (
        "podium: operation 1 goes on; look: podium operation show 1;"
        " cancel what has not begun: podium operation cancel 1\n"
    )
    assert targets(podium) == ["power on"] * 3


@pytest.mark.usefixtures("three_nodes")
def test_a_node_that_is_deleted_meanwhile_counts_as_failed(
    podium: Run, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def delete() -> None:
        with database.write() as connection:
            (row,) = api.find_nodes(connection, ["n1"])
            api.delete_node(connection, row.id)

    while_waiting(monkeypatch, delete)
    done = podium("node", "power", "on", "n1", "--wait")
    assert (done.returncode, done.stdout.splitlines()[1]) == (1, "n1: failed: the node was deleted")
