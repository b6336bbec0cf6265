"""Notifications within a test: events in the ledger, and their delivery."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from fakes import HERE, until
from podium.clocks import boottime
from podium.conductor.fleet.lease import Lease
from podium.conductor.rooms.sql import Sql
from podium.conductor.telling.notifications import Notifications
from podium.conductor.telling.sink_settings import NotificationSettings
from podium.db import members
from podium.db.engine import Database
from podium.db.models import notification_cursors, power_events
from podium.db.worker import Worker


def happen(database: Database, *names: str, writer: Worker = HERE, cause: str = "out-of-band") -> None:
    """Write an event for each node."""
    its = {
        "at": datetime(2026, 1, 2, 3, 4, 5, 600, UTC),
        "from_state": "power on",
        "to_state": "power off",
        "cause": cause,
        "writer": writer,
    }
    rows = [{**its, "node_uuid": f"uuid of {name}", "node_name": name} for name in names]
    with database.write() as connection:
        connection.execute(sa.insert(power_events), rows)


def cursors(database: Database) -> dict[str, Any]:
    with database.read() as connection:
        return {row.sink: row for row in connection.execute(sa.select(notification_cursors))}


class Pauses:
    """Replaces asyncio.sleep: continues at once, and records how long it would have waited."""

    def __init__(self) -> None:
        self.asked: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.asked.append(seconds)
        await asyncio.sleep(0.001)


def enter(database: Database, host: str = "here") -> Worker:
    """Add a member. The host's previous member ends."""
    service = members.Service("boot:1:2", (), ("",), (), 30.0, 5.0, "1", "f")
    with database.write() as connection:
        for one in members.unended(connection):
            if one.host == host:
                members.leave(connection, one.name)
        return members.enter(connection, host, 0, service)


def entered(database: Database, host: str = "here") -> Lease:
    """Add a member, and return its long lease."""
    return Lease(enter(database, host), 1e9, boottime())


@contextlib.asynccontextmanager
async def running(
    database: Database, given: NotificationSettings, lease: Lease | None = None, **options: Any
) -> AsyncIterator[Notifications]:
    """Run notifications for declared sinks. No later event is lost."""
    sql = Sql(database)
    made = Notifications(sql, lease or entered(database), given, **{"sleep": Pauses(), **options})
    task = asyncio.create_task(made.run())
    try:
        wanted = set(given.subscriptions())
        await until(lambda: set(cursors(database)) == wanted or task.done())
        assert not task.done()
        yield made
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        sql.close()
