"""Statements about many rows at once, for which Python writes only the rows' numbers."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, Final, TypeVar

import sqlalchemy as sa

from podium.db.models import nodes, power_readings

_T = TypeVar("_T")

#: Rows in one statement.
AT_ONCE: Final = 1000


def chunks(items: Sequence[_T], size: int = 500) -> Iterator[Sequence[_T]]:
    """Slices small enough for one statement on every database."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def among(column: sa.Column[int]) -> sa.ColumnElement[bool]:
    """The condition that a column is one of ``numbers``.

    The numbers are written as digits into the statement's text: one parameter for each would cost every
    driver more than the server needs for the whole statement.
    """
    return column.in_(sa.bindparam("numbers", expanding=True, literal_execute=True))


#: The condition that a node has one of these ``numbers``.
AMONG: Final = among(nodes.c.id)


def listed(numbers: Sequence[int], column: str = "id") -> str:
    """The condition that a column has one of some ascending numbers, short if most are consecutive."""
    first, last = numbers[0], numbers[-1]
    if last - first < 2 * len(numbers):
        others = sorted(set(range(first, last)).difference(numbers))
        condition = f"{column} BETWEEN {first} AND {last}"
        return f"{condition} AND {column} NOT IN ({_digits(others)})" if others else condition
    return f"{column} IN ({_digits(numbers)})"


def _digits(numbers: Sequence[int]) -> str:
    return ",".join(map(str, numbers))


def execute(connection: sa.Connection, statement: sa.Update, numbers: Iterable[int]) -> None:
    """Execute a statement about :func:`among` for any ``numbers``, in ascending order."""
    for chunk in chunks(sorted(numbers), AT_ONCE):
        connection.execute(statement, {"numbers": chunk})


_CHECKED: Final = (
    sa.update(power_readings).where(among(power_readings.c.node_id)).values(checked_at=sa.bindparam("at"))
)


def write_checked(connection: sa.Connection, numbers: Sequence[int], at: datetime) -> None:
    """Write when nodes were read: once for all nodes that a transaction has locked, and after their rows."""
    connection.execute(_CHECKED, {"numbers": numbers, "at": at})


#: Texts that one statement writes; the databases search all of them for every row.
_TEXTS: Final = 100


class Texts:
    """Writes a different text into a column of each of many rows."""

    def __init__(self, column: sa.Column[Any]) -> None:
        self._statement = sa.text(
            "UPDATE {} SET {} = CASE id {} END WHERE id IN ({})".format(
                column.table.name,
                column.name,
                " ".join(f"WHEN :number{place} THEN :text{place}" for place in range(_TEXTS)),
                ", ".join(f":number{place}" for place in range(_TEXTS)),
            )
        )

    def write(self, connection: sa.Connection, texts: Sequence[tuple[int, str | None]]) -> None:
        """Write texts, by the numbers of their rows."""
        for chunk in chunks(texts, _TEXTS):
            # Padded with the last entry, so that one statement serves any number of texts.
            filled = [*chunk, *[chunk[-1]] * (_TEXTS - len(chunk))]
            values: dict[str, Any] = {f"number{place}": number for place, (number, _) in enumerate(filled)}
            values |= {f"text{place}": text for place, (_, text) in enumerate(filled)}
            connection.execute(self._statement, values)
