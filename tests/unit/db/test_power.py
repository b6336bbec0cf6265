"""Asking for power changes."""

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from podium import errors, states
from podium.db import api, beginning, fleet, members, models, operations, power
from podium.db.engine import Database
from power_requests import C1, Contend, Enrol, ask, begin, begun, due, only, requests

pytestmark = pytest.mark.usefixtures("two_members")


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


@pytest.mark.parametrize("action", sorted(states.ACTIONS))
def test_a_node_that_is_never_switched_off_refuses_what_takes_its_power(
    database: Database, enrol: Enrol, action: str
) -> None:
    stays, other = *enrol("n1", disable_power_off=True), *enrol("n2", disable_power_off=False)
    asked = ask(database, [stays, other], action)
    if action in (states.POWER_OFF, states.SOFT_POWER_OFF, states.POWER_CYCLE):
        assert asked.accepted == [other.id]
        assert asked.refused == [
            "n1: its disable_power_off is true, so that it is never switched off; set that to false first"
        ]
    else:
        assert (asked.accepted, asked.refused) == ([stays.id, other.id], [])


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


WAITS = "n1: {0} waits (operation {1}); cancel it, or ask again when it has ended: podium operation wait {1}"


@pytest.mark.parametrize("action", sorted(states.BESIDE_POWER))
def test_what_is_beside_the_power_replaces_no_power_request(
    database: Database, enrol: Enrol, action: str
) -> None:
    nodes = enrol("n1", "n2")
    first = ask(database, nodes[:1], states.POWER_OFF)
    asked = ask(database, nodes, action)
    assert (asked.accepted, asked.replaced) == ([nodes[1].id], 0)
    assert asked.refused == [WAITS.format("power off", first.operation_id)]
    assert len(due(database)) == 2


@pytest.mark.parametrize("action", sorted(states.BESIDE_POWER))
def test_a_power_request_replaces_what_is_beside_the_power_and_says_so(
    database: Database, enrol: Enrol, action: str
) -> None:
    nodes = enrol("n1")
    first = ask(database, nodes, action)
    second = ask(database, nodes, states.POWER_OFF)
    assert (second.refused, second.replaced) == ([], 1)
    assert [one.state for one in requests(database, first.operation_id)] == ["replaced"]


@pytest.mark.parametrize(
    ("action", "replaces"),
    [
        (states.SET_BOOT_DEVICE, True),
        (states.IDENTIFY, True),
        (states.SET_CLOCK, True),
        (states.CLEAR_LOG, False),
        (states.DRIVER_ACTION, False),
    ],
)
def test_a_later_choice_replaces_an_earlier_one_of_the_same(
    database: Database, enrol: Enrol, action: str, replaces: bool
) -> None:
    nodes = enrol("n1")
    first = ask(database, nodes, action)
    again = ask(database, nodes, action)
    refused = [] if replaces else [WAITS.format(action, first.operation_id)]
    assert (again.replaced, again.refused) == (int(replaces), refused)
    other = states.IDENTIFY if action != states.IDENTIFY else states.SET_CLOCK
    assert ask(database, nodes, other).refused[0].startswith(f"n1: {action} waits (operation ")


def test_what_is_given_is_kept_with_the_operation_and_begins_with_its_requests(
    database: Database, enrol: Enrol
) -> None:
    given = {"boot": {"device": "pxe", "persistent": False, "mode": None}}
    row = begun(database, enrol("n1"), states.REBOOTING, arguments=given, what="pxe, once")
    assert row.arguments == given
    with database.read() as connection:
        (operation,) = operations.list_operations(connection, 10)
    assert (operation.arguments, operation.what) == (given, "pxe, once")


@pytest.mark.parametrize(
    ("action", "arguments"), [(states.SET_CLOCK, None), (states.REBOOTING, {"boot": {"device": "pxe"}})]
)
def test_conductors_that_would_not_heed_what_is_given_are_named(
    database: Database, enrol: Enrol, action: str, arguments: dict[str, Any] | None
) -> None:
    nodes = enrol("n1")
    with database.write() as connection:
        connection.execute(sa.update(models.members).values(revision="0011"))
    with pytest.raises(errors.NodeConflict, match=f"runs on c1, c2, which cannot carry out {action} as it"):
        ask(database, nodes, action, arguments=arguments)
    assert ask(database, nodes, states.REBOOTING).refused == []


def floor_of(database: Database) -> str | None:
    with database.read() as connection:
        return connection.scalar(sa.select(models.schema_floor.c.revision))


@pytest.mark.parametrize(
    ("action", "arguments"),
    [(action, None) for action in sorted(states.BESIDE_POWER)]
    + [(states.REBOOTING, {"boot": {"device": "pxe"}}), (states.POWER_CYCLE, {"at": "feed"})],
)
def test_programs_that_would_not_heed_what_is_given_are_shut_out_from_the_first_such_request_on(
    database: Database, enrol: Enrol, action: str, arguments: dict[str, Any] | None
) -> None:
    nodes, before = enrol("n1"), floor_of(database)
    assert before == "0008"
    ask(database, nodes, states.REBOOTING)
    ask(database, [], action, arguments=arguments)
    assert floor_of(database) == before
    nodes = enrol("n2")
    assert ask(database, nodes, action, arguments=arguments).accepted == [nodes[0].id]
    assert floor_of(database) == "0012"


def test_a_request_that_is_not_written_shuts_nobody_out(database: Database, enrol: Enrol) -> None:
    nodes = enrol("n1")
    with pytest.raises(ZeroDivisionError), database.write() as connection:
        power.ask(connection, nodes, states.IDENTIFY, who="ada@desk")
        raise ZeroDivisionError
    assert floor_of(database) == "0008"
    with database.write() as connection:
        connection.execute(sa.update(models.members).values(revision="0011"))
    with pytest.raises(errors.NodeConflict):
        ask(database, nodes, states.IDENTIFY)
    assert floor_of(database) == "0008"


def test_of_two_at_the_same_moment_who_asks_sees_that_an_earlier_conductor_has_entered(
    database: Database, enrol: Enrol, contend: Contend
) -> None:
    nodes = enrol("n1")

    def enter(connection: sa.Connection) -> None:
        service = members.Service("boot:3:3", ("fake",), ("",), (), 30.0, 5.0, "1", "f")
        worker = members.enter(connection, "c3", 0, service)
        connection.execute(
            sa.update(models.members).where(models.members.c.id == worker.incarnation).values(revision="0011")
        )

    error = contend(enter, lambda connection: power.ask(connection, nodes, states.IDENTIFY, who="ada@desk"))
    assert isinstance(error, errors.NodeConflict)
    assert floor_of(database) == "0008"
