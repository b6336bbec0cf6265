"""Transactions for the event loop."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from peers import PATIENCE
from podium import errors
from podium.api.faults import Fault
from podium.api.sql import THREADS, Sql
from podium.db.engine import Database
from templates import prepared


def test_reads_are_done_while_all_writes_wait_for_a_lock(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'podium.sqlite'}"
    prepared(url).dispose()
    other, sql = Database(url), Sql(Database(f"{url}?timeout={PATIENCE}"))
    count = sa.text("SELECT count(*) FROM nodes")

    async def ask() -> None:
        with other.write():
            writes = [
                asyncio.ensure_future(sql.write(lambda connection: connection.scalar(count)))
                for _ in range(2 * THREADS)
            ]
            async with asyncio.timeout(PATIENCE):
                assert await sql.read(lambda connection: connection.scalar(count)) == 0
            assert not any(one.done() for one in writes)
        assert await asyncio.gather(*writes) == [0] * (2 * THREADS)

    asyncio.run(ask())
    sql.close()
    other.dispose()


@pytest.mark.parametrize(("way", "end"), [(Sql.look, "nobody waits for this any more"), (Sql.use, "2")])
def test_a_read_that_nobody_waits_for_ends_and_what_may_write_goes_on(
    tmp_path: Path, way: Callable[..., Awaitable[None]], end: str
) -> None:
    url = f"sqlite:///{tmp_path / 'podium.sqlite'}"
    prepared(url).dispose()
    sql = Sql(Database(url))
    begun, held = threading.Event(), threading.Event()
    ends: list[str] = []

    def work(database: Database) -> None:
        try:
            with database.read() as connection:
                connection.scalar(sa.text("SELECT 1"))
                begun.set()
                held.wait(PATIENCE)
                ends.append(str(connection.scalar(sa.text("SELECT 2"))))
        except errors.DatabaseUnavailable as fault:
            ends.append(str(fault))

    async def ask() -> None:
        under_way = asyncio.ensure_future(way(sql, work))
        await asyncio.to_thread(begun.wait, PATIENCE)
        under_way.cancel()
        await asyncio.gather(under_way, return_exceptions=True)
        held.set()
        await asyncio.to_thread(sql.close)

    asyncio.run(ask())
    assert ends == [end]


def test_lists_are_read_while_every_thread_that_writes_is_taken(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'podium.sqlite'}"
    prepared(url).dispose()
    sql = Sql(Database(url))
    held = threading.Event()

    async def ask() -> None:
        writes = [asyncio.ensure_future(sql.use(lambda _: held.wait(PATIENCE))) for _ in range(2 * THREADS)]
        async with asyncio.timeout(PATIENCE):
            assert await sql.look(lambda _: 1) == 1
        assert not any(one.done() for one in writes)
        held.set()
        await asyncio.gather(*writes)

    asyncio.run(ask())
    sql.close()


def test_what_waits_for_long_keeps_nobody_waiting_and_ends_with_the_process(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'podium.sqlite'}"
    prepared(url).dispose()
    sql = Sql(Database(url))
    begun = threading.Barrier(3)

    def wait(_: Database) -> None:
        begun.wait(PATIENCE)
        sql.pause(10 * PATIENCE)

    async def ask() -> None:
        waits = [asyncio.ensure_future(sql.wait(wait)) for _ in range(2)]
        await asyncio.to_thread(begun.wait, PATIENCE)
        async with asyncio.timeout(PATIENCE):
            assert await sql.use(lambda _: 1) == 1
            await asyncio.to_thread(sql.close)
            for one in waits:
                with pytest.raises(Fault, match="podium-api is ending"):
                    await one

    asyncio.run(ask())
