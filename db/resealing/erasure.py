"""Overwrites remains of changed and deleted rows in the files of a database."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from podium import errors
from podium.db.engine import Database
from podium.db.limits import Limits
from podium.db.translation import translated

#: A table of a million rows takes its time.
_LIMITS: Final = Limits(connect=5, statement=3600, silence=3700, lost=30)
#: Seconds. Statements queue behind one that waits for a lock, so it gives up soon.
_PATIENCE: Final = 3
_REBUILT: Final = {
    "postgresql": "VACUUM FULL {}",
    "mysql": "ALTER TABLE {} FORCE",
    "mariadb": "ALTER TABLE {} FORCE",
}


def erase(database: Database, tables: Sequence[sa.Table], patience: int = _PATIENCE) -> list[str]:
    """Leave nothing in the files of these tables but their rows; for SQLite, in the file of all tables.

    :param patience: seconds to wait for other transactions
    :returns: what could not be done because of other transactions, a line each
    :raises podium.errors.DatabaseUnavailable: the database cannot be used
    """
    if database.sqlite_file is not None:
        return _rewrite(database, database.sqlite_file, patience)
    patient = Database(database.url, replace(_LIMITS, lock=patience))
    try:
        busy = [table.name for table in tables if not _rebuild(patient, table.name)]
    finally:
        patient.dispose()
    return [f"table {name}: for {patience} s another transaction was using it" for name in busy]


def _rewrite(database: Database, file: Path, patience: int) -> list[str]:
    """Rewrite the file, and empty its log, which has the earlier contents of pages."""
    with translated(database.url), closing(_connected(file, patience)) as connection:
        try:
            connection.execute("VACUUM")
            (is_read, *_) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                raise sa.exc.OperationalError("VACUUM", None, error) from error
            return [f"{file}: for {patience} s others were writing"]
    return [f"{file}-wal: for {patience} s others were reading what was before"] if is_read else []


def _connected(file: Path, patience: int) -> sqlite3.Connection:
    connection = sqlite3.connect(file, timeout=patience, isolation_level=None)
    connection.execute("PRAGMA secure_delete = ON")
    return connection


def _rebuild(database: Database, table: str) -> bool:
    """Rewrite a table into a new file; False if others were using it."""
    statement = _REBUILT[database.url.get_backend_name()].format(table)
    engine = database.engine.execution_options(isolation_level="AUTOCOMMIT")
    try:
        with translated(database.url), engine.connect() as connection:
            connection.exec_driver_sql(statement)
    except errors.DatabaseBusy:
        return False
    return True
