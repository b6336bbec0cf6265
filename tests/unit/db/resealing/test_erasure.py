"""What rows held before is in no file of the database any more."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from podium.db import api
from podium.db.engine import Database
from podium.db.models import nodes, ports
from podium.db.resealing.erasure import erase
from servers import Server
from templates import prepared

_WORD = "hunter2-hunter2"


def fill(database: Database) -> None:
    """Have nodes with a word that is changed and deleted again."""
    rows = [{"name": f"n{number}", "driver": "fake", "description": _WORD} for number in range(300)]
    with database.write() as connection:
        api.create_nodes(connection, rows)
    with database.write() as connection:
        connection.execute(sa.update(nodes).values(description="short"))
        connection.execute(sa.delete(nodes).where(nodes.c.id % 2 == 0))


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Database]:
    database = prepared(f"sqlite:///{tmp_path / 'podium.sqlite'}")
    yield database
    database.dispose()


def files(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.glob("podium.sqlite*"))


def test_an_sqlite_file_and_its_log_hold_nothing_of_before(sqlite: Database, tmp_path: Path) -> None:
    sqlite.keep_open()
    fill(sqlite)
    assert _WORD.encode() in files(tmp_path)
    assert erase(sqlite, [nodes]) == []
    assert _WORD.encode() not in files(tmp_path)
    with sqlite.read() as connection:
        assert api.count_nodes(connection) == 150


def test_what_is_deleted_from_an_sqlite_file_is_overwritten_at_once(sqlite: Database, tmp_path: Path) -> None:
    fill(sqlite)
    sqlite.dispose()  # which folds the log into the file
    assert _WORD.encode() not in files(tmp_path)


def test_an_sqlite_file_that_others_use_all_the_time_is_named(sqlite: Database, tmp_path: Path) -> None:
    fill(sqlite)
    with sqlite.snapshot() as connection:
        api.count_nodes(connection)
        (line,) = erase(sqlite, [nodes], patience=0)
        assert line == f"{tmp_path}/podium.sqlite-wal: for 0 s others were reading what was before"
    with sqlite.write():
        (line,) = erase(sqlite, [nodes], patience=0)
        assert line == f"{tmp_path}/podium.sqlite: for 0 s others were writing"


def test_the_files_of_a_table_of_postgresql_hold_nothing_of_before(postgresql_server: Server) -> None:
    database = prepared(postgresql_server.url(postgresql_server.create_migrated_database()))
    place = sa.text("SELECT pg_read_binary_file(pg_relation_filepath('nodes'))")
    fill(database)

    def holds() -> bool:
        with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("CHECKPOINT")
            return _WORD.encode() in bytes(connection.scalars(place).one())

    assert holds()
    assert erase(database, [nodes, ports]) == []
    assert not holds()
    with database.write() as connection:
        api.count_nodes(connection)
        assert erase(database, [nodes, ports], patience=1) == [
            "table nodes: for 1 s another transaction was using it"
        ]
    database.dispose()


@pytest.mark.mariadb_long
def test_the_files_of_a_table_of_mariadb_hold_nothing_of_before(mariadb_server: Server) -> None:
    name = mariadb_server.create_migrated_database()
    database = prepared(mariadb_server.url(name))
    fill(database)

    def holds() -> bool:
        with database.engine.connect() as connection:
            connection.exec_driver_sql("FLUSH TABLES nodes FOR EXPORT")  # until it is closed
            (file,) = mariadb_server.folder.rglob(f"{name}/nodes.ibd")
            found = _WORD.encode() in file.read_bytes()
            connection.exec_driver_sql("UNLOCK TABLES")
            return found

    assert holds()
    assert erase(database, [nodes, ports]) == []
    assert not holds()
    with database.write() as connection:
        api.count_nodes(connection)
        assert erase(database, [nodes, ports], patience=1) == [
            "table nodes: for 1 s another transaction was using it"
        ]
    database.dispose()
