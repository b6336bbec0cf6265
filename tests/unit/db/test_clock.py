"""The database's clock dates what several hosts read, whatever the clock of this host says."""

from datetime import UTC, datetime, timedelta

import pytest

import entries
from podium import states
from podium.db import (
    api,
    cancelling,
    clock,
    conductors,
    members,
    models,
    node_list,
    operations,
    power,
    task_commands,
)
from podium.db.engine import Database
from podium.db.figures import Figures
from podium.db.worker import Worker
from read_nodes import create_nodes

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def wrong_host(monkeypatch: pytest.MonkeyPatch, database: Database) -> timedelta:
    """Set this host's clock an hour ahead; the result is how far the database's is then, as others see it."""
    right = models.utcnow
    monkeypatch.setattr(models, "utcnow", lambda: right() + HOUR)
    return HOUR if database.is_sqlite else timedelta(0)


def test_a_server_has_its_own_clock_and_sqlite_that_of_the_host(
    database: Database, wrong_host: timedelta
) -> None:
    before = datetime.now(UTC)
    with database.read() as connection:
        found = clock.now(connection)
    assert found.tzinfo is UTC
    # The tests' servers run on this host, whose real clock they go by.
    assert before <= found - wrong_host <= datetime.now(UTC)


def test_what_is_written_has_the_database_s_time(database: Database, wrong_host: timedelta) -> None:
    before = datetime.now(UTC)
    with database.write() as connection:
        api.create_nodes(connection, [{"name": "n1", "driver": "fake"}])
        (node,) = api.list_nodes(connection)
        asked = power.ask(connection, [node], states.POWER_ON, who="ada@desk")
        cancelling.cancel(connection, asked.operation_id or 0, "ada@desk")
        numbers = task_commands.ask(connection, "c1", "fake.check_status", "run", "ada@desk")
        task_commands.answer(connection, numbers[0], None)
        entries.enter(connection, "c1")
        conductors.save_figures(connection, Worker("c1", 0), Figures())
        (operation,) = operations.list_operations(connection, 1)
        (command,) = task_commands.find(connection, numbers)
        (conductor,) = conductors.list_conductors(connection)
        (figures,) = conductors.figures(connection, "c1")
    times = (
        node.created_at,
        operation.requested_at,
        operation.cancelled_at,
        command.finished_at,
        conductor.heartbeat_at,
        figures.updated_at,
    )
    for at in times:
        assert at is not None
        assert before <= at - wrong_host <= datetime.now(UTC)
    assert 0 <= conductor.age < 60
    assert 0 <= figures.age < 60


def test_no_date_is_too_late_or_too_early_to_be_counted_on_from() -> None:
    first, last = (one.replace(tzinfo=UTC) for one in (datetime.min, datetime.max))
    assert clock.later(NOW, 90.5) == NOW + timedelta(seconds=90.5)
    assert (clock.later(last, 1), clock.later(first, -1)) == (last, first)
    assert (clock.later(NOW, 1e12), clock.later(NOW, -1e12)) == (last, first)


@pytest.mark.parametrize(
    ("seconds", "age"), [(0, 0), (7.5, 7.5), (-1, 0), (-clock.AHEAD, 0), (-clock.AHEAD - 1, None)]
)
def test_an_age_is_never_negative_and_unknown_for_what_lies_ahead(seconds: float, age: float | None) -> None:
    assert clock.age(NOW - timedelta(seconds=seconds), NOW) == age


@pytest.mark.parametrize(
    "moment",
    [datetime.min.replace(tzinfo=UTC), datetime(1970, 1, 1, tzinfo=UTC), datetime.max.replace(tzinfo=UTC)],
)
def test_no_time_is_too_far_away_for_an_age(moment: datetime) -> None:
    assert (clock.age(moment, NOW) is None) == (moment > NOW)


def test_a_conductor_whose_heartbeat_lies_ahead_is_not_alive_until_it_is_renewed(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = [NOW + HOUR, NOW, NOW + HOUR]
    monkeypatch.setattr(clock, "now", lambda _connection: times[0])

    def is_alive() -> bool:
        with database.read() as connection:
            return conductors.list_conductors(connection)[0].is_alive(60)

    with database.write() as connection:
        (member,) = entries.enter(connection, "c1")
    assert is_alive()
    del times[0]  # the clock is set back
    assert not is_alive()
    with database.write() as connection:
        members.renew(connection, member, 2)
    assert is_alive()
    del times[0]  # and ahead
    assert not is_alive()


@pytest.mark.parametrize(
    "moment",
    [datetime(1970, 1, 1), datetime(1960, 2, 3, 4, 5, 6, 7), datetime(9999, 12, 31, 23, 59, 59, 999999)],
)
def test_any_time_comes_back_as_it_went_and_one_without_a_zone_is_utc(
    database: Database, moment: datetime
) -> None:
    with database.write() as connection:
        rows = [{"name": "aware", "power_checked_at": moment.replace(tzinfo=UTC)}]
        rows.append({"name": "naive", "power_checked_at": moment})
        create_nodes(connection, [{"driver": "fake", **row} for row in rows])
        found = [node.power_checked_at for node in api.list_nodes(connection)]
    assert found == [moment.replace(tzinfo=UTC)] * 2


def test_a_reading_that_lies_ahead_is_not_fresh(database: Database) -> None:
    checked = {"old": -121.0, "fresh": -119.0, "ahead": 3600.0, "a second ahead": 1.0, "never": None}
    rows = [
        {
            "name": name,
            "driver": "fake",
            "power_checked_at": None if at is None else NOW + timedelta(seconds=at),
        }
        for name, at in checked.items()
    ]
    with database.write() as connection:
        create_nodes(connection, rows)
        fresh = NOW - timedelta(seconds=120), NOW + timedelta(seconds=clock.AHEAD)
        found = node_list.select_nodes(connection, ["name"], fresh=fresh)
    assert {row["name"] for row in found} == {"old", "ahead", "never"}
