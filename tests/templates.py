"""Databases with their schema: of SQLite a copy of one, since making it takes longer than most tests."""

import functools
import tempfile
from collections.abc import Sequence
from pathlib import Path

from podium.db import schema
from podium.db.engine import Database


def prepared(url: str) -> Database:
    """A database that has its schema, whether it was there, empty or not there at all."""
    database = Database(url)
    file = database.sqlite_file
    if file is not None and not file.exists():
        write_sqlite(file)
    elif schema.current(database) is None:
        schema.upgrade(database)
    return database


def write_sqlite(file: Path) -> None:
    """Make an SQLite database that has its schema and nothing else."""
    file.touch(0o600)
    file.write_bytes(_empty())


@functools.cache
def _empty() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "podium.sqlite")
        database = Database(f"sqlite:///{file}")
        schema.upgrade(database)
        database.dispose()
        return file.read_bytes()


def upgrade_to(bare: Database, revision: str, rows: Sequence[str]) -> None:
    """Make an older schema with these rows in it: SQL, with the words ``{true}`` and ``{false}``."""
    schema.upgrade(bare, to=revision)
    with bare.write() as connection:
        booleans = {"{true}": "1", "{false}": "0"}
        if connection.dialect.name == "postgresql":
            booleans = {"{true}": "true", "{false}": "false"}
        for statement in rows:
            for word, value in booleans.items():
                statement = statement.replace(word, value)
            connection.exec_driver_sql(statement)
