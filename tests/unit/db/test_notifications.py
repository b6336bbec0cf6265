"""Cursors of notifications: one for each sink in the whole fleet, and one member that delivers."""

from collections.abc import Callable

import pytest
import sqlalchemy as sa

from podium.db import ledger, members, notifications
from podium.db.engine import Database
from podium.db.models import power_events, utcnow
from podium.db.notifications import Cursor
from podium.db.worker import Worker

pytestmark = pytest.mark.mariadb_long

Contend = Callable[..., BaseException | None]

SERVICE = members.Service("boot:1:2", (), ("",), (), 30.0, 5.0, "1", "f")


def enter(database: Database, host: str, *sinks: str) -> Worker:
    with database.write() as connection:
        notifications.declare(connection, host, sinks)
        return members.enter(connection, host, 0, SERVICE)


def end(database: Database, member: Worker) -> None:
    with database.write() as connection:
        members.leave(connection, member)


def record(database: Database, count: int = 1) -> int:
    """Some more events; the number of the newest."""
    event = {"node_uuid": "u", "node_name": "n", "at": utcnow(), "cause": "request"}
    with database.write() as connection:
        connection.execute(sa.insert(power_events), [event] * count)
        return ledger.newest_number(connection)


def take(database: Database, member: Worker, *sinks: str) -> dict[str, int]:
    with database.write() as connection:
        return {one.sink: one.event_id for one in notifications.take(connection, member, sinks)}


def free(database: Database, *sinks: str) -> list[str]:
    with database.read() as connection:
        return notifications.free(connection, sinks)


def save(database: Database, member: Worker, cursor: Cursor) -> bool:
    with database.write() as connection:
        return notifications.save(connection, member, cursor)


def test_a_sink_of_two_conductors_is_one_and_begins_at_the_newest_event(database: Database) -> None:
    newest = record(database)
    one = enter(database, "c1", "a")
    record(database)
    two = enter(database, "c2", "a")
    assert free(database, "a", "b") == ["a"]
    assert take(database, one, "a") == {"a": newest}
    assert (free(database, "a"), take(database, two, "a")) == ([], {})


def test_a_successor_goes_on_where_a_member_that_has_ended_was(database: Database) -> None:
    one, two = enter(database, "c1", "a"), enter(database, "c2", "a")
    take(database, one, "a")
    cursor = Cursor("a", 7, utcnow(), "no answer", 8, 1800.0)
    assert save(database, one, cursor)
    end(database, one)
    with database.write() as connection:
        assert notifications.take(connection, two, ["a"]) == [cursor]
    assert not save(database, one, cursor._replace(event_id=9))
    assert save(database, two, cursor._replace(event_id=9))


def test_of_two_that_take_a_sink_at_once_one_gets_it(database: Database, contend: Contend) -> None:
    one, two = enter(database, "c1", "a"), enter(database, "c2", "a")
    got: list[list[Cursor]] = []
    assert (
        contend(
            lambda sql: got.append(notifications.take(sql, one, ["a"])),
            lambda sql: got.append(notifications.take(sql, two, ["a"])),
        )
        is None
    )
    assert [len(cursors) for cursors in got] == [1, 0]


def test_a_sink_is_forgotten_once_the_last_conductor_no_longer_has_it(database: Database) -> None:
    one, two = enter(database, "c1", "a", "b"), enter(database, "c2", "a")
    start = take(database, one, "a", "b")["a"]
    record(database)
    with database.write() as connection:
        notifications.declare(connection, "c1", [])
    end(database, one)
    assert free(database, "a", "b") == ["a"]
    assert take(database, two, "a") == {"a": start}
    with database.write() as connection:
        notifications.declare(connection, "c2", [])
    newest = record(database)
    three = enter(database, "c3", "a")
    assert take(database, three, "a") == {"a": newest}


@pytest.mark.parametrize("times", [1, 2])
def test_what_was_set_aside_is_known_while_it_is_in_the_ledger(database: Database, times: int) -> None:
    one = enter(database, "c1", "a", "b")
    take(database, one, "a", "b")
    newest = record(database)
    with database.write() as connection:
        for _ in range(times):
            assert notifications.set_aside(connection, one, Cursor("a", newest), newest, "answered 400")
        assert (notifications.refused(connection, "a"), notifications.refused(connection, "b")) == (
            [newest],
            [],
        )
        notifications.prune(connection)
        assert notifications.refused(connection, "a") == [newest]
        connection.execute(sa.delete(power_events))
        notifications.prune(connection)
        assert notifications.refused(connection, "a") == []


def test_who_no_longer_delivers_sets_nothing_aside(database: Database) -> None:
    one, two = enter(database, "c1", "a"), enter(database, "c2", "a")
    take(database, one, "a")
    end(database, one)
    take(database, two, "a")
    with database.write() as connection:
        assert not notifications.set_aside(connection, one, Cursor("a", 5), 5, "answered 400")
        assert notifications.refused(connection, "a") == []
