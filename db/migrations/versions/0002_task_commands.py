"""Commands to the periodic tasks of a running daemon."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0002"
down_revision = "0001"

_ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TIME = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")


def _table_args() -> dict[str, Any]:
    mariadb = getattr(op.get_bind().dialect, "is_mariadb", False)
    return {
        "mysql_charset": "utf8mb4",
        "mysql_collate": "utf8mb4_nopad_bin" if mariadb else "utf8mb4_0900_bin",
        "mysql_engine": "InnoDB",
    }


def upgrade() -> None:
    with op.batch_alter_table("periodic_tasks") as batch:
        batch.add_column(sa.Column("switched_off", sa.Boolean, nullable=False, server_default=sa.false()))
    with op.batch_alter_table("periodic_tasks") as batch:
        batch.alter_column(
            "switched_off", existing_type=sa.Boolean, existing_nullable=False, server_default=None
        )
    op.create_table(
        "task_commands",
        sa.Column("id", _ROW_ID, primary_key=True, autoincrement=True),
        sa.Column("conductor", sa.String(255), nullable=False, index=True),
        sa.Column("task", sa.String(255), nullable=False),
        sa.Column("action", sa.String(16), nullable=False),
        sa.Column("node_uuid", sa.String(36)),
        sa.Column("requested_by", sa.String(255)),
        sa.Column("requested_at", _TIME, nullable=False),
        sa.Column("finished_at", _TIME),
        sa.Column("duration", sa.Double),
        sa.Column("error", sa.Text),
        sqlite_autoincrement=True,
        **_table_args(),
    )
