"""Transactions for the event loop."""

import asyncio
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa

from peers import PATIENCE
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
