"""Who is there, in which state, with how many nodes; and which nodes nobody serves."""

from collections.abc import Callable, Mapping
from datetime import timedelta

import pytest
import sqlalchemy as sa

from crews import enter, settle
from podium import errors
from podium.db import drains, members, models, roster
from podium.db.api import NodeRecord
from podium.db.engine import Database
from podium.db.roster import Crew

Enrol = Callable[..., list[NodeRecord]]


def crews(database: Database) -> Mapping[str, Crew]:
    with database.read() as connection:
        return {crew.hostname: crew for crew in roster.roster(connection).crews}


def unserved(database: Database) -> Mapping[tuple[str, str], int]:
    with database.read() as connection:
        return roster.unserved(connection)


def test_each_host_has_the_nodes_of_its_workers(database: Database, enrol: Enrol) -> None:
    enrol(*(f"n{i}" for i in range(60)))
    one, two, three = enter(database, "c1"), enter(database, "c1", 1), enter(database, "c2")
    number = settle(database, one, two, three)
    found = crews(database)
    assert {host: crew.state for host, crew in found.items()} == {"c1": "alive", "c2": "alive"}
    assert sum(crew.nodes for crew in found.values()) == 60
    assert found["c1"].nodes == pytest.approx(40, abs=2)
    assert {crew.acknowledged for crew in found.values()} == {number}
    assert [one.name for one in found["c1"].members] == [one, two]
    assert 0 <= (found["c1"].lease_age or 0) < 60


def test_a_generation_that_a_worker_has_not_acknowledged_shows(database: Database) -> None:
    one, two = enter(database, "c1"), enter(database, "c1", 1)
    number = settle(database, one)
    assert crews(database)["c1"].acknowledged == number - 1
    settle(database, two)


def test_who_has_ended_is_gone_since_then_and_has_no_nodes(database: Database, enrol: Enrol) -> None:
    enrol("n1", "n2")
    one = enter(database, "c1")
    settle(database, one)
    with database.write() as connection:
        members.leave(connection, one)
    (crew,) = crews(database).values()
    assert (crew.state, crew.nodes, crew.lease_age) == ("gone", 0, None)
    assert crew.gone_since is not None
    with database.write() as connection:
        drains.drain(connection, "c1")
    assert crews(database)["c1"].state == "gone, drained"
    assert unserved(database) == {("", "fake"): 2}, "nobody else has its slots yet"


def test_who_leaves_and_who_was_not_heard_of_are_told_apart(database: Database) -> None:
    one, two = enter(database, "c1"), enter(database, "c2")
    with database.write() as connection:
        members.announce_leave(connection, one)
        old = sa.update(models.leases).where(models.leases.c.member_id == two.incarnation)
        connection.execute(old.values(renewed_at=models.utcnow() - timedelta(minutes=5)))
    assert {host: crew.state for host, crew in crews(database).items()} == {"c1": "leaving", "c2": "silent"}


def test_nodes_of_a_driver_or_group_without_a_member_are_unserved(database: Database, enrol: Enrol) -> None:
    enrol("n1", "n2")
    enrol("n3", driver="acme")
    enrol("n4", "n5", conductor_group="east")
    enrol("n6", driver="acme", provision_state="enroll")
    one = enter(database, "c1")
    settle(database, one)
    assert unserved(database) == {("", "acme"): 1, ("east", "fake"): 2}


# Drained conductors


def test_a_drained_conductor_gives_its_nodes_to_others_and_then_has_none_left(
    database: Database, enrol: Enrol
) -> None:
    enrol(*(f"n{i}" for i in range(20)))
    one, two = enter(database, "c1"), enter(database, "c2")
    settle(database, one, two)
    with database.write() as connection:
        assert drains.drain(connection, "c1")
    with database.write() as connection:
        assert not drains.drain(connection, "c1"), "it is drained already"
        assert not drains.is_handed_over(connection, "c1")
    assert crews(database)["c1"].state == "draining"
    settle(database, two)
    with database.read() as connection:
        assert not drains.is_handed_over(connection, "c1"), "it has not acknowledged"
    settled = crews(database)["c2"].acknowledged or 0
    with database.write() as connection:
        members.acknowledge(connection, one, settled)
    with database.write() as connection:
        assert drains.is_handed_over(connection, "c1")
    found = crews(database)
    assert (found["c1"].state, found["c1"].nodes, found["c2"].nodes) == ("drained", 0, 20)
    with database.write() as connection:
        assert drains.undrain(connection, "c1")
        assert not drains.undrain(connection, "c1")
    settle(database, one, two)
    assert crews(database)["c1"].nodes > 0


def test_a_change_under_way_is_left_with_a_drained_conductor_until_it_ends(
    database: Database, enrol: Enrol
) -> None:
    (node,) = enrol("n1")
    one, two = enter(database, "c1"), enter(database, "c2")
    with database.write() as connection:
        drains.drain(connection, "c1")
    settle(database, one, two)
    table = models.nodes
    for holder, done in ((one, False), (None, True)):
        with database.write() as connection:
            connection.execute(sa.update(table).where(table.c.id == node.id).values(reservation=holder))
            assert drains.is_handed_over(connection, "c1") == done


def test_what_only_a_drained_conductor_serves_is_named(database: Database, enrol: Enrol) -> None:
    enrol("n1")
    enrol("n2", driver="acme")
    enrol("n3", conductor_group="east")
    enrol("n4", driver="idle", provision_state="enroll")
    one = enter(database, "c1", drivers=("fake", "acme", "idle"), conductor_groups=("", "east"))
    two = enter(database, "c2", fallback_groups=("east",))
    settle(database, one, two)
    with database.read() as connection:
        assert drains.not_served_without(connection, "c1") == [("", "acme")]
        assert drains.not_served_without(connection, "c2") == []


def test_a_host_that_never_ran_here_is_named_with_those_that_did(database: Database) -> None:
    with database.read() as connection, pytest.raises(errors.NotFound, match="no conductor has run"):
        roster.require(connection, "c1")
    enter(database, "c1")
    with database.read() as connection:
        roster.require(connection, "c1")
        with pytest.raises(errors.NotFound, match="there is no conductor c9; there are: c1"):
            roster.require(connection, "c9")


def test_a_daemon_is_alive_while_one_of_its_workers_renews_its_lease(database: Database) -> None:
    one, _ = (
        enter(database, "c1", drivers=("fake", "ipmi"), conductor_groups=("east", "")),
        enter(database, "c1", 1),
    )
    gone = enter(database, "c2")
    with database.write() as connection:
        members.leave(connection, gone)
        old = sa.update(models.leases).where(models.leases.c.member_id == one.incarnation)
        connection.execute(old.values(renewed_at=models.utcnow() - timedelta(days=1)))
        first, second = roster.attendances(connection)
        assert (first.hostname, first.conductor_group, first.drivers) == ("c1", "east", ["fake", "ipmi"])
        assert first.alive and first.renewed_at is not None
        assert (second.hostname, second.alive, second.renewed_at) == ("c2", False, None)
        connection.execute(sa.update(models.leases).values(renewed_at=models.utcnow() - timedelta(days=1)))
        assert [one.alive for one in roster.attendances(connection)] == [False, False]
