"""Finds names of nodes by their beginning in an SQLite file, without SQLAlchemy, while a user types."""

import re
import sqlite3
from contextlib import closing
from typing import Final
from urllib.parse import quote

_QUERY: Final = "SELECT name FROM nodes WHERE name GLOB ? ORDER BY name"
#: Seconds to wait for a writer.
_PATIENCE: Final = 1.0


def pattern(prefix: str) -> str:
    """Return the GLOB pattern for all texts that begin with a text."""
    return re.sub(r"[\[*?]", r"[\g<0>]", prefix) + "*"


def beginning_with(file: str, prefix: str, limit: int) -> tuple[list[str], bool]:
    """Return the same as podium.db.node_names.

    :raises sqlite3.Error: the file cannot be read
    """
    # Not mode=ro, which would leave the log files behind when nobody else has the database open.
    with closing(sqlite3.connect(f"file:{quote(file)}?mode=rw", uri=True, timeout=_PATIENCE)) as connection:
        given = pattern(prefix)
        found = [name for (name,) in connection.execute(f"{_QUERY} LIMIT ?", (given, limit + 1))]
        if len(found) <= limit:
            return found, True
        ((last,),) = connection.execute(f"{_QUERY} DESC LIMIT 1", (given,))
    return [*found[: limit - 1], last], False
