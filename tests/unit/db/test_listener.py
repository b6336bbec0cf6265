"""PostgreSQL's notifications are heard by whoever waits for them, and by nobody after the end."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from podium import errors
from podium.db import task_commands
from podium.db.changes import CHANNEL, next_change
from podium.db.engine import Database
from podium.db.listener import Listener
from servers import Server

LONG = 60.0


@pytest.fixture
def listener(database: Database) -> Listener:
    found = database.listen(CHANNEL)
    if found is None:
        pytest.skip("there is nothing to hear")
    return found


def test_only_postgresql_notifies(database: Database) -> None:
    found = database.listen(CHANNEL)
    assert (found is not None) == (database.url.get_backend_name() == "postgresql")
    if found is not None:
        found.close()


@pytest.mark.parametrize(
    "change",
    [next_change, lambda connection: task_commands.ask(connection, "here", "fake.x", "run", "me")],
)
def test_a_change_and_a_command_are_heard_once_they_are_committed(
    database: Database, listener: Listener, change: Callable[[sa.Connection], object]
) -> None:
    with database.write() as connection:
        change(connection)
        assert not listener.wait(0.0)
    assert listener.wait(LONG)
    assert not listener.wait(0.0)
    listener.close()


def test_what_was_undone_is_not_heard(database: Database, listener: Listener) -> None:
    with pytest.raises(RuntimeError), database.write() as connection:
        next_change(connection)
        raise RuntimeError
    with database.read() as connection:
        connection.execute(sa.text("SELECT 1"))
    assert not listener.wait(0.0)
    listener.close()


def test_a_wait_ends_at_a_notification_at_an_interrupt_and_with_the_connection(
    database: Database, listener: Listener, postgresql_server: Server
) -> None:
    begun = threading.Event()

    def wait(one: Listener) -> bool:
        begun.set()
        while not one.wait(LONG):  # the server's last words end a wait, too
            pass
        return True

    with ThreadPoolExecutor(1) as thread:
        heard = thread.submit(wait, listener)
        begun.wait(LONG)
        with database.write() as connection:
            next_change(connection)
        assert heard.result(LONG)
        interrupted = thread.submit(wait, listener)
        listener.interrupt()
        with pytest.raises(errors.DatabaseUnavailable):
            interrupted.result(LONG)
        listener.close()
        other = database.listen(CHANNEL)
        assert other is not None
        ended = thread.submit(wait, other)
        postgresql_server.execute(
            "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'"
        )
        with pytest.raises(errors.DatabaseUnavailable):
            ended.result(LONG)
        other.close()
