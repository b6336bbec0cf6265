"""What a conductor concludes about nodes by itself, on each kind of database."""

from collections.abc import Callable
from datetime import UTC, datetime

from podium import states
from podium.db import api, changes, faults, fleet, ledger
from podium.db.api import NodeRecord
from podium.db.engine import Database
from podium.db.ledger import Event
from podium.db.worker import Worker

Contend = Callable[..., BaseException | None]
Enrol = Callable[..., list[NodeRecord]]

NOON = datetime(2030, 5, 1, 12, tzinfo=UTC)
SILENT = "power could not be read 3 times in a row"


C1 = Worker("c1", 0)


def only(database: Database) -> NodeRecord:
    with database.read() as connection:
        (row,) = api.list_nodes(connection)
    return row


def told(database: Database) -> list[Event]:
    with database.read() as connection:
        return ledger.newest_events(connection, ledger.Chosen(), limit=10)


def fault(database: Database, *rows: NodeRecord) -> set[int]:
    with database.write() as connection:
        return faults.record_faults(connection, {row.id: SILENT for row in rows}, NOON, C1)


def recover(database: Database, *rows: NodeRecord) -> set[int]:
    with database.write() as connection:
        return faults.record_recoveries(connection, [row.id for row in rows], NOON, C1)


def test_a_fault_puts_a_node_into_maintenance_and_keeps_what_was_known(
    database: Database, enrol: Enrol
) -> None:
    known = {"power_state": states.POWER_ON, "power_checked_at": NOON, "power_failures": 3}
    (node,) = enrol("n1", **known)
    assert fault(database, node) == {node.id}
    row = only(database)
    assert (row.maintenance, row.fault, row.maintenance_reason) == (True, "power failure", SILENT)
    assert {name: getattr(row, name) for name in known} == known
    (event,) = told(database)
    assert (event.cause, event.reason, event.conductor) == ("fault", SILENT, "c1")
    assert (event.from_state, event.to_state) == (states.POWER_ON, states.POWER_ON)


def test_a_recovery_takes_a_node_out_of_its_fault(database: Database, enrol: Enrol) -> None:
    (node,) = enrol("n1", power_state=states.POWER_ON)
    fault(database, node)
    assert recover(database, node) == {node.id}
    row = only(database)
    assert (row.maintenance, row.fault, row.maintenance_reason) == (False, None, None)
    assert [event.cause for event in told(database)] == ["fault", "recovery"]


def test_neither_fault_nor_recovery_touches_the_maintenance_of_a_person(
    database: Database, enrol: Enrol
) -> None:
    nodes = enrol("n1", maintenance=True, maintenance_reason="new fans")
    nodes += enrol("n2", maintenance=True, fault="acme")
    assert fault(database, *nodes) == recover(database, *nodes) == set()
    with database.read() as connection:
        found = [(row.maintenance, row.fault, row.version) for row in api.list_nodes(connection)]
    assert found == [(True, None, nodes[0].version), (True, "acme", nodes[1].version)]
    assert told(database) == []


def test_a_recovery_that_races_with_a_person_leaves_the_maintenance_alone(
    database: Database, enrol: Enrol, contend: Contend
) -> None:
    (node,) = enrol("n1")
    fault(database, node)
    refused = contend(
        lambda connection: api.update_node(connection, node.id, {"maintenance": True, "fault": None}),
        lambda connection: faults.record_recoveries(connection, [node.id], NOON, C1),
    )
    assert refused is None
    assert only(database).maintenance is True


def test_what_enforcement_says_shows_in_no_pulse(database: Database, enrol: Enrol) -> None:
    one, two = enrol("n1", "n2")
    with database.write() as connection:
        before = changes.pulse(connection)
        faults.record_enforcement(connection, {one.id: "frozen " * 100, two.id: "flapping"})
        faults.record_enforcement(connection, {two.id: None})
        assert changes.pulse(connection) == before
        rows = {row.name: row.enforcement for row in fleet.load(connection, [one.id, two.id])}
    assert rows == {"n1": ("frozen " * 100)[:255], "n2": None}
