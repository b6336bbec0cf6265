"""A counter of the changes of nodes, and conductors with several workers."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0003"
down_revision = "0002"

_TIME = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")


def _table_args() -> dict[str, Any]:
    mariadb = getattr(op.get_bind().dialect, "is_mariadb", False)
    return {
        "mysql_charset": "utf8mb4",
        "mysql_collate": "utf8mb4_nopad_bin" if mariadb else "utf8mb4_0900_bin",
        "mysql_engine": "InnoDB",
    }


def upgrade() -> None:
    _count_changes()
    _room_for_updates()
    _workers()


def _count_changes() -> None:
    counter = op.create_table(
        "change_counter",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("changes", sa.BigInteger, nullable=False),
        sa.Column("deletions", sa.BigInteger, nullable=False),
        **_table_args(),
    )
    versions = sa.table("nodes", sa.column("version"))
    highest = sa.select(sa.literal(1), sa.func.coalesce(sa.func.max(versions.c.version), 0), sa.literal(0))
    op.execute(sa.insert(counter).from_select(["id", "changes", "deletions"], highest))
    # SQLite stores integers of any size in any column, and would have to copy the table.
    if op.get_bind().dialect.name != "sqlite":
        op.alter_column(
            "nodes", "version", existing_type=sa.Integer, existing_nullable=False, type_=sa.BigInteger
        )


def _room_for_updates() -> None:
    # Without statistics PostgreSQL would use this index to find the nodes that nobody has reserved.
    op.drop_index("ix_nodes_reservation", "nodes")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE nodes SET (fillfactor = 70)")


def _workers() -> None:
    _add_number("conductors", "workers", 1)
    _add_number("task_commands", "worker", 0, sqlite_autoincrement=True)
    _key_tasks_by_worker()
    op.create_table(
        "conductor_workers",
        sa.Column("conductor", sa.String(255), primary_key=True),
        sa.Column("worker", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("statistics", sa.JSON, nullable=False),
        sa.Column("updated_at", _TIME, nullable=False),
        **_table_args(),
    )


def _key_tasks_by_worker() -> None:
    created = op.create_table(
        "periodic_tasks_of_workers",
        sa.Column("conductor", sa.String(255), primary_key=True),
        sa.Column("task", sa.String(255), primary_key=True),
        sa.Column("worker", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("spacing", sa.Double, nullable=False),
        sa.Column("last_run", _TIME),
        sa.Column("duration", sa.Double),
        sa.Column("runs", sa.Integer, nullable=False),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("skipped", sa.Integer, nullable=False),
        sa.Column("deadline_misses", sa.Integer, nullable=False),
        sa.Column("last_error", sa.Text),
        sa.Column("switched_off", sa.Boolean, nullable=False),
        **_table_args(),
    )
    names = [column.name for column in created.columns]
    kept = sa.table("periodic_tasks", *(sa.column(name) for name in names if name != "worker"))
    rows = sa.select(*(sa.literal(0) if name == "worker" else kept.c[name] for name in names))
    op.execute(sa.insert(created).from_select(names, rows))
    op.drop_table("periodic_tasks")
    op.rename_table("periodic_tasks_of_workers", "periodic_tasks")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER INDEX periodic_tasks_of_workers_pkey RENAME TO periodic_tasks_pkey")


def _add_number(table: str, column: str, value: int, **table_kwargs: Any) -> None:
    default = sa.text(str(value))
    with op.batch_alter_table(table, table_kwargs=table_kwargs) as batch:
        batch.add_column(sa.Column(column, sa.Integer, nullable=False, server_default=default))
    with op.batch_alter_table(table, table_kwargs=table_kwargs) as batch:
        batch.alter_column(column, existing_type=sa.Integer, existing_nullable=False, server_default=None)
