"""Power requests: asked for, taken by one conductor, ended by it, on each kind of database."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from fakes import joined
from podium import errors, states
from podium.db import (
    api,
    beginning,
    fleet,
    ledger,
    leftovers,
    members,
    models,
    operations,
    power,
    power_limits,
)
from podium.db.api import NodeRecord
from podium.db.beginning import Begun
from podium.db.engine import Database
from podium.db.ledger import Event
from podium.db.models import utcnow
from podium.db.operations import PowerRequest
from podium.db.outcomes import Outcome, finish
from podium.db.readings import Reading, record_readings
from podium.db.worker import Worker

Contend = Callable[..., BaseException | None]
Enrol = Callable[..., list[NodeRecord]]

NOON = datetime(2030, 5, 1, 12, tzinfo=UTC)
LATER = NOON + timedelta(seconds=9)


C1, C2 = Worker("c1", 0, 1), Worker("c2", 0, 2)


@pytest.fixture(autouse=True)
def two_members(database: Database) -> None:
    """Two members, of which the first owns all slots of the driver ``fake``."""
    joined(database, C1, C2, drivers=["fake"])


def only(database: Database) -> NodeRecord:
    with database.read() as connection:
        (row,) = api.list_nodes(connection)
    return row


def ask(
    database: Database, rows: list[NodeRecord], action: str = states.POWER_ON, **more: Any
) -> power.Asked:
    with database.write() as connection:
        return power.ask(connection, rows, action, **{"who": "ada@desk", **more})


def due(database: Database, holder: Worker = C1, reached: beginning.Reached | None = None) -> list[int]:
    with database.read() as connection:
        found = beginning.due(connection, holder, ["fake"], reached or {}, limit=9999)
    return [row.request_id for row in found]


def begin(database: Database, request_ids: list[int], holder: Worker = C1) -> list[Begun]:
    with database.write() as connection:
        return beginning.begin(connection, request_ids, holder, NOON)


def begun(database: Database, rows: list[NodeRecord], *asked: Any, **more: Any) -> Begun:
    """A request that conductor c1 has begun, as it sees it."""
    ask(database, rows, *asked, **more)
    (row,) = begin(database, due(database))
    return row


def end(database: Database, row: Begun, state: str | None, error: str | None = None) -> None:
    with database.write() as connection:
        finish(connection, [Outcome(row.node.id, row.request_id, C1, LATER, state, error, "req-1")])


def requests(database: Database, operation_id: int | None) -> list[PowerRequest]:
    assert operation_id is not None
    with database.read() as connection:
        return list(operations.requests_of(connection, operation_id))


def told(database: Database) -> list[Event]:
    with database.read() as connection:
        return ledger.newest_events(connection, ledger.Chosen(), limit=100)


# Asking


def test_what_is_asked_of_many_is_one_operation(database: Database, enrol: Enrol) -> None:
    nodes = enrol("n1", "n2", last_error="it stayed off")
    asked = ask(database, nodes[::-1], states.REBOOTING, reason="new kernel", timeout=90.0)
    assert (asked.accepted, asked.refused, asked.replaced) == ([nodes[1].id, nodes[0].id], [], 0)
    with database.read() as connection:
        (operation,) = operations.list_operations(connection, 10)
    assert (operation.action, operation.requested_by) == (states.REBOOTING, "ada@desk")
    assert (operation.nodes, operation.reason, operation.timeout) == (2, "new kernel", 90.0)
    assert operation.counts == {"waiting": 2}
    rows = requests(database, asked.operation_id)
    assert [(row.node_name, row.state, row.action) for row in rows] == [
        ("n2", "waiting", states.REBOOTING),
        ("n1", "waiting", states.REBOOTING),
    ]


def test_a_node_tells_what_is_asked_of_it(database: Database, enrol: Enrol) -> None:
    asked = ask(database, enrol("n1", last_error="it stayed off"))
    row, (request,) = only(database), requests(database, asked.operation_id)
    assert (row.target_power_state, row.power_request_id) == (states.POWER_ON, request.id)
    assert (row.power_requested_by, row.power_requested_at) == ("ada@desk", request.requested_at)
    assert row.last_error is None


def test_a_newer_request_replaces_one_that_nobody_has_begun(database: Database, enrol: Enrol) -> None:
    nodes = enrol("n1")
    first = ask(database, nodes, states.POWER_ON)
    second = ask(database, nodes, states.POWER_OFF)
    assert second.replaced == 1
    (old,), (new,) = requests(database, first.operation_id), requests(database, second.operation_id)
    assert (old.state, old.finished_at) == ("replaced", new.requested_at)
    assert due(database) == [new.id]
    assert only(database).target_power_state == states.POWER_OFF


def test_a_node_with_a_change_under_way_refuses_another_with_who_and_since(
    database: Database, enrol: Enrol
) -> None:
    one, two = enrol("n1", "n2")
    row = begun(database, [one])
    asked = ask(database, [one, two], states.POWER_OFF, who="bob@desk")
    (request,) = requests(database, row.operation_id)
    since = f"{request.requested_at:%Y-%m-%d %H:%M:%S} UTC"
    assert asked.refused == [
        f"n1: power on is under way, asked for by ada@desk since {since}; wait for it to end"
    ]
    assert asked.accepted == [two.id]


def test_a_node_that_a_driver_has_reserved_refuses_with_the_purpose(database: Database, enrol: Enrol) -> None:
    (node,) = enrol("n1")
    with database.write() as connection:
        fleet.hold(connection, node.id, C1, "a self test")
    asked = ask(database, [node])
    assert asked[:2] == (None, [])
    assert asked.refused[0].startswith("n1: reserved by c1/0@1 for a self test since ")
    with database.read() as connection:
        assert operations.list_operations(connection, 10) == []


def test_a_node_that_is_gone_is_refused(database: Database, enrol: Enrol) -> None:
    (node,) = enrol("n1")
    with database.write() as connection:
        api.delete_node(connection, node.id)
    assert ask(database, [node]).refused == ["n1: the node was deleted meanwhile"]


def test_a_deleted_node_fails_what_was_asked_of_it(database: Database, enrol: Enrol) -> None:
    (node,) = enrol("n1")
    asked = ask(database, [node])
    with database.write() as connection:
        api.delete_node(connection, node.id)
    (request,) = requests(database, asked.operation_id)
    assert (request.state, request.error) == ("failed", "the node was deleted")
    assert due(database) == []


def test_staggered_requests_are_due_by_and_by(database: Database, enrol: Enrol) -> None:
    nodes = enrol(*(f"n{number}" for number in range(5)))
    asked = ask(database, nodes, stagger=(2, 10.0))
    rows = requests(database, asked.operation_id)
    start, number = rows[0].requested_at, rows[0].operation_id
    assert [(row.not_before - start).total_seconds() for row in rows] == [0, 0, 10, 10, 20]

    def later(seconds: float) -> beginning.Reached:
        return {number: start + timedelta(seconds=seconds)}

    with database.read() as connection:
        scope = connection, C1, ["fake"]
        assert beginning.next_due(*scope, later(0)) == 10
        assert beginning.next_due(*scope, later(12)) == 8
        assert beginning.next_due(*scope, later(20)) is None
    assert [len(due(database, reached=later(seconds))) for seconds in (0, 9.9, 10, 20)] == [2, 2, 4, 5]


def test_staggered_operations_are_listed_until_all_of_them_has_begun(
    database: Database, enrol: Enrol
) -> None:
    nodes = enrol(*(f"n{number}" for number in range(4)))
    ask(database, nodes[:1])
    asked = ask(database, nodes[1:], stagger=(1, 10.0))
    rows = requests(database, asked.operation_id)
    start = rows[0].requested_at
    for begun_by_now, next_at in ((0, 0), (1, 10), (2, 20)):
        begin(database, [row.id for row in rows[:begun_by_now]])
        with database.read() as connection:
            (found,) = beginning.staggered(connection)
        assert found == (asked.operation_id, start, start + timedelta(seconds=next_at))
    begin(database, [row.id for row in rows])
    with database.read() as connection:
        assert beginning.staggered(connection) == []


@pytest.mark.parametrize("hours", [-24 * 365 * 56, -1, 1, 24 * 365 * 10])
def test_a_request_is_due_at_once_whatever_the_clock_of_the_host_that_made_it(
    database: Database, enrol: Enrol, hours: int
) -> None:
    nodes = enrol("n1", "n2", "n3")
    operations = ask(database, nodes[:1]), ask(database, nodes[1:], stagger=(1, 10.0))
    wrong = timedelta(hours=hours)
    with database.write() as connection:  # as an older Podium on such a host would have written it
        for row in connection.execute(sa.select(models.power_requests)).all():
            moved = {"requested_at": row.requested_at + wrong, "not_before": row.not_before + wrong}
            mine = models.power_requests.c.id == row.id
            connection.execute(sa.update(models.power_requests).where(mine).values(moved))
        (found,) = beginning.staggered(connection)
    first, second, _ = [row.id for one in operations for row in requests(database, one.operation_id)]
    assert due(database, reached={found.operation_id: found.asked_at}) == [first, second]


def test_thousands_of_nodes_each_get_their_own_request(database: Database, enrol: Enrol) -> None:
    nodes = enrol(*(f"n{number:04}" for number in range(2001)))
    asked = ask(database, nodes)
    with database.read() as connection:
        of_nodes = {row.id: row.power_request_id for row in api.list_nodes(connection)}
    rows = requests(database, asked.operation_id)
    assert of_nodes == {row.node_id: row.id for row in rows}
    assert len(begin(database, due(database))) == 2001


# Beginning


def test_requests_are_those_of_own_slots_and_some_drivers_oldest_first(
    database: Database, enrol: Enrol
) -> None:
    joined(database, C1, drivers=["ipmi", "fake", "acme"], groups=["east"])
    joined(database, C2, drivers=["ipmi"], groups=["EAST", ""])
    mine = [*enrol("n1", driver="ipmi", conductor_group="east"), *enrol("n5", conductor_group="east")]
    others = [*enrol("n2", driver="acme", conductor_group="east"), *enrol("n3", driver="ipmi")]
    others += enrol("n4", driver="ipmi", conductor_group="EAST")
    ask(database, mine[1:])
    ask(database, [*others, mine[0]])
    with database.read() as connection:
        found = beginning.due(connection, C1, ["ipmi", "fake"], limit=99)
        first = beginning.due(connection, C1, ["ipmi", "fake"], limit=1)
        rest = beginning.due(connection, C1, ["ipmi", "fake"], limit=99, after=first[0].request_id)
    assert [row.id for row in found] == [mine[1].id, mine[0].id]
    assert first + rest == found


def test_a_begun_request_reserves_its_node_for_what_is_asked(database: Database, enrol: Enrol) -> None:
    row = begun(database, enrol("n1", extra={"rack": "r1"}), states.POWER_CYCLE, timeout=5.0)
    assert (row.action, row.timeout, row.then_off) == (states.POWER_CYCLE, 5.0, False)
    assert (row.requested_by, row.sent_at, row.node.extra) == ("ada@desk", None, {"rack": "r1"})
    node = only(database)
    assert (node.reservation, node.reserved_for, node.reserved_at) == (C1, states.POWER_CYCLE, NOON)
    assert row.node.version == node.version


def test_a_request_is_begun_by_one_conductor_only(database: Database, enrol: Enrol) -> None:
    ask(database, enrol("n1"))
    numbers = due(database)
    assert len(begin(database, numbers, C1)) == 1
    assert begin(database, numbers, C2) == []
    assert (due(database, C2), due(database, C1)) == ([], numbers)


def test_who_did_not_hear_that_it_has_begun_may_begin_again(database: Database, enrol: Enrol) -> None:
    row = begun(database, enrol("n1"))
    with database.write() as connection:
        assert beginning.mark_sent(connection, [row.request_id], C2, LATER) == set()
        assert beginning.mark_sent(connection, [row.request_id], C1, LATER) == {row.request_id}
    (again,) = begin(database, [row.request_id])
    assert (again.request_id, again.sent_at) == (row.request_id, LATER)
    assert requests(database, row.operation_id)[0].begun_at == NOON


# Ending


def test_a_request_that_is_done_is_an_event_with_who_and_why(database: Database, enrol: Enrol) -> None:
    nodes = enrol("n1", power_state=states.POWER_OFF)
    row = begun(database, nodes, reason="needed again")
    end(database, row, states.POWER_ON)
    (event,) = told(database)
    assert (event.from_state, event.to_state, event.cause) == (states.POWER_OFF, states.POWER_ON, "request")
    assert (event.who, event.reason, event.request_id) == ("ada@desk", "needed again", "req-1")
    assert (event.operation_id, event.conductor, event.at) == (row.operation_id, "c1", LATER)


def test_what_enforcement_asked_for_is_told_as_such(database: Database, enrol: Enrol) -> None:
    nodes = enrol("n1", power_state=states.POWER_OFF)
    end(database, begun(database, nodes, who="podium", reason="enforced: it was off"), states.POWER_ON)
    assert [event.cause for event in told(database)] == ["enforced"]


def test_a_request_that_is_done_frees_the_node(database: Database, enrol: Enrol) -> None:
    row = begun(database, enrol("n1", power_state=states.POWER_OFF, power_failures=3))
    end(database, row, states.POWER_ON)
    node = only(database)
    assert (node.power_state, node.power_checked_at, node.power_changed_at) == (states.POWER_ON, LATER, LATER)
    assert (node.reservation, node.reserved_for, node.reserved_at) == (None, None, None)
    assert (node.target_power_state, node.power_request_id, node.power_requested_by) == (None, None, None)
    assert (node.power_failures, node.last_error, node.wanted_power_state) == (0, None, states.POWER_ON)
    (request,) = requests(database, row.operation_id)
    assert (request.state, request.power_state, request.finished_at) == ("done", states.POWER_ON, LATER)


def test_a_reboot_is_an_event_though_the_state_is_what_it_was(database: Database, enrol: Enrol) -> None:
    nodes = enrol("n1", power_state=states.POWER_ON, power_changed_at=NOON)
    end(database, begun(database, nodes, states.REBOOTING), states.POWER_ON)
    (event,) = told(database)
    assert (event.from_state, event.to_state) == (states.POWER_ON, states.POWER_ON)
    assert only(database).power_changed_at == NOON


def test_an_nmi_is_an_event_and_wants_no_state(database: Database, enrol: Enrol) -> None:
    end(database, begun(database, enrol("n1", power_state=states.POWER_ON), states.INJECT_NMI), None)
    (event,) = told(database)
    assert (event.from_state, event.to_state) == (states.POWER_ON, states.POWER_ON)
    assert only(database).wanted_power_state is None


def test_a_request_that_failed_frees_the_node_with_the_reason(database: Database, enrol: Enrol) -> None:
    known = {"power_state": states.POWER_OFF, "power_checked_at": NOON}
    row = begun(database, enrol("n1", **known))
    end(database, row, None, "it does not answer")
    node, (request,) = only(database), requests(database, row.operation_id)
    assert (node.reservation, node.target_power_state, node.last_error) == (None, None, "it does not answer")
    assert {name: getattr(node, name) for name in known} == known
    assert (request.state, request.error) == ("failed", "it does not answer")
    assert told(database) == []


@pytest.mark.parametrize(("who", "wanted"), [("ada@desk", None), ("podium", states.POWER_OFF)])
def test_what_a_person_asked_for_in_vain_is_not_undone_when_it_comes_true_late(
    database: Database, enrol: Enrol, who: str, wanted: str | None
) -> None:
    nodes = enrol("n1", power_state=states.POWER_OFF, wanted_power_state=states.POWER_OFF)
    end(database, begun(database, nodes, who=who, reason="enforced: so"), None, "no sign of it")
    assert only(database).wanted_power_state == wanted


@pytest.mark.parametrize(
    ("who", "reason", "cause"),
    [("ada@desk", "new disk", "request"), ("podium", "enforced: it was power off", "enforced")],
)
def test_what_comes_true_late_is_an_event_of_its_request(
    database: Database, enrol: Enrol, who: str, reason: str, cause: str
) -> None:
    one, two = enrol("n1", "n2", power_state=states.POWER_OFF)
    row = begun(database, [one], who=who, reason=reason)
    end(database, row, states.POWER_OFF, "no sign of it")
    with database.write() as connection:
        versions = {node.id: node.version for node in api.list_nodes(connection)}
        late = {one.id: row.request_id, two.id: 9999}  # the latter was pruned meanwhile
        on = [Reading(n, version, LATER, states.POWER_ON, late=late[n]) for n, version in versions.items()]
        record_readings(connection, on, C1)
    first, second = told(database)
    assert (first.node_name, first.cause, first.who, first.reason) == ("n1", cause, who, reason)
    assert first.operation_id == row.operation_id
    assert (second.cause, second.who, second.operation_id) == ("out-of-band", None, None)


def test_a_failure_that_left_another_state_is_an_event(database: Database, enrol: Enrol) -> None:
    row = begun(database, enrol("n1", power_state=states.POWER_ON), states.POWER_CYCLE)
    end(database, row, states.POWER_OFF, "it stayed off")
    (event,) = told(database)
    assert (event.from_state, event.to_state) == (states.POWER_ON, states.POWER_OFF)
    assert (event.cause, event.who) == ("request", "ada@desk")


@pytest.mark.parametrize(("known", "cause"), [(None, "first reading"), (states.POWER_ON, "out-of-band")])
def test_what_a_failed_request_found_is_not_told_as_its_doing(
    database: Database, enrol: Enrol, known: str | None, cause: str
) -> None:
    row = begun(database, enrol("n1", power_state=known))
    end(database, row, states.POWER_OFF, "no sign of it")
    (event,) = told(database)
    assert (event.from_state, event.to_state, event.cause) == (known, states.POWER_OFF, cause)
    assert (event.who, event.operation_id, event.request_id) == (None, None, "req-1")


def test_many_ends_at_once_each_find_their_node(database: Database, enrol: Enrol) -> None:
    nodes = enrol(*(f"n{number:04}" for number in range(1201)), power_state=states.POWER_OFF)
    asked = ask(database, nodes)
    outcomes = []
    for row in begin(database, due(database)):
        error = f"{row.node.name} does not answer" if row.node.id % 3 == 0 else None
        state = None if error else states.POWER_ON
        outcomes.append(Outcome(row.node.id, row.request_id, C1, LATER, state, error))
    with database.write() as connection:
        finish(connection, outcomes)
        found = {row.id: (row.power_state, row.last_error) for row in api.list_nodes(connection)}
    assert found == {one.node_id: (one.state or states.POWER_OFF, one.error) for one in outcomes}
    ended = {row.id: row.error for row in requests(database, asked.operation_id)}
    assert ended == {one.request_id: one.error for one in outcomes}


def test_an_end_that_is_written_twice_counts_once(database: Database, enrol: Enrol) -> None:
    row = begun(database, enrol("n1"))
    end(database, row, states.POWER_ON)
    end(database, row, None, "too late")
    assert (len(told(database)), only(database).last_error) == (1, None)


def test_the_end_of_a_change_that_another_has_taken_over_is_not_written(
    database: Database, enrol: Enrol
) -> None:
    row = begun(database, enrol("n1"))
    hand_over(database)
    assert begin(database, [row.request_id], C2)
    end(database, row, states.POWER_ON)
    assert (only(database).reservation, only(database).power_state) == (C2, None)


# Left by members that ended


def hand_over(database: Database) -> None:
    """The first member ends, and the second one has its slots."""
    with database.write() as connection:
        members.leave(connection, C1)
    joined(database, C2, drivers=["fake"])


@pytest.mark.parametrize("is_sent", [False, True])
def test_what_a_member_that_ended_had_begun_is_taken_over_by_the_owner_of_the_slot(
    database: Database, enrol: Enrol, is_sent: bool
) -> None:
    row = begun(database, enrol("n1"), states.REBOOTING)
    with database.write() as connection:
        assert beginning.mark_sent(connection, [row.request_id] if is_sent else [], C1, LATER) is not None
    assert (begin(database, [row.request_id], C2), due(database, C2)) == ([], [])
    hand_over(database)
    assert due(database, C2) == [row.request_id]
    (again,) = begin(database, [row.request_id], C2)
    assert again.sent_at == (LATER if is_sent else None)
    assert (only(database).reservation, requests(database, row.operation_id)[0].holder) == (C2, C2)


def test_nothing_is_begun_or_taken_over_before_the_owner_has_acknowledged(
    database: Database, enrol: Enrol
) -> None:
    row = begun(database, enrol("n1"))
    ask(database, enrol("n2"))
    hand_over(database)
    with database.write() as connection:
        connection.execute(sa.update(models.slots).values(generation=10**6))
    assert begin(database, due(database, C2), C2) == []
    assert only_named(database, "n1").reservation == C1
    assert row.request_id in due(database, C2)


def only_named(database: Database, name: str) -> NodeRecord:
    with database.read() as connection:
        return api.find_nodes(connection, [name])[0]


def test_what_was_begun_in_a_slot_that_was_lost_stays_with_who_began_it(
    database: Database, enrol: Enrol
) -> None:
    row = begun(database, enrol("n1"))
    joined(database, C2, drivers=["fake"])
    assert (due(database, C1), due(database, C2)) == ([row.request_id], [])
    assert begin(database, [row.request_id], C2) == []
    assert len(begin(database, [row.request_id], C1)) == 1
    with database.write() as connection:
        assert beginning.mark_sent(connection, [row.request_id], C1, LATER) == {row.request_id}


def test_a_request_of_a_slot_that_was_lost_is_not_begun(database: Database, enrol: Enrol) -> None:
    ask(database, enrol("n1"))
    numbers = due(database)
    joined(database, C2, drivers=["fake"])
    assert (due(database, C1), begin(database, numbers, C1)) == ([], [])
    assert len(begin(database, numbers, C2)) == 1


def test_what_was_begun_and_not_sent_waits_again_when_it_is_handed_back(
    database: Database, enrol: Enrol
) -> None:
    row = begun(database, enrol("n1"))
    with database.write() as connection:
        assert (leftovers.hand_back(connection, C2), leftovers.take_back(connection)) == (0, 0)
        assert leftovers.hand_back(connection, C1) == 1
    assert only(database).reservation is None
    (request,) = requests(database, row.operation_id)
    assert (request.state, request.holder, request.begun_at) == ("waiting", None, None)


def test_what_was_sent_is_not_handed_back_but_taken_over(database: Database, enrol: Enrol) -> None:
    row = begun(database, enrol("n1"), states.REBOOTING)
    with database.write() as connection:
        beginning.mark_sent(connection, [row.request_id], C1, LATER)
        assert leftovers.hand_back(connection, C1) == 0
    hand_over(database)
    with database.write() as connection:
        assert leftovers.take_back(connection) == 0
    assert only(database).reservation == C1
    (again,) = begin(database, due(database, C2), C2)
    assert again.sent_at == LATER


def test_what_members_that_ended_hold_is_taken_back_a_thousand_at_a_time(
    database: Database, enrol: Enrol
) -> None:
    nodes = enrol(*(f"n{number:04}" for number in range(1003)))
    ask(database, nodes[2:])
    begin(database, due(database), C1)
    with database.write() as connection:
        assert fleet.hold(connection, nodes[0].id, C1, "a self test")
        reserved = sa.update(models.nodes).where(models.nodes.c.id == nodes[1].id)
        connection.execute(reserved.values(reservation=Worker("before", 3)))  # by a version without members
        members.leave(connection, C1)
    counts = []
    while not counts or counts[-1]:
        with database.write() as connection:
            counts.append(leftovers.take_back(connection))
    assert counts == [1000, 3, 0]
    with database.read() as connection:
        assert {row.reservation for row in api.list_nodes(connection)} == {None}
    joined(database, C2, drivers=["fake"])
    assert len(due(database, C2)) == 1001


def test_requests_of_enforcement_that_wait_in_slots_with_another_owner_are_cancelled(
    database: Database, enrol: Enrol
) -> None:
    enforced, asked_for = enrol("n1", "n2")
    its = ask(database, [enforced], who="podium", reason="enforced: it was power off")
    ask(database, [asked_for])
    with database.write() as connection:
        assert leftovers.cancel_enforced(connection, 1) == 0
        connection.execute(sa.update(models.slots).values(generation=1))
        assert leftovers.cancel_enforced(connection, 1) == 1
        assert leftovers.cancel_enforced(connection, 1) == 0
    (request,) = requests(database, its.operation_id)
    assert (request.state, only_named(database, "n1").target_power_state) == ("cancelled", None)
    assert only_named(database, "n2").target_power_state == states.POWER_ON


def test_a_node_is_reserved_only_by_the_owner_of_its_slot(database: Database, enrol: Enrol) -> None:
    (node,) = enrol("n1")
    with database.write() as connection:
        assert not fleet.hold(connection, node.id, C2, "a self test")
        assert fleet.hold(connection, node.id, C1, "a self test")


# Taking back


def test_only_what_nobody_has_begun_is_cancelled(database: Database, enrol: Enrol) -> None:
    nodes = enrol("n1", "n2", "n3")
    asked = ask(database, nodes)
    first, second, _ = due(database)
    rows = begin(database, [first, second])
    end(database, rows[0], states.POWER_ON)
    assert asked.operation_id is not None
    with database.write() as connection:
        assert operations.cancel(connection, asked.operation_id, "bob@desk") == (1, 1, 1)
        again = operations.cancel(connection, asked.operation_id, "eve@desk")
        operation = operations.operation(connection, asked.operation_id)
    assert again == (0, 1, 2)
    assert operation is not None
    assert operation.counts == {"done": 1, "begun": 1, "cancelled": 1}
    assert (operation.cancelled_by, operation.unfinished) == ("bob@desk", 1)
    with database.read() as connection:
        (node,) = api.find_nodes(connection, ["n3"])
    assert (node.target_power_state, node.power_request_id, node.reservation) == (None, None, None)


def test_cancelling_an_operation_keeps_what_replaced_it(database: Database, enrol: Enrol) -> None:
    nodes = enrol("n1")
    first = ask(database, nodes)
    ask(database, nodes, states.POWER_OFF)
    assert first.operation_id is not None
    with database.write() as connection:
        assert operations.cancel(connection, first.operation_id, "bob@desk").cancelled == 0
    assert only(database).target_power_state == states.POWER_OFF


def test_old_operations_are_forgotten_once_they_have_ended(database: Database, enrol: Enrol) -> None:
    one, two = enrol("n1", "n2")
    ended = begun(database, [one])
    end(database, ended, states.POWER_ON)
    waits = ask(database, [two])
    with database.write() as connection:
        assert operations.prune_operations(connection, utcnow() + timedelta(seconds=1)) == 1
        assert operations.operation(connection, ended.operation_id) is None
    assert requests(database, ended.operation_id) == []
    assert len(requests(database, waits.operation_id)) == 1


# Two at once


def test_of_two_who_ask_at_once_the_later_replaces_the_earlier(
    database: Database, enrol: Enrol, contend: Contend
) -> None:
    nodes = enrol("n1", "n2")
    asked: list[power.Asked] = []

    def first(connection: sa.Connection) -> None:
        asked.append(power.ask(connection, nodes, states.POWER_ON, who="ada@desk"))

    def second(connection: sa.Connection) -> None:
        asked.append(power.ask(connection, nodes[::-1], states.POWER_OFF, who="bob@desk"))

    assert contend(first, second) is None
    assert [one.replaced for one in asked] == [0, 2]
    assert {row.state for row in requests(database, asked[0].operation_id)} == {"replaced"}
    assert len(due(database)) == 2


@pytest.mark.parametrize("holder", [C1, C2])
def test_of_two_conductors_that_begin_at_once_the_owner_has_the_node(
    database: Database, enrol: Enrol, contend: Contend, holder: Worker
) -> None:
    ask(database, enrol("n1", "n2"))
    numbers = due(database)
    rows: list[int] = []

    def take(connection: sa.Connection, by: Worker) -> None:
        rows.append(len(beginning.begin(connection, numbers, by, NOON)))

    other = C2 if holder == C1 else C1
    contend(lambda connection: take(connection, holder), lambda connection: take(connection, other))
    assert rows == ([2, 0] if holder == C1 else [0, 2])
    assert len(due(database, C1)) == 2


@pytest.mark.parametrize("asked_first", [True, False])
def test_of_a_newer_request_and_a_beginning_at_once_the_first_wins(
    database: Database, enrol: Enrol, contend: Contend, asked_first: bool
) -> None:
    nodes = enrol("n1")
    ask(database, nodes)
    numbers = due(database)
    rows: list[int] = []
    refused: list[int] = []

    def take(connection: sa.Connection) -> None:
        rows.append(len(beginning.begin(connection, numbers, C1, NOON)))

    def replace(connection: sa.Connection) -> None:
        asked = power.ask(connection, nodes, states.POWER_OFF, who="bob@desk")
        refused.append(len(asked.refused))

    contend(*((replace, take) if asked_first else (take, replace)))
    assert (rows, refused) == (([0], [0]) if asked_first else ([1], [1]))


@pytest.mark.parametrize("cancelled_first", [True, False])
def test_of_cancelling_and_beginning_at_once_the_first_wins(
    database: Database, enrol: Enrol, contend: Contend, cancelled_first: bool
) -> None:
    operation_id = ask(database, enrol("n1")).operation_id or 0
    numbers = due(database)
    rows: list[int] = []
    cancelled: list[int] = []

    def take(connection: sa.Connection) -> None:
        rows.append(len(beginning.begin(connection, numbers, C1, NOON)))

    def cancel(connection: sa.Connection) -> None:
        cancelled.append(operations.cancel(connection, operation_id, "bob@desk").cancelled)

    contend(*((cancel, take) if cancelled_first else (take, cancel)))
    assert (rows, cancelled) == (([0], [1]) if cancelled_first else ([1], [0]))


def test_a_node_that_is_being_deleted_does_not_take_a_request(
    database: Database, enrol: Enrol, contend: Contend
) -> None:
    (node,) = enrol("n1")
    asked: list[power.Asked] = []
    contend(
        lambda connection: api.delete_node(connection, node.id),
        lambda connection: asked.append(power.ask(connection, [node], states.POWER_ON, who="ada@desk")),
    )
    assert asked[0].refused == ["n1: the node was deleted meanwhile"]


def test_a_node_with_a_change_under_way_cannot_be_deleted(database: Database, enrol: Enrol) -> None:
    row = begun(database, enrol("n1"))
    with database.write() as connection, pytest.raises(errors.NodeConflict, match="power on is under way"):
        api.delete_node(connection, row.node.id)


def test_members_together_begin_no_more_of_a_domain_than_its_limit(database: Database, enrol: Enrol) -> None:
    limits = {"r7": (2, 3600.0)}

    def begin_limited(holder: Worker) -> tuple[list[str], float]:
        with database.read() as connection:
            found = beginning.due(connection, holder, ["fake", "other"], limit=9999)
        numbers = [row.request_id for row in found]
        with database.write() as connection:
            room = power_limits.lock(connection, limits)
            found = beginning.begin(connection, numbers, holder, NOON, room)
            power_limits.save(connection, limits, room)
        return [one.node.name for one in found], room.wait

    joined(database, C2, drivers=["other"])
    rows = enrol("n1", extra={"rack": "r7"}) + enrol("n2", "n3", "n4", driver="other", extra={"rack": "r7"})
    elsewhere = enrol("n5", driver="other", extra={"rack": "r8"})
    asked = ask(database, rows + elsewhere)
    assert begin_limited(C1) == (["n1"], 0.0)
    names, wait = begin_limited(C2)
    assert names == ["n2", "n5"]
    assert 3500 < wait <= 3600
    assert {one.state for one in requests(database, asked.operation_id)} == {"begun", "waiting"}
