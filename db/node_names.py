"""Names of nodes by how they begin, found in the index of names.

PostgreSQL uses that where the order of its database is that of bytes (``C``); with another order it looks
through all names.
"""

import re
from typing import Any, Final

import sqlalchemy as sa

from podium.db import sqlite_names
from podium.db.models import nodes

#: Stands before what LIKE would take for a wildcard.
_ESCAPE: Final = "/"


def beginning_with(connection: sa.Connection, prefix: str, limit: int) -> tuple[list[str], bool]:
    """Return names that begin with a text, byte by byte in order, and whether these are all.

    Of more than ``limit`` these are the first, and the last in place of one of them.
    """
    name: sa.ColumnElement[Any] = nodes.c.name
    if connection.dialect.name == "sqlite":  # whose LIKE ignores the case
        fits = name.op("GLOB", is_comparison=True)(sqlite_names.pattern(prefix))
    else:
        fits = name.like(re.sub(f"[%_{_ESCAPE}]", rf"{_ESCAPE}\g<0>", prefix) + "%", escape=_ESCAPE)
    if connection.dialect.name == "postgresql":  # the order of its server may be that of a dictionary
        name = sa.collate(name, "C")
    query = sa.select(nodes.c.name).where(fits)
    found = [*connection.scalars(query.order_by(name).limit(limit + 1))]
    if len(found) <= limit:
        return found, True
    last = connection.scalars(query.order_by(name.desc()).limit(1))
    return [*found[: limit - 1], *last], False
