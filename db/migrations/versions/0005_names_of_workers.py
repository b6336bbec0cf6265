"""A single name for a worker, ``host/index``, in separate columns.

Before, worker 0 was called ``host``, and the column conductor held a host's name in one table and a worker's
in another.
"""

import re

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

#: The columns that hold names of workers, and their new names.
_COLUMNS = (
    ("nodes", "reservation", "reservation"),
    ("power_requests", "holder", "holder"),
    ("power_events", "conductor", "writer"),
    ("notification_cursors", "conductor", "holder"),
)


def upgrade() -> None:
    conductors = sa.table("conductors", sa.column("hostname"))
    hosts = set(op.get_bind().scalars(sa.select(conductors.c.hostname)))
    for table, old, new in _COLUMNS:
        _complete(table, old, hosts)
        if new != old:
            # As SQL text: alembic would copy the whole table on SQLite.
            op.execute(f"ALTER TABLE {table} RENAME COLUMN {old} TO {new}")


def _complete(table: str, name: str, hosts: set[str]) -> None:
    """Append the worker's index to names that lack it."""
    connection, column = op.get_bind(), sa.column(name, sa.String)
    rows = sa.table(table, column)
    found = sa.select(column).select_from(rows).where(column.is_not(None)).distinct()
    texts = connection.scalars(found).all()
    # The longest first: if a host has the future name of another host's worker, it is renamed before that
    # worker.
    for text in sorted(texts, key=len, reverse=True):
        if text in hosts or not re.fullmatch(r".+/\d+", text):
            connection.execute(sa.update(rows).where(column == text).values({name: f"{text}/0"}))
