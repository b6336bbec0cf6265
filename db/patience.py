"""Gives up connections to a PostgreSQL server that does not respond, for which libpq would wait forever.

A server's process can hang while its kernel acknowledges every packet. This module then shuts the socket,
which raises the same error as if the server had closed the connection.
"""

import os
import socket
import threading
import time
from collections.abc import Callable
from typing import Any, Final

import psycopg

#: How much later than possible a connection is given up at most, as a part of the time.
_PRECISION: Final = 0.1


class Patience:
    """Watches the connections that it makes, in a thread of its own.

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
        """A connection as from ``psycopg.Connection.connect``, which is watched from then on."""
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
        """Stop watching; a connection that is made later is watched again."""
        with self._lock:
            self._closed.set()
            self._thread = None

    def _watch(self, closed: threading.Event) -> None:
        while not closed.wait(self._seconds * _PRECISION):
            self.look()

    def look(self) -> None:
        """Shut the sockets of connections that have waited for too long."""
        late = self._clock() - self._seconds
        for connection, since in list(self._since.items()):
            with connection.end:  # so that it is not closed and its file descriptor reused in between
                if since <= late and self._since.get(connection) == since:
                    shut(connection)


class _Watched(psycopg.Connection[Any]):
    """A connection that records since when it has been waiting for the server."""

    since: dict["_Watched", float] | None = None
    clock: Callable[[], float]
    end: threading.Lock

    def wait(self, *args: Any, **options: Any) -> Any:
        # All answers are awaited here: to statements, and to the begin and end of transactions.
        if self.since is None:
            return super().wait(*args, **options)
        self.since[self] = self.clock()
        try:
            return super().wait(*args, **options)
        finally:
            with self.end:
                self.since.pop(self, None)


def shut(connection: "psycopg.Connection[Any]") -> None:
    """End the wait for an answer, from any thread."""
    try:
        with socket.socket(fileno=os.dup(connection.fileno())) as end:
            end.shutdown(socket.SHUT_RDWR)
    except (OSError, psycopg.Error):
        return  # the connection has already ended
