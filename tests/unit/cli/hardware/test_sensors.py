"""``podium node sensors``."""

import json
import threading
from typing import Final

import pytest
import sqlalchemy as sa

from commands import Here, Run
from podium.cli.hardware import reading
from podium.db import api, hardware_reads
from podium.db.engine import Database
from podium.db.hardware_reads import HardwareRead
from podium.db.worker import Worker
from readers import INLET, answering
from terminals import Terminal

_LIMITS: Final = {
    **dict.fromkeys(("lower_fatal", "lower_critical", "upper_fatal"), None),
    "lower_caution": 5.0,
    "upper_caution": 38.5,
    "upper_critical": 42.0,
}


def test_sensors_are_a_table_for_people_and_objects_for_programs(
    podium: Run, database: Database, owner: Worker
) -> None:
    with answering(database, owner):
        table, objects = podium("node", "sensors", "n1"), podium("node", "sensors", "n1", "-f", "json")
    (row,) = [line for line in table.stdout.splitlines() if "Inlet" in line]
    assert [cell.strip() for cell in row.strip("|").split("|")] == ["n1", *map(str, INLET.values()), ""]
    assert json.loads(objects.stdout) == [{"node": "n1", **INLET, "thresholds": None}]


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
    assert [one["status"] for one in objects] == ["OK", "OK"]


@pytest.mark.usefixtures("xterm")
def test_thresholds_stand_beside_the_readings(podium_here: Here, database: Database, owner: Worker) -> None:
    def reads(connection: sa.Connection, read: HardwareRead) -> None:
        found = {"sensors": [{**INLET, "status": "Warning", "thresholds": _LIMITS}]}
        hardware_reads.answer(connection, read.id, found)

    with answering(database, owner, reads):
        (_, row) = Terminal(podium_here)("node", "sensors", "n1", columns=120)
        (found,) = json.loads(podium_here("node", "sensors", "n1", "-f", "json").stdout)
    assert row.endswith("Warning  Warning <5 >38.5, Critical >42")
    assert found["thresholds"] == _LIMITS


def test_of_several_nodes_those_are_shown_that_could_be_read(
    podium: Run, database: Database, owner: Worker
) -> None:
    with database.read() as connection:
        names = {one.uuid: one.name for one in api.find_nodes(connection, ["n1", "n2", "n3"])}

    def reads(connection: sa.Connection, read: HardwareRead) -> None:
        if names[read.node_uuid] == "n2":
            hardware_reads.answer(connection, read.id, {"sensors": [INLET]})
        else:
            hardware_reads.fail(connection, read.id, "BMCUnreachable", "10.0.0.1: no answer within 5 s")

    with answering(database, owner, reads):
        done = podium("node", "sensors", "--all", "-f", "json")
    assert [one["node"] for one in json.loads(done.stdout)] == ["n2"]
    assert (done.returncode, done.stderr) == (1, "podium: n[1,3]: 10.0.0.1: no answer within 5 s\n")


def test_what_cannot_be_read_is_one_line(podium: Run, owner: Worker) -> None:
    done = podium("node", "sensors", "n1", "--timeout", "0.2", "-f", "json")
    assert (done.returncode, json.loads(done.stdout)) == (1, [])
    assert done.stderr == (
        "podium: n1: the conductor c1 has not answered within 0.2 s; it was alive a moment ago: perhaps the"
        " hardware does not answer it; ask again, and wait longer\n"
    )


@pytest.mark.usefixtures("xterm", "owner")
def test_nobody_says_that_there_are_no_sensors_where_none_could_be_read(podium_here: Here) -> None:
    terminal = Terminal(podium_here)
    assert terminal("node", "sensors", "n1", "--timeout", "0.2", columns=80) == []
    assert terminal.stderr.count("\n") == 1


@pytest.mark.parametrize("seconds", ["0", "51"])
def test_a_wait_that_is_too_long_for_a_request_is_refused(podium: Run, seconds: str) -> None:
    done = podium("node", "sensors", "n1", "--timeout", seconds)
    assert done.returncode == 2
    assert f"{seconds} is not between 0.1 and 50 seconds" in done.stderr


def test_no_more_nodes_are_read_at_the_same_time_than_a_conductor_can_bear() -> None:
    names = [f"n{number}" for number in range(reading.AT_ONCE + 5)]
    full = threading.Barrier(reading.AT_ONCE, timeout=30)
    under_way: set[str] = set()
    most: list[int] = []

    def read(name: str) -> str:
        under_way.add(name)
        most.append(len(under_way))
        if names.index(name) < reading.AT_ONCE:
            full.wait()
        under_way.remove(name)
        return name.upper()

    assert dict(reading.side_by_side(names, read)) == {name: name.upper() for name in names}
    assert max(most) == reading.AT_ONCE
