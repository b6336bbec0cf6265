"""The ``podium`` command, run in this process on a database of the test's own, and a conductor."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from heads import Head
from podium.cli.main import main
from podium.db.engine import Database
from templates import prepared

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


@pytest.fixture
def head(database: Database) -> Head:
    """``head.carrying_out({})`` is a conductor that does what is asked."""
    return Head(database)
