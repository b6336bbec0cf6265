"""Finds names of nodes by their beginning, with the index of names.

PostgreSQL uses the index if the database is sorted by bytes (``C``); otherwise it searches all names.
"""

import re
from typing import Any, Final

import sqlalchemy as sa

from podium.db import sqlite_names
from podium.db.models import nodes

#: Escapes wildcards of LIKE.
_ESCAPE: Final = "/"


def beginning_with(connection: sa.Connection, prefix: str, limit: int) -> tuple[list[str], bool]:
    """Return names that begin with a text, in byte order, and whether these are all.

    If there are more than ``limit``, these are the first ones, with the last of all in place of one of them.
    """
    name: sa.ColumnElement[Any] = nodes.c.name
    if connection.dialect.name == "sqlite":  # its LIKE ignores case
        fits = name.op("GLOB", is_comparison=True)(sqlite_names.pattern(prefix))
    else:
        fits = name.like(re.sub(f"[%_{_ESCAPE}]", rf"{_ESCAPE}\g<0>", prefix) + "%", escape=_ESCAPE)
    if connection.dialect.name == "postgresql":  # the server may sort as a dictionary does
        name = sa.collate(name, "C")
    query = sa.select(nodes.c.name).where(fits)
    found = [*connection.scalars(query.order_by(name).limit(limit + 1))]
    if len(found) <= limit:
        return found, True
    last = connection.scalars(query.order_by(name.desc()).limit(1))
    return [*found[: limit - 1], *last], False
