"""How far the changes have come is found out cheaply, and never too late."""

import asyncio
import math
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

import entries
from podium import errors
from podium.conductor.rooms.sql import Sql
from podium.db import members
from podium.db.changes import next_change
from podium.db.engine import Database
from templates import prepared


class Looking:
    """A conductor's access to a database, the queries that it makes, and somebody else who writes."""

    def __init__(self, url: str) -> None:
        self.now = 0.0
        database = prepared(url)
        database.keep_open()
        self.sql = Sql(database, clock=self._clock)
        self.looks = 0
        self.queries = 0
        sa.event.listen(database.engine, "begin", self._count)
        self.other = Database(url)

    def _clock(self) -> float:
        self.looks += 1
        return self.now

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


def test_every_change_of_somebody_else_is_seen_by_the_next_look(migrated_url: str) -> None:
    async def then(it: Looking) -> None:
        before = await it.sql.pulse()
        for number in range(1, 4):
            it.change()
            assert (await it.sql.pulse()).changes == before.changes + number

    looking(migrated_url, then)


def test_who_waits_for_a_change_is_woken_by_it_and_by_nothing_else(migrated_url: str) -> None:
    async def then(it: Looking) -> None:
        before = await it.sql.pulse()
        waiting = asyncio.create_task(it.sql.wait_for_change(before, every=0.001, most=math.inf))
        while it.looks < 10:
            await asyncio.sleep(0)
            assert not waiting.done()
        it.change()
        assert await waiting
        assert await it.sql.pulse() != before

    looking(migrated_url, then)


def test_a_wait_for_a_change_ends_without_one_when_its_time_is_over_or_the_daemon_stops(
    tmp_path: Path,
) -> None:
    async def then(it: Looking) -> None:
        before = await it.sql.pulse()
        assert not await it.sql.wait_for_change(before, every=0.0, most=0.0)
        begun = it.looks
        waiting = asyncio.create_task(it.sql.wait_for_change(before, every=3600.0, most=math.inf))
        while it.looks == begun:
            await asyncio.sleep(0)
        await asyncio.to_thread(it.sql.close)
        assert not await waiting

    looking(f"sqlite:///{tmp_path}/p", then)


def test_a_look_at_sqlite_needs_no_transaction_for_two_seconds(tmp_path: Path) -> None:
    async def then(it: Looking) -> None:
        await it.sql.pulse()
        asked = it.queries
        it.now += 1.9
        await it.sql.pulse()
        assert it.queries == asked

    looking(f"sqlite:///{tmp_path}/p", then)


def test_a_database_that_was_put_in_the_place_of_the_open_file_is_noticed(tmp_path: Path) -> None:
    async def then(it: Looking) -> None:
        before = await it.sql.pulse()
        it.other.dispose()
        (tmp_path / "p").rename(tmp_path / "old")
        prepared(f"sqlite:///{tmp_path}/p").dispose()
        for _ in range(3):
            it.change()
        it.now += 2.0
        assert (await it.sql.pulse()).changes == before.changes + 3

    looking(f"sqlite:///{tmp_path}/p", then)


def test_what_a_member_writes_is_written_only_while_it_has_not_ended(migrated_url: str) -> None:
    async def then(it: Looking) -> None:
        with it.other.write() as connection:
            (me,) = entries.enter(connection, "here")
        ended: list[errors.MemberEnded] = []
        it.sql.act_as(me, ended.append)
        await it.sql.write(next_change)
        before = await it.sql.pulse()
        with it.other.write() as connection:
            members.end(connection, {me.incarnation: 1}, None, "forgotten")
        after = await it.sql.pulse()
        with pytest.raises(errors.MemberEnded, match="forgotten"):
            await it.sql.write(next_change)
        assert [str(error) for error in ended] == [f"the member {me} was ended: forgotten"]
        assert await it.sql.pulse() == after != before

    looking(migrated_url, then)
