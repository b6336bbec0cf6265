"""Who is at work, and what must not be done meanwhile."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from podium import errors
from podium.db import at_work, clock, members, models, schema
from podium.db.engine import Database
from podium.db.migrations import REVISIONS
from podium.db.worker import Worker
from templates import upgrade_to

pytestmark = pytest.mark.mariadb_long

Open = Callable[[str], Database]

_SERVICE = members.Service("boot:1:1", ["fake"], [""], [], 30.0, 5.0, "1.0", "print")


@pytest.fixture
def old(database_url: str, opened: Open) -> Database:
    """A database of each kind from before there were members."""
    database = opened(database_url)
    upgrade_to(database, "0006", ())
    return database


def heard(database: Database, host: str, ago: float, *, online: bool = True) -> None:
    """Have a conductor from before there were members work on a database."""
    conductors = sa.table("conductors", *(sa.column(one) for one in ("hostname", "process", "drivers")))
    for name in ("conductor_group", "workers", "online"):
        conductors.append_column(sa.column(name))
    for name in ("started_at", "heartbeat_at"):
        conductors.append_column(sa.column(name, models.UTCDateTime))
    with database.write() as connection:
        at = clock.now(connection) - timedelta(seconds=ago)
        values = {"hostname": host, "process": "p", "drivers": "[]", "conductor_group": "", "workers": 1}
        values |= {"online": online, "started_at": at, "heartbeat_at": at}
        connection.execute(sa.insert(conductors).values(values))


def enter(database: Database, host: str) -> Worker:
    with database.write() as connection:
        return members.enter(connection, host, 0, _SERVICE)


@pytest.mark.parametrize("ago", [3, -3])
def test_the_step_to_members_is_refused_beside_conductors_that_have_none(old: Database, ago: float) -> None:
    heard(old, "c1", ago)
    heard(old, "c2", 40)
    heard(old, "c3", 3, online=False)
    with pytest.raises(
        errors.ConductorsAtWork,
        match=r"c\[1-2\] of the Podium before it were .* stop every conductor",
    ):
        schema.upgrade(old)
    assert schema.current(old) == "0006"


def test_a_conductor_that_was_killed_long_ago_refuses_no_upgrade(old: Database) -> None:
    heard(old, "c1", 70)
    assert schema.upgrade(old) == schema.head()


def test_a_longer_timeout_of_the_fleet_counts(old: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda _connection: datetime(2026, 3, 1, 12, tzinfo=UTC))
    heard(old, "c1", 70)
    with pytest.raises(errors.ConductorsAtWork, match=r"c1 of .* was heard of 70 s ago.* for 30 s more"):
        schema.upgrade(old, heartbeat_timeout=100)


def test_members_that_know_a_schema_may_go_on_while_it_is_made(database: Database) -> None:
    enter(database, "c1")
    with database.read() as connection:
        at_work.refuse_beside_older(connection, REVISIONS[-1])


def test_members_that_cannot_use_a_new_schema_refuse_it(database: Database) -> None:
    enter(database, "c1")
    enter(database, "c2")
    with database.write() as connection:
        old = sa.update(models.members).where(models.members.c.host == "c2")
        connection.execute(old.values(revision=REVISIONS[0]))
        with pytest.raises(
            errors.ConductorsAtWork,
            match=rf"runs on c2; install .* revision {REVISIONS[-1]}",
        ):
            at_work.refuse_beside_older(connection, REVISIONS[-1])


def test_members_that_ended_are_not_at_work(database: Database) -> None:
    left = enter(database, "c1")
    with database.write() as connection:
        members.leave(connection, left)
    with database.read() as connection:
        at_work.refuse_beside_any(connection, "here")
    enter(database, "c2")
    with (
        database.read() as connection,
        pytest.raises(errors.ConductorsAtWork, match="on here, on c2;"),
    ):
        at_work.refuse_beside_any(connection, "here")
