"""Copies everything from one database to another, of the same or of another kind.

Until the last row has been compared, the target has a mark for an incomplete copy in place of its revision,
so that no program takes it for complete. The source is only read, as it was at one moment.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import zip_longest
from typing import Any, Final

import sqlalchemy as sa

from podium import errors
from podium.db import at_work, changes, schema
from podium.db.engine import Database
from podium.db.limits import Limits
from podium.db.models import leases, metadata
from podium.db.sealed import as_stored

#: Rows that are in memory at a time, and in one transaction of the target.
_AT_ONCE: Final = 1000
#: The statement that reads a table lasts until the table's last row has been written.
_LIMITS: Final = Limits(connect=5, statement=36_000, silence=600, lost=60, lock=10)
_VERSION: Final = "alembic_version"

#: Called with the step, "copying" or "checking", the number of rows so far, and their total.
Report = Callable[[str, int, int], None]


def copy(source: Database, target: Database, report: Report) -> dict[str, int]:
    """Copy every row, and compare every row afterwards.

    :param target: is empty, or has an empty schema
    :returns: the number of rows by table
    :raises podium.errors.ConductorsAtWork: while a conductor works on one of them
    :raises podium.errors.DatabaseError: if the target is not empty, or the copy failed
    """
    _check(source, target)
    with ExitStack() as stack:
        for one in (source := Database(source.url, _LIMITS), target := Database(target.url, _LIMITS)):
            stack.callback(one.dispose)
        schema.upgrade(target)
        _set_revision(target, schema.INCOMPLETE)
        with _told_incomplete(source, target), source.snapshot() as connection:
            before = changes.pulse(connection)
            counts = {table.name: _count(connection, table) for table in _TABLES}
            _copy_rows(connection, target, _counted(report, "copying", counts))
            _copy_counters(connection, target)
            _compare(connection, target, _counted(report, "checking", counts))
            _check_unchanged(source, before)
        _set_revision(target, schema.head())
    return counts


_TABLES: Final = metadata.sorted_tables
_NUMBERED: Final = [table for table in _TABLES if table.dialect_options["sqlite"]["autoincrement"]]
#: Tables that have a row from the beginning, whose id is 1.
_OF_ONE_ROW: Final = {
    table.name for table in _TABLES if table not in _NUMBERED and table.primary_key.columns.keys() == ["id"]
}


def _check(source: Database, target: Database) -> None:
    """Refuse a source that must not be copied or a target that must not be written."""
    if source.url == target.url:
        raise errors.ConfigError(f"{target.where} is the configured database itself")
    if remark := schema.check(source):
        raise errors.SchemaMismatch(f"{remark} before you copy")
    with source.read() as connection:
        at_work.refuse_beside_any(connection, source.where)
    if target.sqlite_file is not None and not target.sqlite_file.exists():
        return
    if schema.current(target) == schema.INCOMPLETE:
        schema.check(target)
    with target.read() as connection:
        there = set(sa.inspect(connection).get_table_names())
        if leases.name in there:
            at_work.refuse_beside_any(connection, target.where)
        full = [name for name in sorted(there) if _has_rows(connection, name)]
    if full:
        raise errors.DatabaseError(
            f"{target.where} is not empty: it has {', '.join(full[:5])}; name an empty database"
        )


def _has_rows(connection: sa.Connection, name: str) -> bool:
    """Whether a table has more rows than in an empty schema; always true for a table that is not Podium's."""
    if name == _VERSION or name in _OF_ONE_ROW:
        return False
    table = metadata.tables.get(name)
    return table is None or connection.execute(sa.select(1).select_from(table).limit(1)).first() is not None


def _set_revision(target: Database, revision: str) -> None:
    with target.write() as connection:
        connection.execute(sa.text(f"UPDATE {_VERSION} SET version_num = :revision"), {"revision": revision})


@contextmanager
def _told_incomplete(source: Database, target: Database) -> Iterator[None]:
    """Add the state of the databases to an error."""
    try:
        yield
    except Exception as error:
        raise errors.DatabaseError(
            f"{_reason(error).rstrip('?.')}. {target.where} is incomplete, and no conductor will use it:"
            f" empty it before you copy again. {source.where} is as it was"
        ) from error


def _reason(error: Exception) -> str:
    """The text of an error without values of rows, which may be secrets."""
    cause: Any = getattr(error, "inner_exception", None) or error
    cause = getattr(cause, "orig", None) or cause
    diagnosis = getattr(cause, "diag", None)  # PostgreSQL's, whose details quote the row
    return errors.one_line(cause) if diagnosis is None else str(diagnosis.message_primary)


def _counted(report: Report, what: str, counts: dict[str, int]) -> Callable[[int], None]:
    done, total = 0, sum(counts.values())

    def add(rows: int) -> None:
        nonlocal done
        done += rows
        report(what, done, total)

    add(0)
    return add


def _count(connection: sa.Connection, table: sa.Table) -> int:
    return connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0


@contextmanager
def _rows(connection: sa.Connection, table: sa.Table) -> Iterator[Iterator[Sequence[sa.Row[Any]]]]:
    """Every row of a table in chunks, in an order that is the same in all databases."""
    columns = [as_stored(column).label(column.name) for column in table.c]
    order: list[sa.ColumnElement[Any]] = [*table.primary_key.columns]
    if connection.dialect.name == "postgresql":  # the others compare bytes anyway
        order = [
            sa.collate(column, "C") if isinstance(column.type, sa.String) else column
            for column in table.primary_key.columns
        ]
    query = sa.select(*columns).order_by(*order).execution_options(yield_per=_AT_ONCE)
    with connection.execute(query) as result:
        yield result.partitions()


def _as_written(table: sa.Table) -> sa.TableClause:
    """A table without Podium's own types, so that values are copied as they are stored."""
    return sa.table(table.name, *(sa.column(column.name, as_stored(column).type) for column in table.c))


def _copy_rows(connection: sa.Connection, target: Database, add: Callable[[int], None]) -> None:
    for table in _TABLES:
        with target.write() as writing:
            writing.execute(sa.delete(table))  # the rows of an empty schema
        with _rows(connection, table) as chunks:
            for rows in chunks:
                values = [dict(row._mapping) for row in rows]
                with _naming(table, rows[0], rows[-1]), target.write() as writing:
                    writing.execute(sa.insert(_as_written(table)), values)
                add(len(rows))


@contextmanager
def _naming(table: sa.Table, first: sa.Row[Any], last: sa.Row[Any]) -> Iterator[None]:
    """Add to an error which rows could not be written."""
    try:
        yield
    except errors.PodiumError:
        raise
    except Exception as error:
        where = f"{table.name}, {_key(table, first)} to {_key(table, last)}"
        raise errors.DatabaseError(f"{where}: {_reason(error)}") from error


def _compare(connection: sa.Connection, target: Database, add: Callable[[int], None]) -> None:
    """Read both databases again, side by side.

    :raises podium.errors.DatabaseError: for the first row that differs
    """
    with target.snapshot() as copied:
        for table in _TABLES:
            with _rows(connection, table) as ours, _rows(copied, table) as theirs:
                for rows, others in zip_longest(ours, theirs, fillvalue=()):
                    for one, other in zip_longest(rows, others):
                        if one is None or other is None or _exact(one) != _exact(other):
                            key = _key(table, one if one is not None else other)
                            raise errors.DatabaseError(f"{table.name}, {key}: the row is not the same")
                    add(len(rows))


def _exact(row: sa.Row[Any]) -> list[Any]:
    """The values of a row, with 1, 1.0 and true distinguished, also inside JSON."""
    return [json.dumps(one, sort_keys=True) if isinstance(one, dict | list) else one for one in row]


def _key(table: sa.Table, row: sa.Row[Any]) -> str:
    return "/".join(f"{column.name} {row._mapping[column.name]}" for column in table.primary_key.columns)


def _check_unchanged(source: Database, before: changes.Pulse) -> None:
    with source.read() as connection:
        at_work.refuse_beside_any(connection, source.where)
        if changes.pulse(connection) != before:
            raise errors.DatabaseError(f"somebody changed {source.where} meanwhile")


def _copy_counters(connection: sa.Connection, target: Database) -> None:
    """Continue the row numbers above the highest ever given, including deleted rows."""
    for table in _NUMBERED:
        given = connection.scalar(sa.select(sa.func.max(table.c.id))) or 0
        query = _COUNTERS[connection.dialect.name].format(table.name)
        given = max(given, connection.execute(sa.text(query)).scalar() or 0)
        with target.write() as writing:
            for statement in _CONTINUED[writing.dialect.name]:
                writing.execute(sa.text(statement.format(table.name, given, given + 1)))


_MARIADB_COUNTER: Final = (
    "SELECT auto_increment - 1 FROM information_schema.tables"
    " WHERE table_schema = DATABASE() AND table_name = '{0}'"
)
#: How each kind of database reports the highest row number that it has given in a table,
_COUNTERS: Final = {
    "sqlite": "SELECT seq FROM sqlite_sequence WHERE name = '{0}'",
    "postgresql": "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {0}_id_seq",
    "mysql": _MARIADB_COUNTER,
    "mariadb": _MARIADB_COUNTER,
}
#: and how it is made to continue above it.
_CONTINUED: Final = {
    "sqlite": (
        "DELETE FROM sqlite_sequence WHERE name = '{0}'",
        "INSERT INTO sqlite_sequence (name, seq) VALUES ('{0}', {1})",
    ),
    "postgresql": ("SELECT setval('{0}_id_seq', {2}, false)",),
    "mysql": ("ALTER TABLE {0} AUTO_INCREMENT = {2}",),
    "mariadb": ("ALTER TABLE {0} AUTO_INCREMENT = {2}",),
}
