"""The types of columns, and what all tables share."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.types import TypeEngine

from podium.db.worker import Worker

metadata: Final = sa.MetaData()


def utcnow() -> datetime:
    """The current time in UTC."""
    return datetime.now(UTC)


class UTCDateTime(sa.types.TypeDecorator[datetime]):
    """A time: aware in Python, naive UTC in the database, with microseconds everywhere."""

    impl = sa.DateTime
    cache_ok = True

    @property
    def python_type(self) -> type[datetime]:
        return datetime

    def load_dialect_impl(self, dialect: sa.Dialect) -> TypeEngine[datetime]:
        if dialect.name in ("mysql", "mariadb"):
            from sqlalchemy.dialects import mysql  # takes a while, and most programs never need it

            return mysql.DATETIME(fsp=6)
        return super().load_dialect_impl(dialect)

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        if value is None or value.tzinfo is None:  # as UTC, whatever this host's time zone
            return value
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        return None if value is None else value.replace(tzinfo=UTC)


class WorkerName(sa.types.TypeDecorator[Worker]):
    """A worker: a Worker in Python, its text in the database."""

    impl = sa.String(255)
    cache_ok = True

    @property
    def python_type(self) -> type[Worker]:
        return Worker

    def process_bind_param(self, value: Worker | None, dialect: sa.Dialect) -> str | None:
        return None if value is None else str(value)

    def process_result_value(self, value: str | None, dialect: sa.Dialect) -> Worker | None:
        return None if value is None else Worker.parse(value)


class Texts(sa.JSON):
    """A list of texts; any other JSON is a mapping by names."""


#: A text that is compared exactly, even if the server's default ignores case.
Exact: Final = sa.String(255).with_variant(sa.String(255, collation="utf8mb4_bin"), "mysql", "mariadb")

#: An ASCII text that is compared and sorted by its bytes. MariaDB sorts by the first 1,024 bytes only.
Ordered: Final = (
    sa.String(767)
    .with_variant(sa.String(767, collation="C"), "postgresql")
    .with_variant(sa.String(767, collation="ascii_bin"), "mysql", "mariadb")
)

#: SQLite assigns row numbers only in a column declared INTEGER.
RowId: Final = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def columns(table: sa.Table, names: Iterable[str]) -> list[sa.Column[Any]]:
    """The columns of a table with these names, such as the fields of a record."""
    return [table.c[name] for name in names]
