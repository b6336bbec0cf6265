"""``podium credential`` and ``podium operation undo``."""

import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from heads import Head
from podium.db import api
from podium.db.engine import Database
from rounds import rest_is_long

Run = Callable[..., "subprocess.CompletedProcess[str]"]

OLD, NEW = "0ld-hunter", "n3w-hunter"


@pytest.fixture(autouse=True)
def fleet(database: Database, head: Head) -> None:
    """Nodes with accounts: n3 and n4 behind one BMC."""
    head.go_online()
    info = {"fake_username": "root", "fake_password": OLD}
    shared = {"driver_info": {**info, "fake_address": "10.0.0.3"}, "endpoint": "10.0.0.3"}
    rows = [
        {"name": "n1", "driver": "fake", "driver_info": info},
        {"name": "n2", "driver": "fake", "driver_info": info},
        {"name": "n3", "driver": "fake", **shared},
        {"name": "n4", "driver": "fake", **shared},
    ]
    with database.write() as connection:
        api.create_nodes(connection, rows)


@pytest.fixture
def file(tmp_path: Path) -> str:
    found = tmp_path / "new-password"
    found.touch(0o600)
    found.write_text(f"{NEW}\n")
    return str(found)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def passwords(database: Database) -> list[Any]:
    with database.read() as connection:
        return [node.driver_info["fake_password"] for node in api.list_nodes(connection)]


def test_a_password_is_changed_and_the_results_shown(
    podium: Run, head: Head, database: Database, file: str
) -> None:
    with head.carrying_out({}):
        done = podium("credential", "set", "n[1-3]", "--password-file", file, "--canary", "1", "--wait")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        "change the password in Podium, not on the BMC, of 4 nodes behind 3 BMCs\n"
        "n4: changed too, behind the same BMCs\n"
        "n1: tried first; the others wait for that\n"
        "operation 1: 4 requested\n"
        "n[1-4]: credentials changed\n"
    )
    assert passwords(database) == [NEW] * 4


def test_a_canary_that_fails_is_shown_and_the_others_are_cancelled(
    podium: Run, head: Head, database: Database, file: str
) -> None:
    with head.carrying_out({"n1": "refused"}):
        done = podium("credential", "set", "n[1-2]", "--password-file", file, "--canary", "1", "--wait")
    assert done.returncode == 1
    cancelled, failed = done.stdout.splitlines()[-2:]
    assert cancelled.startswith("n2: ") and "nothing was changed for this node" in cancelled
    assert failed == "n1: failed: refused"
    assert passwords(database) == [OLD] * 4


def test_nodes_that_have_the_password_already_are_no_failure(podium: Run, head: Head, file: str) -> None:
    with head.carrying_out({}):
        podium("credential", "set", "n1", "--password-file", file, "--wait")
        done = podium("credential", "set", "n[1-2]", "--password-file", file, "--wait", "--expires", "1d")
        assert (done.returncode, done.stderr) == (0, "")
        assert "n1: had these credentials already\n" in done.stdout
        again = podium("credential", "set", "n[1-2]", "--password-file", file, "--wait")
    assert (again.returncode, again.stderr) == (0, "")
    assert again.stdout == "n[1-2]: had these credentials already\n"
    rows = json.loads(podium("credential", "list", "n[1-2]", "-f", "json").stdout)
    assert all(row["expires_at"] for row in rows)


def test_what_waits_for_canaries_is_shown_as_that(podium: Run, file: str) -> None:
    podium("credential", "set", "n[1-2]", "--password-file", file, "--canary", "1")
    shown = json.loads(podium("operation", "show", "1", "-f", "json").stdout)
    assert (shown["action"], shown["held"], shown["canaries"]) == ("change credentials", 1, 1)
    assert shown["results"] == {"n1": "not begun yet", "n2": "waits for canaries"}
    done = podium("operation", "cancel", "1")
    assert (done.returncode, done.stdout) == (0, "operation 1: 2 cancelled, 0 under way, 0 had ended\n")


def test_a_password_that_others_can_read_is_not_taken(podium: Run, file: str) -> None:
    Path(file).chmod(0o644)
    done = podium("credential", "set", "n1", "--password-file", file)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"podium: {file} has the mode 644, so that others can read it; run: chmod 600 {file}\n"
    )


@rest_is_long(
    ("text", "password"),
    [
        (f"{NEW}\n", NEW),
        (NEW, NEW),
        (f" {NEW} \r\n", f" {NEW} "),
        (f"\ufeff{NEW}\n", NEW),
    ],
)
def test_one_line_break_at_the_end_is_not_part_of_it(
    podium: Run, head: Head, database: Database, file: str, text: str, password: str
) -> None:
    Path(file).write_bytes(text.encode())
    podium("credential", "set", "n1", "--password-file", file)
    head.carry_out({})
    assert passwords(database)[0] == password


@rest_is_long(
    ("text", "fault"),
    [
        ("", "there is no password"),
        ("\n", "there is no password"),
        (f"{NEW}\n\n", "a password is one line"),
        (NEW * 30, "a password has at most 256 characters"),
    ],
)
def test_what_is_no_password_is_an_error(podium: Run, file: str, text: str, fault: str) -> None:
    Path(file).write_text(text)
    done = podium("credential", "set", "n1", "--password-file", file)
    assert (done.returncode, done.stdout) == (1, "")
    assert fault in done.stderr
    assert NEW not in done.stderr


def test_a_password_comes_from_standard_input(
    podium: Run, head: Head, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{NEW}\n"))
    assert podium("credential", "set", "n1", "--password-file", "-").returncode == 0
    head.carry_out({})
    assert passwords(database)[0] == NEW


def test_a_person_types_it_twice(podium: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    typed = [NEW, f"{NEW}2", NEW, NEW]
    monkeypatch.setattr(sys, "stdin", Terminal())
    monkeypatch.setattr("getpass.getpass", lambda _: typed.pop(0))
    done = podium("credential", "set", "n1", "--password-file", "-")
    assert (done.returncode, done.stderr) == (
        1,
        "podium: the two passwords differ; nothing was requested\n",
    )
    assert podium("credential", "set", "n1", "--password-file", "-").returncode == 0


def test_a_password_that_the_driver_does_not_take_is_named_by_its_file(podium: Run, tmp_path: Path) -> None:
    file = tmp_path / "long"
    file.write_text("x" * 21)
    file.chmod(0o600)
    podium("node", "create", "--driver", "ipmi", "--name", "r1", "--driver-info", "ipmi_address=192.0.2.1")
    done = podium("credential", "set", "r1", "--password-file", str(file))
    assert done.returncode == 1
    assert done.stderr.startswith(f"podium: {file}: driver_info: ipmi_password has a wrong value")


@rest_is_long(
    ("arguments", "fault"),
    [
        ([], "one of the arguments --password-file --generate is required"),
        (["--generate", "--password-file", "x"], "not allowed with argument"),
        (["--password-file", "x", "--length", "9"], "argument --length: goes with --generate"),
        (["--generate", "--length", "7"], "7 is not between 8 and 64"),
        (["--generate", "--canary", "-1"], "-1 is not a number from 0 on"),
        (["--generate"], "argument --generate: goes with --on-bmc"),
        (
            ["--generate", "--expires", "soon"],
            "'soon' is not a time in seconds, or such as 90s, 5m, 2h or 90d",
        ),
    ],
)
def test_what_makes_no_sense_is_an_error_of_the_command_line(
    podium: Run, arguments: list[str], fault: str
) -> None:
    done = podium("credential", "set", "n1", *arguments)
    assert done.returncode == 2
    assert fault in done.stderr


def test_a_password_on_the_command_line_is_refused_and_not_repeated(podium: Run) -> None:
    done = podium("credential", "set", "n1", "--password", NEW)
    assert done.returncode == 2
    assert "--password-file FILE" in done.stderr
    assert NEW not in done.stderr


def test_passwords_are_made_up_and_not_shown(podium: Run, head: Head, database: Database) -> None:
    done = podium("credential", "set", "n[1-4]", "--generate", "--on-bmc", "--length", "12", "--canary", "0")
    assert done.returncode == 0
    assert done.stdout.splitlines()[0] == (
        "change the password on the BMC and in Podium of 4 nodes behind 3 BMCs"
    )
    head.carry_out({})
    made = passwords(database)
    assert (len({*made}), {len(one) for one in made}) == (3, {12})
    assert not [one for one in made if one in done.stdout + done.stderr]


def test_so_many_nodes_are_asked_about(
    podium: Run, database: Database, file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with database.write() as connection:
        info = {"fake_password": OLD}
        rows = [{"name": f"m{one:02}", "driver": "fake", "driver_info": info} for one in range(51)]
        api.create_nodes(connection, rows)
    asking = "credential", "set", "m[00-50]", "--password-file", file
    done = podium(*asking)
    assert done.returncode == 1
    assert "of 51 nodes needs --yes: these are more than [conductor] confirm_above = 50" in done.stderr
    monkeypatch.setattr(sys, "stdin", Terminal("n\n"))
    done = podium(*asking)
    assert (done.returncode, done.stderr) == (
        1,
        "change the password in Podium, not on the BMC, of 51 nodes? [y/N] podium: nothing was requested\n",
    )
    done = podium(*asking, "--yes")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "operation 1: 51 requested")


def test_nodes_that_cannot_be_asked_are_named(podium: Run, file: str) -> None:
    podium("node", "power", "on", "n1")
    done = podium("credential", "set", "n1", "--password-file", file)
    assert (done.returncode, done.stdout) == (1, "")
    first, last = done.stderr.splitlines()
    assert first.startswith("podium: n1: power on was asked for")
    assert last == "podium: nothing was requested"


def test_an_operation_is_undone(podium: Run, head: Head, database: Database, file: str) -> None:
    podium("credential", "set", "n[1-2]", "--password-file", file)
    head.carry_out({})
    with head.carrying_out({}):
        done = podium("operation", "undo", "1", "--wait")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        "change the password back of 2 nodes\noperation 2: 2 requested\nn[1-2]: credentials changed\n"
    )
    assert passwords(database) == [OLD] * 4
    shown = json.loads(podium("operation", "show", "2", "-f", "json").stdout)
    assert (shown["undoes"], shown["what"], "then_off" in shown) == (1, "undo of 1", False)
    assert json.loads(podium("operation", "show", "1", "-f", "json").stdout)["undone_by"] == 2
    rows = json.loads(podium("operation", "list", "-f", "json").stdout)
    assert [row["what"] for row in rows] == ["undo of 1", "in Podium"]
    done = podium("operation", "undo", "7")
    assert (done.returncode, "there is no operation 7" in done.stderr) == (1, True)


def test_what_is_unknown_is_settled(podium: Run, head: Head, file: str) -> None:
    podium("credential", "set", "n1", "--password-file", file, "--on-bmc")
    head.carry_out({"n1": "unknown"})
    listed = json.loads(podium("credential", "list", "--unknown", "-f", "json").stdout)
    assert [(one["node"], one["state"]) for one in listed] == [("n1", "unknown")]
    with head.carrying_out({}):
        done = podium("credential", "settle", "n1", "--timeout", "60", "--wait")
    assert (done.returncode, done.stdout) == (0, "operation 2: 1 requested\nn1: credentials changed\n")
    assert podium("credential", "list", "--unknown").stdout == ""


def test_credentials_are_listed(podium: Run, head: Head, file: str) -> None:
    podium("credential", "set", "n1", "--password-file", file, "--expires", "90d", "--username", "podium")
    head.carry_out({})
    done = podium("credential", "list", "n[1-2]", "-f", "json")
    first, second = json.loads(done.stdout)
    assert (first["node"], first["username"], first["operation"]) == ("n1", "podium", 1)
    assert (second["username"], second["expires_at"], second["expired"]) == ("root", None, False)
    assert first["changed_at"] < first["expires_at"]
    assert podium("credential", "list", "--older", "180d", "-f", "value").stdout == ""
    assert podium("credential", "list", "--expired", "-f", "value").stdout == ""
    assert NEW not in done.stdout


def test_the_change_is_in_the_history_of_the_node(podium: Run, head: Head, file: str) -> None:
    podium("credential", "set", "n1", "--password-file", file, "--reason", "Ada left")
    head.carry_out({})
    (event,) = json.loads(podium("node", "history", "n1", "-f", "json").stdout)
    assert (event["cause"], event["operation"]) == ("credentials", 1)
    assert event["reason"].endswith("Ada left")
    listed = podium("events", "--cause", "credentials", "-f", "value", "-c", "node")
    assert listed.stdout == "n1\n"


def test_a_node_shows_what_is_asked_of_it(podium: Run, file: str) -> None:
    podium("credential", "set", "n1", "--password-file", file)
    shown = json.loads(podium("node", "show", "n1", "-f", "json").stdout)
    assert shown["target_power_state"] == "change credentials"
    assert NEW not in json.dumps(shown)
