"""What people do to nodes, on each kind of database."""

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from fakes import give_slots
from podium import errors, states
from podium.db import api, beginning, fleet, power
from podium.db.api import NodeRecord
from podium.db.engine import Database
from podium.db.models import utcnow
from podium.db.worker import Worker

Contend = Callable[..., BaseException | None]
Enrol = Callable[..., list[NodeRecord]]


C1 = Worker("c1", 0, 1)


def only(database: Database) -> NodeRecord:
    with database.read() as connection:
        (row,) = api.list_nodes(connection)
    return row


def create(database: Database, *rows: dict[str, Any]) -> list[str]:
    with database.write() as connection:
        return api.create_nodes(connection, [{"driver": "fake", **row} for row in rows])


def reserved(database: Database, node: NodeRecord) -> NodeRecord:
    """The node as it is once a conductor has begun to switch it."""
    with database.write() as connection:
        power.ask(connection, [node], states.POWER_ON, who="ada@desk")
        give_slots(connection, C1, ["fake"])
        (waiting,) = beginning.due(connection, C1, ["fake"], limit=9)
        beginning.begin(connection, [waiting.request_id], C1, utcnow())
    return only(database)


def test_a_node_that_was_never_read_has_no_power_state(enrol: Enrol) -> None:
    (node,) = enrol("n1")
    assert (node.power_state, node.power_checked_at, node.power_failures) == (None, None, 0)


def test_what_was_given_comes_back_as_it_was(database: Database) -> None:
    given = {"driver_info": {"address": "h\u00f4te", "ports": [1, 2.5, None]}, "extra": {"\U0001f4a5": {}}}
    create(database, {"name": "n1", "maintenance": True, "conductor_group": "\U0001f984", **given})
    node = only(database)
    assert {name: getattr(node, name) for name in given} == given
    assert (node.maintenance, node.conductor_group) == (True, "\U0001f984")


def test_nodes_get_their_uuids_in_the_order_given(database: Database) -> None:
    names = [f"n{number}" for number in range(1001)]
    uuids = create(database, *({"name": name} for name in reversed(names)))
    with database.read() as connection:
        assert [row.name for row in api.find_nodes(connection, uuids)] == names[::-1]


def test_every_name_and_uuid_that_is_taken_is_named(database: Database, enrol: Enrol) -> None:
    one, two = enrol("n1", "n2")
    with pytest.raises(errors.InvalidNode) as caught:
        create(database, {"name": "n1"}, {"name": "n3", "uuid": two.uuid}, {"name": "n4"})
    assert caught.value.faults == ("name n1 is already enrolled", f"uuid {two.uuid} is already enrolled")


def test_one_taken_name_keeps_all_the_others_out(database: Database, enrol: Enrol) -> None:
    enrol("n700")
    with pytest.raises(errors.InvalidNode):
        create(database, *({"name": f"n{number}"} for number in range(1000)))
    assert only(database).name == "n700"


def test_a_name_given_twice_in_one_go_is_refused(database: Database) -> None:
    with pytest.raises(errors.InvalidNode, match="name n1 is given twice"):
        create(database, {"name": "n1"}, {"name": "n2"}, {"name": "n1"})


def test_of_two_who_enrol_one_name_at_once_one_is_told_that_it_is_taken(contend: Contend) -> None:
    def enrol(connection: sa.Connection) -> None:
        api.create_nodes(connection, [{"name": "n1", "driver": "fake"}])

    assert isinstance(contend(enrol, enrol), errors.InvalidNode)


@pytest.mark.parametrize("other", ["N1", "n1 ", "n\u0131", "n1\u0301", "n1\u200d"])
def test_names_that_differ_at_all_are_different_nodes(database: Database, other: str, enrol: Enrol) -> None:
    enrol("n1", other)
    with database.read() as connection:
        assert [row.name for row in api.find_nodes(connection, [other, "n1"])] == [other, "n1"]


def test_nodes_are_found_by_name_or_uuid_in_the_order_asked_and_once(
    database: Database, enrol: Enrol
) -> None:
    one, two, three = enrol("n1", "n2", "n3")
    with database.read() as connection:
        found = api.find_nodes(connection, ["n3", one.uuid, "n2", "n1", three.uuid])
    assert [row.name for row in found] == ["n3", "n1", "n2"]


def test_every_node_that_there_is_not_is_named(database: Database, enrol: Enrol) -> None:
    enrol("n1")
    with database.read() as connection, pytest.raises(errors.NodeNotFound, match=r"UUID n\[0,2\]; see"):
        api.find_nodes(connection, ["n0", "n1", "n2"])


def test_nodes_are_listed_in_natural_order_of_name(database: Database, enrol: Enrol) -> None:
    enrol("n10", "b", "n2", "a")
    with database.read() as connection:
        assert [row.name for row in api.list_nodes(connection)] == ["a", "b", "n2", "n10"]


def test_a_list_can_be_of_those_with_a_value(database: Database, enrol: Enrol) -> None:
    enrol("n1", driver="fake")
    enrol("n2", driver="ipmi")
    with database.read() as connection:
        assert [row.name for row in api.list_nodes(connection, driver="ipmi")] == ["n2"]


def test_a_change_shows_in_the_version(database: Database, enrol: Enrol) -> None:
    (node,) = enrol("n1")
    with database.write() as connection:
        api.update_node(connection, node.id, {"maintenance": True, "maintenance_reason": "fan \U0001f525"})
    changed = only(database)
    assert (changed.version, changed.maintenance_reason) == (node.version + 1, "fan \U0001f525")
    assert changed.updated_at > node.updated_at


def test_a_node_keeps_its_own_name_when_it_is_given_again(database: Database, enrol: Enrol) -> None:
    (node,) = enrol("n1")
    with database.write() as connection:
        api.update_node(connection, node.id, {"name": "n1", "driver": "ipmi"})
    assert only(database).driver == "ipmi"


def test_a_node_cannot_take_the_name_of_another(database: Database, enrol: Enrol) -> None:
    _, two = enrol("n1", "n2")
    with database.write() as connection, pytest.raises(errors.InvalidNode, match="name n1 is already"):
        api.update_node(connection, two.id, {"name": "n1"})


def test_of_two_who_rename_to_one_name_at_once_one_is_told_that_it_is_taken(
    enrol: Enrol, contend: Contend
) -> None:
    one, two = enrol("n1", "n2")
    refused = contend(
        lambda connection: api.update_node(connection, one.id, {"name": "n3"}),
        lambda connection: api.update_node(connection, two.id, {"name": "n3"}),
    )
    assert isinstance(refused, errors.InvalidNode)


def change(connection: sa.Connection, number: int) -> None:
    api.update_node(connection, number, {"driver": "ipmi"})


@pytest.mark.parametrize("act", [change, api.delete_node])
def test_a_node_is_left_alone_while_a_conductor_switches_it(
    database: Database, enrol: Enrol, act: Callable[[sa.Connection, int], None]
) -> None:
    node = reserved(database, *enrol("n1"))
    told = f"n1: power on is under way, asked for by ada@desk since {node.power_requested_at:%Y-%m-%d %H:%M}:"
    with database.write() as connection, pytest.raises(errors.NodeConflict, match=told):
        act(connection, node.id)
    assert only(database) == node


@pytest.mark.parametrize("act", [change, api.delete_node])
def test_a_node_that_is_gone_is_told_so(
    database: Database, enrol: Enrol, act: Callable[[sa.Connection, int], None]
) -> None:
    (node,) = enrol("n1")
    with database.write() as connection:
        api.delete_node(connection, node.id)
    with database.write() as connection, pytest.raises(errors.NodeNotFound):
        act(connection, node.id)


def counted(database: Database, work: Callable[[sa.Connection], object]) -> int:
    """How many statements it takes."""
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    sa.event.listen(database.engine, "after_cursor_execute", note)
    try:
        with database.write() as connection:
            work(connection)
    finally:
        sa.event.remove(database.engine, "after_cursor_execute", note)
    return len(statements)


def test_many_nodes_are_changed_in_few_statements_so_that_nobody_waits_long(
    database: Database, enrol: Enrol
) -> None:
    rows = enrol(*(f"n{number}" for number in range(500)))
    same = {row.id: {"maintenance": True} for row in rows}
    own = {row.id: {"extra": {"place": row.name}} for row in rows}
    assert counted(database, lambda connection: api.update_nodes(connection, same)) < 10
    assert counted(database, lambda connection: api.update_nodes(connection, own)) < 10
    with database.read() as connection:
        changed = api.list_nodes(connection)
    assert {(row.maintenance, row.extra["place"] == row.name) for row in changed} == {(True, True)}
    assert {row.version for row in changed} == {changed[0].version}
    assert counted(database, lambda connection: api.delete_nodes(connection, list(same))) < 14
    with database.read() as connection:
        assert api.count_nodes(connection) == 0


def test_of_many_nodes_none_is_changed_while_one_is_reserved(database: Database, enrol: Enrol) -> None:
    rows = enrol("n1", "n2", "n3")
    with database.write() as connection:
        give_slots(connection, C1, ["fake"])
        assert fleet.hold(connection, rows[1].id, C1, "a look")
    for change in (
        lambda connection: api.update_nodes(connection, {row.id: {"maintenance": True} for row in rows}),
        lambda connection: api.delete_nodes(connection, [row.id for row in rows]),
    ):
        with pytest.raises(errors.NodeConflict, match="n2: reserved by c1"), database.write() as connection:
            change(connection)
    with database.read() as connection:
        assert {row.maintenance for row in api.list_nodes(connection)} == {False}


def test_nodes_with_values_are_found_by_values_that_may_be_none(database: Database) -> None:
    rows = [
        {"name": "n1", "driver": "fake"},
        {"name": "n2", "driver": "fake", "maintenance": True},
        {"name": "n3", "driver": "fake", "maintenance": True, "maintenance_reason": "fans"},
    ]
    with database.write() as connection:
        api.create_nodes(connection, rows)
        found = {node.name: node.id for node in api.find_keys(connection, ["n1", "n2", "n3"])}
        ids = [*found.values()]
        assert api.with_values(connection, ids, {"maintenance": True, "fault": None}) == {
            found["n2"],
            found["n3"],
        }
        assert api.with_values(connection, ids, {"maintenance_reason": "fans"}) == {found["n3"]}
        assert api.with_values(connection, ids[:1], {"maintenance_reason": None}) == {found["n1"]}
