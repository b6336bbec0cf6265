"""Answers that are kept for those who send a call again, on every database."""

import threading

import pytest
import sqlalchemy as sa

from peers import PATIENCE
from podium import errors
from podium.db import kept_answers
from podium.db.engine import Database
from podium.db.kept_answers import Kept, Key
from podium.db.models import kept_answers as table

pytestmark = pytest.mark.mariadb_long

KEY = Key("ada", "k")


def test_two_at_once_are_one(database: Database) -> None:
    done: list[int] = []
    found: list[Kept[list[int]]] = []
    together = threading.Barrier(3)

    def work(_: sa.Connection) -> Kept[list[int]]:
        done.append(len(done))
        return Kept([*done], ["mind"])

    def ask() -> None:
        together.wait(PATIENCE)
        while True:
            try:
                with database.write() as connection:
                    found.append(kept_answers.once(connection, KEY, ("call",), list[int], work))
                    return
            except errors.DatabaseBusy:
                continue

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    with database.read() as connection:
        kept = kept_answers.find(connection, KEY, ("call",), list[int])
    assert kept is not None and kept.warnings == ["mind"]
    assert found == [kept] * 3


def test_keys_are_told_apart_by_who_has_them_however_long_the_names_are(database: Database) -> None:
    long = "x" * 300
    for who in ("ada", "bob", f"{long}a", f"{long}b"):
        with database.write() as connection:
            kept_answers.once(connection, Key(who, "k"), "call", str, lambda _, who=who: Kept(who))
    with database.read() as connection:
        kept = kept_answers.find(connection, Key(f"{long}b", "k"), "call", str)
    assert kept == Kept(f"{long}b", [])


def test_the_database_has_no_key_and_any_text_may_be_one(database: Database) -> None:
    for text in ("secret", "a\0b", "é", "x" * 255):
        with database.write() as connection:
            kept_answers.once(connection, Key("ada", text), "call", int, lambda _: Kept(1))
    with database.read() as connection:
        assert "secret" not in str(connection.execute(sa.select(kept_answers.kept_answers)).all())


def test_the_database_has_nothing_by_which_a_secret_of_a_call_could_be_guessed(database: Database) -> None:
    for text in ("0123456789abcdef", "fedcba9876543210"):
        with database.write() as connection:
            kept_answers.once(connection, Key("ada", text), "hunter2", str, lambda _: Kept("done"))
    with database.read() as connection:
        digests = list(connection.scalars(sa.select(table.c.digest)))
    assert len(set(digests)) == 2
