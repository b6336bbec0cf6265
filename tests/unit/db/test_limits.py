"""Nothing waits for ever: statements, locks, open transactions, and servers that say nothing."""

import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from podium import errors
from podium.db.engine import Database
from podium.db.limits import COMMAND, CONDUCTOR, Limits, apply
from podium.db.urls import parse_url
from servers import PostgreSQL, Server

PATIENT = Limits(connect=5, statement=60, silence=60, lost=60, lock=60, idle=60)

Open = Callable[[Limits], Database]


@pytest.fixture(params=["postgresql", "mariadb"])
def server(request: pytest.FixtureRequest) -> Server:
    found: Server = request.getfixturevalue(f"{request.param}_server")
    return found


@pytest.fixture
def limited(server: Server) -> Iterator[Open]:
    """``limited(limits)`` is a database with one table and one row."""
    name = server.create_database()
    databases: list[Database] = []

    def make(limits: Limits) -> Database:
        databases.append(Database(server.url(name), limits))
        return databases[-1]

    with make(PATIENT).write() as connection:
        connection.execute(sa.text("CREATE TABLE held (id integer PRIMARY KEY, value integer)"))
        connection.execute(sa.text("INSERT INTO held VALUES (1, 1)"))
    yield make
    for database in databases:
        database.dispose()
    server.drop_database(name)


HOLD = sa.text("UPDATE held SET value = value + 1")
SHARE = sa.select(sa.column("value")).select_from(sa.table("held")).with_for_update(read=True)


def asked(database: Database, question: str) -> Any:
    """The answer of a server that takes a moment too long for short limits at most, on a busy machine."""
    while True:
        with contextlib.suppress(errors.DatabaseUnavailable), database.read() as connection:
            return connection.scalar(sa.text(question))


def settings(url: str, limits: Limits = CONDUCTOR) -> dict[str, Any]:
    return dict(apply(parse_url(url), limits).query)


def test_what_the_url_says_goes_before_the_limits() -> None:
    found = settings("postgresql://db.example/podium?connect_timeout=20&options=-c%20statement_timeout%3D1")
    assert found["connect_timeout"] == "20"
    assert found["options"].split().index("statement_timeout=20000") == 1
    assert found["options"].endswith(" -c statement_timeout=1")  # the last one counts
    assert settings("mysql://db.example/podium?read_timeout=7")["read_timeout"] == "7"


def test_a_command_may_hold_locks_and_wait_for_them_as_long_as_it_likes() -> None:
    assert settings("postgresql://db.example/podium", COMMAND)["options"] == "-c statement_timeout=60000"


@pytest.mark.parametrize(("hosts", "each"), [("a", "6"), ("a,b,c", "2"), ("a:1,b:2", "3")])
def test_hosts_that_are_tried_in_turn_share_the_time_to_connect(hosts: str, each: str) -> None:
    found = settings(f"postgresql://{hosts}/podium", replace(CONDUCTOR, connect=6))
    assert found["connect_timeout"] == each


def test_of_several_hosts_the_one_that_can_be_written_is_taken() -> None:
    assert settings("postgresql://a,b/podium")["target_session_attrs"] == "read-write"
    assert settings("postgresql://a,b/podium?target_session_attrs=any")["target_session_attrs"] == "any"
    assert "target_session_attrs" not in settings("postgresql://a/podium")


def test_a_statement_that_takes_too_long_is_ended(limited: Open, server: Server) -> None:
    database = limited(replace(PATIENT, statement=1))
    sleep = "pg_sleep(60)" if isinstance(server, PostgreSQL) else "sleep(60)"
    with pytest.raises(errors.DatabaseUnavailable), database.read() as connection:
        # MariaDB ends sleep() early and without an error; a statement over many rows is ended for good.
        connection.execute(sa.text(f"SELECT {sleep} FROM held"))
        if not isinstance(server, PostgreSQL):
            connection.execute(sa.text("SELECT count(*) FROM seq_1_to_1000000000 a, seq_1_to_1000000000 b"))
    assert asked(database, "SELECT value FROM held") == 1


def test_a_lock_that_others_keep_is_waited_for_and_may_be_tried_again(limited: Open) -> None:
    holder, other = limited(PATIENT), limited(replace(PATIENT, lock=1))
    with holder.write() as held:
        held.execute(HOLD)
        with pytest.raises(errors.DatabaseBusy), other.write() as connection:
            connection.execute(HOLD)
    with other.write() as connection:
        connection.execute(HOLD)


@pytest.mark.parametrize("hold", [HOLD, SHARE], ids=["written", "shared"])
def test_a_program_that_is_stopped_in_a_transaction_keeps_its_locks_for_a_moment(
    limited: Open, hold: sa.Executable
) -> None:
    stopped, other = limited(replace(PATIENT, idle=1)), limited(PATIENT)
    is_held = False
    while not is_held:  # where even the first statement comes too late, it begins anew
        with pytest.raises(errors.DatabaseUnavailable), stopped.write() as held:
            held.execute(hold)
            is_held = True
            with other.write() as connection:  # waits until the server has ended the other transaction
                connection.execute(HOLD)
            held.execute(HOLD)
    with other.read() as connection:
        assert connection.scalar(sa.text("SELECT value FROM held")) == 2


def threads(process: int) -> Iterator[Path]:
    return Path(f"/proc/{process}/task").glob("*/stat")


@contextlib.contextmanager
def hung(server: Server, connection: sa.Connection) -> Iterator[None]:
    """Stop the server's process while its kernel goes on."""
    if isinstance(server, PostgreSQL):
        process = int(connection.scalar(sa.text("SELECT pg_backend_pid()")) or 0)
    else:
        process = int((server.folder / "pid").read_text())
    os.kill(process, signal.SIGSTOP)
    try:
        while any(stat.read_text().rpartition(")")[2].split()[0] != "T" for stat in threads(process)):
            pass  # the signal reaches one thread after the other
        yield
    finally:
        os.kill(process, signal.SIGCONT)


def test_a_server_that_hangs_while_its_kernel_answers_is_given_up(limited: Open, server: Server) -> None:
    database = limited(replace(PATIENT, silence=1))
    refused = pytest.raises(errors.DatabaseUnavailable)
    with refused, database.write() as connection, hung(server, connection):
        connection.execute(HOLD)
    assert asked(database, "SELECT count(*) FROM held") == 1


def test_a_commit_that_is_not_answered_is_given_up(limited: Open, server: Server) -> None:
    database = limited(replace(PATIENT, silence=1))
    refused = pytest.raises(errors.DatabaseUnavailable)
    with contextlib.ExitStack() as stack, refused, database.write() as connection:
        connection.execute(HOLD)
        stack.enter_context(hung(server, connection))


def test_answers_that_come_in_time_are_waited_for_however_many_there_are(limited: Open) -> None:
    database = limited(replace(PATIENT, silence=1))

    def ask(_thread: int) -> None:
        for _ in range(20):  # a busy machine may take a second for one of them, but not each time
            with contextlib.suppress(errors.DatabaseUnavailable), database.read() as connection:
                for _ in range(200):
                    connection.execute(sa.text("SELECT 1"))
                return
        raise AssertionError("the answers were not waited for")

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(ask, range(8)))
