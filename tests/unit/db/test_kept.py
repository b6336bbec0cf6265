"""Connections that are kept to a server; those to a file are in test_engine.py."""

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from podium import errors
from podium.db.engine import Database
from podium.db.kept import KeptSession


@pytest.fixture
def server(database: Database) -> Database:
    if database.is_sqlite:
        pytest.skip("it has no server")
    return database


@pytest.fixture
def kept(server: Database) -> Iterator[KeptSession]:
    found = KeptSession(lambda: NOW[0])
    yield found
    found.close()


NOW = [0.0]


#: Returns what the server calls a connection.
_NUMBER = {"postgresql": sa.text("SELECT pg_backend_pid()"), "mysql": sa.text("SELECT connection_id()")}


def _number(database: Database, connection: sa.Connection) -> Any:
    with connection.begin():
        return connection.scalar(_NUMBER[database.url.get_backend_name()])


def _end(database: Database, number: int) -> None:
    with database.write() as connection:
        if database.url.get_backend_name() == "postgresql":
            connection.execute(sa.text(f"SELECT pg_terminate_backend({number}, 30000)"))
        else:
            connection.execute(sa.text(f"KILL {number}"))


def test_a_connection_is_kept_and_made_anew_once_the_server_has_ended_it(
    server: Database, kept: KeptSession
) -> None:
    first = _number(server, kept.connected(server.engine))
    NOW[0] += 3600
    assert _number(server, kept.connected(server.engine)) == first
    _end(server, first)
    NOW[0] += 3600
    assert _number(server, kept.connected(server.engine)) != first


def test_once_one_connection_was_lost_the_others_are_looked_at(server: Database) -> None:
    database = Database(server.url)
    database.keep_readers(2, lambda: NOW[0])
    with database.read() as connection, database.read() as other:
        numbers = [
            connection.scalar(_NUMBER[database.url.get_backend_name()]) for connection in (connection, other)
        ]
    for number in numbers:
        _end(server, number)
    with pytest.raises(errors.DatabaseUnavailable), database.read() as connection:
        connection.execute(sa.text("SELECT 1"))
    with database.read() as connection, database.read() as other:
        assert connection.scalar(sa.text("SELECT 1")) == other.scalar(sa.text("SELECT 1")) == 1
    database.dispose()


def test_a_refusal_of_podium_itself_costs_no_connection(server: Database) -> None:
    database = Database(server.url)
    database.keep_readers(1)
    with database.read() as connection:
        first = connection.connection.dbapi_connection
    with pytest.raises(errors.NodeNotFound), database.read():
        raise errors.NodeNotFound("ghost")
    with database.read() as connection:
        assert connection.connection.dbapi_connection is first
    database.dispose()


def test_reads_from_a_server_share_a_connection_unless_they_overlap(server: Database) -> None:
    database = Database(server.url)
    database.keep_readers(1)
    found = []
    for _ in range(2):
        with database.read() as connection:
            found.append(connection.connection.dbapi_connection)
    assert found[0] is found[1]
    with database.read() as connection, database.read() as other:
        assert connection.connection.dbapi_connection is not other.connection.dbapi_connection
    database.dispose()
