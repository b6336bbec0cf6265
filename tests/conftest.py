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
from rounds import MANY, ONLY_LONG, ROUNDS
from servers import MariaDB, PostgreSQL, RestartablePostgreSQL, Server, scratch

#: Packages with their own tests and environments.
collect_ignore = ["first_edition"]

#: Seconds after which a test is aborted. A hanging test must fail, and let the others run.
LONGEST: Final = 500

# By default, examples do not depend on chance, and they have no deadline that a busy machine could miss. The
# examples of many rounds are new each time.
hypothesis.settings.register_profile(
    "podium",
    max_examples=100 * ROUNDS,
    derandomize=ROUNDS < MANY,
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("podium")


def pytest_configure() -> None:
    # Like Ctrl-C. Otherwise a terminated test run would leave its database servers behind.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # A shell's background job ignores both signals, and programs that a test interrupts would inherit this.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        # nohup ignores SIGHUP, which means reload. A handler protects this process, and is not inherited.
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
    """Search the packages again only after a change. Most commands search them, which takes 5 ms."""
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
    gc.set_threshold(20_000, 20, 20)  # a test's garbage is collected after it


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave some of MariaDB's tests to ``make test-long``."""
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
    """Collect a test's garbage now, so that its log lines do not appear in other tests."""
    yield
    gc.collect()
    gc.freeze()  # so that the remaining objects are not examined again after every test


@pytest.fixture
def require_peer() -> Callable[[str], str]:
    """``require_peer("ipmitool")`` returns the program's path. Without the program, the test is skipped."""
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
    """The URL of a database with only its schema, on each kind of server in turn."""
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
    """A PostgreSQL server that the test may stop and start: ``.url``, ``.stop()``, ``.start()``."""
    server = RestartablePostgreSQL(postgresql_server)
    yield server
    if server.was_stopped:
        # Linux ends the server with the thread that started it, not with the process (PR_SET_PDEATHSIG).
        postgresql_server.stop()
        postgresql_server.start()
