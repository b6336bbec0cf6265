"""Conductors, their workers and the freshness of the fleet, asked on the database and over HTTP."""

from collections.abc import Callable

import pytest

from crews import enter, settle
from podium import errors
from podium.api.callers import Role
from podium.client.calls.conductors import ListConductors
from podium.client.podium import Podium
from podium.db import conductors, enforcement, members, notifications
from podium.db.api import NodeRecord
from podium.db.engine import Database
from podium.db.figures import DriverFigures, Figures, SinkFigures
from podium.db.models import utcnow
from podium.db.worker import Worker
from served import Everybody

Enrol = Callable[..., list[NodeRecord]]


@pytest.fixture
def workers(database: Database, enrol: Enrol) -> list[Worker]:
    """Two conductors that share four nodes."""
    enrol("n1", "n2", "n3", "n4")
    found = [enter(database, "c1"), enter(database, "c2")]
    settle(database, *found)
    return found


def test_conductors_are_listed_with_what_they_have(podium: Podium, workers: list[Worker]) -> None:
    one, other = podium.conductors()
    assert (one.hostname, one.state, other.hostname) == ("c1", "alive", "c2")
    assert one.nodes + other.nodes == 4
    assert one.members == [str(workers[0])] and one.online and one.acknowledged == one.generation


def test_pages_of_conductors_are_in_natural_order(podium: Podium, database: Database) -> None:
    for host in ("c10", "c2", "c1"):
        enter(database, host)
    found, marker = [], None
    while page := podium.ask(ListConductors(limit=1, marker=marker)):
        found += [one.hostname for one in page.items]
        if (marker := page.next) is None:
            break
    assert found == ["c1", "c2", "c10"]


def test_what_nobody_serves_is_warned_of_once(
    podium: Podium, workers: list[Worker], enrol: Enrol, warnings: list[str]
) -> None:
    enrol("x1", driver="acme")
    list(podium.conductors())
    assert warnings == ["warning: nobody serves the nodes with the driver acme: 1"]
    first = podium.ask(ListConductors(limit=1))
    podium.ask(ListConductors(limit=1, marker=first.next))
    assert len(warnings) == 2


def test_a_conductor_is_shown_with_its_figures(
    podium: Podium, database: Database, workers: list[Worker]
) -> None:
    since = utcnow()
    figures = Figures(
        nodes=3,
        write_lag=0.5,
        drivers={"fake": DriverFigures(nodes=3, counters={"x": 1.0})},
        notifications={"url": SinkFigures(failing=True, failing_since=since)},
        load={"cpu": 0.25},
    )
    with database.write() as connection:
        conductors.save_figures(connection, workers[0], figures)
        notifications.declare(connection, "c1", ["url"])
    shown = podium.conductor("c1")
    assert (shown.hostname, shown.online, shown.nodes, shown.write_lag) == ("c1", True, 3, 0.5)
    assert shown.power_reads is not None and shown.power_reads["fake"].counters == {"x": 1.0}
    assert shown.notifications is not None
    assert shown.notifications["url"].failing_since == since
    assert shown.load == {"cpu": 0.25} and shown.statistics_at is not None


def test_a_conductor_that_does_not_exist_is_named_with_those_that_do(
    podium: Podium, workers: list[Worker]
) -> None:
    with pytest.raises(errors.NotFound, match="there is no conductor c9; there are: c1, c2"):
        podium.conductor("c9")


def test_the_freshness_of_the_fleet_is_that_of_all_conductors(
    podium: Podium, database: Database, workers: list[Worker], warnings: list[str]
) -> None:
    for worker in workers:
        with database.write() as connection:
            conductors.save_figures(connection, worker, Figures(nodes=9, queues={"readings": 2}))
    with database.write() as connection:
        members.leave(connection, workers[1])
    fleet = podium.freshness()
    assert (fleet.hostnames, fleet.workers, fleet.nodes, fleet.never_read) == (["c1"], 1, 4, 4)
    assert fleet.queues == {"readings": 2} and fleet.unowned > 0
    assert fleet.statistics_at is not None and warnings == []


def test_a_fleet_without_conductors_has_no_freshness(podium: Podium) -> None:
    with pytest.raises(errors.NotFound, match="no conductor has run on this database yet"):
        podium.freshness()


def test_workers_are_listed_with_the_last_of_those_that_ended(
    podium: Podium, database: Database, workers: list[Worker]
) -> None:
    with database.write() as connection:
        members.leave(connection, workers[0])
    gone, alive = podium.members()
    assert (gone.name, gone.hostname, gone.lease_age) == (str(workers[0]), "c1", None)
    assert gone.ended_at is not None and alive.ended_at is None
    assert alive.lease_age is not None and (alive.lease, alive.drivers) == (30.0, ["fake"])


def test_a_thaw_says_whether_anything_was_frozen(podium: Podium, database: Database) -> None:
    with database.write() as connection:
        enforcement.freeze(connection, utcnow(), "300 of 1000 nodes vanished")
    assert podium.thaw().changed
    assert not podium.thaw().changed


@pytest.mark.parametrize("podium", ["remote"], indirect=True)
def test_an_operator_thaws_nothing(podium: Podium, everybody: Everybody) -> None:
    everybody.role = Role.OPERATOR
    with pytest.raises(errors.NotAllowed, match="this needs admin"):
        podium.thaw()
