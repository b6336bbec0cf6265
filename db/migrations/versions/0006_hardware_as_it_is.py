"""Retention, the identity of machines, and the age of health reports.

Adds how far retention has come, see podium.db.retention; which machine a node is, as its driver names it;
when a health was reported, and for how many seconds the report is valid.

Drivers cannot be asked here: ``podium db upgrade`` does that afterwards.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0006"
down_revision = "0005"

_TIME = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
#: Compared exactly, even if the server's default ignores case.
_EXACT = sa.String(255).with_variant(mysql.VARCHAR(255, collation="utf8mb4_bin"), "mysql", "mariadb")


def upgrade() -> None:
    op.add_column("conductors", sa.Column("retention_at", _TIME))
    op.add_column("nodes", sa.Column("health_checked_at", _TIME))
    op.add_column("nodes", sa.Column("health_lasts", sa.Double))
    op.execute("UPDATE nodes SET health = NULL")  # nobody knows how old they are
    for column in ("identity", "controller"):
        op.add_column("nodes", sa.Column(column, _EXACT))
    op.create_index("ix_nodes_controller", "nodes", ["controller", "identity"])
