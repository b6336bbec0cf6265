"""Translates errors of databases and their libraries to Podium's."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import sqlalchemy as sa
from oslo_db import exception as oslo_exception

from podium import errors
from podium.db.urls import shown

#: PostgreSQL's SQLSTATEs (Appendix A) and MariaDB's error codes for a read-only server.
_READ_ONLY: Final = frozenset({"25006", 1290, 1792, 1836})
#: For a row that another transaction holds, or held for too long.
_HELD: Final = frozenset({"40P01", "55P03", 1205, 1213})
#: For a missing table: a restore is under way, or the SQLite file is gone.
_NO_TABLE: Final = frozenset({"42P01", 1146})
#: For a full disk.
_FULL: Final = frozenset({"53100", 1021, 1114})


@contextmanager
def translated(url: sa.URL) -> Iterator[None]:
    """Raise Podium's errors instead of a library's if the database cannot be used or is busy.

    :raises podium.errors.DatabaseBusy: when another transaction holds what is needed
    :raises podium.errors.DatabaseUnavailable: when the database cannot be used
    """
    try:
        yield
    except oslo_exception.DBDeadlock as error:
        raise errors.DatabaseBusy(unavailable(url, error)) from error
    except sa.exc.OperationalError as error:
        kind = errors.DatabaseBusy if _code(error.orig) in _HELD else errors.DatabaseUnavailable
        raise kind(unavailable(url, error)) from error
    except (
        oslo_exception.DBConnectionError,
        oslo_exception.DBNonExistentDatabase,
        sa.exc.InterfaceError,
        sa.exc.ResourceClosedError,  # cut off while it was opened
        sa.exc.TimeoutError,
    ) as error:
        is_held = _code(getattr(error, "orig", error)) in _HELD
        kind = errors.DatabaseBusy if is_held else errors.DatabaseUnavailable
        raise kind(unavailable(url, error)) from error
    except oslo_exception.DBError as error:
        inner: Any = error.inner_exception
        if isinstance(own := getattr(inner, "orig", None), errors.PodiumError):  # raised by Podium's types
            raise own from None
        code = _code(getattr(inner, "orig", inner))
        # The class itself, not a subclass: SQLite's error for a file that is damaged or not a database.
        is_damaged = type(inner) is sa.exc.DatabaseError
        is_empty = isinstance(error, oslo_exception.DBNonExistentTable) or code in _NO_TABLE
        if not (is_damaged or is_empty or code in _READ_ONLY):
            raise
        raise errors.DatabaseUnavailable(unavailable(url, error)) from error
    except sa.exc.DBAPIError as error:
        if not error.connection_invalidated and _code(error.orig) not in _NO_TABLE:
            raise
        raise errors.DatabaseUnavailable(unavailable(url, error)) from error
    except sa.exc.PendingRollbackError as error:
        # An interrupt invalidates the connection, which oslo.db then checks before the rollback.
        if isinstance(error.__context__, Exception | None):
            raise
        raise error.__context__ from None


def unavailable(url: sa.URL, error: Exception) -> str:
    """The message for people: where the database is, the original error, and the remedy."""
    cause: Any = getattr(error, "inner_exception", None) or error
    cause = getattr(cause, "orig", None) or cause
    if url.get_backend_name() == "sqlite":
        return f"{url.database}: {_words(cause)}; {_sqlite_remedy(cause)}"
    return f"[database] connection = {shown(url)}: {_words(cause)}; {_server_remedy(cause)}"


#: Texts of libraries that are of no use beside the remedy: SQLAlchemy's link, libpq's guess.
_LIBRARY_HINTS: Final = re.compile(r" ?\(Background on this error at: \S+\)| ?Is the server running [^?]*\?")


def _words(cause: Exception) -> str:
    """The text of an error of a database's driver, in one line."""
    if len(cause.args) == 2 and isinstance(cause.args[0], int):  # PyMySQL's, which Python shows as a tuple
        text = f"{cause.args[1]} (error {cause.args[0]})"
    else:
        text = str(cause)
    return _LIBRARY_HINTS.sub("", " ".join(text.split())).removesuffix(";")


_NO_SCHEMA: Final = "has it the schema of this Podium? See: podium db upgrade"


def _sqlite_remedy(cause: Exception) -> str:
    code = getattr(cause, "sqlite_errorcode", 0) & 0xFF  # the other bits only add detail (sqlite.org/rescode)
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return "another program holds its write lock: see which with fuser or lsof, and end it"
    if code == sqlite3.SQLITE_FULL:
        return "make room on its disk"
    if code == sqlite3.SQLITE_ERROR:  # faulty statement; Podium's all fit its own schema
        return _NO_SCHEMA
    return "is the disk full, or the file another user's?"


def _code(cause: Any) -> str | int | None:
    first = next(iter(cause.args), None)
    if isinstance(first, int):  # MariaDB's number is more precise than PyMySQL's SQLSTATE
        return first
    state = getattr(cause, "sqlstate", None)
    return state if isinstance(state, str) else None


def _server_remedy(cause: Exception) -> str:
    code = _code(cause)
    if code in _READ_ONLY:
        return "the server takes no writes: it is a standby, in recovery, or was made read-only"
    if code in _HELD:
        return "another transaction holds the rows"
    if code in _NO_TABLE:
        return _NO_SCHEMA
    if code in _FULL:
        return "make room on the server's disk"
    return "is the server up, and may this login use it?"
