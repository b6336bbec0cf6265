"""What members that ended, or lost a slot, had under way."""

import pytest
import sqlalchemy as sa

from fakes import joined
from podium import states
from podium.db import api, beginning, fleet, leftovers, members, models
from podium.db.engine import Database
from podium.db.worker import Worker
from power_requests import C1, C2, LATER, Enrol, ask, begin, begun, due, hand_over, only, only_named, requests

pytestmark = pytest.mark.usefixtures("two_members")


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
