"""The ``podium`` command, run in this process on a database of the test's own, and a conductor."""

import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

import entries
from fakes import give_slots
from podium import states
from podium.cli.main import main
from podium.db import beginning, members
from podium.db.engine import Database
from podium.db.models import utcnow
from podium.db.outcomes import Outcome, finish
from podium.db.worker import Worker
from templates import prepared

HEAD = Worker("head", 0, 77)

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def _runner(folder: Path, url: str, capsys: pytest.CaptureFixture[str]) -> Run:
    config = folder / "podium.conf"
    config.write_text(f"[DEFAULT]\nstate_path = {folder}\n[database]\nconnection = {url}\n")

    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        status = main(["--config-file", str(config), *arguments])
        written = capsys.readouterr()
        return subprocess.CompletedProcess(arguments, status, written.out, written.err)

    return run


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'podium.sqlite'}"


@pytest.fixture
def bare_podium(tmp_path: Path, sqlite_url: str, capsys: pytest.CaptureFixture[str]) -> Run:
    """``bare_podium("node", "list")`` is the command's status and output; its database does not exist."""
    return _runner(tmp_path, sqlite_url, capsys)


@pytest.fixture
def database(sqlite_url: str) -> Iterator[Database]:
    """An SQLite database with the schema."""
    found = prepared(sqlite_url)
    yield found
    found.dispose()


@pytest.fixture
def podium(database: Database, bare_podium: Run) -> Run:
    """As ``bare_podium``, on ``database``."""
    return bare_podium


@pytest.fixture
def podium_anywhere(tmp_path: Path, migrated_url: str, capsys: pytest.CaptureFixture[str]) -> Run:
    """As ``podium``, on each kind of database in turn."""
    return _runner(tmp_path, migrated_url, capsys)


class Head:
    """A conductor, as the database sees it, with the driver ``fake``."""

    def __init__(self, database: Database) -> None:
        self._database = database
        with database.write() as connection:
            give_slots(connection, HEAD, ["fake"])

    def go_online(self, *drivers: str, group: str = "") -> None:
        with self._database.write() as connection:
            for one in members.unended(connection):
                members.leave(connection, one.name)
            entries.enter(connection, "head", drivers or ("fake",), group)

    def begin(self, count: int) -> None:
        """Have the oldest requests under way."""
        with self._database.write() as connection:
            found = beginning.due(connection, HEAD, ["fake"], limit=9999)
            beginning.begin(connection, [row.request_id for row in found[:count]], HEAD, utcnow())

    def carry_out(self, failures: Mapping[str, str]) -> None:
        """Carry out everything that is asked for, apart from what fails, by the name of the node."""
        with self._database.write() as connection:
            found = beginning.due(connection, HEAD, ["fake"], limit=9999)
            rows = beginning.begin(connection, [row.request_id for row in found], HEAD, utcnow())
            ends = [(row, failures.get(row.node.name)) for row in rows]
            finish(
                connection,
                [
                    Outcome(
                        row.node.id,
                        row.request_id,
                        HEAD,
                        utcnow(),
                        states.POWER_OFF if error else states.REACHED.get(row.action),
                        error,
                    )
                    for row, error in ends
                ],
            )

    @contextmanager
    def carrying_out(self, failures: Mapping[str, str]) -> Iterator[None]:
        """:meth:`carry_out` in a thread, as requests come."""
        end, patience = threading.Event(), 30.0

        def serve() -> None:
            waited = 0.0
            while not end.wait(0.02) and waited < patience:
                self.carry_out(failures)
                waited += 0.02

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield
        finally:
            end.set()
            thread.join(patience)


@pytest.fixture
def head(database: Database) -> Head:
    """``head.carrying_out({})`` is a conductor that does what is asked."""
    return Head(database)
