"""Determines which schema a database has, and upgrades it."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from podium import errors
from podium.db import at_work, local_files, name_keys
from podium.db.engine import Database
from podium.db.migrations import FIRST_WITH_FLOOR, REVISIONS
from podium.db.models import schema_floor

_COMMAND: Final = "podium db upgrade"

#: Replaces the revision while a database is being filled, see podium.db.copying.
INCOMPLETE: Final = "incomplete copy"


def head() -> str:
    """The revision with which this program works."""
    return REVISIONS[-1]


def current(database: Database) -> str | None:
    """The revision of a database; None if it has no schema.

    :raises podium.errors.DatabaseUnavailable: when it cannot be read
    """
    file = database.sqlite_file
    if file is not None and not file.exists():
        return None
    with database.read() as connection:
        if not sa.inspect(connection).has_table("alembic_version"):
            return None
        revision: str | None = connection.scalar(sa.text("SELECT version_num FROM alembic_version"))
        return revision


def check(database: Database) -> str | None:
    """Make sure that this program can use the schema of the database.

    :returns: a remark for people if the schema is newer than this program, which can use it nevertheless
    :raises podium.errors.SchemaMismatch: naming the command to run
    """
    revision = current(database)
    if revision == head():
        return None
    where = f"[database] connection = {database.where}"
    if database.sqlite_file is not None and not database.sqlite_file.exists():
        raise errors.SchemaMismatch(
            f"{where}: there is no database {database.sqlite_file}; correct the path"
            f" or, for a new one, run: {_COMMAND}"
        )
    if revision is None:
        raise errors.SchemaMismatch(f"{where}: no schema there yet; run: {_COMMAND}")
    if revision == INCOMPLETE:
        raise errors.SchemaMismatch(
            f"{where}: a podium db copy to this database was begun and not completed; empty the database and"
            " copy again"
        )
    versions = f"({revision}, this one {'needs' if revision in REVISIONS else 'knows'} {head()})"
    if revision in REVISIONS:
        stop = "stop every conductor and " if revision < FIRST_WITH_FLOOR else ""
        raise errors.SchemaMismatch(
            f"{where}: the schema is of an older Podium {versions}; {stop}run: {_COMMAND}"
        )
    if _floor(database) in REVISIONS:
        return (
            f"{where}: the schema is of a newer Podium {versions}, which lets this one use it; install that"
            " Podium here too"
        )
    raise errors.SchemaMismatch(
        f"{where}: the schema is of a newer Podium {versions}; install that Podium, then run: {_COMMAND}"
    )


def _floor(database: Database) -> str | None:
    """The oldest revision whose program may use the schema; None if it is not recorded."""
    with database.read() as connection:
        if not sa.inspect(connection).has_table(schema_floor.name):
            return None
        return connection.scalar(sa.select(schema_floor.c.revision))


def upgrade(database: Database, *, heartbeat_timeout: float = 0, to: str | None = None) -> str:
    """Create the schema or upgrade it to the current revision; return the resulting revision.

    :param heartbeat_timeout: seconds without a heartbeat after which a conductor counts as gone, if that is
        more than usual
    :param to: an earlier revision to stop at
    :raises podium.errors.ConductorsAtWork: while conductors are running that could not continue
    :raises podium.errors.DatabaseUnavailable: when the database cannot be reached
    :raises podium.errors.SchemaMismatch: when it is newer than this program, which cannot use it
    """
    # Imported here: it takes a fifth of a second and several MB that no other command and no daemon needs.
    from podium.db import migrate

    create_sqlite_file(database)
    before, to = current(database), to or head()
    if before == to:
        if to == head():
            _mend_keys(database)
        return to
    if before is not None and before not in REVISIONS:
        check(database)
        return before
    if before is not None:
        with database.read() as connection:
            if before < FIRST_WITH_FLOOR:
                at_work.refuse_beside_old(connection, heartbeat_timeout)
            else:
                at_work.refuse_beside_older(connection, migrate.floor_of(to))
    migrate.run(database, before, to)
    return to


def _mend_keys(database: Database) -> None:
    """Correct the sort keys of names that an older program wrote while it ran beside this one."""
    last: int | None = 0
    while last is not None:
        with database.write() as connection:
            last = name_keys.mend(connection, last)


def create_sqlite_file(database: Database) -> None:
    """Create the folder and the file of an SQLite database, readable only by its owner: it holds passwords.

    :raises podium.errors.ConfigError: when the file system does not allow it
    """
    file = database.sqlite_file
    if file is None or file.exists():
        return
    try:
        local_files.create_folder(file.parent)
        os.close(local_files.create(file))
    except OSError as error:
        if file.exists():  # another process was faster
            return
        raise errors.ConfigError(
            f"cannot create the database {file}: {error.strerror}; let [DEFAULT] state_path or"
            " [database] connection name a place where this user may write"
        ) from None


def prepare(database: Database) -> str | None:
    """Prepare the database when a daemon starts: create an embedded one, check any other.

    :returns: a remark for people, if any
    :raises podium.errors.PodiumError: when the daemon cannot work with the database
    """
    file = database.sqlite_file
    if file is not None and (not file.exists() or _is_empty(file)):
        upgrade(database)
        return f"There was no database {file}, so an empty one was made"
    return check(database)


def _is_empty(file: Path) -> bool:
    try:
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=30)) as connection:
            empty = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
    except sqlite3.DatabaseError as error:
        raise errors.DatabaseUnavailable(f"{file} cannot be read as an SQLite database: {error}") from None
    return bool(empty)
