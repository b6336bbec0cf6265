"""Connections that are kept to a server; those to a file are in test_engine.py."""

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

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


def _number(database: Database, connection: sa.Connection) -> Any:
    """Return what the server calls a connection."""
    name = "pg_backend_pid()" if database.url.get_backend_name() == "postgresql" else "connection_id()"
    with connection.begin():
        return connection.scalar(sa.text(f"SELECT {name}"))


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
