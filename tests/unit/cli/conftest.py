"""The ``podium`` command, run in this process on a database of the test's own, and a conductor."""

import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from commands import Here, Run, There
from heads import Head
from podium.cli.showing import lines
from podium.db.engine import Database
from rounds import ONLY_LONG
from templates import prepared


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave the further cases of a test over podium-api to ``make test-long``."""
    seen: set[tuple[Path, str]] = set()
    for item in items:
        if not isinstance(item, pytest.Function) or item.get_closest_marker("remote") is None:
            continue
        test = item.path, item.originalname
        if test in seen:
            for mark in ONLY_LONG:
                item.add_marker(mark)
        seen.add(test)


@pytest.fixture(autouse=True)
def _nobodys_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep what the person has set up who runs the tests away from them."""
    for name in ("URL", "CREDENTIALS_FILE", "CAFILE"):
        monkeypatch.delenv(f"PODIUM_{name}", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'podium.sqlite'}"


@pytest.fixture
def bare_podium(tmp_path: Path, sqlite_url: str, capsys: pytest.CaptureFixture[str]) -> Here:
    """``bare_podium("node", "list")`` is the command's status and output; its database does not exist."""
    return Here(tmp_path, sqlite_url, capsys)


@pytest.fixture
def database(sqlite_url: str) -> Iterator[Database]:
    """An SQLite database with the schema."""
    found = prepared(sqlite_url)
    yield found
    found.dispose()


@pytest.fixture(params=["local", pytest.param("remote", marks=pytest.mark.remote)])
def podium(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    sqlite_url: str,
    database: Database,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Run]:
    """As ``bare_podium``, on ``database``; then the same over a podium-api, which must make no difference."""
    if request.param == "local":
        yield Here(tmp_path, sqlite_url, capsys)
        return
    yield request.getfixturevalue("podium_there")


@pytest.fixture
def podium_there(
    database: Database, tmp_path: Path, sqlite_url: str, capsys: pytest.CaptureFixture[str]
) -> Iterator[There]:
    """As ``bare_podium``, on ``database`` and over a podium-api."""
    with There(tmp_path, sqlite_url, capsys) as found:
        yield found


@pytest.fixture
def podium_here(database: Database, bare_podium: Here) -> Here:
    """As ``bare_podium``, on ``database``, and never over a podium-api."""
    return bare_podium


@pytest.fixture
def podium_anywhere(tmp_path: Path, migrated_url: str, capsys: pytest.CaptureFixture[str]) -> Run:
    """As ``podium``, on each kind of database in turn."""
    return Here(tmp_path, migrated_url, capsys)


@pytest.fixture
def head(database: Database) -> Head:
    """``head.carrying_out({})`` is a conductor that does what is asked."""
    return Head(database)


@pytest.fixture
def xterm(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have terminals be a usual one, whatever the tests run at."""
    monkeypatch.setenv("TERM", "xterm")
    for name in ("COLUMNS", "LINES", "NO_COLOR", "PAGER", "LESS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def pager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, xterm: None) -> None:
    """A pager that says that it is one, and ends before it has read everything."""
    script = tmp_path / "pager"
    script.write_text('#!/bin/sh\nread -r line\necho "$1: $line"\n')
    script.chmod(stat.S_IRWXU)
    monkeypatch.setenv("PAGER", f"{script} 'a page'")


@pytest.fixture
def while_following(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """``while_following(first, second)`` has these done between looks of --follow, and Ctrl-C at the end."""

    def script(*steps: Callable[[], object]) -> None:
        left = iter(steps)

        def wait(_out: object, _seconds: float) -> bool:
            step = next(left, None)
            if step is None:
                raise KeyboardInterrupt
            step()
            return False

        monkeypatch.setattr(lines, "reader_gone", wait)

    return script
