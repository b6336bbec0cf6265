"""Reads of nodes by a conductor other than their owner, see podium.db.cross_checks."""

import sqlalchemy as sa

from podium.db.migrations.expand import TIME, create_table

revision = "0008"
down_revision = "0007"
usable_from = "0007"


def upgrade() -> None:
    create_table(
        "cross_checks",
        sa.Column("node_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("network", sa.String(255)),
        sa.Column("asked_by", sa.String(255), nullable=False),
        sa.Column("reader", sa.String(255), nullable=False),
        sa.Column("asked_at", TIME, nullable=False),
        sa.Column("answered_at", TIME),
        sa.Column("power_state", sa.String(20)),
        sa.Column("failure", sa.Text),
    )
