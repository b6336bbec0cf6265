"""What each worker of podium-api is made of."""

from pathlib import Path

import pytest

from podium import conf
from podium.api.service import make_database
from podium.api.sql import THREADS
from servers import Server


@pytest.mark.parametrize(
    ("kind", "query", "found"),
    [
        (
            "postgresql",
            "SELECT current_setting('statement_timeout'), current_setting('lock_timeout')",
            "20s 5s",
        ),
        ("mariadb", "SELECT @@max_statement_time, @@innodb_lock_wait_timeout", "20.0 5"),
    ],
)
def test_its_statements_have_limits(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str, query: str, found: str
) -> None:
    server: Server = request.getfixturevalue(f"{kind}_server")
    file = tmp_path / "podium.conf"
    file.write_text(f"[database]\nconnection = {server.url(server.create_migrated_database())}\n")
    database = make_database(conf.load(["--config-file", str(file)], prog="podium-api"))
    try:
        for transaction in (database.read, database.write):
            with transaction() as connection:
                (row,) = connection.exec_driver_sql(query)
                assert " ".join(map(str, row)) == found
        assert database.engine.pool.size() >= 2 * THREADS
    finally:
        database.dispose()
