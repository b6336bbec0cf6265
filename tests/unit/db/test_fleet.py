"""What a conductor learns of its nodes and writes down, on each kind of database."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from fakes import give_slots
from podium import errors, states
from podium.db import api, changes, fleet, ledger
from podium.db.api import NodeRecord
from podium.db.engine import Database
from podium.db.readings import Reading, record_readings
from podium.db.worker import Worker

Contend = Callable[..., BaseException | None]
Enrol = Callable[..., list[NodeRecord]]

NOON = datetime(2030, 5, 1, 12, tzinfo=UTC)
LATER = NOON + timedelta(microseconds=1)


C1, C2 = Worker("c1", 0, 1), Worker("c2", 0, 2)


def pulse(database: Database) -> changes.Pulse:
    with database.read() as connection:
        return changes.pulse(connection)


def only(database: Database) -> NodeRecord:
    with database.read() as connection:
        (row,) = api.list_nodes(connection)
    return row


def history(database: Database, node: NodeRecord) -> list[tuple[Any, ...]]:
    with database.read() as connection:
        mine = ledger.Chosen(frozenset({node.uuid}))
        told = ledger.newest_events(connection, mine, limit=10)
    return [(event.from_state, event.to_state, event.cause, event.at) for event in told]


def record(
    database: Database, node: NodeRecord, state: str | None, at: datetime = NOON, **more: Any
) -> set[int]:
    with database.write() as connection:
        return record_readings(connection, [Reading(node.id, node.version, at, state, **more)], C1)


# What changed: the pulse


def test_a_created_node_shows_in_the_pulse(database: Database, enrol: Enrol) -> None:
    before = pulse(database)
    enrol("n1")
    assert pulse(database) != before


def test_a_changed_node_shows_in_the_pulse(database: Database, enrol: Enrol) -> None:
    (node,) = enrol("n1")
    before = pulse(database)
    with database.write() as connection:
        api.update_node(connection, node.id, {"driver": "ipmi"})
    assert pulse(database) != before


def test_a_deleted_node_shows_in_the_pulse(database: Database, enrol: Enrol) -> None:
    _, node = enrol("n1", "n2")
    before = pulse(database)
    with database.write() as connection:
        api.delete_node(connection, node.id)
    assert pulse(database) != before


@pytest.mark.parametrize("index", [0, 1])
def test_a_node_in_the_place_of_a_deleted_one_shows_in_the_pulse(
    database: Database, enrol: Enrol, index: int
) -> None:
    nodes = enrol("n1", "n2")
    before = pulse(database)
    with database.write() as connection:
        api.delete_node(connection, nodes[index].id)
    enrol(nodes[index].name)
    assert pulse(database) != before


@pytest.mark.parametrize("state", [states.POWER_ON, None])
def test_a_reading_does_not_show_in_the_pulse(database: Database, enrol: Enrol, state: str | None) -> None:
    (node,) = enrol("n1")
    before = pulse(database)
    record(database, node, state)
    assert pulse(database) == before


def test_rows_of_nodes_that_are_gone_are_left_out(database: Database, enrol: Enrol) -> None:
    one, two = enrol("n1", "n2")
    with database.write() as connection:
        api.delete_node(connection, one.id)
        assert [row.name for row in fleet.load(connection, [one.id, two.id])] == ["n2"]


# Readings


def test_a_first_reading_is_written_with_its_time(database: Database, enrol: Enrol) -> None:
    (node,) = enrol("n1")
    record(database, node, states.POWER_OFF)
    node = only(database)
    assert (node.power_state, node.power_checked_at, node.power_changed_at) == (states.POWER_OFF, NOON, NOON)
    assert history(database, node) == [(None, states.POWER_OFF, "first reading", NOON)]


def test_the_same_reading_again_only_moves_the_time_of_the_check(database: Database, enrol: Enrol) -> None:
    (node,) = enrol("n1")
    record(database, node, states.POWER_OFF)
    record(database, node, states.POWER_OFF, LATER)
    node = only(database)
    assert (node.power_checked_at, node.power_changed_at) == (LATER, NOON)
    assert len(history(database, node)) == 1


def test_a_change_behind_podiums_back_is_an_event(database: Database, enrol: Enrol) -> None:
    (node,) = enrol("n1")
    record(database, node, states.POWER_OFF)
    record(database, node, states.POWER_ON, LATER, request_id="req-1")
    assert only(database).power_changed_at == LATER
    assert history(database, node)[1] == (states.POWER_OFF, states.POWER_ON, "out-of-band", LATER)


@pytest.mark.parametrize("known", [None, states.POWER_ON])
def test_a_failed_read_is_counted_and_keeps_what_was_known(
    database: Database, enrol: Enrol, known: str | None
) -> None:
    (node,) = enrol("n1", power_state=known, power_checked_at=NOON if known else None)
    for _ in range(2):
        record(database, node, None, LATER, failure="no answer")
    row = only(database)
    assert (row.power_failures, row.last_error) == (2, "no answer")
    assert (row.power_state, row.power_checked_at) == (known, NOON if known else None)


def test_a_read_that_works_again_ends_the_count_and_the_error(database: Database, enrol: Enrol) -> None:
    (node,) = enrol("n1", power_state=states.POWER_ON)
    record(database, node, None, failure="no answer")
    record(database, node, states.POWER_ON, LATER)
    row = only(database)
    assert (row.power_failures, row.last_error, row.power_checked_at) == (0, None, LATER)
    assert history(database, node) == []


def test_a_reading_keeps_the_error_of_a_power_change(database: Database, enrol: Enrol) -> None:
    (node,) = enrol("n1", power_state=states.POWER_OFF, last_error="it stayed off")
    record(database, node, states.POWER_OFF)
    assert only(database).last_error == "it stayed off"


def test_a_node_that_a_person_changed_is_not_overwritten(database: Database, enrol: Enrol) -> None:
    (node,) = enrol("n1")
    with database.write() as connection:
        api.update_node(connection, node.id, {"driver_info": {"address": "another"}})
    assert record(database, node, states.POWER_ON) == {node.id}
    assert only(database).power_state is None


def test_a_reserved_node_is_not_overwritten(database: Database, enrol: Enrol) -> None:
    (node,) = enrol("n1", reservation=C1)
    assert record(database, node, states.POWER_OFF) == {node.id}
    assert only(database).power_state is None


def test_a_reading_of_a_deleted_node_is_dropped(database: Database, enrol: Enrol) -> None:
    (node,) = enrol("n1")
    with database.write() as connection:
        api.delete_node(connection, node.id)
    assert record(database, node, states.POWER_ON) == {node.id}


def test_a_reading_that_races_with_a_person_is_left_alone(
    database: Database, enrol: Enrol, contend: Contend
) -> None:
    (node,) = enrol("n1")
    refused = contend(
        lambda connection: api.update_node(connection, node.id, {"maintenance": True}),
        lambda connection: record_readings(
            connection, [Reading(node.id, node.version, NOON, states.POWER_ON)], C1
        ),
    )
    assert refused is None
    assert only(database).power_state is None


def test_a_thousand_readings_each_find_their_node(database: Database, enrol: Enrol) -> None:
    nodes = enrol(*(f"n{number:04}" for number in range(1001)))
    state = (states.POWER_ON, states.POWER_OFF)
    with database.write() as connection:
        readings = [Reading(node.id, node.version, NOON, state[n % 2]) for n, node in enumerate(nodes)]
        assert record_readings(connection, readings, C1) == set()
        found = [row.power_state for row in api.list_nodes(connection)]
    assert found == [state[n % 2] for n in range(1001)]


def test_an_age_is_never_told_too_small_when_many_are_written_at_once(
    database: Database, enrol: Enrol
) -> None:
    nodes = enrol("n1", "n2", power_state=states.POWER_ON)
    with database.write() as connection:
        pairs = zip(nodes, (LATER, NOON), strict=True)
        record_readings(
            connection,
            [Reading(node.id, node.version, moment, states.POWER_ON) for node, moment in pairs],
            C1,
        )
        assert {row.power_checked_at for row in api.list_nodes(connection)} == {NOON}


def test_any_error_text_can_be_written_once_it_is_one_line(database: Database, enrol: Enrol) -> None:
    (node,) = enrol("n1")
    text = errors.one_line(ValueError("\0 \ud800 \U0001f525 \r\n" + "\U0001f525" * 1000))
    record(database, node, None, failure=text)
    assert only(database).last_error == text


def test_health_is_written_and_does_not_show_in_the_pulse(database: Database, enrol: Enrol) -> None:
    (node,) = enrol("n1")
    before = pulse(database)
    with database.write() as connection:
        fleet.record_health(connection, {node.id: {"status": "Warning", "reasons": ["fan \U0001f525"]}})
    assert only(database).health == {"status": "Warning", "reasons": ["fan \U0001f525"]}
    assert pulse(database) == before


def test_how_far_clocks_are_off_is_news_only_where_it_was_not_known(database: Database, enrol: Enrol) -> None:
    first, second, gone = enrol("n1", "n2", "n3")
    with database.write() as connection:
        api.delete_node(connection, gone.id)

    def write(*clocks: tuple[int, float, datetime]) -> list[int]:
        with database.write() as connection:
            fleet.record_clocks(connection, {number: (offset, at) for number, offset, at in clocks})
        with database.read() as connection:
            rows = api.list_nodes(connection)
        for number, offset, at in clocks:
            found = [(row.clock_offset, row.clock_checked_at) for row in rows if row.id == number]
            assert found in ([(offset, at)], [])
        news = [row.id for row in rows if row.learned > learned.get(row.id, 0)]
        learned.update((row.id, row.learned) for row in rows)
        return news

    learned: dict[int, int] = {}
    later = NOON + timedelta(hours=1)
    assert write((first.id, 0.4, NOON), (gone.id, 3.0, NOON)) == [first.id]
    assert write((first.id, -1.2, later)) == []
    assert write((first.id, 61.0, NOON), (second.id, -1.7e9, NOON)) == [first.id, second.id]
    assert write((first.id, 60.0, later), (second.id, 0.0, later)) == [second.id]
    assert write() == []


def test_when_health_was_reported_is_written_for_many_nodes_at_once(database: Database, enrol: Enrol) -> None:
    nodes = enrol(*(f"n{number:04}" for number in range(1500)))
    before = pulse(database)
    times = {
        node.id: (NOON + timedelta(milliseconds=number % 999), 900.0 if number % 3 else 180.0)
        for number, node in enumerate(nodes)
    }
    with database.write() as connection:
        fleet.record_health_times(connection, times)
    with database.read() as connection:
        rows = api.list_nodes(connection)
    assert [row.health_lasts for row in rows] == [lasts for _, lasts in times.values()]
    for row in rows:
        assert row.health_checked_at is not None
        assert timedelta(0) <= times[row.id][0] - row.health_checked_at < timedelta(seconds=1)
    assert pulse(database) == before


@pytest.mark.parametrize(
    ("age", "lasts", "known"),
    [
        (0, 900, True),
        (899, 900, True),
        (901, 900, False),
        (-3, 900, True),
        (-60, 900, False),
        (0, None, True),
    ],
)
def test_a_health_is_known_for_as_long_as_its_report_is_true(age: float, lasts: float, known: bool) -> None:
    health = {"status": "OK", "reasons": []}
    found = fleet.known_health(health, NOON, lasts, NOON + timedelta(seconds=age))
    assert found == (health if known else None)


def test_patches_of_many_nodes_are_put_beside_what_each_has(database: Database, enrol: Enrol) -> None:
    known = {"cpus": 2, "memory_mb": 1024}
    a, b, c = enrol("a", "b", "c", properties=known)
    patches: dict[int, dict[str, dict[str, Any]]] = {
        a.id: {"properties": {"cpus": 4}},
        b.id: {"properties": {"cpus": 8, "memory_mb": None}, "driver_internal_info": {"seen": "today"}},
        c.id: {"properties": {"serial": "\U0001f525"}},
        10_000: {"properties": {"cpus": 1}},  # deleted meanwhile
    }
    expected = {
        a.id: {"properties": {"cpus": 4, "memory_mb": 1024}},
        b.id: {"properties": {"cpus": 8}, "driver_internal_info": {"seen": "today"}},
        c.id: {"properties": {**known, "serial": "\U0001f525"}},
    }
    before = pulse(database)
    with database.write() as connection:
        assert fleet.record_patches(connection, patches) == expected
    with database.read() as connection:
        rows = {node.id: node for node in api.list_nodes(connection)}
    assert {number: rows[number].properties for number in expected} == {
        number: one["properties"] for number, one in expected.items()
    }
    assert [rows[one.id].driver_internal_info for one in (a, b)] == [{}, {"seen": "today"}]
    assert pulse(database) == before


def test_patches_of_many_nodes_take_few_statements(database: Database, enrol: Enrol) -> None:
    nodes = enrol(*(f"n{number}" for number in range(50)))
    statements: list[str] = []
    sa.event.listen(
        database.engine,
        "before_cursor_execute",
        lambda _connection, _cursor, statement, *_: statements.append(statement),
    )
    with database.write() as connection:
        fleet.record_patches(connection, {one.id: {"properties": {"n": one.id}} for one in nodes})
    assert len([text for text in statements if not text.startswith("BEGIN")]) < 8


def test_events_are_kept_from_a_moment_on(database: Database, enrol: Enrol) -> None:
    (node,) = enrol("n1")
    record(database, node, states.POWER_OFF)
    record(database, node, states.POWER_ON, LATER)
    with database.write() as connection:
        assert ledger.prune_events(connection, LATER, most=10) == 1
    assert [event[3] for event in history(database, node)] == [LATER]


def test_no_more_than_so_many_events_are_kept(database: Database, enrol: Enrol) -> None:
    (node,) = enrol("n1")
    for seconds, state in enumerate([states.POWER_OFF, states.POWER_ON] * 2):
        record(database, node, state, NOON + timedelta(seconds=seconds))
    with database.write() as connection:
        assert ledger.prune_events(connection, NOON, most=3) == 1
        assert ledger.prune_events(connection, NOON, most=3) == 0
    assert len(history(database, node)) == 3


def test_an_event_names_the_worker_that_recorded_it(database: Database, enrol: Enrol) -> None:
    nodes = enrol("n1", power_state=states.POWER_OFF) + enrol("n2")
    with database.write() as connection:
        seen = [Reading(node.id, node.version, NOON, states.POWER_ON) for node in nodes]
        record_readings(connection, seen, Worker("c1", 1))
        told = ledger.newest_events(connection, ledger.Chosen(), limit=10)
    assert [event.writer for event in told] == [Worker("c1", 1)] * 2


def test_who_is_refused_a_reserved_node_is_told_by_whom_and_for_what(
    database: Database, enrol: Enrol
) -> None:
    (node,) = enrol("n1")
    with database.write() as connection:
        give_slots(connection, C1, ["fake"])
        assert fleet.hold(connection, node.id, C1, "firmware update " * 50)
        assert not fleet.hold(connection, node.id, C2, "a self test")
    assert only(database).reserved_at is not None
    told = "n1: reserved by c1/0@1 for firmware update .* since .* UTC"
    with database.write() as connection, pytest.raises(errors.NodeConflict, match=told):
        api.update_node(connection, node.id, {"driver": "ipmi"})


def test_a_reservation_that_was_let_go_leaves_nothing_behind(database: Database, enrol: Enrol) -> None:
    (node,) = enrol("n1")
    with database.write() as connection:
        fleet.hold(connection, node.id, C1, "a self test")
        fleet.let_go(connection, [node.id], C2)
        assert not fleet.hold(connection, node.id, C2, "another")
        fleet.let_go(connection, [node.id], C1)
    row = only(database)
    assert (row.reservation, row.reserved_for, row.reserved_at) == (None, None, None)
