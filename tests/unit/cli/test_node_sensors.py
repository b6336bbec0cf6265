"""``podium node sensors``."""

import json

import pytest
import sqlalchemy as sa

import readers
from commands import Here, Run
from podium.db import api, hardware_reads
from podium.db.engine import Database
from podium.db.hardware_reads import HardwareRead
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


def test_a_sensor_without_a_reading_is_not_called_well(
    podium_here: Here, database: Database, owner: Worker
) -> None:
    off = {**INLET, "name": "Fan 1", "value": None}

    def reads(connection: sa.Connection, read: HardwareRead) -> None:
        hardware_reads.answer(connection, read.id, {"sensors": [INLET, off]})

    with answering(database, owner, reads):
        table = podium_here("node", "sensors", "n1").stdout.splitlines()
        objects = json.loads(podium_here("node", "sensors", "n1", "-f", "json").stdout)
    assert ["OK" in line for line in table if "Inlet" in line or "Fan" in line] == [True, False]
    assert objects == [INLET, off]


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
