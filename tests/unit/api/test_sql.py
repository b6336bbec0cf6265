"""Transactions for the event loop."""

import asyncio
from pathlib import Path

import sqlalchemy as sa

from peers import PATIENCE
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
