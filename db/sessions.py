"""Sessions of the page: the users who are logged in there. Only the SHA-256 of a session's secret is kept.

Functions of an open connection.
"""

from datetime import datetime
from typing import Final, NamedTuple

import sqlalchemy as sa

from podium.db import clock
from podium.db.models import api_tokens, sessions
from podium.db.tokens import digest

#: Sessions of one user; one more login ends the session that has been idle for the longest time.
MOST: Final = 20


class Limits(NamedTuple):
    """Seconds for which a session lasts after its user's last input, and after its beginning."""

    idle: float
    life: float


class Session(NamedTuple):
    """A session, see :data:`podium.db.models.sessions`.

    :param digest: of its secret
    :param role: of the token that began it
    :param used_at: when its user last did something, as far as it was recorded
    :param idle: seconds since then
    """

    id: int
    digest: str
    name: str
    login: str | None
    role: str | None
    used_at: datetime
    idle: float


def begin(
    connection: sa.Connection,
    name: str,
    secret: str,
    limits: Limits,
    *,
    login: str | None = None,
    token: int | None = None,
) -> Session | None:
    """Begin a session, and delete expired ones; return it, or None if the token has ended meanwhile.

    :param login: a digest of the user's line in the file of users
    :param token: the number of the token that was given instead of a password
    """
    now = clock.now(connection)
    its = sessions.c
    connection.execute(sa.delete(sessions).where(sa.not_(_lasts(now, limits))))
    of_user = sa.select(its.id).where(its.name == name).order_by(its.used_at.desc(), its.id.desc())
    if over := connection.scalars(of_user.offset(MOST - 1).limit(1000)).all():
        connection.execute(sa.delete(sessions).where(its.id.in_(over)))
    row = {"name": name, "digest": digest(secret), "login": login, "token_id": token}
    connection.execute(sa.insert(sessions).values(**row, created_at=now, used_at=now))
    return valid(connection, secret, limits)


def valid(connection: sa.Connection, secret: str, limits: Limits) -> Session | None:
    """Return the session of a secret; None if there is none, or if it or its token has expired."""
    now, its, token = clock.now(connection), sessions.c, api_tokens.c
    query = (
        sa.select(sessions, token.role, token.expires_at)
        .outerjoin(api_tokens, sa.and_(token.id == its.token_id, token.revoked_at.is_(None)))
        .where(its.digest == digest(secret), _lasts(now, limits))
    )
    row = connection.execute(query).one_or_none()
    if row is None or (row.token_id is not None and row.role is None):
        return None
    if row.expires_at is not None and now >= row.expires_at:
        return None
    idle = max((now - row.used_at).total_seconds(), 0.0)
    return Session(row.id, row.digest, row.name, row.login, row.role, row.used_at, idle)


def note_use(connection: sa.Connection, number: int, idle: float, limits: Limits) -> None:
    """Record when a session's user last did something, if that is new and the session has not expired."""
    now, its = clock.now(connection), sessions.c
    at = clock.later(now, -idle)
    noted = sa.update(sessions).where(its.id == number, its.used_at < at, _lasts(now, limits))
    connection.execute(noted.values(used_at=at))


def end(connection: sa.Connection, number: int) -> None:
    """End a session, if it still exists."""
    connection.execute(sa.delete(sessions).where(sessions.c.id == number))


def _lasts(now: datetime, limits: Limits) -> sa.ColumnElement[bool]:
    """The condition that a session has not expired, and is not from the future after a clock was set back."""
    ahead = clock.later(now, clock.AHEAD)
    return sa.and_(
        sessions.c.used_at.between(clock.later(now, -limits.idle), ahead),
        sessions.c.created_at.between(clock.later(now, -limits.life), ahead),
    )
