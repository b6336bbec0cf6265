"""``podium node check``."""

import json
from collections.abc import Sequence

import pytest
import sqlalchemy as sa

import readers
from commands import Run
from podium.db import api, hardware_reads
from podium.db.engine import Database
from podium.db.hardware_reads import HardwareRead
from podium.db.worker import Worker
from readers import LOGIN, answering


@pytest.fixture
def owner(database: Database) -> Worker:
    """The conductor that owns the nodes n1 to n3."""
    with database.write() as connection:
        api.create_nodes(connection, [{"name": f"n{number}", "driver": "fake"} for number in (1, 2, 3)])
    return readers.owner(database)


def works(connection: sa.Connection, read: HardwareRead) -> None:
    hardware_reads.answer(connection, read.id, LOGIN)


def one_is_refused(connection: sa.Connection, read: HardwareRead) -> None:
    (second,) = api.find_keys(connection, ["n2"])
    if read.node_uuid == second.uuid:
        hardware_reads.fail(connection, read.id, "AuthenticationRefused", "n2: wrong password")
    else:
        works(connection, read)


def cells(table: str) -> list[Sequence[str]]:
    rows = [line.strip("|").split("|") for line in table.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in rows[1:]]


def test_a_line_for_each_node_and_success_if_all_logins_work(
    podium: Run, database: Database, owner: Worker
) -> None:
    podium("node", "maintenance", "set", "n2")
    with answering(database, owner, works):
        done = podium("node", "check", "n[1-2]")
    assert (done.returncode, done.stderr) == (0, "")
    usual = ["ada", "OPERATOR", "IPMI 2.0", "power on"]
    assert cells(done.stdout) == [
        ["n1", "works", *usual, "the password expires"],
        ["n2", "works", *usual, "the password expires, the node is in maintenance"],
    ]


def test_the_exit_status_says_that_a_login_does_not_work(
    podium: Run, database: Database, owner: Worker
) -> None:
    with answering(database, owner, one_is_refused):
        done = podium("node", "check", "n[1-3]", "-f", "json", "-c", "name", "-c", "result", "-c", "remarks")
    assert done.returncode == 1
    assert json.loads(done.stdout) == [
        {"name": "n1", "result": "works", "remarks": ["the password expires"]},
        {"name": "n2", "result": "refused", "remarks": ["n2: wrong password"]},
        {"name": "n3", "result": "works", "remarks": ["the password expires"]},
    ]


def test_a_name_that_there_is_not_is_an_error_before_anything_is_asked(podium: Run, owner: Worker) -> None:
    done = podium("node", "check", "n1", "n9")
    assert (done.returncode, done.stdout) == (1, "")
    assert "n9" in done.stderr


def test_more_nodes_than_one_call_may_have_are_checked_in_several(
    podium: Run, database: Database, owner: Worker
) -> None:
    with database.write() as connection:
        api.create_nodes(connection, [{"name": f"m{number}", "driver": "fake"} for number in range(70)])
    with answering(database, owner, works):
        done = podium("node", "check", "m[0-69]", "-f", "value", "-c", "result")
    assert (done.returncode, done.stdout.split()) == (0, ["works"] * 70)
