"""Nodes that were read and found as they were, on each kind of database."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from podium import states
from podium.db import api, changes
from podium.db.api import NodeRecord
from podium.db.engine import Database
from podium.db.models import power_readings
from podium.db.readings import Checked, Reading, record_checked, record_readings
from podium.db.worker import Worker
from rounds import ONLY_LONG

Enrol = Callable[..., list[NodeRecord]]

NOON = datetime(2030, 5, 1, 12, 0, 0, 123456, tzinfo=UTC)


C1 = Worker("c1", 0)


def check(database: Database, numbers: Sequence[int], seen: int | None = None) -> None:
    with database.write() as connection:
        known = changes.pulse(connection).changes if seen is None else seen
        record_checked(connection, [Checked(NOON, known, numbers)])


def checked(database: Database) -> list[str]:
    """The nodes whose power was read at noon."""
    with database.read() as connection:
        return [row.name for row in api.list_nodes(connection) if row.power_checked_at == NOON]


@pytest.mark.parametrize("step", [1, pytest.param(2, marks=ONLY_LONG), 7])
def test_of_many_nodes_those_that_were_read_and_no_others_are_written(
    database: Database, enrol: Enrol, step: int
) -> None:
    nodes = enrol(*(f"n{number:05}" for number in range(5500)))
    read = nodes[5100:100:-step]
    check(database, [node.id for node in read])
    assert checked(database) == sorted(node.name for node in read)


def test_what_is_written_leaves_the_rest_as_it_was(database: Database, enrol: Enrol) -> None:
    (node,) = enrol("n1", power_state=states.POWER_ON, last_error="it stayed on")
    check(database, [node.id])
    with database.read() as connection:
        (row,) = api.list_nodes(connection)
    assert row._asdict() == node._asdict() | {"power_checked_at": NOON}


def test_a_node_that_changed_since_is_left_alone(database: Database, enrol: Enrol) -> None:
    one, two = enrol("n1", "n2")
    with database.write() as connection:
        api.update_node(connection, one.id, {"driver_info": {"address": "another"}})
    check(database, [one.id, two.id], seen=two.version)
    assert checked(database) == ["n2"]


def test_a_node_that_is_reserved_is_left_alone(database: Database, enrol: Enrol) -> None:
    (one,) = enrol("n1", reservation=C1)
    (two,) = enrol("n2")
    check(database, [one.id, two.id])
    assert checked(database) == ["n2"]


def test_a_check_does_not_wait_for_a_person_who_is_changing_the_node(
    database: Database, enrol: Enrol
) -> None:
    if database.is_sqlite:
        pytest.skip("SQLite lets one transaction write at a time")
    (node,) = enrol("n1")
    with database.write() as connection:
        api.update_node(connection, node.id, {"driver": "ipmi"})
        check(database, [node.id], seen=node.version)
    assert checked(database) == ["n1"]


def test_a_node_that_is_gone_leaves_no_reading(database: Database, enrol: Enrol) -> None:
    one, two = enrol("n1", "n2")
    with database.write() as connection:
        api.delete_node(connection, one.id)
        assert connection.scalars(sa.select(power_readings.c.node_id)).all() == [two.id]


def test_numbers_of_nodes_that_are_gone_are_passed_over(database: Database, enrol: Enrol) -> None:
    one, two = enrol("n1", "n2")
    with database.write() as connection:
        api.delete_node(connection, one.id)
    check(database, [one.id, two.id])
    assert checked(database) == ["n2"]


def test_no_nodes_are_nothing_to_write(database: Database) -> None:
    check(database, [])
    assert checked(database) == []


def test_every_failing_node_keeps_its_own_reason_and_count(database: Database, enrol: Enrol) -> None:
    nodes = enrol(*(f"n{number:04}" for number in range(1203)))

    def fail(reason: Callable[[int], str]) -> None:
        readings = [Reading(n.id, n.version, NOON, None, reason(i)) for i, n in enumerate(nodes)]
        with database.write() as connection:
            record_readings(connection, readings, C1)

    fail(lambda _: "no answer")
    fail(lambda number: f"no answer from {number}: it's gone" if number % 2 else "no answer")
    with database.read() as connection:
        found = [(row.power_failures, row.last_error) for row in api.list_nodes(connection)]
    told = [f"no answer from {number}: it's gone" if number % 2 else "no answer" for number in range(1203)]
    assert found == [(2, text) for text in told]
