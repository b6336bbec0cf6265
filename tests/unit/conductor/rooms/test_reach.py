"""The log says once that the database is away, and that it is back only when it can be written again."""

import asyncio
import multiprocessing
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from podium import errors
from podium.conductor.rooms.reach import READ, WRITE, Reach
from podium.conductor.rooms.sql import Sql
from podium.db import changes
from podium.db.engine import Database
from servers import Server
from templates import prepared

AWAY = "The database is out of reach"
BACK = "The database is back"


def messages(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [
        record.getMessage().partition(";")[0]
        for record in caplog.records
        if record.name.startswith("podium.")
    ]


@pytest.mark.parametrize(
    ("happened", "away"),
    [
        (["-write", "+read", "+read"], True),
        (["-write", "+read", "+write"], False),
        (["-read", "+read"], True),
        (["-read", "+write", "+write"], True),
        (["-read", "+write", "+read"], False),
        (["-read", "+read", "+write"], False),
        (["-write", "+read", "-write", "+read"], True),
    ],
)
def test_an_outage_ends_once_what_failed_and_a_write_have_succeeded(
    happened: list[str], away: bool, caplog: pytest.LogCaptureFixture
) -> None:
    reach = Reach()
    for what in happened:
        if what[0] == "-":
            reach.failed(what[1:], errors.DatabaseUnavailable("gone"))
        else:
            reach.succeeded(what[1:])
    assert reach.up is not away
    assert messages(caplog) == [AWAY] + [BACK] * (not away)


def test_the_kinds_are_those_of_transactions() -> None:
    assert {READ, WRITE} == {"read", "write"}


async def fails(call: Callable[..., Awaitable[object]]) -> str:
    with pytest.raises(errors.DatabaseUnavailable) as caught:
        await call(changes.next_change if call.__name__ == "write" else changes.pulse)
    return str(caught.value)


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Another program that holds the write lock."""
    with closing(sqlite3.connect(file)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


def test_a_write_lock_of_another_program_is_one_outage_although_reads_succeed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "p"

    async def main() -> None:
        prepared(f"sqlite:///{file}").dispose()
        sql = Sql(Database(f"sqlite:///{file}?timeout=0.01"))
        with locked(file):
            for _ in range(3):
                text = await fails(sql.write)
                await sql.read(changes.pulse)
                await sql.pulse()
                assert not sql.up
        assert f"{file}: database is locked; another program holds its write lock" in text
        assert "server" not in text
        await sql.write(changes.next_change)
        assert sql.up
        sql.close()

    asyncio.run(main())
    assert messages(caplog) == [AWAY, BACK]


def test_a_server_that_takes_no_writes_is_away_until_it_does(
    postgresql_server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    name = postgresql_server.create_migrated_database()

    async def main() -> None:
        sql = Sql(Database(postgresql_server.url(name)))
        postgresql_server.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        for _ in range(2):
            text = await fails(sql.write)
            await sql.read(changes.pulse)
        assert "read-only transaction; the server takes no writes: it is a standby" in text
        postgresql_server.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = off")
        sql._database.engine.dispose()  # the setting is that of new connections
        await sql.write(changes.next_change)
        sql.close()

    asyncio.run(main())
    assert messages(caplog) == [AWAY, BACK]


def test_a_file_that_is_not_there_is_one_outage(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        sql = Sql(Database(f"sqlite:///{tmp_path}/not-there/p"))
        for _ in range(3):
            await fails(sql.read)
        (tmp_path / "not-there").mkdir()
        for _ in range(2):
            await sql.write(lambda connection: connection.execute(sa.text("SELECT 1")))
            await sql.read(lambda connection: None)
        sql.close()

    asyncio.run(main())
    assert messages(caplog) == [AWAY, BACK]


def test_the_workers_of_a_daemon_log_an_outage_of_all_once(caplog: pytest.LogCaptureFixture) -> None:
    away = multiprocessing.Array("b", 2)
    first, second = Reach(away, 0), Reach(away, 1)
    for reach in (first, second):
        reach.failed(WRITE, errors.DatabaseUnavailable("gone"))
    first.succeeded(WRITE)
    assert messages(caplog) == [AWAY]
    second.succeeded(WRITE)
    assert messages(caplog) == [AWAY, BACK]


def test_a_worker_that_was_killed_as_it_logged_an_outage_holds_up_nobody(
    caplog: pytest.LogCaptureFixture,
) -> None:
    away = multiprocessing.Array("b", 2)
    killed = multiprocessing.Process(target=away.get_lock().acquire)
    killed.start()
    killed.join()
    reach = Reach(away, 0)
    reach.failed(WRITE, errors.DatabaseUnavailable("x"))
    reach.succeeded(WRITE)
    assert messages(caplog) == [AWAY, BACK]


def test_a_worker_that_was_killed_in_an_outage_does_not_keep_the_database_away() -> None:
    away = multiprocessing.Array("b", 2)
    Reach(away, 1).failed(WRITE, errors.DatabaseUnavailable("gone"))
    Reach(away, 1)
    assert list(away) == [0, 0]


def test_an_outage_during_the_start_is_logged_only_if_the_start_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    reach = Reach(is_logged=False)
    reach.failed(WRITE, errors.DatabaseUnavailable("gone"))
    assert (reach.up, messages(caplog)) == (False, [])
    reach.log_from_now()
    reach.failed(WRITE, errors.DatabaseUnavailable("gone"))
    assert messages(caplog) == [AWAY]
    reach.succeeded(WRITE)
    assert messages(caplog) == [AWAY, BACK]


def test_an_outage_that_is_over_before_the_start_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    reach = Reach(is_logged=False)
    reach.failed(WRITE, errors.DatabaseUnavailable("gone"))
    reach.succeeded(WRITE)
    reach.log_from_now()
    assert (reach.up, messages(caplog)) == (True, [])
