"""A standby that has taken over is told from the server that was there before."""

from collections.abc import Iterator

import psycopg
import pytest

from podium.db import changes, schema
from podium.db.engine import Database
from podium.db.history import history_of
from podium.db.limits import CONDUCTOR
from servers import Server
from standbys import Replicated


@pytest.fixture(scope="module")
def replicated() -> Iterator[Replicated]:
    with Replicated(is_synchronous=True) as servers:
        yield servers


def test_any_login_may_ask_which_history_it_is(postgresql_server: Server) -> None:
    postgresql_server.execute("CREATE ROLE ordinary LOGIN")
    try:
        where = f"host={postgresql_server.host} port={postgresql_server.port} dbname=postgres"
        with psycopg.connect(f"{where} user=ordinary") as connection:
            found = history_of(connection)
        assert found is not None
        assert found.timeline == "00000001"
    finally:
        postgresql_server.execute("DROP ROLE ordinary")


def test_a_server_in_recovery_does_not_say(replicated: Replicated) -> None:
    with replicated.standby.connect() as connection:
        assert history_of(connection) is None


def test_a_promotion_is_noticed_before_anything_is_done_on_the_new_primary(replicated: Replicated) -> None:
    database, noticed = Database(replicated.url, CONDUCTOR), list[int]()
    database.on_other_history(lambda: noticed.append(1))
    try:
        schema.check(database)
        with database.write() as connection:
            changes.next_change(connection)
        database.engine.dispose()  # a new connection to the same server is no news
        with database.read() as connection:
            before = changes.pulse(connection)
        assert not noticed
        assert not (database.where.startswith("postgresql+psycopg://postgres@[") or "?" in database.where)

        replicated.fail_over()
        with database.read() as connection:
            assert noticed == [1]
            assert changes.pulse(connection) == before
        database.engine.dispose()
        with database.write() as connection:
            changes.next_change(connection)
        assert noticed == [1]
    finally:
        database.dispose()
