"""A database of each kind with the schema in it: made once, emptied after every test."""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import closing
from typing import Any, Final

import pytest
import sqlalchemy as sa

from fakes import joined
from peers import PATIENCE
from podium.db import api, models
from podium.db.api import NodeRecord
from podium.db.engine import Database
from power_requests import C1, C2
from read_nodes import create_nodes
from servers import Server
from templates import prepared

Open = Callable[[str], Database]
Step = Callable[[sa.Connection], object]
Contend = Callable[..., BaseException | None]
LineUp = Callable[..., list[BaseException | None]]
Enrol = Callable[..., list[NodeRecord]]


@pytest.fixture(scope="session", params=["sqlite", "postgresql", "mariadb"])
def migrated(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('database') / 'podium.sqlite'}"
    else:
        server: Server = request.getfixturevalue(f"{request.param}_server")
        url = server.url(server.create_migrated_database())
    database = prepared(url)
    yield database
    database.dispose()


#: The oldest revision whose program may use the schema, until something is written that it would misread.
FLOOR: Final = "0008"
_EMPTYING = [
    f"DELETE FROM {table.name}"
    for table in reversed(models.metadata.sorted_tables)
    if table not in (models.change_counter, models.schema_floor)
]
_EMPTYING.append(f"UPDATE schema_floor SET revision = '{FLOOR}'")


@pytest.fixture
def database(migrated: Database) -> Iterator[Database]:
    """An empty database with the present schema, on each kind of server in turn."""
    yield migrated
    with migrated.write() as connection, closing(connection.connection.cursor()) as cursor:
        for statement in _EMPTYING:  # of which SQLAlchemy would make more work than the server has with them
            cursor.execute(statement)


@pytest.fixture
def enrol(database: Database) -> Enrol:
    """``enrol("n1", "n2", driver="acme")`` creates these nodes and returns their rows."""

    def create(*names: str, **columns: Any) -> list[NodeRecord]:
        rows = [{"driver": "fake", **columns, "name": name} for name in names]
        with database.write() as connection:
            numbers = create_nodes(connection, rows)
            return api.find_nodes(connection, numbers)

    return create


@pytest.fixture
def two_members(database: Database) -> None:
    """Two members, of which the first owns all slots of the driver ``fake``."""
    joined(database, C1, C2, drivers=["fake"])


@pytest.fixture
def opened() -> Iterator[Open]:
    """``opened(url)`` is a database that is closed after the test."""
    databases: list[Database] = []

    def make(url: str) -> Database:
        databases.append(Database(url))
        return databases[-1]

    yield make
    for database in databases:
        database.dispose()


#: How a server tells how many transactions wait for others; SQLite lets only one begin to write.
_WAITING = {
    "postgresql": "SELECT count(*) FROM pg_locks WHERE NOT granted",
    "mysql": "SELECT variable_value FROM information_schema.global_status"
    " WHERE variable_name = 'INNODB_ROW_LOCK_CURRENT_WAITS'",
}


def _run(database: Database, step: Step) -> None:
    with database.write() as connection:
        step(connection)


def _waiting(database: Database) -> int:
    with database.read() as connection:
        return int(connection.scalar(sa.text(_WAITING[connection.dialect.name])) or 0)


def _until_waiting(database: Database, before: int | None, rivals: Sequence["Future[None]"]) -> None:
    """Wait until so many transactions wait for others, more than did before."""
    patience = time.monotonic() + PATIENCE
    while before is not None and _waiting(database) - before < len(rivals):
        assert time.monotonic() < patience
        assert not wait(rivals, timeout=0.01, return_when=FIRST_COMPLETED).done


def _begun(database: Database) -> int | None:
    """How many wait already, or None where none can: MariaDB may count for ever one that was broken off."""
    return _waiting(database) if database.url.get_backend_name() != "sqlite" else None


@pytest.fixture
def contend(database: Database) -> Contend:
    """``contend(first, second, then)``: the error of the one of two transactions that waits for the other.

    It does ``second``. The other has done ``first``, does ``then`` while it is waited for, and commits.
    """

    def compete(first: Step, second: Step, then: Step = lambda _connection: None) -> BaseException | None:
        before = _begun(database)
        with ThreadPoolExecutor(1) as thread, database.write() as connection:
            first(connection)
            rival = thread.submit(_run, database, second)
            _until_waiting(database, before, [rival])
            then(connection)
        return rival.exception(timeout=PATIENCE)

    return compete


@pytest.fixture
def line_up(database: Database) -> LineUp:
    """``line_up(first, *others)``: the errors of transactions that wait until the first commits.

    Each of them begins when the one before it waits.
    """

    def stand(first: Step, *others: Step) -> list[BaseException | None]:
        rivals: list[Future[None]] = []
        before = _begun(database)
        with ThreadPoolExecutor(len(others)) as threads, database.write() as connection:
            first(connection)
            for other in others:
                rivals.append(threads.submit(_run, database, other))
                _until_waiting(database, before, rivals)
        return [rival.exception(timeout=PATIENCE) for rival in rivals]

    return stand
