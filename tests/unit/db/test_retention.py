"""What is deleted because it is old, though its date may be wrong."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from podium.db import clock, conductors, ledger, models, operations, retention, task_commands
from podium.db.engine import Database

pytestmark = pytest.mark.mariadb_long

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
BEFORE = NOW - 90 * DAY
OLD, YOUNG = NOW - 100 * DAY, NOW - DAY
BIRTH, AHEAD = datetime(1970, 1, 2, tzinfo=UTC), datetime(2036, 1, 1, tzinfo=UTC)
FIRST, LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


@pytest.fixture(autouse=True)
def _now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda _connection: NOW)


def write(database: Database, dates: Sequence[datetime]) -> None:
    """Write one event, operation and command of each date."""
    event = {"node_uuid": "u", "node_name": "n", "cause": "request"}
    operation = {"action": "power on", "requested_by": "me", "nodes": 1, "then_off": False}
    command = {"conductor": "c1", "worker": 0, "task": "t", "action": "run"}
    with database.write() as connection:
        for at in dates:
            connection.execute(sa.insert(models.power_events).values(**event, at=at))
            connection.execute(sa.insert(models.operations).values(**operation, requested_at=at))
            connection.execute(sa.insert(models.task_commands).values(**command, requested_at=at))


def left(database: Database, before: datetime = BEFORE) -> list[list[datetime]]:
    """The dates of what is left of each kind after it was pruned."""
    with database.write() as connection:
        ledger.prune_events(connection, before, 1000)
        operations.prune_operations(connection, before)
        task_commands.prune(connection, before)
        events, asked, commands = models.power_events.c, models.operations.c, models.task_commands.c
        columns = (events.at, events.id), (asked.requested_at, asked.id), (commands.requested_at, commands.id)
        return [list(connection.scalars(sa.select(at).order_by(number))) for at, number in columns]


@pytest.mark.parametrize(
    ("dates", "kept"),
    [
        ([OLD, OLD, YOUNG], [YOUNG]),
        ([OLD, OLD], []),
        ([OLD, YOUNG, BIRTH, YOUNG], [YOUNG, BIRTH, YOUNG]),
        ([OLD, YOUNG, BIRTH], [YOUNG, BIRTH]),
        ([OLD, AHEAD, OLD, YOUNG], [AHEAD, YOUNG]),
        ([YOUNG, AHEAD], [YOUNG, AHEAD]),
        ([OLD, FIRST, YOUNG, FIRST, LAST], [YOUNG, FIRST, LAST]),
    ],
    ids=["old", "all old", "1970 in between", "1970 at the end", "ahead first", "ahead last", "far away"],
)
def test_what_is_old_is_deleted_unless_something_older_is_young(
    database: Database, dates: Sequence[datetime], kept: Sequence[datetime]
) -> None:
    if database.url.get_backend_name() == "mysql" and FIRST in dates:
        dates = [one.replace(year=max(one.year, 1000)) for one in dates]  # its dates begin there
        kept = [one.replace(year=max(one.year, 1000)) for one in kept]
    write(database, dates)
    assert left(database) == [list(kept)] * 3


def test_in_1970_nothing_is_old(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda _connection: BIRTH)
    write(database, [YOUNG, BIRTH])
    assert left(database, BIRTH - 90 * DAY) == [[YOUNG, BIRTH]] * 3


def test_the_furthest_of_all_conductors_counts(database: Database) -> None:
    with database.write() as connection:
        assert retention.reached(connection) is None
        for name, at in (("c1", YOUNG), ("c2", OLD), ("c3", None)):
            conductors.begin(connection, name, 1)
            if at is not None:
                retention.reach(connection, name, at)
        assert retention.reached(connection) == YOUNG
