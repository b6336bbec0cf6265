"""Answers about tokens."""

import base64
import hmac
import secrets
from datetime import datetime
from typing import Final

import sqlalchemy as sa

from podium import errors
from podium.client.calls.call import Page
from podium.client.calls.tokens import CreatedToken, CreateToken, ListTokens, RevokeToken, Token
from podium.client.local.backend import Answers, Backend
from podium.client.local.pages import page
from podium.db import clock, tokens

_SHORTEST_KEY: Final = 16


def create_token(backend: Backend, call: CreateToken) -> CreatedToken:
    """Create a token.

    Its secret is derived from a random seed, which is kept for clients that send the call again, and from the
    call's key, which is not kept: every attempt gets the same secret, and the database does not have it.

    :raises podium.errors.BadRequest: the name is taken, or the key is so short that it can be guessed
    """
    key = secrets.token_hex(_SHORTEST_KEY) if backend.key is None else backend.key.text
    if len(key) < _SHORTEST_KEY:
        raise errors.BadRequest(
            f"the idempotency key of a new token has at least {_SHORTEST_KEY} random characters: its secret"
            " is made of it"
        )

    def create(connection: sa.Connection) -> CreatedToken:
        seed = secrets.token_urlsafe(32)
        its = _secret(seed, key)
        tokens.create(connection, call.name, call.grants, its, who=backend.who, seconds=call.expires_in)
        return CreatedToken(name=call.name, secret=seed)

    made = backend.write(call, create)
    return CreatedToken(name=made.name, secret=_secret(made.secret, key))


def _secret(seed: str, key: str) -> str:
    made = hmac.digest(key.encode(), seed.encode(), "sha256")
    return f"podium_{base64.urlsafe_b64encode(made).decode().rstrip('=')}"


def list_tokens(backend: Backend, call: ListTokens) -> Page[Token]:
    """Return all tokens, including those that are no longer valid."""
    with backend.database.read() as connection:
        found, now = tokens.all_tokens(connection), clock.now(connection)
    return page([_shown(one, now) for one in found], lambda one: one.name, call.limit, call.marker)


def _shown(token: tokens.Token, now: datetime) -> Token:
    is_over = token.expires_at is not None and token.expires_at <= now
    state = "revoked" if token.revoked_at is not None else "expired" if is_over else "valid"
    values = token._asdict() | {"state": state}
    return Token(**{name: values[name] for name in Token.__struct_fields__})


def revoke_token(backend: Backend, call: RevokeToken) -> None:
    """Make a token invalid."""
    backend.write(call, lambda connection: tokens.revoke(connection, call.name, backend.who))


ANSWERS: Final[Answers] = {
    CreateToken: create_token,
    ListTokens: list_tokens,
    RevokeToken: revoke_token,
}
