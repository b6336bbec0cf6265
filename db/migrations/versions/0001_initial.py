"""The first schema: nodes, conductors, power_events, periodic_tasks."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0001"
down_revision = None

_ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TIME = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")


def _table_args() -> dict[str, Any]:
    """Options of tables that compare text by its bytes, trailing spaces included, on MySQL and MariaDB."""
    mariadb = getattr(op.get_bind().dialect, "is_mariadb", False)
    return {
        "mysql_charset": "utf8mb4",
        "mysql_collate": "utf8mb4_nopad_bin" if mariadb else "utf8mb4_0900_bin",
        "mysql_engine": "InnoDB",
    }


def upgrade() -> None:
    table_args = _table_args()
    op.create_table(
        "nodes",
        sa.Column("id", _ROW_ID, primary_key=True, autoincrement=True),
        sa.Column("uuid", sa.String(36), nullable=False, unique=True),
        sa.Column("name", sa.String(255), nullable=False, unique=True),
        sa.Column("driver", sa.String(64), nullable=False, index=True),
        sa.Column("driver_info", sa.JSON, nullable=False),
        sa.Column("driver_internal_info", sa.JSON, nullable=False),
        sa.Column("properties", sa.JSON, nullable=False),
        sa.Column("extra", sa.JSON, nullable=False),
        sa.Column("power_state", sa.String(20)),
        sa.Column("target_power_state", sa.String(20), index=True),
        sa.Column("power_requested_by", sa.String(255)),
        sa.Column("power_requested_at", _TIME),
        sa.Column("power_checked_at", _TIME),
        sa.Column("power_changed_at", _TIME),
        sa.Column("power_failures", sa.Integer, nullable=False),
        sa.Column("health", sa.JSON),
        sa.Column("last_error", sa.Text),
        sa.Column("maintenance", sa.Boolean, nullable=False),
        sa.Column("maintenance_reason", sa.Text),
        sa.Column("fault", sa.String(64)),
        sa.Column("reservation", sa.String(255), index=True),
        sa.Column("conductor_group", sa.String(255), nullable=False),
        sa.Column("version", sa.Integer, nullable=False, index=True),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("updated_at", _TIME, nullable=False),
        sqlite_autoincrement=True,
        # Every sweep writes every row: with room left in the page, no index needs an update.
        postgresql_with={"fillfactor": 50},
        **table_args,
    )
    op.create_table(
        "conductors",
        sa.Column("hostname", sa.String(255), primary_key=True),
        sa.Column("process", sa.String(255), nullable=False),
        sa.Column("drivers", sa.JSON, nullable=False),
        sa.Column("conductor_group", sa.String(255), nullable=False),
        sa.Column("online", sa.Boolean, nullable=False),
        sa.Column("started_at", _TIME, nullable=False),
        sa.Column("heartbeat_at", _TIME, nullable=False),
        **table_args,
    )
    op.create_table(
        "power_events",
        sa.Column("id", _ROW_ID, primary_key=True, autoincrement=True),
        sa.Column("node_uuid", sa.String(36), nullable=False, index=True),
        sa.Column("node_name", sa.String(255), nullable=False),
        sa.Column("at", _TIME, nullable=False, index=True),
        sa.Column("from_state", sa.String(20)),
        sa.Column("to_state", sa.String(20)),
        sa.Column("cause", sa.String(32), nullable=False),
        sa.Column("who", sa.String(255)),
        sa.Column("reason", sa.Text),
        sa.Column("request_id", sa.String(64)),
        sqlite_autoincrement=True,
        **table_args,
    )
    op.create_table(
        "periodic_tasks",
        sa.Column("conductor", sa.String(255), primary_key=True),
        sa.Column("task", sa.String(255), primary_key=True),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("spacing", sa.Double, nullable=False),
        sa.Column("last_run", _TIME),
        sa.Column("duration", sa.Double),
        sa.Column("runs", sa.Integer, nullable=False),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("skipped", sa.Integer, nullable=False),
        sa.Column("deadline_misses", sa.Integer, nullable=False),
        sa.Column("last_error", sa.Text),
        **table_args,
    )
