"""How power requests end, and what comes of what they find."""

from datetime import datetime

import pytest
import sqlalchemy as sa

from podium import states
from podium.db import api, models
from podium.db.engine import Database
from podium.db.outcomes import Outcome, SetClock, finish
from podium.db.readings import Reading, record_readings
from power_requests import (
    C1,
    C2,
    LATER,
    NOON,
    Enrol,
    ask,
    begin,
    begun,
    due,
    end,
    hand_over,
    only,
    requests,
    told,
)

pytestmark = pytest.mark.usefixtures("two_members")


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


@pytest.mark.parametrize(
    ("action", "what", "result", "reason"),
    [
        (states.SET_BOOT_DEVICE, "pxe, once", "pxe, once", "pxe, once; new kernel"),
        (states.IDENTIFY, "60 s", "on for 60 s", "on for 60 s; new kernel"),
        (states.CLEAR_LOG, "up to 17", "cleared", "cleared; new kernel"),
        (states.SET_CLOCK, None, "it was 90 s behind", "it was 90 s behind; new kernel"),
        (
            states.DRIVER_ACTION,
            "fake.blink x=3",
            "it blinked",
            "fake.blink x=3: it blinked; new kernel",
        ),
        (states.DRIVER_ACTION, "fake.blink x=3", None, "fake.blink x=3; new kernel"),
    ],
)
def test_what_is_beside_the_power_is_an_event_of_its_own_and_leaves_the_power_alone(
    database: Database, enrol: Enrol, action: str, what: str | None, result: str | None, reason: str
) -> None:
    known = {"power_state": states.POWER_OFF, "wanted_power_state": states.POWER_ON, "power_failures": 3}
    row = begun(database, enrol("n1", **known), action, what=what, reason="new kernel")
    end(database, row, None, result=result)
    (event,), (request,) = told(database), requests(database, row.operation_id)
    assert (event.cause, event.who, event.reason) == (action, "ada@desk", reason)
    assert (event.from_state, event.to_state) == (states.POWER_OFF, states.POWER_OFF)
    assert (request.state, request.power_state, request.result) == ("done", None, result)
    node = only(database)
    assert {name: getattr(node, name) for name in known} == known
    assert (node.target_power_state, node.reservation) == (None, None)


@pytest.mark.parametrize(
    "result",
    [
        "boot device pxe, once (was disk, persistent)",
        "was on already; its boot device was left alone",
        "was on already; it boots pxe, once, from its next start on",
    ],
)
def test_a_restart_says_what_was_booted_from(database: Database, enrol: Enrol, result: str) -> None:
    row = begun(database, enrol("n1"), states.POWER_ON, what="pxe, once", reason="new kernel")
    end(database, row, states.POWER_ON, result=result)
    (event,), (request,) = told(database), requests(database, row.operation_id)
    assert (event.cause, event.reason) == ("request", f"{result}; new kernel")
    assert (request.power_state, request.result) == (states.POWER_ON, result)


def test_a_request_that_failed_frees_the_node_with_the_reason(database: Database, enrol: Enrol) -> None:
    known = {"power_state": states.POWER_OFF, "power_checked_at": NOON}
    row = begun(database, enrol("n1", **known))
    end(database, row, None, "it does not answer")
    node, (request,) = only(database), requests(database, row.operation_id)
    assert (node.reservation, node.target_power_state, node.last_error) == (None, None, "it does not answer")
    assert {name: getattr(node, name) for name in known} == known
    assert (request.state, request.error) == ("failed", "it does not answer")


@pytest.mark.parametrize("action", sorted(states.BESIDE_POWER))
@pytest.mark.parametrize("error", [None, "it has no LED"])
def test_what_is_beside_the_power_neither_makes_nor_mends_an_error_of_the_node(
    database: Database, enrol: Enrol, action: str, error: str | None
) -> None:
    row = begun(database, enrol("n1", last_error="it stayed off"), action)
    end(database, row, None, error)
    (request,) = requests(database, row.operation_id)
    assert (only(database).last_error, request.error) == ("it stayed off", error)
    assert error is None or "it has no LED" in str(told(database)[0].reason)


def test_an_outcome_is_written_however_long_its_words_are(database: Database, enrol: Enrol) -> None:
    flames = "\U0001f525" * 70_000
    first, second = enrol("n1", "n2")
    row = begun(database, [first])
    end(database, row, None, flames)
    (request,) = requests(database, row.operation_id)
    assert request.error == flames[:2000]
    row = begun(database, [second], states.DRIVER_ACTION)
    end(database, row, None, result=flames)
    (request,) = requests(database, row.operation_id)
    assert request.result == flames[:2000]
    assert {len(event.reason or "") for event in told(database)} == {2000}


@pytest.mark.parametrize(
    ("known", "clock", "set_at", "before"),
    [
        (3000.0, SetClock(0.4, 3600.0), LATER, 3600.0),
        (3000.0, SetClock(0.4, 1.9), None, None),  # it was right
        (3000.0, SetClock(0.4, None), LATER, 3000.0),  # it was not read before: what was known is
        (1.0, SetClock(0.4, None), None, None),
        (None, SetClock(0.4, None), LATER, None),
    ],
)
def test_a_clock_that_was_set_is_known_with_what_it_was_before(
    database: Database,
    enrol: Enrol,
    known: float | None,
    clock: SetClock,
    set_at: datetime | None,
    before: float | None,
) -> None:
    (node,) = enrol("n1")
    with database.write() as connection:
        connection.execute(sa.update(models.nodes).values(clock_offset=known))
    end(database, begun(database, [node], states.SET_CLOCK), None, clock=clock)
    with database.read() as connection:
        found = api.clock_setting(connection, node.uuid)
    assert found == (None if set_at is None else (set_at, before))
    assert (only(database).clock_offset, only(database).clock_checked_at) == (0.4, LATER)


def test_a_request_that_failed_is_an_event_with_who_and_why(database: Database, enrol: Enrol) -> None:
    row = begun(database, enrol("n1", power_state=states.POWER_OFF), reason="needed again")
    end(database, row, None, "it does not answer")
    (event,) = told(database)
    assert (event.from_state, event.to_state) == (states.POWER_OFF, states.POWER_OFF)
    assert (event.cause, event.who) == ("failed request", "ada@desk")
    assert event.reason == "it does not answer; needed again"
    assert (event.operation_id, event.request_id, event.at) == (row.operation_id, "req-1", LATER)


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
    failed, first, second = told(database)
    assert (failed.node_name, failed.cause) == ("n1", "failed request")
    assert (first.node_name, first.cause, first.who, first.reason) == ("n1", cause, who, reason)
    assert first.operation_id == row.operation_id
    assert (second.cause, second.who, second.operation_id) == ("out-of-band", None, None)


def test_a_failure_that_left_another_state_is_an_event(database: Database, enrol: Enrol) -> None:
    row = begun(database, enrol("n1", power_state=states.POWER_ON), states.POWER_CYCLE)
    end(database, row, states.POWER_OFF, "it stayed off")
    event, failed = told(database)
    assert (event.from_state, event.to_state) == (states.POWER_ON, states.POWER_OFF)
    assert (event.cause, event.who) == ("request", "ada@desk")
    assert (failed.from_state, failed.to_state) == (states.POWER_OFF, states.POWER_OFF)
    assert (failed.cause, failed.who) == ("failed request", "ada@desk")


@pytest.mark.parametrize(("known", "cause"), [(None, "first reading"), (states.POWER_ON, "out-of-band")])
def test_what_a_failed_request_found_is_not_told_as_its_doing(
    database: Database, enrol: Enrol, known: str | None, cause: str
) -> None:
    row = begun(database, enrol("n1", power_state=known))
    end(database, row, states.POWER_OFF, "no sign of it")
    event, failed = told(database)
    assert (failed.cause, failed.who) == ("failed request", "ada@desk")
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
