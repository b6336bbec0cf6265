"""``podium node sensors``."""

import json

import pytest

import readers
from commands import Run
from podium.db import api
from podium.db.engine import Database
from podium.db.worker import Worker
from readers import INLET, answering


@pytest.fixture
def owner(database: Database) -> Worker:
    """The conductor that owns the node n1."""
    with database.write() as connection:
        api.create_nodes(connection, [{"name": "n1", "driver": "fake"}])
    return readers.owner(database)


def test_sensors_are_a_table_for_people_and_objects_for_programs(
    podium: Run, database: Database, owner: Worker
) -> None:
    with answering(database, owner):
        table, objects = podium("node", "sensors", "n1"), podium("node", "sensors", "n1", "-f", "json")
    (row,) = [line for line in table.stdout.splitlines() if "Inlet" in line]
    assert [cell.strip() for cell in row.strip("|").split("|")] == [str(one) for one in INLET.values()]
    assert json.loads(objects.stdout) == [INLET]


def test_what_cannot_be_read_is_one_line(podium: Run, owner: Worker) -> None:
    done = podium("node", "sensors", "n1", "--timeout", "0.2")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "podium: n1: the conductor c1 has not answered within 0.2 s; see: podium conductor list\n"
    )


@pytest.mark.parametrize("seconds", ["0", "51"])
def test_a_wait_that_is_too_long_for_a_request_is_refused(podium: Run, seconds: str) -> None:
    done = podium("node", "sensors", "n1", "--timeout", seconds)
    assert done.returncode == 2
    assert f"{seconds} is not between 0.1 and 50 seconds" in done.stderr
