"""Entries of JSON columns as texts and numbers, the same in every database."""

from typing import Any, Final

import sqlalchemy as sa

from podium.db.node_conditions import entry

#: A text that is a number: short enough that every database and Python read the same number, and with nothing
#: after it. A dollar sign would allow a line feed.
NUMBER: Final = r"^-?[0-9]{1,15}(\.[0-9]{1,15})?(?!.|\n)"
#: A number as JSON writes it, unless no database can read it as a double.
JSON_NUMBER: Final = r"^-?[0-9]{1,40}(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,2})?(?!.|\n)"
_TEXTS: Final = ("text", "string", "STRING")
_TRUTHS: Final = ("true", "false", "boolean", "BOOLEAN")
_NUMBERS: Final = ("integer", "real", "number", "INTEGER", "DOUBLE", "DECIMAL")


class Entry:
    """One entry of a JSON column.

    :param dialect: the name of the kind of database
    :param key: without quotation marks and backslashes
    """

    def __init__(self, dialect: str, column: sa.Column[Any], key: str) -> None:
        self._shown = entry(dialect, column, key)
        path = f'$."{key}"'
        if dialect == "sqlite":
            self._type = sa.func.json_type(column, path)
        elif dialect == "postgresql":
            self._type = sa.func.json_typeof(sa.func.json_extract_path(column, key))
        else:
            self._type = sa.func.json_type(sa.func.json_extract(column, path))

    @property
    def is_missing(self) -> sa.ColumnElement[bool]:
        """Whether the entry is missing or null."""
        return sa.or_(self._type.is_(None), sa.func.lower(self._type) == "null")

    @property
    def text(self) -> sa.ColumnElement[Any]:
        """The entry if it is a text, or ``true`` or ``false``; otherwise NULL."""
        return sa.case((self._type.in_((*_TEXTS, *_TRUTHS)), self._shown))

    @property
    def number(self) -> sa.ColumnElement[Any]:
        """The entry if it is a number in JSON; otherwise NULL."""
        is_number = sa.and_(self._type.in_(_NUMBERS), self._shown.regexp_match(JSON_NUMBER))
        return sa.case((is_number, sa.cast(self._shown, sa.Double)))

    @property
    def amount(self) -> sa.ColumnElement[Any]:
        """The entry if it is a number in JSON or a text that is a number; otherwise NULL."""
        is_text = sa.and_(self._type.in_(_TEXTS), self._shown.regexp_match(NUMBER))
        is_number = sa.and_(self._type.in_(_NUMBERS), self._shown.regexp_match(JSON_NUMBER))
        return sa.case((sa.or_(is_text, is_number), sa.cast(self._shown, sa.Double)))
