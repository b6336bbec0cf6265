"""Names of nodes by how they begin, on each kind of database, and of SQLite in the two ways."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from podium.db import node_names, sqlite_names
from podium.db.api import NodeRecord
from podium.db.engine import Database

Enrol = Callable[..., list[NodeRecord]]
NAMES = ("R1", "r1", "r10", "r1_a", "r1a", "r1xa", "r2", "s")


@pytest.mark.parametrize(
    ("prefix", "limit", "found", "complete"),
    [
        ("r1", 9, ["r1", "r10", "r1_a", "r1a", "r1xa"], True),
        ("r1_", 9, ["r1_a"], True),
        ("r", 6, ["r1", "r10", "r1_a", "r1a", "r1xa", "r2"], True),
        ("r", 3, ["r1", "r10", "r2"], False),
        ("", 2, ["R1", "s"], False),
        ("r1[_", 9, [], True),
        ("%", 9, [], True),
        ("*", 9, [], True),
        ("?1", 9, [], True),
        ("r1/", 9, [], True),
        ("'", 9, [], True),
    ],
)
def test_names_are_found_to_the_letter(
    database: Database, enrol: Enrol, prefix: str, limit: int, found: list[str], complete: bool
) -> None:
    enrol(*NAMES)
    with database.read() as connection:
        assert node_names.beginning_with(connection, prefix, limit) == (found, complete)
    if database.sqlite_file is not None:
        file = str(database.sqlite_file)
        assert sqlite_names.beginning_with(file, prefix, limit) == (found, complete)


def test_a_file_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(sqlite3.Error):
        sqlite_names.beginning_with(str(tmp_path / "no.sqlite"), "", 9)
    assert not [*tmp_path.iterdir()]


def test_nothing_is_left_beside_a_file(tmp_path: Path) -> None:
    file = tmp_path / "100%?a.sqlite"
    with sqlite3.connect(file) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE nodes (name TEXT)")
    connection.close()
    assert sqlite_names.beginning_with(str(file), "", 9) == ([], True)
    assert [*tmp_path.iterdir()] == [file]
