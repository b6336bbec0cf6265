"""Which fleet a database is of, and the answers to calls that clients may send again."""

import uuid

import sqlalchemy as sa
from alembic import op

from podium.db.migrations.expand import EXACT, TIME, add_column, create_table

revision = "0010"
down_revision = "0009"
usable_from = "0008"


def upgrade() -> None:
    add_column("change_counter", sa.Column("fleet_id", sa.String(36)))
    counter = sa.table("change_counter", sa.column("fleet_id"))
    own = sa.update(counter).where(counter.c.fleet_id.is_(None)).values(fleet_id=str(uuid.uuid4()))
    op.get_bind().execute(own)
    create_table(
        "kept_answers",
        sa.Column("who", EXACT, primary_key=True),
        sa.Column("key", EXACT, primary_key=True),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("answer", sa.JSON, nullable=False),
        sa.Column("kept_at", TIME, nullable=False),
    )
