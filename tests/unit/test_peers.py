"""The database servers of the tests: what a test of the outage of one relies on."""

from collections.abc import Callable

import pytest
import sqlalchemy

from servers import RestartablePostgreSQL


def test_each_test_starts_with_an_empty_database(database_url: str) -> None:
    engine = sqlalchemy.create_engine(database_url)
    try:
        assert sqlalchemy.inspect(engine).get_table_names() == []
    finally:
        engine.dispose()


def test_a_stopped_server_comes_back_with_what_was_committed(
    restartable_postgresql: RestartablePostgreSQL,
) -> None:
    engine = sqlalchemy.create_engine(restartable_postgresql.url)
    try:
        with engine.begin() as connection:
            connection.execute(sqlalchemy.text("CREATE TABLE kept (id integer)"))
        restartable_postgresql.stop()
        with pytest.raises(sqlalchemy.exc.OperationalError), engine.connect() as connection:
            connection.execute(sqlalchemy.text("SELECT 1"))
        restartable_postgresql.start()
        assert sqlalchemy.inspect(engine).get_table_names() == ["kept"]
    finally:
        engine.dispose()


def test_a_missing_peer_skips_the_test_with_its_package(
    require_peer: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PODIUM_REQUIRE_PEERS", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no-such-program is not installed"):
        require_peer("no-such-program")


def test_a_missing_peer_fails_the_test_where_peers_are_required(
    require_peer: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PODIUM_REQUIRE_PEERS", "1")
    with pytest.raises(pytest.fail.Exception, match="no-such-program is not installed"):
        require_peer("no-such-program")
