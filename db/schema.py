"""Which schema a database has, and how it gets the present one."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import sqlalchemy as sa

from podium import errors
from podium.db.engine import Database
from podium.db.migrations import REVISIONS

_COMMAND = "podium db upgrade"


def head() -> str:
    """The revision that this program works with."""
    return REVISIONS[-1]


def current(database: Database) -> str | None:
    """The revision of a database, None where there is no schema.

    :raises podium.errors.DatabaseUnavailable: when it cannot be asked
    """
    file = database.sqlite_file
    if file is not None and not file.exists():
        return None
    with database.read() as connection:
        if not sa.inspect(connection).has_table("alembic_version"):
            return None
        revision: str | None = connection.scalar(sa.text("SELECT version_num FROM alembic_version"))
        return revision


def check(database: Database) -> None:
    """Make sure that the database has the present schema.

    :raises podium.errors.SchemaMismatch: naming the command to run
    """
    revision = current(database)
    if revision == head():
        return
    where = database.where
    if database.sqlite_file is not None and not database.sqlite_file.exists():
        raise errors.SchemaMismatch(
            f"[database] connection = {where}: there is no database {database.sqlite_file}; correct the path"
            f" or, for a new one, run: {_COMMAND}"
        )
    if revision is None:
        raise errors.SchemaMismatch(f"[database] connection = {where}: no schema there yet; run: {_COMMAND}")
    if revision in REVISIONS:
        raise errors.SchemaMismatch(
            f"[database] connection = {where}: the schema is of an older Podium ({revision}, this one needs"
            f" {head()}); stop every conductor and run: {_COMMAND}"
        )
    raise errors.SchemaMismatch(
        f"[database] connection = {where}: the schema is of a newer Podium ({revision}, this one knows"
        f" {head()}); install that Podium, then run: {_COMMAND}"
    )


def upgrade(database: Database) -> str:
    """Create the schema or bring it to the present one; the revision it has then.

    :raises podium.errors.DatabaseUnavailable: when the database cannot be reached
    :raises podium.errors.SchemaMismatch: when it is newer than this program
    """
    # Here and not above: a fifth of a second and several MB that no other command and no daemon needs.
    from alembic import command, config

    create_sqlite_file(database)
    revision = current(database)
    if revision is not None and revision not in REVISIONS:
        check(database)
    settings = config.Config()
    settings.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    with database.write() as connection:
        settings.attributes["connection"] = connection
        command.upgrade(settings, "head")
    return head()


def create_sqlite_file(database: Database) -> None:
    """Create the folder and the file of an SQLite database, readable by its owner alone: it holds passwords.

    :raises podium.errors.ConfigError: when the file system does not allow it
    """
    file = database.sqlite_file
    if file is None or file.exists():
        return
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
        os.close(os.open(file, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise errors.ConfigError(
            f"cannot create the database {file}: {error.strerror}; let [DEFAULT] state_path or"
            " [database] connection name a place where this user may write"
        ) from None


def prepare(database: Database) -> bool:
    """What a daemon does at its start: an embedded database is created, any other must be there and fit.

    :returns: whether it was created
    :raises podium.errors.PodiumError: when the daemon cannot work with the database
    """
    file = database.sqlite_file
    if file is not None and (not file.exists() or _is_empty(file)):
        upgrade(database)
        return True
    check(database)
    return False


def _is_empty(file: Path) -> bool:
    try:
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=30)) as connection:
            empty = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
    except sqlite3.DatabaseError as error:
        raise errors.DatabaseUnavailable(f"{file} cannot be read as an SQLite database: {error}") from None
    return bool(empty)
