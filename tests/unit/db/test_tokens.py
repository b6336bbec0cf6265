"""Tokens of the API, on every database."""

import pytest
import sqlalchemy as sa

from podium import errors
from podium.db import clock, tokens
from podium.db.engine import Database
from podium.db.models import api_tokens

pytestmark = pytest.mark.mariadb_long


def create(database: Database, name: str, secret: str, seconds: float | None = None) -> None:
    with database.write() as connection:
        tokens.create(connection, name, "reader", secret, who="me@here", seconds=seconds)


def name_of(database: Database, secret: str) -> str | None:
    with database.read() as connection:
        token = tokens.valid(connection, secret)
    return token and token.name


def test_a_token_is_found_by_its_secret_while_it_is_valid(database: Database) -> None:
    create(database, "a", "one", 3600)
    create(database, "b", "two")
    create(database, "c", "three", -1)
    found = [name_of(database, secret) for secret in ("one", "two", "three", "four", "ONE")]
    assert found == ["a", "b", None, None, None]
    with database.write() as connection:
        tokens.revoke(connection, "a", "you@there")
    assert name_of(database, "one") is None
    with database.read() as connection:
        (first, *_) = tokens.all_tokens(connection)
    assert (first.revoked_by, first.created_by) == ("you@there", "me@here")


def test_a_name_is_taken_once_and_for_all(database: Database) -> None:
    create(database, "a", "one")
    with pytest.raises(errors.PodiumError, match="a token a already; .* podium token list"):
        create(database, "a", "two")
    create(database, "A", "three")


@pytest.mark.parametrize("name", ["ghost", "a"])
def test_only_what_is_valid_can_be_revoked(database: Database, name: str) -> None:
    create(database, "a", "one")
    with database.write() as connection:
        tokens.revoke(connection, "a", "me@here")
    with pytest.raises(errors.PodiumError, match=f"no valid token {name}"), database.write() as connection:
        tokens.revoke(connection, name, "me@here")


def test_a_use_is_written_at_most_once_a_minute(database: Database) -> None:
    create(database, "a", "one")
    with database.write() as connection:
        (token,) = tokens.all_tokens(connection)
        tokens.note_use(connection, token.id, "192.0.2.1")
        tokens.note_use(connection, token.id, "192.0.2.2")
        assert tokens.all_tokens(connection)[0].last_used_from == "192.0.2.1"
        past = clock.later(clock.now(connection), -61)
        connection.execute(sa.update(api_tokens).values(last_used_at=past))
        tokens.note_use(connection, token.id, "192.0.2.2")
        assert tokens.all_tokens(connection)[0].last_used_from == "192.0.2.2"
