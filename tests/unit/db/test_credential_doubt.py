"""What keeps a node of which the credentials are unknown from harm, and its two passwords from loss."""

from typing import Any

import pytest
import sqlalchemy as sa

from credential_requests import LOGIN, OLD, ask, begun, changes_of, end
from podium import errors
from podium.client.records import maintenance
from podium.db import api, beginning, credential_changes, credential_sequels, fleet, models
from podium.db.accounts import Account
from podium.db.credential_changes import FAULT, GIVEN, IN_FORCE, KEPT, REASON, UNKNOWN
from podium.db.engine import Database
from podium.db.faults import POWER_FAILURE
from power_requests import C1, LATER, Enrol, begin, due, only, only_named
from power_requests import ask as ask_power

pytestmark = [pytest.mark.usefixtures("two_members"), pytest.mark.mariadb_long]

#: A driver whose password nobody would take for one by its name.
INNOCENT = {"fake": Account("fake_phrase", "fake_user")}
PLAIN = {"fake_user": "admin", "fake_phrase": "old"}


def doubtful(database: Database, enrol: Enrol, **columns: Any) -> Any:
    """A node, the only one, whose password was changed with an unknown outcome; and its request."""
    return unknown(database, enrol("n1", **{"driver_info": OLD, **columns}))


def unknown(database: Database, rows: Any, **more: Any) -> Any:
    (row,) = begun(database, rows, on_bmc=True, **more)
    end(database, row, UNKNOWN)
    return row


def settle(database: Database, rows: Any) -> Any:
    with database.write() as connection:
        return credential_sequels.settle(connection, rows, "bob@desk", LOGIN)


def write(database: Database, values: dict[str, Any], *, given: bool = False, name: str = "n1") -> None:
    node = only_named(database, name)
    with database.write() as connection:
        api.update_nodes(connection, {node.id: values}, given=[node.id] if given else [])


@pytest.mark.parametrize("extra", [{"kg_password": "other"}, {"place": "r2"}])
def test_other_entries_leave_it_in_doubt(database: Database, enrol: Enrol, extra: dict[str, str]) -> None:
    row = doubtful(database, enrol)
    write(database, {"driver_info": OLD | extra})
    node = only(database)
    assert (node.maintenance, node.fault, node.driver_info) == (True, FAULT, OLD | extra)
    assert changes_of(database, row.operation_id)["n1"].state == UNKNOWN
    assert settle(database, [node]).accepted == [node.id]


@pytest.mark.parametrize("password", ["mine", "old", "new"])
def test_a_password_that_is_given_ends_the_doubt_and_both_are_kept(
    database: Database, enrol: Enrol, password: str
) -> None:
    row = doubtful(database, enrol)
    write(database, {"driver_info": OLD | {"fake_password": password}}, given=True)
    node = only(database)
    assert (node.maintenance, node.fault, node.maintenance_reason) == (False, None, None)
    assert not node.credentials_in_doubt
    change = changes_of(database, row.operation_id)["n1"]
    assert (change.state, change.new["fake_password"], change.old["fake_password"]) == (GIVEN, "new", "old")


def test_a_password_of_an_innocent_name_ends_it_too_and_nothing_else(
    database: Database, enrol: Enrol
) -> None:
    unknown(database, enrol("n1", driver_info=PLAIN), login=INNOCENT)
    write(database, {"driver_info": PLAIN | {"kg_password": "other"}})
    assert only(database).credentials_in_doubt
    write(database, {"driver_info": PLAIN | {"fake_phrase": "mine"}}, given=True)
    assert not only(database).credentials_in_doubt


@pytest.mark.parametrize(
    "values",
    [
        {"driver_info": OLD | {"fake_password": "mine"}},
        {"driver_info": {"fake_username": "admin"}},
        {"driver_info": OLD | {"fake_username": "root"}},
        {"driver": "acme"},
        {"endpoint": "elsewhere"},
        {"conductor_group": "east"},
    ],
)
def test_whom_a_node_in_doubt_speaks_to_changes_only_with_a_password(
    database: Database, enrol: Enrol, values: dict[str, Any]
) -> None:
    row = doubtful(database, enrol)
    with pytest.raises(errors.NodeConflict, match="n1: which password its BMC has is unknown"):
        write(database, values)
    assert changes_of(database, row.operation_id)["n1"].state == UNKNOWN
    write(database, values, given=True)
    assert changes_of(database, row.operation_id)["n1"].state == GIVEN


def test_what_a_person_gave_is_settled_when_it_was_wrong(database: Database, enrol: Enrol) -> None:
    doubtful(database, enrol)
    write(database, {"driver_info": OLD | {"fake_password": "typo"}}, given=True)
    assert settle(database, [only(database)]).refused == []
    assert only(database).credentials_in_doubt
    (again,) = begin(database, due(database))
    end(database, again, KEPT, "the BMC has the old password still")
    node = only(database)
    assert (node.driver_info, node.credentials_in_doubt, node.fault) == (OLD, False, None)


def test_a_person_who_sets_or_ends_maintenance_leaves_the_doubt(database: Database, enrol: Enrol) -> None:
    doubtful(database, enrol)
    write(database, dict(maintenance.UNSET))
    node = only(database)
    assert (node.maintenance, node.fault, node.credentials_in_doubt) == (False, FAULT, True)
    write(database, dict(maintenance.SET))
    node = only(database)
    assert (node.maintenance, node.maintenance_reason, node.credentials_in_doubt) == (True, None, True)
    settle(database, [node])
    (again,) = begin(database, due(database))
    end(database, again)
    node = only(database)
    assert (node.maintenance, node.fault, node.credentials_in_doubt) == (True, None, False)


def test_maintenance_may_change_while_it_waits_to_be_settled(database: Database, enrol: Enrol) -> None:
    doubtful(database, enrol)
    settle(database, [only(database)])
    write(database, dict(maintenance.UNSET))
    assert (only(database).maintenance, only(database).credentials_in_doubt) == (False, True)
    with pytest.raises(errors.NodeConflict, match="a change of its credentials is asked for"):
        write(database, {}, given=True)


def test_a_reason_that_a_person_gives_meanwhile_stays(database: Database, enrol: Enrol) -> None:
    doubtful(database, enrol)
    write(database, {**maintenance.SET, "maintenance_reason": "mine"})
    settle(database, [only(database)])
    (again,) = begin(database, due(database))
    end(database, again)
    node = only(database)
    assert (node.maintenance, node.maintenance_reason, node.fault) == (True, "mine", None)


@pytest.mark.parametrize(
    ("before", "meanwhile", "after"),
    [
        ((False, None, None), (True, REASON, FAULT), (False, None, None)),
        ((True, None, None), (True, None, FAULT), (True, None, None)),
        ((True, "mine", None), (True, "mine", FAULT), (True, "mine", None)),
        ((True, "silent", POWER_FAILURE), (True, REASON, FAULT), (False, None, None)),
        ((True, "hot", "acme"), (True, "hot", "acme"), (True, "hot", "acme")),
    ],
)
def test_maintenance_of_others_outlives_the_doubt(
    database: Database, enrol: Enrol, before: Any, meanwhile: Any, after: Any
) -> None:
    names = "maintenance", "maintenance_reason", "fault"
    doubtful(database, enrol, **dict(zip(names, before, strict=True)))
    node = only(database)
    assert (node.maintenance, node.maintenance_reason, node.fault) == meanwhile
    settle(database, [node])
    (again,) = begin(database, due(database))
    end(database, again)
    node = only(database)
    assert (node.maintenance, node.maintenance_reason, node.fault) == after
    assert not node.credentials_in_doubt


def test_nobody_switches_or_reserves_a_node_in_doubt(database: Database, enrol: Enrol) -> None:
    doubtful(database, enrol)
    write(database, dict(maintenance.UNSET))
    node = only(database)
    (refused,) = ask_power(database, [node]).refused
    assert refused.startswith("n1: which password its BMC has is unknown")
    with database.write() as connection:
        assert not fleet.hold(connection, node.id, C1, "a self test")
    assert "settle that first" in ask(database, [node]).refused[0]


def test_both_passwords_of_what_a_person_ended_are_kept_for_a_week(database: Database, enrol: Enrol) -> None:
    row = doubtful(database, enrol)
    changes = models.credential_changes
    with database.read() as connection:
        settled = connection.scalar(sa.select(changes.c.settled_at))
    assert settled is not None
    later = settled.replace(year=settled.year + 1)
    with database.write() as connection:
        assert credential_changes.prune(connection, later) == 0
    write(database, {"driver_info": OLD}, given=True)
    with database.write() as connection:
        assert credential_changes.prune(connection, settled) == 0
    assert changes_of(database, row.operation_id)["n1"].state == GIVEN
    with database.write() as connection:
        assert credential_changes.prune(connection, later) == 1


def test_what_was_given_is_in_force_until_it_is_in_doubt_again(database: Database, enrol: Enrol) -> None:
    row = doubtful(database, enrol)
    write(database, {"driver_info": OLD | {"fake_password": "new"}}, given=True)
    with database.write() as connection:
        asked = credential_sequels.undo(connection, row.operation_id, "bob@desk", LOGIN)
    assert asked.refused == []
    (again,) = begin(database, due(database))
    assert again.change is not None and again.change.new["fake_password"] == "old"
    end(database, again, IN_FORCE)
    assert only(database).driver_info == OLD


def test_a_node_in_doubt_is_deleted_only_by_force(database: Database, enrol: Enrol) -> None:
    row = doubtful(database, enrol)
    node = only(database)
    with (
        pytest.raises(errors.NodeConflict, match="n1: which password .* both would be lost"),
        database.write() as connection,
    ):
        api.delete_node(connection, node.id)
    assert changes_of(database, row.operation_id)["n1"].state == UNKNOWN
    with database.write() as connection:
        api.delete_nodes(connection, [node.id], force=True)
        assert api.list_nodes(connection) == []


# Nodes that come to the same BMC


@pytest.mark.parametrize("how", ["asked", "sent", "unknown"])
def test_nobody_comes_to_a_bmc_whose_password_is_being_changed(
    database: Database, enrol: Enrol, how: str
) -> None:
    nodes = enrol("n1", driver_info=OLD, endpoint="bmc")
    enrol("n2", driver_info=OLD, endpoint="other")
    if how == "asked":
        ask(database, nodes, on_bmc=True)
    elif how == "sent":
        (row,) = begun(database, nodes, on_bmc=True)
        with database.write() as connection:
            beginning.mark_sent(connection, [row.request_id], C1, LATER)
    else:
        unknown(database, nodes)
    with pytest.raises(errors.NodeConflict, match="n3: the password of its BMC is being changed.* for n1"):
        enrol("n3", driver_info=OLD, endpoint="bmc")
    with pytest.raises(errors.NodeConflict, match="n2: the password of its BMC is being changed.* for n1"):
        write(database, {"endpoint": "bmc"}, name="n2")
    enrol("n4", driver_info=OLD, endpoint="bmc", driver="acme")
    write(database, {"endpoint": "elsewhere"}, name="n2")


def test_undoing_takes_in_who_has_come_since(database: Database, enrol: Enrol) -> None:
    (row,) = begun(database, enrol("n1", driver_info=OLD, endpoint="bmc"), on_bmc=True)
    end(database, row)
    enrol("n2", driver_info={"fake_username": "admin", "fake_password": "new"}, endpoint="bmc")
    enrol("n3", driver_info={"fake_username": "bob", "fake_password": "new"}, endpoint="bmc")
    with database.write() as connection:
        asked = credential_sequels.undo(connection, row.operation_id, "bob@desk", LOGIN)
    assert (asked.also, asked.refused) == (["n2"], [])
    (again,) = begin(database, due(database))
    assert [one.node.name for one in again.others] == ["n2"]
    end(database, again)
    found = {name: only_named(database, name).driver_info["fake_password"] for name in ("n1", "n2", "n3")}
    assert found == {"n1": "old", "n2": "old", "n3": "new"}


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"endpoint": "elsewhere"}, "it has another driver or address since then"),
        ({"driver_info": {"fake_username": "root", "fake_password": "new"}}, "other credentials since"),
    ],
)
def test_no_other_bmc_and_no_other_user_gets_the_old_password(
    database: Database, enrol: Enrol, values: dict[str, Any], why: str
) -> None:
    (row,) = begun(database, enrol("n1", driver_info=OLD, endpoint="bmc"), on_bmc=True)
    end(database, row)
    write(database, values)
    with database.write() as connection:
        asked = credential_sequels.undo(connection, row.operation_id, "bob@desk", LOGIN)
    assert asked.operation_id is None and why in asked.refused[0]


def test_passwords_are_not_settled_at_another_bmc(database: Database, enrol: Enrol) -> None:
    doubtful(database, enrol, endpoint="bmc")
    write(database, {"endpoint": "elsewhere"}, given=True)
    asked = settle(database, [only(database)])
    assert asked.operation_id is None and "another driver or address" in asked.refused[0]


def test_a_user_that_is_the_default_is_the_same_one(database: Database, enrol: Enrol) -> None:
    login = {"fake": Account("fake_password", "fake_username", "admin")}
    nodes = enrol("n1", driver_info=OLD, endpoint="bmc")
    enrol("n2", driver_info={"fake_password": "old"}, endpoint="bmc")
    asked = ask(database, nodes, login=login, on_bmc=True)
    assert asked.also == ["n2"]
    (row,) = begin(database, due(database))
    end(database, row)
    assert only_named(database, "n2").driver_info == {"fake_password": "new"}
