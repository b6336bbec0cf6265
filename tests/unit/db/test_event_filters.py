"""A sink's own events: what it does not want is not read, and nothing that it wants is missed."""

from collections.abc import Sequence
from typing import Any

import pytest
import sqlalchemy as sa

from fakes import HERE, Clock
from podium import errors
from podium.causes import of_severity
from podium.db import event_filters, ledger
from podium.db.engine import Database
from podium.db.event_filters import EventFilter, FilteredFollower
from podium.db.models import power_events, utcnow
from power_requests import Enrol

pytestmark = pytest.mark.mariadb_long

FAULTS = EventFilter(frozenset({"fault"}))
OTHERS = "request"


def record(connection: sa.Connection, *names: str, cause: str = "fault", uuid: str = "u") -> None:
    values = {"node_uuid": uuid, "at": utcnow(), "cause": cause, "writer": HERE}
    for name in names:
        connection.execute(sa.insert(power_events).values(**values, node_name=name))


def happen(database: Database, *names: str, **values: Any) -> None:
    with database.write() as connection:
        record(connection, *names, **values)


def read(follower: FilteredFollower, database: Database, most: int = 100) -> list[ledger.Event]:
    with database.read() as connection:
        return follower.read(connection, most)


def take(follower: FilteredFollower, database: Database, most: int = 100) -> list[str]:
    """The nodes of the events that are new."""
    found = read(follower, database, most)
    for one in found:
        follower.passed(one.id)
    follower.finish()
    return [one.node_name for one in found]


@pytest.fixture
def begun(database: Database) -> int:
    """The number of the event before all others, so that the next has the next number."""
    happen(database, "first")
    with database.read() as connection:
        return ledger.newest_number(connection)


def follower(begun: int, wanted: EventFilter = FAULTS, clock: Clock | None = None) -> FilteredFollower:
    return FilteredFollower(wanted, begun, clock or Clock())


def test_only_wanted_events_come_and_the_others_are_passed_and_counted(
    database: Database, begun: int
) -> None:
    following = follower(begun)
    happen(database, "a", "b", cause=OTHERS)
    happen(database, "n1")
    happen(database, "c", cause=OTHERS)
    happen(database, "n2")
    happen(database, "d", cause=OTHERS)
    assert take(following, database) == ["n1", "n2"]
    assert (following.last, following.position, following.left_out) == (begun + 6, begun + 6, 4)
    assert take(following, database) == []
    assert not following.has_more


def test_events_without_a_filter_all_come(database: Database, begun: int) -> None:
    following = follower(begun, EventFilter())
    happen(database, "n1", cause=OTHERS)
    happen(database, "n2")
    assert take(following, database) == ["n1", "n2"]
    assert following.left_out == 0


def test_what_was_not_passed_comes_again_and_nothing_is_counted_twice(database: Database, begun: int) -> None:
    following = follower(begun)
    for name in ("n1", "n2"):
        happen(database, "a", cause=OTHERS)
        happen(database, name)
    happen(database, "a", cause=OTHERS)
    first, _ = read(following, database)
    following.passed(first.id)
    assert (following.position, following.left_out) == (begun + 2, 1)
    assert take(following, database) == ["n2"]
    assert (following.position, following.left_out) == (begun + 5, 3)


def test_many_events_come_in_parts(database: Database, begun: int) -> None:
    following, found = follower(begun), []
    for number in range(5):
        happen(database, "a", cause=OTHERS)
        happen(database, f"n{number}")
    while found[-1:] != [[]]:
        found.append(take(following, database, most=2))
    assert found == [["n0", "n1"], ["n2", "n3"], ["n4"], []]
    assert following.left_out == 5


def test_unwanted_events_are_gone_through_a_part_at_a_time(
    database: Database, begun: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_filters, "_WINDOW", 3)
    following = follower(begun)
    happen(database, *"abcdefg", cause=OTHERS)
    happen(database, "n1")
    assert [take(following, database) for _ in range(3)] == [[], [], ["n1"]]
    assert (following.last, following.left_out, following.has_more) == (begun + 8, 7, False)


@pytest.mark.parametrize("causes", [("fault", OTHERS), (OTHERS, "fault"), ("fault", "fault")])
def test_an_event_that_is_committed_after_a_later_one_is_not_missed(
    database: Database, begun: int, causes: Sequence[str]
) -> None:
    if database.is_sqlite:  # which lets only one write at a time
        return
    following, (of_slow, of_fast) = follower(begun), causes
    with database.write() as slow:
        record(slow, "slow", cause=of_slow)
        happen(database, "fast", cause=of_fast)
        found = take(following, database)
        assert (following.last, following.position) == (begun + 2, begun)
    assert found + take(following, database) == [
        name for name, cause in (("fast", of_fast), ("slow", of_slow)) if cause == "fault"
    ]


def test_numbers_that_no_event_has_are_awaited_for_a_while(database: Database, begun: int) -> None:
    clock = Clock()
    following = follower(begun, clock=clock)
    happen(database, "a", "b", "c", "d", "e", "f", cause=OTHERS)
    with database.write() as connection:
        connection.execute(
            sa.delete(power_events).where(power_events.c.id.in_([begun + one for one in (1, 3, 4)]))
        )
    assert take(following, database) == []
    assert following.late == [(begun + 1, begun + 1), (begun + 3, begun + 4)]
    assert (following.position, following.left_out) == (begun, 3)
    clock.advance(60)
    assert following.position == begun + 6


def test_a_wanted_event_that_fills_a_number_awaited_comes_alone(database: Database, begun: int) -> None:
    following = follower(begun)
    happen(database, "a", "b", "c", cause=OTHERS)
    with database.write() as connection:
        connection.execute(sa.delete(power_events).where(power_events.c.id == begun + 2))
    assert take(following, database) == []
    with database.write() as connection:
        values = {"node_uuid": "u", "node_name": "late", "at": utcnow(), "cause": "fault", "writer": HERE}
        connection.execute(sa.insert(power_events).values(id=begun + 2, **values))
    assert take(following, database) == ["late"]
    assert (take(following, database), following.late) == ([], [])


def test_a_late_event_that_is_not_taken_comes_again_until_it_is(database: Database, begun: int) -> None:
    clock = Clock()
    following = follower(begun, clock=clock)
    happen(database, "a", "b", "c")
    with database.write() as connection:
        connection.execute(sa.delete(power_events).where(power_events.c.id == begun + 2))
    assert take(following, database) == ["a", "c"]
    with database.write() as connection:
        values = {"node_uuid": "u", "node_name": "late", "at": utcnow(), "cause": "fault", "writer": HERE}
        connection.execute(sa.insert(power_events).values(id=begun + 2, **values))
    for _ in range(3):
        assert [one.node_name for one in read(following, database)] == ["late"]
        clock.advance(300)
        assert following.position == begun + 1
    following.choose(EventFilter(frozenset({OTHERS})))
    assert read(following, database) == []
    clock.advance(60)
    assert following.position == begun + 3


def test_events_of_some_nodes_alone_are_wanted(database: Database, begun: int, enrol: Enrol) -> None:
    enrol("n1", extra={"rack": "r1"})
    enrol("n2", extra={"rack": "r2"})
    wanted = EventFilter(where=event_filters.where("extra.rack=r1 and age<1d or name=n1"))
    with database.read() as connection:
        uuids = dict(connection.execute(sa.text("SELECT name, uuid FROM nodes")).all())
    for name, uuid in [*uuids.items(), ("gone", "no longer there")]:
        happen(database, name, uuid=uuid)
    following = follower(begun, wanted)
    assert take(following, database) == ["n1"]
    assert (following.last, following.left_out) == (begun + 3, 2)


def test_wanted_events_are_counted(database: Database, begun: int) -> None:
    happen(database, "a", "b", cause=OTHERS)
    happen(database, "n1")
    with database.read() as connection:
        conditions = FAULTS.conditions(connection)
        assert ledger.count_between(connection, begun, begun + 3, conditions) == 1
        assert ledger.count_between(connection, begun, begun + 3) == 3


def test_a_faulty_condition_is_one_line() -> None:
    with pytest.raises(errors.BadRequest) as refusal:
        event_filters.where("rack=r1")
    assert str(refusal.value) == "there is no field rack; --where help lists the fields"


def test_what_may_be_secret_is_no_condition_of_a_config_file() -> None:
    with pytest.raises(errors.BadRequest, match="cannot be chosen by driver_info"):
        event_filters.where("not driver_info.ipmi_password=a")


def test_a_severity_is_that_of_causes() -> None:
    assert of_severity("error") == {"failed request", "fault"}
    assert of_severity("error") < of_severity("warning") < of_severity("info")
