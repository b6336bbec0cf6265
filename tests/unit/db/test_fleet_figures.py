"""Figures of the whole fleet count the nodes that nobody reads, too."""

from collections.abc import Callable
from datetime import timedelta
from ipaddress import ip_network
from typing import Any

import pytest
import sqlalchemy as sa

from podium.db import avoidances, clock, conductors, members, slots
from podium.db.api import NodeRecord
from podium.db.engine import Database
from podium.db.faults import POWER_FAILURE
from podium.db.figures import DriverFigures, Figures
from podium.db.fleet_figures import FleetFigures, Unread, fleet_figures
from podium.db.models import nodes, utcnow
from podium.db.worker import Worker
from read_nodes import create_nodes

pytestmark = pytest.mark.mariadb_long

Enrol = Callable[..., list[NodeRecord]]

SERVICE = members.Service("boot:1:2", ("fake",), ("",), (), 30.0, 5.0, "1", "f")
MAX_AGE = 60.0


def enter(database: Database, host: str) -> Worker:
    """A member that owns what nobody owns yet."""
    with database.write() as connection:
        member = members.enter(connection, host, 0, SERVICE)
        slots.make_generation(connection)
    return member


def end(database: Database, member: Worker) -> None:
    with database.write() as connection:
        members.end(connection, {member.incarnation: 1}, None, "its lease ran out")


def enrol_read(database: Database, ages: dict[str, float | None], **columns: Any) -> None:
    """Enrol nodes whose power was read so many seconds ago, an hour after that they were enrolled."""
    with database.write() as connection:
        now = clock.now(connection)
        times = {name: None if age is None else clock.later(now, -age) for name, age in ages.items()}
        rows = ({"driver": "fake", **columns, "name": name} for name in ages)
        create_nodes(connection, [{**row, "power_checked_at": times[row["name"]]} for row in rows])
        connection.execute(sa.update(nodes).values(created_at=utcnow() - timedelta(hours=1)))


def figures(database: Database) -> FleetFigures:
    with database.read() as connection:
        return fleet_figures(connection, MAX_AGE)


def test_the_nodes_of_a_member_that_was_read_are_fresh(database: Database) -> None:
    member = enter(database, "c1")
    enrol_read(database, {"a": 1.0, "b": 10.0})
    found = figures(database)
    assert (found.nodes, found.fresh_share, found.unread, found.unowned) == (2, 1.0, [], 0)
    assert 9 < (found.oldest or 0) < 60
    assert found.owned == {member.incarnation: 2}


def test_nodes_of_a_driver_that_is_read_rarely_may_be_older(database: Database) -> None:
    member = enter(database, "c1")
    enrol_read(database, {"a": 500.0, "b": 1900.0})
    assert (figures(database).fresh_share, figures(database).unread[0].nodes) == (0.0, 2)
    for interval in (None, 300.0, 600.0):
        with database.write() as connection:
            its = Figures(
                drivers={"fake": DriverFigures(interval=interval), "other": DriverFigures(interval=9.0)}
            )
            conductors.save_figures(connection, member, its)
    assert figures(database).fresh_share == 0.5
    assert figures(database).unread == [Unread("slow", f"owned by {member}, which has not read them", 1)]


def test_an_empty_fleet_is_fresh(database: Database) -> None:
    found = figures(database)
    assert (found.nodes, found.fresh_share, found.oldest, found.unread) == (0, 1.0, None, [])


def test_nodes_of_a_member_that_ended_are_not_left_out(database: Database) -> None:
    gone = enter(database, "c1")
    enrol_read(database, {"a": 600.0, "b": 700.0})
    end(database, gone)
    found = figures(database)
    assert (found.fresh_share, found.unowned, found.owned) == (0.0, 2, {})
    assert found.unread == [Unread("unowned", f"owned by {gone}, which has ended", 2)]


def test_nodes_that_a_member_which_ended_has_reserved_are_told_by_its_name(database: Database) -> None:
    member, gone = enter(database, "c1"), Worker("c2", 0, 999)
    enrol_read(database, {"a": 600.0, "b": 700.0}, reservation=gone)
    enrol_read(database, {"c": 1.0})
    found = figures(database)
    assert (found.held_by_ended, found.fresh_share) == (2, pytest.approx(1 / 3))
    assert found.unread == [Unread("held", "held by c2/0@999, which has ended", 2)]
    assert found.owned == {member.incarnation: 3}


def test_nodes_whose_driver_nobody_has_are_told_by_driver_and_group(database: Database) -> None:
    enter(database, "c1")
    enrol_read(database, {"a": None, "b": 300.0}, driver="acme", conductor_group="east")
    found = figures(database)
    assert (found.never_read, found.unowned) == (1, 2)
    assert found.unread == [
        Unread("unserved", "nobody serves the driver acme in the conductor group 'east'", 2)
    ]


def test_a_member_that_does_not_keep_up_is_named(database: Database) -> None:
    member = enter(database, "c1")
    enrol_read(database, {"a": 61.0, "b": 1.0})
    found = figures(database)
    assert found.unread == [Unread("slow", f"owned by {member}, which has not read them", 1)]


def test_a_reading_that_lies_ahead_is_not_fresh_and_not_the_oldest(database: Database) -> None:
    enter(database, "c1")
    enrol_read(database, {"ahead": -3600.0})
    found = figures(database)
    assert (found.fresh_share, found.oldest) == (0.0, None)


def test_nodes_that_are_not_to_be_read_count_for_no_age(database: Database) -> None:
    enter(database, "c1")
    enrol_read(database, {"parked": 600.0}, maintenance=True)
    enrol_read(database, {"dark": 600.0}, maintenance=True, fault=POWER_FAILURE, power_failures=9)
    enrol_read(database, {"ignored": 600.0}, power_policy="ignore")
    found = figures(database)
    assert (found.nodes, found.in_maintenance, found.unreadable, found.failing) == (3, 2, 1, 1)
    assert (found.fresh_share, found.oldest, found.unread) == (1.0, None, [])


def test_nodes_that_no_conductor_is_to_know_do_not_count(database: Database) -> None:
    member = enter(database, "c1")
    enrol_read(database, {"a": 10.0, "b": 10.0})
    enrol_read(database, {"new": None}, provision_state="enroll")
    enrol_read(database, {"newer": None}, provision_state="enroll", driver="acme")
    found = figures(database)
    assert (found.nodes, found.never_read, found.unowned, found.unread) == (2, 0, 0, [])
    assert found.owned == {member.incarnation: 2}


def test_nodes_that_do_not_answer_count_as_failing_and_not_as_unread(database: Database) -> None:
    enter(database, "c1")
    enrol_read(database, {"a": 600.0}, power_failures=3)
    found = figures(database)
    assert (found.failing, found.fresh_share, found.unread) == (1, 0.0, [])


def test_a_node_that_was_enrolled_just_now_is_not_missed_yet(database: Database, enrol: Enrol) -> None:
    enter(database, "c1")
    enrol("new")
    found = figures(database)
    assert (found.never_read, found.unread) == (1, [])


def test_a_node_whose_power_is_being_changed_is_not_missed(database: Database) -> None:
    member = enter(database, "c1")
    enrol_read(database, {"a": 600.0}, reservation=member)
    found = figures(database)
    assert (found.held_by_ended, found.unread) == (0, [])


def test_nodes_of_a_subnet_that_all_conductors_avoid_are_told_as_such(database: Database) -> None:
    enter(database, "c1")
    enrol_read(database, {"a": 600.0}, endpoint="10.0.1.1")
    enrol_read(database, {"b": 600.0}, endpoint="10.0.1.2", driver="acme")
    avoidances.avoid(database, "c1", ip_network("10.0.1.0/24"))
    assert {(one.kind, one.why) for one in figures(database).unread} == {
        ("avoided", "all conductors avoid their subnet, see: podium conductor avoided"),
        ("unserved", "nobody serves the driver acme in the conductor group ''"),
    }
