"""Counters of changes to nodes and to the schema."""

from typing import Final

import sqlalchemy as sa

from podium.db.models.kinds import RowId, UTCDateTime, metadata

#: The newest number given to a change of nodes; the only row has the id 1.
#:
#: ``generation`` counts how often slots were given to other members, see podium.db.slots; ``rosters`` counts
#: how often members or the owners of slots changed, and ``reads`` how often conductors were asked to read
#: hardware. ``fleet_id`` is a UUID of the database; copies have the same one. ``learned`` is the newest
#: number of a change that conductors only learned, and ``before`` the newest number of any other change
#: before that.
change_counter: Final = sa.Table(
    "change_counter",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("changes", sa.BigInteger, nullable=False),
    sa.Column("deletions", sa.BigInteger, nullable=False),
    sa.Column("generation", sa.BigInteger, nullable=False, server_default=sa.text("0")),
    sa.Column("rosters", sa.BigInteger, nullable=False, server_default=sa.text("0")),
    sa.Column("reads", sa.BigInteger, nullable=False, server_default=sa.text("0")),
    sa.Column("fleet_id", sa.String(36)),
    sa.Column("learned", sa.BigInteger, nullable=False, server_default=sa.text("0")),
    sa.Column("before", sa.BigInteger, nullable=False, server_default=sa.text("0")),
)

#: A node or conductor that a change deleted, kept for a day, see podium.db.news.
#:
#: :ivar kind: nodes or conductors; ``mark`` for a row that only records since when deletions are kept
deletions: Final = sa.Table(
    "deletions",
    metadata,
    sa.Column("id", RowId, primary_key=True, autoincrement=True),
    sa.Column("change", sa.BigInteger, nullable=False, index=True),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("uuid", sa.String(36), nullable=False),
    sa.Column("name", sa.String(255), nullable=False),
    sa.Column("at", UTCDateTime, nullable=False),
    sqlite_autoincrement=True,
)

#: The oldest revision of the schema whose program may use this one; the only row has the id 1.
schema_floor: Final = sa.Table(
    "schema_floor",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("revision", sa.String(32), nullable=False),
)
