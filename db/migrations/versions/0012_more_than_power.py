"""Hardware requests other than for the power, their results, and the past and present offsets of clocks."""

import sqlalchemy as sa

from podium.db.migrations.expand import TIME, add_column

revision = "0012"
down_revision = "0011"
usable_from = "0008"


def upgrade() -> None:
    add_column("operations", sa.Column("arguments", sa.JSON))
    add_column("power_requests", sa.Column("result", sa.Text))
    add_column("hardware_reads", sa.Column("arguments", sa.String(1024)))
    add_column("nodes", sa.Column("clock_offset", sa.Double))
    add_column("nodes", sa.Column("clock_checked_at", TIME))
    add_column("nodes", sa.Column("clock_set_at", TIME))
    add_column("nodes", sa.Column("clock_offset_before", sa.Double))
