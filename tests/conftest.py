"""Fixtures for every test: the peers that a test needs, and empty databases to run it on."""

import gc
import os
import signal
import sys
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any, Final

import hypothesis
import pytest

import peers
import templates
from rounds import ONLY_LONG, ROUNDS
from servers import MariaDB, PostgreSQL, RestartablePostgreSQL, Server, scratch

#: Packages with tests of their own, which run in environments of their own.
collect_ignore = ["first_edition"]

#: Seconds after which a test is broken off: one that hangs must fail, and leave the others their turn.
LONGEST: Final = 150

# Neither the usual examples nor how long they take depend on chance or on what else the machine does.
hypothesis.settings.register_profile(
    "podium",
    max_examples=100 * ROUNDS,
    derandomize=ROUNDS == 1,
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("podium")


def pytest_configure() -> None:
    # As Ctrl-C does: otherwise what stops a test run would leave its database servers behind.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # A background job of a shell ignores both, and so would the programs that a test interrupts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        # And nohup has reloads ignored. A handler keeps them from this process, and is not inherited.
        signal.signal(signal.SIGHUP, lambda *_: None)
    if (folder := scratch()) is not None:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", folder)


_entry_points = metadata.entry_points
_kept_entry_points: dict[Any, Any] = {}


def _changed_at(path: str) -> int:
    try:
        return Path(path).stat().st_mtime_ns
    except OSError:
        return 0


def _remembered(**params: str) -> Any:
    """Look through all packages only where one came or went: most commands do, and it takes 5 ms."""
    key = *((path, _changed_at(path)) for path in sys.path), *params.items()
    if key not in _kept_entry_points:
        _kept_entry_points[key] = _entry_points(**params)
    return _kept_entry_points[key]


metadata.entry_points = _remembered

# Every process collects thousands of tests, none of which is garbage.
gc.disable()


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()
    gc.set_threshold(20_000, 20, 20)  # what a test leaves is collected after it


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave to ``make test-long`` what MariaDB need not be asked each time."""
    for item in items:
        if item.get_closest_marker("mariadb_long") and "mariadb" in item.name:
            for mark in ONLY_LONG:
                item.add_marker(mark)


@pytest.fixture(autouse=True)
def _deadline(request: pytest.FixtureRequest) -> Iterator[None]:
    is_long = any(request.node.get_closest_marker(name) for name in ("long", "hypothesis"))
    seconds = LONGEST * ROUNDS if is_long else LONGEST

    def break_off(*_: object) -> None:
        pytest.fail(f"{request.node.name} hangs: not done after {seconds} seconds")

    signal.signal(signal.SIGALRM, break_off)
    signal.alarm(seconds)
    yield
    signal.alarm(0)


@pytest.fixture(autouse=True)
def _garbage() -> Iterator[None]:
    """Collect what a test leaves to the garbage collector now, so that no other test meets its log lines."""
    yield
    gc.collect()
    gc.freeze()  # so that what stays is not looked at again after every test


@pytest.fixture
def require_peer() -> Callable[[str], str]:
    """``require_peer("ipmitool")`` is the program's path; the test is skipped when it is not installed."""
    return peers.require


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[Server]:
    with PostgreSQL() as server:
        yield server


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[Server]:
    with MariaDB() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The SQLAlchemy URL of an empty database, on each kind of server in turn."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'podium.sqlite'}"
        return
    server: Server = request.getfixturevalue(f"{request.param}_server")
    name = server.create_database()
    yield server.url(name)
    server.drop_database(name)


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def migrated_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database that has its schema and nothing else, on each kind of server in turn."""
    if request.param == "sqlite":
        templates.write_sqlite(tmp_path / "podium.sqlite")
        yield f"sqlite:///{tmp_path / 'podium.sqlite'}"
        return
    server: Server = request.getfixturevalue(f"{request.param}_server")
    name = server.create_migrated_database()
    yield server.url(name)
    server.drop_database(name)


@pytest.fixture
def restartable_postgresql(postgresql_server: Server) -> Iterator[RestartablePostgreSQL]:
    """The PostgreSQL server, which the test may stop and start: ``.url``, ``.stop()``, ``.start()``."""
    server = RestartablePostgreSQL(postgresql_server)
    yield server
    if server.was_stopped:
        # Linux ends a server, which is on a leash, with the thread that started it, not with the process.
        postgresql_server.stop()
        postgresql_server.start()
