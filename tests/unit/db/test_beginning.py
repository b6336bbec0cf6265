"""Power requests that are due, begun by one conductor, and confirmed."""

import pytest
import sqlalchemy as sa

from fakes import joined
from podium import errors, states
from podium.db import api, beginning, cancelling, power, power_limits
from podium.db.engine import Database
from podium.db.worker import Worker
from power_requests import C1, C2, LATER, NOON, Contend, Enrol, ask, begin, begun, due, only, requests

pytestmark = pytest.mark.usefixtures("two_members")


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


def test_a_command_that_may_be_repeated_is_confirmed_and_does_not_count_as_sent(
    database: Database, enrol: Enrol
) -> None:
    row = begun(database, enrol("n1"))
    number = row.request_id
    with database.write() as connection:
        assert beginning.mark_sent(connection, [number], C1, LATER, {number}) == {number}
    assert requests(database, row.operation_id)[0].sent_at is None
    with database.write() as connection:
        assert beginning.mark_sent(connection, [number], C1, LATER) == {number}
    assert requests(database, row.operation_id)[0].sent_at == LATER


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
        cancelled.append(cancelling.cancel(connection, operation_id, "bob@desk").cancelled)

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
