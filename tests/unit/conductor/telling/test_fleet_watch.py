"""The whole fleet is watched by one member, which logs what is wrong once and when it is over."""

import asyncio
import logging
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from podium.conductor.rooms.sql import Sql
from podium.conductor.telling.fleet_metrics import of_fleet
from podium.conductor.telling.fleet_watch import FleetWatch
from podium.db import api, clock, conductors, members, slots
from podium.db.engine import Database
from podium.db.figures import Figures
from podium.db.models import nodes, power_readings
from podium.db.worker import Worker
from read_nodes import create_nodes
from templates import prepared


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    found = prepared(f"sqlite:///{tmp_path}/p.sqlite")
    yield found
    found.dispose()


def enter(database: Database, host: str, options: str = "", version: str = "1") -> Worker:
    service = members.Service("boot:1:2", ("fake",), ("",), (), 30.0, 5.0, version, options)
    with database.write() as connection:
        member = members.enter(connection, host, 0, service)
        slots.make_generation(connection)
    return member


def enrol(database: Database, *names: str, driver: str = "fake", holder: Worker | None = None) -> None:
    """Enrol nodes whose power was read ten minutes ago."""
    with database.write() as connection:
        at = clock.later(clock.now(connection), -600)
        row = {"driver": driver, "power_checked_at": at, "reservation": holder}
        create_nodes(connection, [{**row, "name": name} for name in names])
        connection.execute(sa.update(nodes).values(created_at=at - timedelta(hours=1)))


def read_all(database: Database) -> None:
    with database.write() as connection:
        connection.execute(sa.update(power_readings).values(checked_at=clock.now(connection)))


def look(watch: FleetWatch, times: int = 1) -> None:
    async def main() -> None:
        for _ in range(times):
            await watch.look()

    asyncio.run(main())


def watching(database: Database, worker: Worker) -> FleetWatch:
    return FleetWatch(Sql(database), worker, max_age=120)


def logged(caplog: pytest.LogCaptureFixture) -> list[str]:
    found = [record.getMessage() for record in caplog.records if record.name.endswith("fleet_watch")]
    caplog.clear()
    return found


def test_nodes_that_nobody_reads_are_logged_once_and_again_when_that_is_over(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    watch = watching(database, enter(database, "c1"))
    enrol(database, "a", "b", driver="acme")
    enrol(database, "c", holder=Worker("c2", 0, 99))
    why = "nobody serves the driver acme in the conductor group ''"
    held = "held by c2/0@99, which has ended"
    look(watch, 3)
    assert logged(caplog) == [
        f"2 nodes have not been read for 120 s: {why}",
        f"1 nodes have not been read for 120 s: {held}",
    ]
    read_all(database)
    look(watch, 2)
    assert logged(caplog) == [
        f"Over: nodes that have not been read for 120 s: {text}" for text in (why, held)
    ]


def test_only_the_oldest_member_watches_and_the_next_one_goes_on(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = enter(database, "c1"), enter(database, "c2")
    enrol(database, "a", driver="acme")
    watch = watching(database, second)
    look(watch)
    assert (watch.seen, logged(caplog)) == (None, [])
    with database.write() as connection:
        members.leave(connection, first)
    look(watch)
    assert watch.seen is not None
    assert watch.seen.fleet.nodes == 1
    assert any("acme" in line for line in logged(caplog))


def test_members_with_other_options_are_logged_by_host(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    watch = watching(database, enter(database, "c1", "interval:1 policy:2"))
    other = enter(database, "c2", "interval:7 policy:2")
    look(watch, 2)
    assert logged(caplog) == ["Options of [conductor] are not as most conductors have them: c2: interval"]
    with database.write() as connection:
        members.leave(connection, other)
    look(watch)
    assert logged(caplog) == ["All conductors have the same options of [conductor] again"]


def test_versions_that_differ_are_logged_until_an_upgrade_is_complete(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    watch = watching(database, enter(database, "c1"))
    enter(database, "c2", version="2")
    look(watch, 2)
    assert logged(caplog) == ["Conductors have different versions of Podium: c1: 1; c2: 2"]


def test_a_fleet_that_could_not_do_without_a_host_is_logged_with_what_that_is_based_on(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    for host in ("c1", "c2"):
        worker = enter(database, host)
        with database.write() as connection:
            conductors.save_figures(connection, worker, Figures(load={"cpu": 0.6}))
    look(watching(database, Worker("c1", 0, 1)))
    (line,) = logged(caplog)
    assert "without c2 the 1 workers left would be busy to 120%, more than 80% (CPU 120%" in line


def test_the_metrics_count_every_node_and_member(database: Database) -> None:
    watch = watching(database, enter(database, "c1"))
    enrol(database, "a")
    with database.write() as connection:
        api.create_nodes(connection, [{"name": "b", "driver": "acme"}])
    look(watch)
    assert watch.seen is not None
    samples = {
        (sample.name, *sample.labels.values()): sample.value
        for metric in of_fleet(watch.seen)
        for sample in metric.samples
    }
    assert samples["podium_fleet_nodes",] == 2
    assert samples["podium_fleet_nodes_unowned",] == 1
    assert samples["podium_fleet_fresh_share",] == 0
    assert samples["podium_fleet_nodes_unread", "slow"] == 1
    assert samples["podium_fleet_members", "c1"] == 1
    assert samples["podium_fleet_differs", "options"] == 0
    assert ("podium_fleet_lease_age_seconds", "c1", "0") in samples
