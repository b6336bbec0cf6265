"""Tokens, asked on the database and over HTTP."""

import httpx
import pytest
import sqlalchemy as sa

from podium import errors
from podium.api.callers import Role
from podium.client.podium import Podium
from podium.client.remote.server import Server
from podium.db import tokens
from podium.db.engine import Database
from podium.db.models import kept_answers
from served import Everybody

DAY = 86_400.0


def test_the_secret_of_a_token_is_in_the_first_answer_and_in_no_other(
    podium: Podium, database: Database
) -> None:
    made = podium.create_token("grafana", "reader", DAY)
    with database.read() as connection:
        token = tokens.valid(connection, made.secret)
        assert made.secret not in str(connection.execute(sa.select(kept_answers)).all())
    assert token is not None and (token.name, token.role) == ("grafana", "reader")
    assert token.expires_at is not None and (token.expires_at - token.created_at).days == 1
    assert made.secret not in repr(list(podium.tokens())) + repr(made)


def test_tokens_are_listed_with_who_created_them_and_what_became_of_them(podium: Podium) -> None:
    podium.create_token("a", "admin", None)
    podium.create_token("b", "reader", 3600)
    podium.revoke_token("b")
    found = {one.name: one for one in podium.tokens()}
    assert (found["a"].state, found["a"].expires_at, found["a"].role) == ("valid", None, "admin")
    assert (found["b"].state, found["b"].revoked_by) == ("revoked", found["a"].created_by)


def test_a_name_is_taken_once(podium: Podium) -> None:
    podium.create_token("a", "reader", None)
    with pytest.raises(errors.BadRequest, match="there is a token a already"):
        podium.create_token("a", "reader", None)


def test_a_token_that_is_not_valid_is_not_revoked(podium: Podium) -> None:
    with pytest.raises(errors.NotFound, match="there is no valid token a; see: podium token list"):
        podium.revoke_token("a")


@pytest.mark.parametrize("role", [Role.READER, Role.OPERATOR])
@pytest.mark.parametrize("podium", ["remote"], indirect=True)
def test_whoever_is_no_admin_gets_no_token(podium: Podium, everybody: Everybody, role: Role) -> None:
    everybody.role = role
    with pytest.raises(errors.NotAllowed, match="this needs admin"):
        podium.create_token("a", "reader", None)


@pytest.mark.parametrize("name", ["", "a b", "a\n", "-a", "a" * 101])
def test_a_wrong_name_is_refused(server: Server, name: str) -> None:
    with httpx.Client(transport=server.transport(), base_url="http://podium") as client:
        body = {"name": name, "role": "reader", "expires_in": None}
        found = client.post("/podium/v1/tokens", json=body)
    assert found.status_code == 400 and found.json()["error"]["message"].startswith("name: ")
