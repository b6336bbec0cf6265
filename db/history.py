"""Whether a database goes on where it was: a standby that took over may lack what was committed last."""

import threading
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import psycopg

#: The number of the installation, and that of its timeline, which every promotion raises. Any login may
#: ask. By the file that is written now: what pg_control_checkpoint() says waits for the next checkpoint.
_ASK: Final = b"""
    SELECT (pg_control_system()).system_identifier,
        CASE WHEN NOT pg_is_in_recovery() THEN substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8) END
"""


class History(NamedTuple):
    """Which installation of PostgreSQL it is, and on which timeline."""

    system: int
    timeline: str


def history_of(connection: "psycopg.Connection[Any]") -> History | None:
    """The history of a server; None where it does not say, as one that is in recovery.

    :param connection: not in a transaction
    """
    before, connection.autocommit = connection.autocommit, True
    try:
        found = connection.execute(_ASK).fetchone()
    except psycopg.errors.ProgrammingError:  # services that only speak its protocol
        return None
    finally:
        if not connection.closed:
            connection.autocommit = before
    return History(*found) if found is not None and None not in found else None


class Histories:
    """Notices, at new connections, that the database has another history than before. For any thread.

    :param changed: called when it has, before anything is done over the connection
    """

    def __init__(self, changed: Callable[[], object]) -> None:
        self._changed = changed
        self._lock = threading.Lock()
        self._known: History | None = None

    def note(self, connection: "psycopg.Connection[Any]") -> None:
        """Look at a new connection."""
        found = history_of(connection)
        if found is None:
            return
        with self._lock:
            before, self._known = self._known, found
        if before not in (None, found):
            self._changed()
