"""The steps of a migration, each of which does nothing where it was done before.

A migration adds: tables, indexes, and columns that may be empty or have a default, so that conductors of the
version before can go on beside it. MariaDB commits with every statement. A migration that was broken off is
therefore run again from its beginning, and skips what is there.
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

#: Rows that one transaction changes at the most.
MOST_ROWS: Final = 20_000


def create_table(name: str, *columns: sa.Column[Any], numbered: bool = False) -> None:
    """Create a table.

    :param numbered: whether numbers of deleted rows are never given again
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
    """Add a column that may be empty or has a default of the server's."""
    if not (column.nullable or column.server_default is not None):
        raise ValueError(f"{table}.{column.name} must be nullable or have a server_default")
    if not has_column(table, column.name):
        op.add_column(table, column)


def drop_column(table: str, column: str) -> None:
    """Drop a column that no program uses which may run beside this one."""
    if has_column(table, column):
        op.drop_column(table, column)


def has_column(table: str, column: str) -> bool:
    """Whether there is a table that has a column."""
    return has_table(table) and column in [one["name"] for one in _inspector().get_columns(table)]


def create_index(name: str, table: str, columns: Sequence[str], **options: Any) -> None:
    """Create an index."""
    if name not in [one["name"] for one in _inspector().get_indexes(table)]:
        op.create_index(name, table, columns, **options)


def chunks(table: str, *columns: str) -> Iterator[Sequence[sa.Row[Any]]]:
    """The number and the given columns of every row, as many at a time as one transaction may change.

    Yield after each, so that what was changed is committed.
    """
    rows = sa.table(table, sa.column("id"), *map(sa.column, columns))
    query, last = sa.select(*rows.c).order_by(rows.c.id).limit(MOST_ROWS), -1
    while found := op.get_bind().execute(query.where(rows.c.id > last)).all():
        last = found[-1].id
        yield found


def has_table(name: str) -> bool:
    """Whether there is a table."""
    return _inspector().has_table(name)


def _inspector() -> sa.Inspector:
    return sa.inspect(op.get_bind())
