"""Power changes that were asked for: taken by one conductor, ended by it, on each kind of database."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from podium import states
from podium.db import api, changes, fleet
from podium.db.engine import Database
from podium.db.fleet import Outcome

Contend = Callable[..., BaseException | None]
Enrol = Callable[..., list[sa.Row[Any]]]

NOON = datetime(2030, 5, 1, 12, tzinfo=UTC)
LATER = NOON + timedelta(microseconds=1)


def pulse(database: Database) -> changes.Pulse:
    with database.read() as connection:
        return changes.pulse(connection)


def only(database: Database) -> sa.Row[Any]:
    with database.read() as connection:
        (row,) = api.list_nodes(connection)
    return row


def history(database: Database, node: sa.Row[Any]) -> list[tuple[Any, ...]]:
    with database.read() as connection:
        return [(e.from_state, e.to_state, e.cause, e.at) for e in fleet.list_events(connection, node.uuid)]


def ask(database: Database, enrolled: list[sa.Row[Any]], target: str = states.POWER_ON) -> sa.Row[Any]:
    (node,) = enrolled
    with database.write() as connection:
        api.request_power(connection, node.id, target, "ada@desk")
    return only(database)


def take(database: Database, node: sa.Row[Any], holder: str = "c1") -> bool:
    with database.write() as connection:
        return fleet.reserve(connection, node.id, node.version, holder)


def end(database: Database, node: sa.Row[Any], state: str | None, error: str | None = None) -> None:
    with database.write() as connection:
        fleet.record_outcomes(connection, [Outcome(node.id, "c1", LATER, state, error, "req-1")])


def test_requests_come_oldest_first(database: Database, enrol: Enrol) -> None:
    asked = []
    for seconds, name in [(2, "n1"), (0, "n2"), (1, "n3")]:
        at = NOON + timedelta(seconds=seconds)
        asked += enrol(name, target_power_state=states.POWER_ON, power_requested_at=at)
    with database.read() as connection:
        found = [row.id for row in fleet.requested(connection, "", ["fake"], "here")]
    assert found == [asked[1].id, asked[2].id, asked[0].id]


def test_requests_are_those_of_a_group_and_some_drivers(database: Database, enrol: Enrol) -> None:
    asked = {"target_power_state": states.POWER_ON}
    (mine,) = enrol("n1", driver="ipmi", conductor_group="east", **asked)
    enrol("n2", driver="acme", conductor_group="east", **asked)
    enrol("n3", driver="ipmi", conductor_group="EAST", **asked)
    enrol("n4", driver="ipmi", **asked)
    with database.read() as connection:
        (found,) = fleet.requested(connection, "east", ["ipmi", "fake"], "here")
    assert tuple(found) == (mine.id, mine.uuid)


def test_a_request_that_somebody_has_begun_is_not_offered_again(database: Database, enrol: Enrol) -> None:
    take(database, ask(database, enrol("n1")))
    with database.read() as connection:
        assert fleet.requested(connection, "", ["fake"], "here") == []


def test_a_node_is_taken_by_one_holder_only(database: Database, enrol: Enrol) -> None:
    node = ask(database, enrol("n1"))
    assert [take(database, node, "c1"), take(database, node, "c2")] == [True, False]
    assert only(database).reservation == "c1"


def test_of_two_who_take_a_node_at_once_one_has_it(
    database: Database, enrol: Enrol, contend: Contend
) -> None:
    node = ask(database, enrol("n1"))
    told = []
    contend(
        lambda connection: told.append(fleet.reserve(connection, node.id, node.version, "c1")),
        lambda connection: told.append(fleet.reserve(connection, node.id, node.version, "c2")),
    )
    assert told == [True, False]


def test_a_node_that_changed_since_it_was_looked_at_is_not_taken(database: Database, enrol: Enrol) -> None:
    node = ask(database, enrol("n1"))
    with database.write() as connection:
        api.update_node(connection, node.id, {"driver_info": {"address": "another"}})
    assert take(database, node) is False
    assert take(database, only(database)) is True


def test_a_node_of_which_nothing_is_asked_is_not_taken(database: Database, enrol: Enrol) -> None:
    (node,) = enrol("n1")
    assert take(database, node) is False


def test_a_target_that_was_reached_is_an_event_with_who_asked(database: Database, enrol: Enrol) -> None:
    node = ask(database, enrol("n1", power_state=states.POWER_OFF, power_failures=3))
    take(database, node)
    end(database, node, states.POWER_ON)
    with database.read() as connection:
        (event,) = fleet.list_events(connection, node.uuid)
    assert (event.from_state, event.to_state, event.cause) == (states.POWER_OFF, states.POWER_ON, "request")
    assert (event.who, event.reason, event.request_id) == ("ada@desk", "power on asked for", "req-1")


def test_a_target_that_was_reached_frees_the_node(database: Database, enrol: Enrol) -> None:
    node = ask(database, enrol("n1", power_state=states.POWER_OFF, power_failures=3))
    take(database, node)
    before = pulse(database)
    end(database, node, states.POWER_ON)
    row = only(database)
    assert (row.power_state, row.power_checked_at, row.power_changed_at) == (states.POWER_ON, LATER, LATER)
    assert (row.reservation, row.target_power_state, row.power_requested_by) == (None, None, None)
    assert (row.power_failures, row.last_error) == (0, None)
    assert pulse(database) != before


def test_a_reboot_is_an_event_though_the_state_is_what_it_was(database: Database, enrol: Enrol) -> None:
    node = ask(database, enrol("n1", power_state=states.POWER_ON, power_changed_at=NOON), states.REBOOTING)
    take(database, node)
    end(database, node, states.POWER_ON)
    assert history(database, node) == [(states.POWER_ON, states.POWER_ON, "request", LATER)]
    assert only(database).power_changed_at == NOON


def test_a_target_that_was_missed_frees_the_node_with_the_reason(database: Database, enrol: Enrol) -> None:
    node = ask(database, enrol("n1", power_state=states.POWER_OFF, power_checked_at=NOON))
    take(database, node)
    end(database, node, None, "it does not answer")
    row = only(database)
    assert (row.reservation, row.target_power_state, row.last_error) == (None, None, "it does not answer")
    assert (row.power_state, row.power_checked_at) == (states.POWER_OFF, NOON)
    assert history(database, node) == []


def test_the_end_of_a_change_that_another_conductor_took_over_is_not_written(
    database: Database, enrol: Enrol
) -> None:
    node = ask(database, enrol("n1"))
    take(database, node, "c2")
    end(database, node, states.POWER_ON)
    assert (only(database).reservation, only(database).power_state) == ("c2", None)


def test_a_conductor_that_stops_leaves_requests_to_the_next_one(database: Database, enrol: Enrol) -> None:
    node = ask(database, enrol("n1"))
    take(database, node)
    before = pulse(database)
    with database.write() as connection:
        assert fleet.release(connection, ["c2"]) == 0
        assert fleet.release(connection, ["c1"]) == 1
        assert [row.id for row in fleet.requested(connection, "", ["fake"], "here")] == [node.id]
    assert pulse(database) != before
