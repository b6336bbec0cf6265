"""What each worker of podium-api is made of."""

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from podium import conf, errors
from podium.api import service as api
from podium.api.service import make_database
from podium.api.sql import THREADS
from podium.conductor import service as conductor
from servers import Server
from templates import prepared


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


def test_names_in_the_config_file_that_nothing_reads_are_logged_but_not_those_of_drivers(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "podium.conf"
    url = f"sqlite:///{tmp_path / 'podium.sqlite'}"
    drivers = "[redfish]\nsome = 5\n[acme]\nother = 5\n"
    text = f"[DEFAULT]\nauth_strategy = noauth\nenabled_drivers = fake, Acme\n{drivers}"
    file.write_text(f"{text}[database]\nconnection = {url}\n[api]\nport = 0\nraeders = rita\n")
    prepared(url).dispose()
    api._prepare(conf.load(["--config-file", str(file)], prog="podium-api")).close()
    assert "[api] raeders is not an option; did you mean readers?" in caplog.messages
    assert not [line for line in caplog.messages if "some" in line or "acme" in line.lower()]


@pytest.fixture
def reloads() -> Iterator[None]:
    before = signal.getsignal(signal.SIGHUP)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("daemon", [api, conductor])
def test_a_reload_before_there_is_something_to_reload_ends_no_daemon_however_it_was_started(
    daemon: Any, reloads: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def load(*_: Any, **__: Any) -> None:
        seen.append(signal.getsignal(signal.SIGHUP))
        raise errors.ConfigError("wrong")

    monkeypatch.setattr(daemon.configuration, "load", load)
    assert daemon.main([]) == 1
    assert seen == [signal.SIG_IGN]
