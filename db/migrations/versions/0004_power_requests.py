"""Power requests that outlive the daemon, in operations; policies, freezing, and notification cursors."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0004"
down_revision = "0003"

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
    _add_columns()
    operations, requests = _operations(), _requests()
    op.create_table(
        "notification_cursors",
        sa.Column("conductor", sa.String(255), primary_key=True),
        sa.Column("sink", sa.String(255), primary_key=True),
        sa.Column("event_id", sa.BigInteger, nullable=False),
        sa.Column("failing_since", _TIME),
        sa.Column("last_error", sa.Text),
        **_table_args(),
    )
    _take_over(operations, requests)


def _add_columns() -> None:
    # Columns that SQLite can add: only a column that may not be empty would make it copy the table.
    columns: dict[str, list[sa.Column[Any]]] = {
        "nodes": [
            sa.Column("wanted_power_state", sa.String(20)),
            sa.Column("power_policy", sa.String(16)),
            sa.Column("enforcement", sa.String(255)),
            sa.Column("power_request_id", sa.BigInteger),
            sa.Column("reserved_for", sa.String(255)),
            sa.Column("reserved_at", _TIME),
        ],
        "conductors": [
            sa.Column("frozen_at", _TIME),
            sa.Column("frozen_reason", sa.Text),
            sa.Column("thaw_requested_at", _TIME),
        ],
        "power_events": [
            sa.Column("operation_id", sa.BigInteger),
            sa.Column("conductor", sa.String(255)),
        ],
    }
    for table, added in columns.items():
        for column in added:
            op.add_column(table, column)


def _operations() -> sa.Table:
    return op.create_table(
        "operations",
        sa.Column("id", _ROW_ID, primary_key=True, autoincrement=True),
        sa.Column("action", sa.String(20), nullable=False),
        sa.Column("requested_by", sa.String(255), nullable=False),
        sa.Column("requested_at", _TIME, nullable=False, index=True),
        sa.Column("reason", sa.Text),
        sa.Column("nodes", sa.Integer, nullable=False),
        sa.Column("timeout", sa.Double),
        sa.Column("then_off", sa.Boolean, nullable=False),
        sa.Column("cancelled_by", sa.String(255)),
        sa.Column("cancelled_at", _TIME),
        sqlite_autoincrement=True,
        **_table_args(),
    )


def _requests() -> sa.Table:
    return op.create_table(
        "power_requests",
        sa.Column("id", _ROW_ID, primary_key=True, autoincrement=True),
        sa.Column("operation_id", sa.BigInteger, nullable=False),
        sa.Column("node_id", sa.BigInteger, nullable=False, index=True),
        sa.Column("node_uuid", sa.String(36), nullable=False),
        sa.Column("node_name", sa.String(255), nullable=False),
        sa.Column("action", sa.String(20), nullable=False),
        sa.Column("state", sa.String(16), nullable=False, index=True),
        sa.Column("not_before", _TIME, nullable=False),
        sa.Column("timeout", sa.Double),
        sa.Column("then_off", sa.Boolean, nullable=False),
        sa.Column("requested_by", sa.String(255), nullable=False),
        sa.Column("requested_at", _TIME, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("holder", sa.String(255)),
        sa.Column("begun_at", _TIME),
        sa.Column("sent_at", _TIME),
        sa.Column("finished_at", _TIME),
        sa.Column("power_state", sa.String(20)),
        sa.Column("error", sa.Text),
        sa.Index("ix_power_requests_operation_id", "operation_id", "node_id"),
        sqlite_autoincrement=True,
        **_table_args(),
    )


def _take_over(operations: sa.Table, requests: sa.Table) -> None:
    """Keep pending requests: each node's request becomes an operation of its own."""
    names = ("id", "uuid", "name", "target_power_state", "power_requested_by", "power_request_id")
    times = (sa.column("power_requested_at", _TIME), sa.column("updated_at", _TIME))
    nodes = sa.table("nodes", *(sa.column(name) for name in (*names, "reservation")), *times)
    connection = op.get_bind()
    for node in connection.execute(sa.select(nodes).where(nodes.c.target_power_state.is_not(None))).all():
        asked = {
            "action": node.target_power_state,
            "requested_by": node.power_requested_by or "someone",
            "requested_at": node.power_requested_at or node.updated_at,
            "then_off": False,
        }
        done = connection.execute(sa.insert(operations).values(nodes=1, **asked))
        (operation,) = done.inserted_primary_key or (0,)
        whose = {"operation_id": operation, "node_id": node.id, "node_uuid": node.uuid}
        whose |= {"node_name": node.name, "state": "waiting", "not_before": asked["requested_at"]}
        done = connection.execute(sa.insert(requests).values(**whose, **asked))
        (request,) = done.inserted_primary_key or (0,)
        mine = sa.update(nodes).where(nodes.c.id == node.id)
        connection.execute(mine.values(power_request_id=request))
    # No conductor runs during an upgrade: requests that one had begun are begun again.
    reserved = sa.update(nodes).where(nodes.c.reservation.is_not(None))
    connection.execute(reserved.values(reservation=None))
