"""The places of secrets in the database: JSON columns, read and written here as text."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from podium.db.engine import Database
from podium.db.models import metadata
from podium.db.sealed import Sealed

#: Rows that are in memory at a time, and written in one transaction.
AT_ONCE: Final = 500
#: How often all rows are read at most: others may meanwhile write what is looked for.
ROUNDS: Final = 10

#: The texts of a row by column; None for a column without a value.
Texts = Mapping[str, str | None]
#: The number of a row, its texts, and the new texts of the columns that change.
Change = tuple[int, Texts, Mapping[str, str]]
Rows = Sequence[tuple[int, Texts]]
#: Called with the number of rows read so far, and the total; rows may be read more than once.
Report = Callable[[int, int], object]


@dataclass(frozen=True, slots=True)
class Place:
    """A table and those of its columns that may have secrets.

    :param number: the column with the numbers of rows
    """

    table: sa.Table
    number: sa.Column[int]
    columns: Sequence[sa.Column[Any]]

    def read(self, database: Database) -> Iterator[Rows]:
        """Yield the numbers and texts of all rows, in chunks, each read in a separate transaction."""
        names = [column.name for column in self.columns]
        texts = [_as_text(column, database.engine.dialect) for column in self.columns]
        query = sa.select(self.number, *texts).order_by(self.number).limit(AT_ONCE)
        last = 0
        while True:
            with database.read() as connection:
                rows = connection.execute(query.where(self.number > last)).all()
            if not rows:
                return
            yield [(number, dict(zip(names, found, strict=True))) for number, *found in rows]
            last = rows[-1][0]

    def write(self, connection: sa.Connection, changes: Sequence[Change]) -> None:
        """Write texts where nobody has changed the texts that were read."""
        alike: dict[tuple[str, ...], list[dict[str, Any]]] = {}
        for number, before, after in changes:
            values: dict[str, Any] = {"its_number": number}
            for name, text in after.items():
                values |= {f"before_{name}": before[name], f"after_{name}": text}
            alike.setdefault(tuple(after), []).append(values)
        for names, rows in alike.items():
            connection.execute(self._update(names, connection.dialect), rows)

    def _update(self, names: Sequence[str], dialect: sa.Dialect) -> sa.Update:
        unchanged = [
            _as_text(self.table.c[name], dialect) == sa.bindparam(f"before_{name}", type_=sa.Text)
            for name in names
        ]
        values = {name: _as_json(f"after_{name}", dialect) for name in names}
        return (
            sa.update(self.table).where(self.number == sa.bindparam("its_number"), *unchanged).values(values)
        )

    def has(self, connection: sa.Connection, part: str) -> bool:
        """Whether these columns contain a text that JSON writes unchanged."""
        there = self.having(part, connection.dialect)
        return connection.scalar(sa.select(self.number).where(there).limit(1)) is not None

    def having(self, part: str, dialect: sa.Dialect) -> sa.ColumnElement[bool]:
        """The condition that one of these columns of a row contains a text."""
        texts = (_as_text(column, dialect) for column in self.columns)
        return sa.or_(*(text.contains(part, autoescape=True) for text in texts))


# PostgreSQL's driver would parse JSON, and the server does not compare it. MariaDB would compare cast values
# ignoring case.
def _as_text(column: sa.Column[Any], dialect: sa.Dialect) -> sa.ColumnElement[Any]:
    if dialect.name == "postgresql":
        return sa.cast(column, sa.Text)
    return sa.type_coerce(column, sa.Text)


def _as_json(name: str, dialect: sa.Dialect) -> sa.ColumnElement[Any]:
    text = sa.bindparam(name, type_=sa.Text)
    return sa.cast(text, sa.JSON) if dialect.name == "postgresql" else text


def _places() -> Iterator[Place]:
    for table in metadata.sorted_tables:
        if found := [column for column in table.c if isinstance(column.type, Sealed)]:
            (number,) = table.primary_key.columns
            yield Place(table, number, found)


#: All tables that may have secrets.
PLACES: Final = tuple(_places())


def look_through(database: Database, report: Report, work: Callable[[Place, Rows], int]) -> int:
    """Call ``work`` for all rows, in chunks; return the sum of its results."""
    count = sa.select(
        *(sa.select(sa.func.count()).select_from(one.table).scalar_subquery() for one in PLACES)
    )
    with database.read() as connection:
        total = sum(connection.execute(count).one())
    done = found = 0
    report(done, total)
    for place in PLACES:
        for rows in place.read(database):
            found += work(place, rows)
            done += len(rows)
            report(done, max(done, total))
    return found
