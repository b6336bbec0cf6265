"""Connections that are kept for reading or writing: getting one takes longer than most transactions."""

import math
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

import sqlalchemy as sa

#: Seconds after its last use for which a connection to a server is assumed to be alive.
_TRUST: Final = 1.0


class Kept:
    """A connection for the thread that holds its lock."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self._connection: sa.Connection | None = None

    def connected(self, engine: sa.Engine) -> sa.Connection:
        """The connection, created if no usable one exists."""
        if self._connection is None:
            self._connection = engine.connect()
        return self._connection

    def doubt(self) -> None:
        """Note that the database may have a fault; from any thread."""

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class KeptFile(Kept):
    """A connection to an SQLite file, reopened if the file was replaced."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self._file: tuple[int, int] | None = None

    def connected(self, engine: sa.Engine) -> sa.Connection:
        file = self._present()
        if file != self._file:
            self.close()
        self._file = file
        return super().connected(engine)

    def _present(self) -> tuple[int, int] | None:
        with suppress(OSError):
            found = self._path.stat()
            return found.st_dev, found.st_ino
        return None


class KeptSession(Kept):
    """A connection to a server, which is checked if it was not used for a while.

    The pool checks every time, which takes as long as reading a node.

    :param clock: seconds, monotonic
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__()
        self._clock = clock
        self._used_at = -math.inf

    def connected(self, engine: sa.Engine) -> sa.Connection:
        now = self._clock()
        if now - self._used_at >= _TRUST:
            self._look(engine)
        self._used_at = now
        return super().connected(engine)

    def doubt(self) -> None:
        self._used_at = -math.inf

    def _look(self, engine: sa.Engine) -> None:
        if self._connection is None:
            return
        try:
            engine.dialect.do_ping(self._connection.connection.dbapi_connection)  # type: ignore[arg-type]
        except engine.dialect.loaded_dbapi.Error:
            self._connection.invalidate()
            self.close()
