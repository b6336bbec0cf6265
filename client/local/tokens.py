"""Answers about tokens."""

import secrets
from datetime import datetime
from typing import Final

import sqlalchemy as sa

from podium.client.calls.call import Page
from podium.client.calls.tokens import CreatedToken, CreateToken, ListTokens, RevokeToken, Token
from podium.client.local.backend import Answers, Backend
from podium.client.local.pages import page
from podium.db import clock, tokens


def create_token(backend: Backend, call: CreateToken) -> CreatedToken:
    """Create a token.

    Its secret is not among the answers that are kept for clients that send a call again: whoever does gets
    another one, in the place of that which nobody has received.
    """

    def create(connection: sa.Connection) -> CreatedToken:
        tokens.create(connection, call.name, call.grants, _secret(), who=backend.who, seconds=call.expires_in)
        return CreatedToken(name=call.name)

    made, secret = backend.write(call, create), _secret()
    backend.step(lambda connection: tokens.replace(connection, made.name, secret))
    return CreatedToken(name=made.name, secret=secret)


def _secret() -> str:
    return f"podium_{secrets.token_urlsafe(32)}"


def list_tokens(backend: Backend, call: ListTokens) -> Page[Token]:
    """Return all tokens, those that are no longer valid too."""
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
