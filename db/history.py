"""Detects that a database has another history: a standby that took over may lack the last commits."""

import threading
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import psycopg

#: The number of the installation, and of its timeline, which every promotion raises. Any login may run this.
#: It looks at the current WAL file: the values of pg_control_checkpoint() lag until the next checkpoint.
_ASK: Final = b"""
    SELECT (pg_control_system()).system_identifier,
        CASE WHEN NOT pg_is_in_recovery() THEN substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8) END
"""


class History(NamedTuple):
    """An installation of PostgreSQL and its timeline."""

    system: int
    timeline: str


def history_of(connection: "psycopg.Connection[Any]") -> History | None:
    """The history of a server; None if the server does not report it, such as during recovery.

    :param connection: not in a transaction
    """
    before, connection.autocommit = connection.autocommit, True
    try:
        found = connection.execute(_ASK).fetchone()
    except psycopg.errors.ProgrammingError:  # services that only speak PostgreSQL's protocol
        return None
    finally:
        if not connection.closed:
            connection.autocommit = before
    return History(*found) if found is not None and None not in found else None


class Histories:
    """Notices at new connections that the database has another history than before. Safe in any thread.

    :param changed: called when the history differs, before the connection is used
    """

    def __init__(self, changed: Callable[[], object]) -> None:
        self._changed = changed
        self._lock = threading.Lock()
        self._known: History | None = None

    def note(self, connection: "psycopg.Connection[Any]") -> None:
        """Check a new connection."""
        found = history_of(connection)
        if found is None:
            return
        with self._lock:
            before, self._known = self._known, found
        if before not in (None, found):
            self._changed()
