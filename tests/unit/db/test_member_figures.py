"""Figures of the members, and whether the fleet could do without one of its hosts."""

from collections.abc import Sequence

import pytest

from podium.db import conductors, members, slots
from podium.db.engine import Database
from podium.db.figures import Figures
from podium.db.member_figures import MemberFigures, Shortage, member_figures, shortages
from podium.db.worker import Worker

pytestmark = pytest.mark.mariadb_long


def enter(
    database: Database,
    host: str,
    worker: int = 0,
    *,
    groups: Sequence[str] = ("",),
    version: str = "1",
    options: str = "f",
) -> Worker:
    service = members.Service("boot:1:2", ("fake",), groups, (), 30.0, 5.0, version, options)
    with database.write() as connection:
        return members.enter(connection, host, worker, service)


def figures(database: Database) -> MemberFigures:
    with database.read() as connection:
        return member_figures(connection)


def found(database: Database) -> list[Shortage]:
    with database.read() as connection:
        return shortages(connection)


def be_busy(database: Database, worker: Worker, **load: float) -> None:
    with database.write() as connection:
        conductors.save_figures(connection, worker, Figures(load=load))


def test_members_are_counted_by_host_and_each_has_the_age_of_its_lease(database: Database) -> None:
    ours = [enter(database, "c1"), enter(database, "c1", 1), enter(database, "c2")]
    seen = figures(database)
    assert seen.by_host == {"c1": 2, "c2": 1}
    assert seen.lease_ages.keys() == {*ours}
    assert all(0 <= age < 60 for age in seen.lease_ages.values())


def test_who_left_is_not_counted_as_evicted_and_who_was_ended_is(database: Database) -> None:
    left, over, by = enter(database, "c1"), enter(database, "c2"), enter(database, "c3")
    with database.write() as connection:
        members.leave(connection, left)
        members.end(connection, {over.incarnation: 1}, by, "its lease ran out")
    seen = figures(database)
    assert (seen.evicted, seen.by_host) == (1, {"c3": 1})


def test_who_has_not_acknowledged_the_newest_generation_is_pending(database: Database) -> None:
    one, _ = enter(database, "c1"), enter(database, "c2")
    with database.write() as connection:
        generation = slots.make_generation(connection)
    assert generation is not None
    assert (figures(database).generation, figures(database).pending) == (generation, 2)
    with database.write() as connection:
        members.acknowledge(connection, one, generation)
    assert figures(database).pending == 1


def test_versions_and_options_are_those_of_the_members(database: Database) -> None:
    one, two = enter(database, "c1"), enter(database, "c2", version="2", options="g")
    seen = figures(database)
    assert seen.versions == {one: "1", two: "2"}
    assert seen.fingerprints == {one: "f", two: "g"}


def test_a_fleet_whose_hosts_are_half_idle_can_do_without_one(database: Database) -> None:
    for host in ("c1", "c2", "c3"):
        be_busy(database, enter(database, host), cpu=0.5, reads=0.1)
    assert found(database) == []


def test_a_fleet_whose_others_would_be_too_busy_is_short(database: Database) -> None:
    for host in ("c1", "c2", "c3"):
        be_busy(database, enter(database, host), cpu=0.6, reads=0.1)
    (short,) = found(database)
    assert (short.group, short.left) == ("", 2)
    assert (short.cpu, short.reads) == (pytest.approx(0.9), pytest.approx(0.15))
    assert "90%" in str(short)


def test_reads_that_use_all_that_are_allowed_make_a_fleet_short_too(database: Database) -> None:
    for host in ("c1", "c2"):
        be_busy(database, enter(database, host), cpu=0.1, reads=0.7)
    assert [one.reads for one in found(database)] == [pytest.approx(1.4)]


def test_the_host_with_most_workers_is_the_one_that_would_be_missed(database: Database) -> None:
    for index in range(3):
        be_busy(database, enter(database, "large", index), cpu=0.3)
    be_busy(database, enter(database, "small"), cpu=0.3)
    assert [(one.without, one.left, one.cpu) for one in found(database)] == [("large", 1, pytest.approx(1.2))]


def test_a_group_of_one_host_is_not_warned_of_and_others_carry_nothing_of_it(database: Database) -> None:
    be_busy(database, enter(database, "c1"), cpu=0.99)
    be_busy(database, enter(database, "c2", groups=("east",)), cpu=0.99)
    assert found(database) == []
