"""Compares texts exactly, and with patterns, the same in every database."""

import re
from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa

_MARIADB: Final = ("mysql", "mariadb")
#: Escapes wildcards of LIKE.
_ESCAPE: Final = "/"


def equals(dialect: str, column: sa.ColumnElement[Any], given: Sequence[str]) -> sa.ColumnElement[bool]:
    """Return whether a column has exactly one of these texts.

    :param dialect: the name of the kind of database
    """
    if dialect not in _MARIADB:
        return column.in_(given)
    # An expression that is not a column of Podium's, such as an entry, is compared ignoring trailing spaces.
    # The first comparison can use an index.
    exact = sa.cast(column, sa.LargeBinary).in_([text.encode() for text in given])
    return sa.and_(column.in_(given), exact)


def matches(dialect: str, column: sa.ColumnElement[Any], pattern: str) -> sa.ColumnElement[bool]:
    """Return whether a text in a column matches a pattern.

    In the pattern, ``*`` stands for any text and ``?`` for one character.
    """
    if dialect == "sqlite":  # its LIKE ignores case
        return column.op("GLOB", is_comparison=True)(pattern.replace("[", "[[]"))
    escaped = re.sub(f"[%_{_ESCAPE}]", lambda found: f"{_ESCAPE}{found[0]}", pattern)
    like = escaped.replace("*", "%").replace("?", "_")
    if dialect in _MARIADB:
        column = sa.collate(column, "utf8mb4_bin")
    return column.like(like, escape=_ESCAPE)
