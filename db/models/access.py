"""Access over HTTP, and the answers that were given."""

from typing import Final

import sqlalchemy as sa

from podium.db.models.kinds import Exact, RowId, UTCDateTime, metadata

#: A bearer token; ``digest`` is the SHA-256 of its secret, in hexadecimal digits.
api_tokens: Final = sa.Table(
    "api_tokens",
    metadata,
    sa.Column("id", RowId, primary_key=True, autoincrement=True),
    sa.Column("name", Exact, nullable=False, unique=True),
    sa.Column("digest", sa.String(64), nullable=False, unique=True),
    sa.Column("role", sa.String(16), nullable=False),
    sa.Column("created_by", sa.String(255), nullable=False),
    sa.Column("created_at", UTCDateTime, nullable=False),
    sa.Column("expires_at", UTCDateTime),
    sa.Column("last_used_at", UTCDateTime),
    sa.Column("last_used_from", sa.String(255)),
    sa.Column("revoked_at", UTCDateTime),
    sa.Column("revoked_by", sa.String(255)),
    sqlite_autoincrement=True,
)

#: A user who has logged in at the page; ``digest`` is the SHA-256 of the secret in the browser's cookie. It
#: is valid while ``login`` is a digest of the user's line in the file, or while the token is valid.
sessions: Final = sa.Table(
    "sessions",
    metadata,
    sa.Column("id", RowId, primary_key=True, autoincrement=True),
    sa.Column("digest", sa.String(64), nullable=False, unique=True),
    sa.Column("name", Exact, nullable=False, index=True),
    sa.Column("login", sa.String(64)),
    sa.Column("token_id", sa.BigInteger),
    sa.Column("created_at", UTCDateTime, nullable=False),
    sa.Column("used_at", UTCDateTime, nullable=False),
    sqlite_autoincrement=True,
)

#: The answer to a call with a key, per user, see podium.db.kept_answers.
kept_answers: Final = sa.Table(
    "kept_answers",
    metadata,
    sa.Column("who", Exact, primary_key=True),
    sa.Column("key", Exact, primary_key=True),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("answer", sa.JSON, nullable=False),
    sa.Column("kept_at", UTCDateTime, nullable=False),
)
