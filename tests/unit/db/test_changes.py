"""The numbers of changes: who has seen all up to one finds what changed since, on each kind of database."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from fakes import joined
from podium import states
from podium.db import (
    api,
    beginning,
    cancelling,
    changes,
    faults,
    fleet,
    leftovers,
    operations,
    power,
    task_commands,
)
from podium.db.api import NodeRecord
from podium.db.engine import Database
from podium.db.outcomes import Outcome, finish
from podium.db.worker import Worker

Contend = Callable[..., BaseException | None]
Enrol = Callable[..., list[NodeRecord]]
Act = Callable[[sa.Connection, NodeRecord], object]

NOON = datetime(2030, 5, 1, 12, tzinfo=UTC)


C1 = Worker("c1", 0, 1)


def pulse(database: Database) -> changes.Pulse:
    with database.read() as connection:
        return changes.pulse(connection)


def changed(database: Database, since: int) -> list[int]:
    with database.read() as connection:
        return [row.id for row in fleet.changed(connection, since)]


def change(connection: sa.Connection, node: NodeRecord) -> None:
    api.update_node(connection, node.id, {"driver": "ipmi"})


def ask(connection: sa.Connection, node: NodeRecord) -> None:
    power.ask(connection, [node], states.POWER_ON, who="ada@desk")


def take(connection: sa.Connection, _node: NodeRecord) -> None:
    (waiting,) = beginning.due(connection, C1, ["fake"], limit=9)
    assert beginning.begin(connection, [waiting.request_id], C1, NOON)


def end(connection: sa.Connection, node: NodeRecord) -> None:
    (begun,) = beginning.due(connection, C1, ["fake"], limit=9)
    finish(connection, [Outcome(node.id, begun.request_id, C1, NOON, states.POWER_ON)])


def cancel(connection: sa.Connection, _node: NodeRecord) -> None:
    (newest,) = operations.list_operations(connection, 1)
    cancelling.cancel(connection, newest.id, "ada@desk")


def maintain(connection: sa.Connection, node: NodeRecord) -> None:
    fleet.record_maintenance(connection, {node.id: ("acme", "a fan broke")})


def hold(connection: sa.Connection, node: NodeRecord) -> None:
    assert fleet.hold(connection, node.id, C1, "a self test")


@pytest.mark.parametrize(
    ("act", "before"),
    [
        (change, []),
        (ask, []),
        (cancel, [ask]),
        (take, [ask]),
        (end, [ask, take]),
        (lambda connection, _node: leftovers.hand_back(connection, C1), [ask, take]),
        (maintain, []),
        (lambda connection, node: faults.record_faults(connection, {node.id: "silent"}, NOON, C1), []),
        (hold, []),
        (lambda connection, node: fleet.let_go(connection, [node.id], C1), [hold]),
    ],
    ids=["change", "ask", "cancel", "take", "end", "hand back", "maintain", "fault", "hold", "let go"],
)
def test_what_people_and_power_changes_do_has_the_next_number(
    database: Database, enrol: Enrol, act: Act, before: Sequence[Act]
) -> None:
    joined(database, C1, drivers=["fake"])
    (node,) = enrol("n1")
    enrol("n2")
    for earlier in before:
        with database.write() as connection:
            earlier(connection, node)
    seen = pulse(database).changes
    with database.write() as connection:
        act(connection, node)
    assert changed(database, seen) == [node.id]
    assert pulse(database).changes == seen + 1


def test_nodes_that_are_enrolled_at_once_share_a_number(enrol: Enrol) -> None:
    first, second = enrol("n1", "n2")
    (third,) = enrol("n3")
    assert first.version == second.version == third.version - 1


def test_a_change_that_was_rolled_back_leaves_no_trace(database: Database, enrol: Enrol) -> None:
    (node,) = enrol("n1")
    before = pulse(database)
    with pytest.raises(ZeroDivisionError), database.write() as connection:
        change(connection, node)
        _ = 1 / 0
    with database.write() as connection:
        change(connection, node)
    assert pulse(database).changes == before.changes + 1


def test_of_two_changes_at_once_the_one_that_is_committed_later_has_the_higher_number(
    database: Database, enrol: Enrol, contend: Contend
) -> None:
    first, second = enrol("n1", "n2")
    seen = pulse(database).changes
    contend(lambda connection: change(connection, first), lambda connection: change(connection, second))
    assert changed(database, seen) == [first.id, second.id]
    assert changed(database, seen + 1) == [second.id]


def test_changes_of_the_same_nodes_in_another_order_wait_for_each_other(
    enrol: Enrol, contend: Contend
) -> None:
    first, second = enrol("n1", "n2")

    def backwards(connection: sa.Connection) -> None:
        change(connection, second)
        change(connection, first)

    loser = contend(
        lambda connection: change(connection, first), backwards, lambda connection: change(connection, second)
    )
    assert loser is None


@pytest.mark.parametrize("migrated", ["postgresql", "mariadb"], indirect=True)
def test_who_enrols_many_does_not_keep_others_from_changing_nodes(database: Database, enrol: Enrol) -> None:
    (node,) = enrol("n1")

    def meanwhile(_written: int) -> None:
        with database.write() as other:
            change(other, node)

    with database.write() as connection:
        api.create_nodes(connection, [{"driver": "fake", "name": "n2"}], meanwhile)
    with database.read() as connection:
        old, new = api.find_nodes(connection, ["n1", "n2"])
    assert new.version == old.version + 1


def test_a_deletion_shows_in_the_pulse_and_its_number_is_missing(database: Database, enrol: Enrol) -> None:
    gone, left = enrol("n1", "n2")
    before = pulse(database)
    with database.write() as connection:
        api.delete_node(connection, gone.id)
    after = pulse(database)
    assert after.deletions > before.deletions
    with database.read() as connection:
        assert fleet.missing(connection, [left.id, gone.id, left.id + 7]) == [gone.id, left.id + 7]
        assert fleet.missing(connection, [left.id]) == []
        assert fleet.missing(connection, []) == []


def test_a_deletion_after_a_change_in_one_transaction_is_counted(database: Database, enrol: Enrol) -> None:
    one, two = enrol("n1", "n2")
    before = pulse(database)
    with database.write() as connection:
        change(connection, one)
        api.delete_node(connection, two.id)
    assert pulse(database)[:2] == (before.changes + 1, before.deletions + 1)


def test_a_wish_that_changes_nothing_takes_no_number(database: Database, enrol: Enrol) -> None:
    (node,) = enrol("n1")
    with database.write() as connection:
        maintain(connection, node)
    before = pulse(database)
    with database.write() as connection:
        maintain(connection, node)
    assert pulse(database) == before


def test_a_command_to_a_task_shows_in_the_pulse(database: Database) -> None:
    before = pulse(database)
    with database.write() as connection:
        (number,) = task_commands.ask(connection, "c1", "acme.poll", "run", "ada@desk")
    assert pulse(database) == before._replace(newest_command=number)


def test_a_read_that_a_conductor_is_asked_for_shows_in_the_pulse(database: Database) -> None:
    before = pulse(database)
    with database.write() as connection:
        changes.announce_read(connection)
    assert pulse(database) == before._replace(reads=before.reads + 1)
