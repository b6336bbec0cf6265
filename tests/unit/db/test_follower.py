"""The ledger as it is gone through: no event is missed, and cursors say how far it was."""

from collections.abc import Callable

import sqlalchemy as sa

from fakes import HERE, Clock
from podium.db import ledger
from podium.db.engine import Database
from podium.db.follower import Follower
from podium.db.models import power_events, utcnow
from podium.db.worker import Worker


def happen(connection: sa.Connection, *names: str, worker: Worker = HERE) -> None:
    values = {"node_uuid": "u", "at": utcnow(), "cause": "request", "writer": worker}
    for name in names:
        connection.execute(sa.insert(power_events).values(**values, node_name=name))


def record(database: Database, *names: str, worker: Worker = HERE) -> None:
    with database.write() as connection:
        happen(connection, *names, worker=worker)


def take(follower: Follower, database: Database) -> list[str]:
    """The nodes of the events that are new."""
    with database.read() as connection:
        rows = follower.read(connection)
    for row in rows:
        follower.passed(row.id)
    return [row.node_name for row in rows]


def test_a_follower_returns_each_event_once(database: Database) -> None:
    follower = Follower(0, Clock())
    record(database, "n1", "n2")
    assert take(follower, database) == ["n1", "n2"]
    assert take(follower, database) == []
    record(database, "n3")
    assert take(follower, database) == ["n3"]


def test_what_was_read_but_not_passed_comes_again(database: Database) -> None:
    follower = Follower(0, Clock())
    record(database, "n1", "n2")
    with database.read() as connection:
        follower.passed(follower.read(connection)[0].id)
    assert take(follower, database) == ["n2"]


def overtaken(database: Database, follower: Follower, then: Callable[[], object]) -> list[str]:
    """What a follower returns of an event that a later one overtakes.

    :param then: done while only the later one is committed
    """
    if database.is_sqlite:  # which lets only one write at a time
        return ["fast", "slow"]
    with database.write() as slow:
        happen(slow, "slow")
        record(database, "fast")
        told = take(follower, database)
        then()
    return told + take(follower, database)


def test_an_event_that_is_committed_after_a_later_one_is_not_missed(database: Database) -> None:
    follower = Follower(0, Clock())
    assert overtaken(database, follower, lambda: None) == ["fast", "slow"]
    assert take(follower, database) == []


def test_a_follower_begins_again_before_what_may_still_be_committed(database: Database) -> None:
    record(database, "first")
    with database.read() as connection:
        begun = ledger.newest_number(connection)
    follower, positions = Follower(begun, Clock()), []
    overtaken(database, follower, lambda: positions.append(follower.position))
    assert positions == ([] if database.is_sqlite else [begun])
    assert follower.position == follower.last


def test_numbers_that_nobody_uses_are_not_waited_for_for_ever() -> None:
    clock = Clock()
    follower = Follower(10, clock)
    follower.passed(11)
    follower.passed(15)
    assert (follower.last, follower.position) == (15, 11)
    clock.advance(60)
    assert follower.position == 15


def test_what_is_left_of_a_gap_is_still_awaited() -> None:
    follower = Follower(0, Clock())
    follower.passed(5)
    for number, position in ((3, 0), (1, 1), (2, 3), (4, 5)):
        follower.passed(number)
        assert follower.position == position


def test_events_are_counted_between_two_numbers(database: Database) -> None:
    record(database, "n1", "n2", "n3")
    with database.read() as connection:
        oldest, newest = ledger.oldest_number(connection), ledger.newest_number(connection)
        assert oldest is not None
        assert ledger.count_between(connection, oldest, newest) == 2
        assert ledger.count_between(connection, newest, newest) == 0


def test_a_follower_goes_on_where_another_was(database: Database) -> None:
    record(database, "first")
    with database.read() as connection:
        begun = ledger.newest_number(connection)
    follower, others = Follower(begun, Clock()), []
    overtaken(database, follower, lambda: others.append(Follower(follower.last, late=follower.late)))
    for other in others:
        assert (take(other, database), other.late) == (["slow"], [])
    assert len(others) == (not database.is_sqlite)


def test_the_newest_events_are_counted_from_the_first_of_them(database: Database) -> None:
    record(database, "n1", "n2", "n1", "n1")
    chosen = ledger.Chosen(names=frozenset({"n1"}))
    with database.read() as connection:
        first = ledger.first_of_newest(connection, chosen, 2, causes=["request"])
        found = ledger.events_after(connection, chosen, first - 1, limit=9)
        assert [one.node_name for one in found] == ["n1", "n1"]
        assert ledger.events_after(connection, ledger.Chosen(), found[0].id, limit=1) == [found[1]]
        assert ledger.first_of_newest(connection, chosen, 2, causes=["fault"]) == 0
