"""The freeze of the whole fleet, and what its members count."""

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from podium.db import conductors, enforcement, members, models
from podium.db.enforcement import Counted, Group, Standing
from podium.db.engine import Database
from podium.db.worker import Worker

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SERVICE = members.Service("boot:1:2", (), ("",), (), 30.0, 5.0, "1", "f")


def test_a_freeze_is_that_of_all_and_the_first_reason_stays(database: Database) -> None:
    with database.write() as connection:
        for name in ("c1", "c2"):
            conductors.begin(connection, name, 1)
        assert enforcement.standing(connection) == Standing()
        enforcement.freeze(connection, NOON, "300 of 1000 nodes vanished")
        enforcement.freeze(connection, NOON + timedelta(hours=1), "and more")
        frozen = (NOON, "300 of 1000 nodes vanished")
        assert enforcement.standing(connection) == Standing(*frozen)
        shown = [(one.frozen_at, one.frozen_reason) for one in conductors.list_conductors(connection)]
        assert shown == [frozen, frozen]
        assert enforcement.thaw(connection)
        assert not enforcement.thaw(connection)
        assert enforcement.standing(connection) == Standing()


def test_every_change_of_it_is_a_change_that_all_look_for(database: Database) -> None:
    def counted() -> int:
        with database.read() as connection:
            return connection.scalars(sa.select(models.change_counter.c.changes)).one()

    seen = [counted()]
    for change in (
        lambda connection: enforcement.freeze(connection, NOON, "vanished"),
        enforcement.forgive,
        enforcement.ask,
    ):
        with database.write() as connection:
            change(connection)
        seen.append(counted())
    assert seen == sorted(set(seen))
    with database.read() as connection:
        assert enforcement.standing(connection) == Standing(None, None, 1, 1)


def enter(connection: sa.Connection, host: str) -> Worker:
    return members.enter(connection, host, 0, SERVICE)


def test_others_are_known_with_what_they_counted_since_the_last_thaw(database: Database) -> None:
    with database.write() as connection:
        me, two, three = (enter(connection, name) for name in ("c1", "c2", "c3"))
        groups = {"of the fleet": Group(40, 3, 1)}
        for question in (1, 2):
            enforcement.save(connection, two, groups, 60.0, Standing(asked=question))
        enforcement.save(connection, me, groups, 60.0, Standing(asked=9))
        members.leave(connection, two)
        assert enforcement.others(connection, me, 0) == [
            Counted(two.incarnation, True, groups, 60.0, 2),
            Counted(three.incarnation, False, None, 0.0, 0),
        ]
        assert [one.groups for one in enforcement.others(connection, me, 1)] == [None, None]


def test_what_members_counted_that_ended_long_ago_is_forgotten(database: Database) -> None:
    with database.write() as connection:
        me, two = enter(connection, "c1"), enter(connection, "c2")
        for member in (me, two):
            enforcement.save(connection, member, {}, 60.0, Standing())
        members.leave(connection, two)
        for before, left in ((NOON.replace(year=1990), 1), (NOON.replace(year=2090), 0)):
            enforcement.prune(connection, before)
            assert len(enforcement.others(connection, me, 0)) == left
