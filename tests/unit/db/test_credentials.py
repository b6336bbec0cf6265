"""Asking for other credentials of nodes, and what becomes of that."""

from typing import Any

import pytest
import sqlalchemy as sa

from credential_requests import LOGIN, NEW, OLD, ask, begun, changes_of, end, states_of
from podium import errors, states
from podium.db import (
    api,
    beginning,
    cancelling,
    credential_changes,
    credential_sequels,
    fleet,
    models,
    power,
    restoring,
)
from podium.db import operations as db_operations
from podium.db.credential_changes import FAULT, IN_FORCE, KEPT, SENT, UNKNOWN
from podium.db.engine import Database
from power_requests import C1, C2, LATER, Contend, Enrol, begin, due, hand_over, only, only_named, told
from power_requests import ask as ask_power

pytestmark = [pytest.mark.usefixtures("two_members"), pytest.mark.mariadb_long]


def test_new_credentials_are_a_request_that_changes_nothing_yet(database: Database, enrol: Enrol) -> None:
    asked = ask(database, enrol("n1", driver_info=OLD), reason="yearly", timeout=90.0)
    node = only(database)
    assert (node.target_power_state, node.driver_info) == (states.CHANGE_CREDENTIALS, OLD)
    assert (asked.accepted, asked.refused, asked.also, asked.held) == ([node.id], [], [], 0)
    change = changes_of(database, asked.operation_id)["n1"]
    assert (change.new, change.old, change.state) == (NEW, OLD, "asked")
    with database.read() as connection:
        operation = db_operations.operation(connection, asked.operation_id or 0)
    assert operation is not None
    assert (operation.action, operation.reason, operation.timeout) == (
        node.target_power_state,
        "yearly",
        90.0,
    )


def test_what_was_proved_is_in_force_with_the_end_of_the_request(database: Database, enrol: Enrol) -> None:
    (row,) = begun(database, enrol("n1", driver_info=OLD, power_state=states.POWER_ON), expire_after=60.0)
    before = only(database)
    end(database, row)
    node = only(database)
    assert node.driver_info == OLD | NEW
    assert (node.power_state, node.wanted_power_state) == (states.POWER_ON, None)
    assert (node.target_power_state, node.reservation) == (None, None)
    assert node.credentials_changed_at is not None and before.credentials_changed_at is not None
    assert node.credentials_changed_at > before.credentials_changed_at
    assert node.credentials_expire_at is not None
    (event,) = told(database)
    assert (event.cause, event.who, event.operation_id) == ("credentials", "ada@desk", row.operation_id)
    assert (event.from_state, event.to_state) == (states.POWER_ON, states.POWER_ON)
    assert event.reason == "changed here, as the BMC had them"
    assert changes_of(database, row.operation_id)["n1"].state == IN_FORCE


def test_what_was_refused_leaves_the_old_ones(database: Database, enrol: Enrol) -> None:
    (row,) = begun(database, enrol("n1", driver_info=OLD))
    end(database, row, KEPT, "the BMC refused the password")
    assert (only(database).driver_info, only(database).last_error) == (OLD, "the BMC refused the password")
    assert states_of(database, row.operation_id) == {"n1": "failed"}
    assert [event.cause for event in told(database)] == ["failed request"]


def test_a_user_may_change_with_the_password_where_the_hardware_has_them(
    database: Database, enrol: Enrol
) -> None:
    (row,) = begun(database, enrol("n1", driver_info={"fake_password": "old"}), username="root")
    assert row.change is not None and row.change.old == {"fake_username": None, "fake_password": "old"}
    end(database, row)
    assert only(database).driver_info == {"fake_username": "root", "fake_password": "new"}


@pytest.mark.parametrize(
    ("columns", "more", "why"),
    [
        ({"provision_state": "enroll"}, {}, "the node is in enroll"),
        ({"provision_state": "verifying"}, {}, "being verified"),
        ({}, {"login": {}}, "the driver fake cannot try a login"),
        ({}, {"settable": [], "on_bmc": True}, "the driver fake cannot change the password on the BMC"),
        ({}, {"username": "root", "on_bmc": True}, "of no other"),
    ],
)
def test_what_cannot_be_done_is_refused(
    database: Database, enrol: Enrol, columns: dict[str, Any], more: dict[str, Any], why: str
) -> None:
    asked = ask(database, enrol("n1", driver_info=OLD, **columns), **more)
    assert asked.operation_id is None
    assert asked.refused[0].startswith("n1: ") and why in asked.refused[0]
    assert only(database).target_power_state is None


def test_nodes_that_have_the_credentials_already_only_learn_when_they_end(
    database: Database, enrol: Enrol
) -> None:
    nodes = enrol("n1", driver_info=OLD) + enrol("n2", driver_info=OLD | NEW)
    asked = ask(database, nodes, expire_after=60.0)
    assert (asked.accepted, asked.refused, asked.already) == ([nodes[0].id], [], ["n2"])
    node = only_named(database, "n2")
    assert node.target_power_state is None and node.credentials_changed_at == nodes[1].credentials_changed_at
    assert node.credentials_expire_at is not None
    assert node.version > nodes[1].version
    ask(database, nodes[1:])
    assert only_named(database, "n2").credentials_expire_at == node.credentials_expire_at


def test_a_lost_password_is_replaced_by_one_that_is_proved(database: Database, enrol: Enrol) -> None:
    nodes = enrol("n1", driver_info=OLD | {"fake_password": "******"})
    refused = ask(database, nodes, on_bmc=True).refused
    assert refused and "its password is lost" in refused[0]
    (row,) = begun(database, nodes)
    end(database, row)
    assert only(database).driver_info == OLD | NEW
    with database.write() as connection:
        undone = credential_sequels.undo(connection, row.operation_id, "ada@desk", LOGIN)
    assert undone.refused == ["n1: the password that it had before is lost with its key"]


def test_a_password_is_needed_only_for_nodes_that_can_have_one(database: Database, enrol: Enrol) -> None:
    nodes = enrol("n1", driver_info=OLD) + enrol("n2", driver="acme")
    asked = ask(database, nodes, {nodes[0].id: "new"})
    assert asked.accepted == [nodes[0].id]
    assert asked.refused[0].startswith("n2: the driver acme cannot try a login")


def test_a_node_that_is_reserved_or_waits_for_its_power_refuses(database: Database, enrol: Enrol) -> None:
    nodes = enrol("n1", "n2", driver_info=OLD)
    with database.write() as connection:
        fleet.hold(connection, nodes[0].id, C1, "a self test")
    ask_power(database, nodes[1:])
    asked = ask(database, nodes)
    assert asked.refused[0].startswith("n1: reserved by")
    assert asked.refused[1].startswith("n2: power on was asked for by ada@desk and has not begun")


def test_a_newer_request_for_the_power_replaces_a_change_that_waits(database: Database, enrol: Enrol) -> None:
    nodes = enrol("n1", "n2", driver_info=OLD, endpoint="bmc")
    first = ask(database, nodes)
    asked = ask_power(database, nodes[:1])
    assert (asked.accepted, asked.replaced) == ([nodes[0].id], 1)
    assert states_of(database, first.operation_id) == {"n1": "replaced", "n2": "cancelled"}
    assert {one.state for one in changes_of(database, first.operation_id).values()} == {KEPT}
    assert only_named(database, "n2").target_power_state is None
    assert only_named(database, "n1").target_power_state == states.POWER_ON


def test_nobody_asks_beside_a_conductor_that_knows_no_credentials(database: Database, enrol: Enrol) -> None:
    nodes = enrol("n1", driver_info=OLD)
    with database.write() as connection:
        connection.execute(sa.update(models.members).values(revision="0010"))
    with pytest.raises(errors.NodeConflict, match="an earlier Podium runs on c1"):
        ask(database, nodes)


def test_from_the_first_change_on_none_starts_that_knows_no_credentials(
    database: Database, enrol: Enrol
) -> None:
    def floor() -> str | None:
        with database.read() as connection:
            return connection.scalar(sa.select(models.schema_floor.c.revision))

    ask(database, [])
    assert floor() == "0008"
    ask(database, enrol("n1", driver_info=OLD))
    assert floor() == "0011"


# Canaries


def tried(database: Database, enrol: Enrol, canaries: int = 1) -> Any:
    nodes = enrol("n1", "n2", "n3", driver_info=OLD)
    asked = ask(database, nodes, canaries=canaries)
    assert asked.held == 3 - canaries
    return asked.operation_id


def test_the_others_wait_once_the_canaries_are_done(database: Database, enrol: Enrol) -> None:
    operation = tried(database, enrol, 2)
    one, two = begin(database, due(database))
    end(database, one)
    assert states_of(database, operation) == {"n1": "done", "n2": "begun", "n3": "held"}
    assert due(database) == [two.request_id]
    end(database, two)
    assert states_of(database, operation) == {"n1": "done", "n2": "done", "n3": "waiting"}
    (three,) = begin(database, due(database))
    assert three.node.name == "n3"


@pytest.mark.parametrize("what", [KEPT, UNKNOWN])
def test_nothing_is_changed_for_the_others_when_a_canary_fails(
    database: Database, enrol: Enrol, what: str
) -> None:
    operation = tried(database, enrol)
    (row,) = begin(database, due(database))
    end(database, row, what, "no such user")
    assert states_of(database, operation) == {"n1": "failed", "n2": "cancelled", "n3": "cancelled"}
    node = only_named(database, "n3")
    assert (node.driver_info, node.target_power_state, node.power_request_id) == (OLD, None, None)
    assert changes_of(database, operation)["n3"].state == KEPT
    with database.read() as connection:
        (_, error, _) = (one.error for one in db_operations.requests_of(connection, operation))
    assert error == "a canary did not succeed, n1 failed: no such user; nothing was changed for this node"


def test_a_canary_that_is_replaced_or_deleted_is_no_proof(database: Database, enrol: Enrol) -> None:
    operation = tried(database, enrol)
    ask_power(database, [only_named(database, "n1")])
    assert states_of(database, operation) == {"n1": "replaced", "n2": "cancelled", "n3": "cancelled"}
    nodes = [only_named(database, name) for name in ("n2", "n3")]
    again = ask(database, nodes, canaries=1).operation_id
    with database.write() as connection:
        api.delete_node(connection, nodes[0].id)
    assert states_of(database, again) == {"n2": "failed", "n3": "cancelled"}
    assert changes_of(database, again).keys() == {"n3"}


def test_cancelling_ends_those_that_are_held_too(database: Database, enrol: Enrol) -> None:
    operation = tried(database, enrol)
    (row,) = begin(database, due(database))
    with database.write() as connection:
        assert cancelling.cancel(connection, operation, "bob@desk") == (2, 1, 0)
    end(database, row)
    assert states_of(database, operation) == {"n1": "done", "n2": "cancelled", "n3": "cancelled"}
    assert {one.state for one in changes_of(database, operation).values()} == {IN_FORCE, KEPT}
    assert due(database) == []


def test_canaries_are_machines_and_not_nodes(database: Database, enrol: Enrol) -> None:
    nodes = enrol("n1", driver_info=OLD) + enrol("n2", "n3", driver_info=OLD, endpoint="bmc")
    asked = ask(database, [nodes[1], nodes[0]], canaries=1)
    assert (asked.also, asked.held) == (["n3"], 1)
    assert states_of(database, asked.operation_id) == {"n2": "waiting", "n3": "waiting", "n1": "held"}


# One account of several nodes


def test_nodes_with_one_account_are_begun_sent_and_ended_together(database: Database, enrol: Enrol) -> None:
    nodes = enrol("n1", "n2", driver_info=OLD, endpoint="bmc")
    enrol("n3", driver_info=OLD | {"fake_username": "bob"}, endpoint="bmc")
    asked = ask(database, nodes[1:], on_bmc=True)
    assert (asked.also, set(asked.accepted)) == (["n1"], {node.id for node in nodes})
    (row,) = begin(database, due(database))
    (other,) = row.others
    assert {only_named(database, name).reservation for name in ("n1", "n2")} == {C1}
    numbers = [row.request_id, other.request_id]
    with database.write() as connection:
        assert beginning.mark_sent(connection, numbers, C1, LATER) == set(numbers)
    assert {one.state for one in changes_of(database, asked.operation_id).values()} == {SENT}
    end(database, row)
    assert {only_named(database, name).driver_info["fake_password"] for name in ("n1", "n2")} == {"new"}
    assert only_named(database, "n3").driver_info["fake_password"] == "old"
    assert [event.reason for event in told(database)] == ["changed on the BMC"] * 2


def test_one_of_them_that_is_busy_holds_up_the_other(database: Database, enrol: Enrol) -> None:
    nodes = enrol("n1", "n2", driver_info=OLD, endpoint="bmc")
    ask(database, nodes)
    with database.write() as connection:
        busy = sa.update(models.nodes).where(models.nodes.c.id == nodes[1].id)
        connection.execute(busy.values(reservation=C1))
    assert begin(database, due(database)) == []


@pytest.mark.parametrize(
    ("given", "columns", "why"),
    [
        ({"n1": "a", "n2": "b"}, {}, "for which another password was given"),
        ({"n1": "a", "n2": "a"}, {"conductor_group": "east"}, "of another conductor_group"),
        ({"n1": "a", "n2": "a"}, {"provision_state": "enroll"}, "it has one account with n2: "),
    ],
)
def test_nodes_with_one_account_that_are_at_odds_are_refused(
    database: Database, enrol: Enrol, given: dict[str, str], columns: dict[str, Any], why: str
) -> None:
    nodes = enrol("n1", driver_info=OLD, endpoint="bmc")
    nodes += enrol("n2", driver_info=OLD, endpoint="bmc", **columns)
    asked = ask(database, nodes, {node.id: given[node.name] for node in nodes})
    assert asked.operation_id is None and len(asked.refused) == 2
    assert why in asked.refused[0]


# What is sent


def test_what_was_sent_is_taken_over_with_what_is_known_of_it(database: Database, enrol: Enrol) -> None:
    (row,) = begun(database, enrol("n1", driver_info=OLD), on_bmc=True)
    with database.write() as connection:
        beginning.mark_sent(connection, [row.request_id], C1, LATER)
    hand_over(database)
    (again,) = begin(database, due(database, C2), C2)
    assert again.change is not None
    assert (again.sent_at, again.change.state, again.change.new) == (LATER, SENT, NEW)


def test_a_node_of_which_the_credentials_are_unknown_is_left_alone(database: Database, enrol: Enrol) -> None:
    (row,) = begun(database, enrol("n1", driver_info=OLD), on_bmc=True)
    end(database, row, UNKNOWN)
    node = only(database)
    assert (node.maintenance, node.fault, node.driver_info) == (True, FAULT, OLD)
    assert "settle that first" in ask(database, [node]).refused[0]


def settle(database: Database, rows: Any) -> Any:
    with database.write() as connection:
        return credential_sequels.settle(connection, rows, "bob@desk", LOGIN)


@pytest.mark.parametrize("what", [IN_FORCE, KEPT])
def test_settling_proves_what_was_unknown(database: Database, enrol: Enrol, what: str) -> None:
    nodes = enrol("n1", "n2", driver_info=OLD, endpoint="bmc")
    (row,) = begun(database, nodes, on_bmc=True)
    end(database, row, UNKNOWN)
    asked = settle(database, nodes[:1])
    assert (asked.also, changes_of(database, row.operation_id)) == (["n2"], {})
    (again,) = begin(database, due(database))
    assert again.change is not None and (again.change.state, again.change.on_bmc) == (SENT, True)
    end(database, again, what)
    for name in ("n1", "n2"):
        node = only_named(database, name)
        assert (node.maintenance, node.maintenance_reason, node.fault) == (False, None, None)
        assert node.driver_info["fake_password"] == ("new" if what == IN_FORCE else "old")


def test_settling_that_is_cancelled_leaves_them_unknown(database: Database, enrol: Enrol) -> None:
    (row,) = begun(database, enrol("n1", driver_info=OLD), on_bmc=True)
    end(database, row, UNKNOWN)
    asked = settle(database, [only(database)])
    with database.write() as connection:
        cancelling.cancel(connection, asked.operation_id, "bob@desk")
    assert changes_of(database, asked.operation_id)["n1"].state == UNKNOWN
    assert settle(database, [only(database)]).refused == []


def test_a_node_without_anything_unknown_is_not_settled(database: Database, enrol: Enrol) -> None:
    asked = settle(database, enrol("n1", driver_info=OLD))
    assert asked.refused == ["n1: there is nothing to settle, its credentials are not unknown"]


def test_whoever_gives_a_password_by_hand_ends_what_was_unknown(database: Database, enrol: Enrol) -> None:
    (row,) = begun(database, enrol("n1", driver_info=OLD), on_bmc=True)
    end(database, row, UNKNOWN)
    with database.write() as connection:
        mine = {only(database).id: {"driver_info": OLD | {"fake_password": "mine"}}}
        api.update_nodes(connection, mine, given=mine)
    assert (only(database).fault, only(database).maintenance) == (None, False)
    assert ask(database, [only(database)]).refused == []


def test_what_a_standby_lacks_of_a_change_that_was_sent_is_written_again(
    database: Database, enrol: Enrol
) -> None:
    (row,) = begun(database, enrol("n1", "n2", driver_info=OLD, endpoint="bmc"), on_bmc=True)
    sent = {one.request_id: one.node.id for one in (row, *row.others)}
    with database.write() as connection:
        assert restoring.restore(connection, C1, sent, []) == 2
    assert {one.state for one in changes_of(database, row.operation_id).values()} == {SENT}


# Undoing


def undo(database: Database, operation: Any) -> Any:
    with database.write() as connection:
        return credential_sequels.undo(connection, operation, "bob@desk", LOGIN)


def test_a_change_is_undone_by_one_of_the_same_kind(database: Database, enrol: Enrol) -> None:
    (row,) = begun(database, enrol("n1", driver_info=OLD), on_bmc=True)
    end(database, row)
    asked = undo(database, row.operation_id)
    (again,) = begin(database, due(database))
    assert again.change is not None
    assert (again.change.new, again.change.on_bmc) == (OLD, True)
    with database.read() as connection:
        operation = db_operations.operation(connection, asked.operation_id)
    assert operation is not None and operation.undoes == row.operation_id
    end(database, again)
    assert only(database).driver_info == OLD
    assert undo(database, row.operation_id).refused == ["n1: it was given other credentials since"]


def test_what_is_not_in_force_or_no_longer_kept_cannot_be_undone(database: Database, enrol: Enrol) -> None:
    (row,) = begun(database, enrol("n1", driver_info=OLD))
    with pytest.raises(errors.BadRequest, match="has nothing that can be undone"):
        undo(database, row.operation_id)
    end(database, row)
    with database.write() as connection:
        soon = sa.func.max(models.credential_changes.c.settled_at)
        settled = connection.scalar(sa.select(soon))
        assert settled is not None
        assert credential_changes.prune(connection, settled) == 0
        before = settled.replace(year=settled.year + 1)
        assert credential_changes.prune(connection, before) == 1
    with pytest.raises(errors.BadRequest, match="has nothing that can be undone"):
        undo(database, row.operation_id)
    with pytest.raises(errors.NotFound, match="no operation 99999"):
        undo(database, 99999)


def test_only_credentials_are_undone(database: Database, enrol: Enrol) -> None:
    asked = ask_power(database, enrol("n1"))
    with pytest.raises(errors.BadRequest, match="only a change of credentials can be undone"):
        undo(database, asked.operation_id)


# Others


def test_driver_info_is_not_set_while_a_change_waits(database: Database, enrol: Enrol) -> None:
    nodes = enrol("n1", driver_info=OLD)
    ask(database, nodes)
    with database.write() as connection:
        api.update_node(connection, nodes[0].id, {"description": "moved"})
        for values in ({"driver_info": OLD | {"fake_password": "mine"}}, {"conductor_group": "east"}):
            with pytest.raises(errors.NodeConflict, match="n1: a change of its credentials is asked for"):
                api.update_node(connection, nodes[0].id, values)


def test_setting_a_secret_is_when_credentials_changed(database: Database, enrol: Enrol) -> None:
    (node,) = enrol("n1", driver_info={"place": "r1"})
    assert node.credentials_changed_at is None
    with database.write() as connection:
        api.update_node(connection, node.id, {"driver_info": {"place": "r2"}})
    assert only(database).credentials_changed_at is None
    with database.write() as connection:
        api.update_node(connection, node.id, {"driver_info": OLD})
    assert only(database).credentials_changed_at is not None


def test_of_a_beginning_and_a_newer_request_at_once_the_first_wins(
    database: Database, enrol: Enrol, contend: Contend
) -> None:
    nodes = enrol("n1", "n2", driver_info=OLD, endpoint="bmc")
    asked = ask(database, nodes, on_bmc=True)
    numbers = due(database)
    refused: list[str] = []

    def take(connection: sa.Connection) -> None:
        assert len(beginning.begin(connection, numbers, C1, LATER)) == 1

    def replace(connection: sa.Connection) -> None:
        refused.extend(power.ask(connection, nodes, states.POWER_OFF, who="bob@desk").refused)

    contend(take, replace)
    assert len(refused) == 2 and "change credentials is under way" in refused[0]
    assert set(states_of(database, asked.operation_id).values()) == {"begun"}
