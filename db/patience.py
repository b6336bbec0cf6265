"""Gives up connections to PostgreSQL whose server says nothing, which libpq itself would wait for for ever.

A server's process can hang while its kernel acknowledges every packet. Whoever waits for it then finds the
socket shut, which is an error as if the server had closed the connection.
"""

import os
import socket
import threading
import time
from collections.abc import Callable
from typing import Any, Final

import psycopg

#: A connection is given up at most so much later than it could be, as a part of the time.
_PRECISION: Final = 0.1


class Patience:
    """Watches the connections that it makes, in a thread of its own while there are any statements to watch.

    :param seconds: that an answer may take
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._since: dict[_Watched, float] = {}
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def connect(self, *args: Any, **options: Any) -> "psycopg.Connection[Any]":
        """A connection, see ``psycopg.Connection.connect``, which is watched once it is made."""
        with self._lock:
            if self._thread is None:
                self._closed = threading.Event()
                watch = threading.Thread(
                    target=self._watch, args=[self._closed], name="sql patience", daemon=True
                )
                watch.start()
                self._thread = watch
        connection = _Watched.connect(*args, **options)
        connection.clock, connection.end = self._clock, threading.Lock()
        connection.since = self._since
        return connection

    def close(self) -> None:
        """Watch no longer; a connection that is made later is watched again."""
        with self._lock:
            self._closed.set()
            self._thread = None

    def _watch(self, closed: threading.Event) -> None:
        while not closed.wait(self._seconds * _PRECISION):
            self.look()

    def look(self) -> None:
        """Shut the sockets of those that have waited for too long."""
        late = self._clock() - self._seconds
        for connection, since in list(self._since.items()):
            with connection.end:  # so that it is not closed, and its socket's number given again, in between
                if since <= late and self._since.get(connection) == since:
                    shut(connection)


class _Watched(psycopg.Connection[Any]):
    """A connection that notes since when it waits for the server."""

    since: dict["_Watched", float] | None = None
    clock: Callable[[], float]
    end: threading.Lock

    def wait(self, *args: Any, **options: Any) -> Any:
        # Every answer is waited for here: to statements, and to begin and end transactions.
        if self.since is None:
            return super().wait(*args, **options)
        self.since[self] = self.clock()
        try:
            return super().wait(*args, **options)
        finally:
            with self.end:
                self.since.pop(self, None)


def shut(connection: "psycopg.Connection[Any]") -> None:
    """End the waiting for an answer, from any thread."""
    try:
        with socket.socket(fileno=os.dup(connection.fileno())) as end:
            end.shutdown(socket.SHUT_RDWR)
    except (OSError, psycopg.Error):
        return  # it has ended by itself
