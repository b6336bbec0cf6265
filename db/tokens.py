"""Bearer tokens of the API. Only the SHA-256 of a token is kept. Functions of an open connection."""

import hashlib
from datetime import datetime
from typing import Final, NamedTuple

import sqlalchemy as sa
from oslo_db.exception import DBDuplicateEntry

from podium import errors
from podium.db import clock
from podium.db.models import api_tokens, columns


class Token(NamedTuple):
    """A token, see :data:`podium.db.models.api_tokens`."""

    id: int
    name: str
    role: str
    created_by: str
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    last_used_from: str | None
    revoked_at: datetime | None
    revoked_by: str | None


#: Seconds between two records of a token's use.
_NOTED: Final = 60.0

_TOKENS: Final = sa.select(*columns(api_tokens, Token._fields))


def digest(secret: str) -> str:
    """Return the stored digest of a token. The token is random and so needs no salt and no slow hash."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


def create(
    connection: sa.Connection, name: str, role: str, secret: str, *, who: str, seconds: float | None
) -> None:
    """Create a token.

    :param seconds: for which it is valid; None for no limit
    :raises podium.errors.BadRequest: the name is taken, even by a revoked or expired token
    """
    now = clock.now(connection)
    row = {
        "name": name,
        "role": role,
        "digest": digest(secret),
        "created_by": who,
        "created_at": now,
        "expires_at": None if seconds is None else clock.later(now, seconds),
    }
    try:
        connection.execute(sa.insert(api_tokens).values(row))
    except DBDuplicateEntry:
        raise errors.BadRequest(
            f"there is a token {name} already; choose another name, see: podium token list"
        ) from None


def all_tokens(connection: sa.Connection) -> list[Token]:
    """Return all tokens in order of name, including those that are no longer valid."""
    return list(map(Token._make, connection.execute(_TOKENS.order_by(api_tokens.c.name))))


def valid(connection: sa.Connection, secret: str) -> Token | None:
    """Return the token with this secret; None if there is none, or if it has expired or was revoked."""
    row = connection.execute(_TOKENS.where(api_tokens.c.digest == digest(secret))).one_or_none()
    if row is None or row.revoked_at is not None:
        return None
    token = Token._make(row)
    is_over = token.expires_at is not None and clock.now(connection) >= token.expires_at
    return None if is_over else token


def note_use(connection: sa.Connection, number: int, address: str) -> None:
    """Record that a token is used now, at most once a minute, even if several processes see it."""
    now, used_at = clock.now(connection), api_tokens.c.last_used_at
    is_old = sa.or_(used_at.is_(None), used_at < clock.later(now, -_NOTED), used_at > now)
    used = sa.update(api_tokens).where(api_tokens.c.id == number, is_old)
    connection.execute(used.values(last_used_at=now, last_used_from=address[:255]))


def revoke(connection: sa.Connection, name: str, who: str) -> None:
    """Make a token invalid.

    :raises podium.errors.NotFound: there is no valid token of that name
    """
    revoked = sa.update(api_tokens).where(api_tokens.c.name == name, api_tokens.c.revoked_at.is_(None))
    values = {"revoked_at": clock.now(connection), "revoked_by": who}
    if not connection.execute(revoked.values(values)).rowcount:
        raise errors.NotFound(f"there is no valid token {name}; see: podium token list")
