"""The steps of a migration; a step that was already done does nothing.

A migration adds tables, indexes, and columns that may be empty or have a default, so that conductors of the
previous version can continue beside it. MariaDB commits after every statement. An interrupted migration is
therefore run again from its beginning, and skips what exists.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

#: The types of columns that are not the same everywhere.
TIME: Final = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
EXACT: Final = sa.String(255).with_variant(mysql.VARCHAR(255, collation="utf8mb4_bin"), "mysql", "mariadb")
ROW_ID: Final = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

#: The most rows that one transaction changes.
MOST_ROWS: Final = 20_000


def create_table(name: str, *columns: sa.Column[Any], numbered: bool = False) -> None:
    """Create a table.

    :param numbered: whether numbers of deleted rows are never reused
    """
    if has_table(name):
        return
    mariadb = getattr(op.get_bind().dialect, "is_mariadb", False)
    op.create_table(
        name,
        *columns,
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_nopad_bin" if mariadb else "utf8mb4_0900_bin",
        mysql_engine="InnoDB",
        **({"sqlite_autoincrement": True} if numbered else {}),
    )


def add_column(table: str, column: sa.Column[Any]) -> None:
    """Add a column that may be empty or has a server default."""
    if not (column.nullable or column.server_default is not None):
        raise ValueError(f"{table}.{column.name} must be nullable or have a server_default")
    if not has_column(table, column.name):
        op.add_column(table, column)


def drop_column(table: str, column: str) -> None:
    """Drop a column that is used by no program that may run beside this one."""
    if has_column(table, column):
        op.drop_column(table, column)


def has_column(table: str, column: str) -> bool:
    """Whether a table exists and has a column."""
    return has_table(table) and column in [one["name"] for one in _inspector().get_columns(table)]


def create_index(name: str, table: str, columns: Sequence[str], **options: Any) -> None:
    """Create an index."""
    if name not in [one["name"] for one in _inspector().get_indexes(table)]:
        op.create_index(name, table, columns, **options)


def chunks(table: str, *columns: str) -> Iterator[Sequence[sa.Row[Any]]]:
    """The number and the given columns of every row, in chunks that one transaction may change.

    Yield after each chunk, so that the changes are committed.
    """
    rows = sa.table(table, sa.column("id"), *map(sa.column, columns))
    query, last = sa.select(*rows.c).order_by(rows.c.id).limit(MOST_ROWS), -1
    while found := op.get_bind().execute(query.where(rows.c.id > last)).all():
        last = found[-1].id
        yield found


def has_table(name: str) -> bool:
    """Whether a table exists."""
    return _inspector().has_table(name)


def _inspector() -> sa.Inspector:
    return sa.inspect(op.get_bind())
