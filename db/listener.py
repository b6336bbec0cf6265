"""Receives PostgreSQL's notifications."""

import select
from typing import Any

import psycopg

from podium import errors
from podium.db.patience import shut


class Listener:
    """A connection that is used only for listening. One thread waits; any thread may close it.

    :param connection: a separate one, not in a transaction
    """

    def __init__(self, connection: "psycopg.Connection[Any]", *channels: str) -> None:
        self._connection = connection
        connection.autocommit = True
        for channel in channels:
            connection.execute(f"LISTEN {channel}".encode())
        self._poll = select.poll()
        self._poll.register(connection.fileno(), select.POLLIN)

    def wait(self, seconds: float) -> bool:
        """Whether a notification arrived, which ends the wait early.

        :raises podium.errors.DatabaseUnavailable: when the connection is broken
        """
        try:
            return self._take() or (bool(self._poll.poll(seconds * 1000)) and self._take())
        except psycopg.Error as error:
            raise errors.DatabaseUnavailable(errors.one_line(error)) from error

    def _take(self) -> bool:
        # Uses libpq's own functions: those of the connection would wait for the server after a notification
        # was read.
        libpq, heard = self._connection.pgconn, False
        libpq.consume_input()
        while libpq.notifies() is not None:
            heard = True
        return heard

    def interrupt(self) -> None:
        """Make a wait end at once with an error; from any thread."""
        shut(self._connection)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
