"""How nodes go from one provision state to the next, on each kind of database."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from podium import errors, states
from podium.db import api, changes, machines, provisioning
from podium.db.api import NodeRecord
from podium.db.endpoints import slot_of
from podium.db.engine import Database
from podium.db.provision_states import ACTIVE, AVAILABLE, ENROLL, MANAGEABLE, VERIFYING
from podium.db.readings import Reading
from podium.db.worker import Worker
from power_requests import ask

pytestmark = pytest.mark.mariadb_long

Contend = Callable[..., BaseException | None]
Enrol = Callable[..., list[NodeRecord]]
Move = Callable[..., None]

C1 = Worker("c1", 0)
NOON = datetime(2030, 5, 1, 12, tzinfo=UTC)
SETTLED = {
    "driver_info": {"ipmi_address": "10.0.0.1"},
    **machines.columns_of("10.0.0.1"),
    "endpoint": "10.0.0.1:623",
}


def only(database: Database) -> NodeRecord:
    with database.read() as connection:
        (row,) = api.list_nodes(connection)
    return row


def changed(database: Database) -> int:
    with database.read() as connection:
        return changes.pulse(connection).changes


def verifying(database: Database, enrol: Enrol) -> NodeRecord:
    (node,) = enrol("n1", provision_state=ENROLL)
    with database.write() as connection:
        provisioning.begin_verifying(connection, node.id, SETTLED)
    return only(database)


def read(node: NodeRecord, state: str | None, failure: str | None = None) -> Reading:
    return Reading(node.id, node.version, NOON, state, failure)


def record(database: Database, *readings: Reading) -> set[int]:
    with database.write() as connection:
        return provisioning.record_verified(connection, readings, C1)


def test_a_node_that_is_to_be_verified_is_a_change_and_has_what_was_settled(
    database: Database, enrol: Enrol
) -> None:
    (node,) = enrol("n1", provision_state=ENROLL, last_error="no answer", power_failures=2)
    before = changed(database)
    with database.write() as connection:
        provisioning.begin_verifying(connection, node.id, SETTLED)
    row = only(database)
    assert (row.provision_state, row.last_error, row.power_failures) == (VERIFYING, None, 0)
    assert (row.identity, row.controller) == ("10.0.0.1", "10.0.0.1")
    assert (row.endpoint, row.slot) == ("10.0.0.1:623", slot_of("10.0.0.1:623"))
    assert row.driver_info == SETTLED["driver_info"]
    assert row.provision_updated_at is not None
    assert node.updated_at < row.provision_updated_at <= row.updated_at
    assert row.version == changed(database) > before


def test_a_read_makes_a_node_manageable_and_is_written_with_that(database: Database, enrol: Enrol) -> None:
    node = verifying(database, enrol)
    assert record(database, read(node, states.POWER_OFF)) == set()
    row = only(database)
    assert (row.provision_state, row.power_state, row.last_error) == (
        MANAGEABLE,
        states.POWER_OFF,
        None,
    )
    assert row.power_checked_at == NOON
    assert row.version == changed(database) > node.version
    assert row.provision_updated_at is not None
    assert row.provision_updated_at > node.updated_at


def test_a_read_that_fails_takes_a_node_back_to_enroll_and_says_why(database: Database, enrol: Enrol) -> None:
    node = verifying(database, enrol)
    record(database, read(node, None, "no answer from 10.0.0.1"))
    row = only(database)
    assert (row.provision_state, row.last_error) == (ENROLL, "no answer from 10.0.0.1")
    assert (row.power_state, row.power_failures, row.maintenance) == (None, 0, False)
    assert row.version == changed(database) > node.version


def test_a_read_of_a_node_that_was_changed_since_ends_nothing(database: Database, enrol: Enrol) -> None:
    node = verifying(database, enrol)
    with database.write() as connection:
        api.update_node(connection, node.id, {"driver_info": {"ipmi_address": "10.0.0.2"}})
    assert record(database, read(node, states.POWER_ON)) == {node.id}
    assert (only(database).provision_state, only(database).power_state) == (VERIFYING, None)


def test_a_read_of_a_node_that_is_verified_by_now_changes_nothing(database: Database, enrol: Enrol) -> None:
    node = verifying(database, enrol)
    record(database, read(node, states.POWER_ON))
    known = only(database)
    assert record(database, read(node, None, "no answer")) == {node.id}
    assert only(database)._replace(updated_at=known.updated_at) == known


@pytest.mark.parametrize(
    ("move", "before", "after"),
    [
        (provisioning.provide, MANAGEABLE, AVAILABLE),
        (provisioning.adopt, MANAGEABLE, ACTIVE),
        (provisioning.manage, AVAILABLE, MANAGEABLE),
        (provisioning.manage, ACTIVE, MANAGEABLE),
    ],
)
def test_a_node_goes_from_one_state_to_the_next(
    database: Database, enrol: Enrol, move: Move, before: str, after: str
) -> None:
    (node,) = enrol("n1", provision_state=before, power_state=states.POWER_ON, last_error="it stayed off")
    with database.write() as connection:
        move(connection, node.id)
    row = only(database)
    assert (row.provision_state, row.power_state, row.last_error) == (after, states.POWER_ON, None)
    assert row.provision_updated_at is not None
    assert node.updated_at < row.provision_updated_at <= row.updated_at
    assert row.version == changed(database) > node.version


@pytest.mark.parametrize(
    ("move", "state", "words"),
    [
        (provisioning.provide, AVAILABLE, "n1 is available; provide needs it to be manageable"),
        (provisioning.adopt, ENROLL, "n1 is enroll; adopt needs it to be manageable"),
        (provisioning.manage, MANAGEABLE, "n1 is manageable; manage needs it to be available or active"),
        (
            lambda connection, number: provisioning.begin_verifying(connection, number, SETTLED),
            AVAILABLE,
            "n1 is available; manage needs it to be enroll",
        ),
    ],
)
def test_a_state_from_which_that_cannot_be_asked_for_is_refused_for_good(
    database: Database, enrol: Enrol, move: Move, state: str, words: str
) -> None:
    (node,) = enrol("n1", provision_state=state)
    with pytest.raises(errors.InvalidNode) as raised, database.write() as connection:
        move(connection, node.id)
    assert str(raised.value) == words
    assert only(database) == node


@pytest.mark.parametrize("move", [provisioning.manage, provisioning.provide, provisioning.adopt])
def test_a_node_that_is_being_verified_is_refused_for_now(
    database: Database, enrol: Enrol, move: Move
) -> None:
    node = verifying(database, enrol)
    with pytest.raises(errors.NodeConflict, match="n1 is being verified"), database.write() as connection:
        move(connection, node.id)
    assert only(database) == node


def test_a_reserved_node_is_refused_for_now(database: Database, enrol: Enrol) -> None:
    (node,) = enrol("n1", provision_state=MANAGEABLE, reservation=C1)
    with pytest.raises(errors.NodeConflict, match="n1: reserved by c1"), database.write() as connection:
        provisioning.provide(connection, node.id)
    assert only(database) == node


def test_a_retired_node_is_not_provided(database: Database, enrol: Enrol) -> None:
    (node,) = enrol("n1", provision_state=MANAGEABLE, retired=True)
    with pytest.raises(errors.InvalidNode, match="n1 is retired"), database.write() as connection:
        provisioning.provide(connection, node.id)
    with database.write() as connection:
        provisioning.adopt(connection, node.id)
    assert only(database).provision_state == ACTIVE


def test_of_two_who_have_a_node_verified_one_is_refused(
    database: Database, enrol: Enrol, contend: Contend
) -> None:
    (node,) = enrol("n1", provision_state=ENROLL)

    def begin(connection: Any) -> None:
        provisioning.begin_verifying(connection, node.id, SETTLED)

    assert isinstance(contend(begin, begin), errors.NodeConflict)
    assert only(database).provision_state == VERIFYING


@pytest.mark.parametrize(("state", "words"), [(ENROLL, "in enroll"), (VERIFYING, "being verified")])
def test_the_power_of_a_node_that_no_conductor_knows_yet_is_not_changed(
    database: Database, enrol: Enrol, state: str, words: str
) -> None:
    one, two = enrol("n1", provision_state=state)[0], enrol("n2")[0]
    asked = ask(database, [one, two])
    assert asked.accepted == [two.id]
    (refused,) = asked.refused
    assert words in refused
