"""Databases with their schema. SQLite's are copies, because creating one takes longer than most tests."""

import functools
import tempfile
from collections.abc import Sequence
from pathlib import Path

from podium.db import schema
from podium.db.engine import Database


def prepared(url: str) -> Database:
    """Return a database with its schema, whether it existed, was empty, or did not exist."""
    database = Database(url)
    file = database.sqlite_file
    if file is not None and not file.exists():
        write_sqlite(file)
    elif schema.current(database) is None:
        schema.upgrade(database)
    return database


def write_sqlite(file: Path) -> None:
    """Create an SQLite database with only its schema."""
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
    """Create an older schema with these rows: SQL, with the words ``{true}`` and ``{false}``."""
    schema.upgrade(bare, to=revision)
    with bare.write() as connection:
        booleans = {"{true}": "1", "{false}": "0"}
        if connection.dialect.name == "postgresql":
            booleans = {"{true}": "true", "{false}": "false"}
        for statement in rows:
            for word, value in booleans.items():
                statement = statement.replace(word, value)
            connection.exec_driver_sql(statement)
