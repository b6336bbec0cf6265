"""How far the changes have come is found out cheaply, and never too late."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import sqlalchemy as sa

from podium.conductor.rooms.sql import Sql
from podium.db import schema
from podium.db.changes import next_change
from podium.db.engine import Database


class Looking:
    """A conductor's access to a database, the queries that it makes, and somebody else who writes."""

    def __init__(self, url: str) -> None:
        self.now = 0.0
        database = Database(url)
        schema.upgrade(database)
        database.keep_open()
        self.sql = Sql(database, clock=lambda: self.now)
        self.queries = 0
        sa.event.listen(database.engine, "begin", self._count)
        self.other = Database(url)

    def _count(self, _connection: object) -> None:
        self.queries += 1

    def change(self) -> None:
        with self.other.write() as connection:
            next_change(connection)

    def close(self) -> None:
        self.sql.close()
        self.other.dispose()


def looking(url: str, then: Callable[[Looking], Awaitable[None]]) -> None:
    async def main() -> None:
        it = Looking(url)
        try:
            await then(it)
        finally:
            it.close()

    asyncio.run(main())


def test_every_change_of_somebody_else_is_seen_by_the_next_look(database_url: str) -> None:
    async def then(it: Looking) -> None:
        before = await it.sql.pulse()
        for number in range(1, 4):
            it.change()
            assert (await it.sql.pulse()).changes == before.changes + number

    looking(database_url, then)


def test_sqlite_is_asked_nothing_where_nobody_has_written(tmp_path: Path) -> None:
    async def then(it: Looking) -> None:
        await it.sql.pulse()
        await it.sql.pulse()
        asked = it.queries
        for _ in range(5):
            await it.sql.pulse()
        assert it.queries == asked
        it.now = 2.0
        await it.sql.pulse()
        assert it.queries == asked + 1

    looking(f"sqlite:///{tmp_path}/p", then)
