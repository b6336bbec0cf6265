"""Keys, and texts encrypted with them."""

from typing import Any, Final

import sqlalchemy as sa

from podium.db import api
from podium.db.engine import Database
from podium.db.resealing.documents import Secrets

OLD: Final = b"o" * 32
NEW: Final = b"n" * 32
LOST: Final = b"l" * 32
#: No driver declares any secrets.
SECRETS: Final = Secrets(())


def enrol(database: Database, *names: str, **columns: Any) -> None:
    with database.write() as connection:
        api.create_nodes(connection, [{"driver": "fake", **columns, "name": name} for name in names])


def stored(database: Database) -> str:
    """Return the stored form of texts that may contain secrets."""
    found: list[str] = []
    with database.read() as connection:
        for table, column in (("nodes", "driver_info"), ("nodes", "extra"), ("chassis", "extra")):
            text = sa.cast(sa.column(column), sa.Text)
            found += connection.scalars(sa.select(text).select_from(sa.table(table)))
    return "\n".join(found)
