"""Suggests nodes for names that do not exist: ``r1n01`` for ``r1n1`` or ``R1N01``.

Names that differ only in leading zeros of numbers share the beginning of their keys, so that the index finds
them.
"""

from collections.abc import Sequence
from typing import Final

import sqlalchemy as sa

from podium.db.models.hardware import key_of, nodes
from podium.node_ranges import fold_for_log

#: Wrong names for which suggestions are looked up.
_MOST: Final = 100
#: The end of the common part of a key, and the character after it.
_END: Final = "\1"
_AFTER: Final = "\2"


def hint(connection: sa.Connection, missing: Sequence[str]) -> str:
    """Return a question to append to an error; empty unless every name has a suggestion."""
    if len(missing) > _MOST:
        return ""
    meant = []
    for name in missing:
        if (found := _meant(connection, name)) is None:
            return ""
        meant.append(found)
    return f"; did you mean {fold_for_log(meant)}?"


def _meant(connection: sa.Connection, name: str) -> str | None:
    for spelt in dict.fromkeys((name, name.lower(), name.upper())):
        alike = key_of(spelt).partition(_END)[0]
        its = nodes.c.name_key.between(f"{alike}{_END}", f"{alike}{_AFTER}")
        query = sa.select(nodes.c.name).where(its).order_by(nodes.c.name_key).limit(2)
        if len(found := connection.scalars(query).all()) == 1:
            return str(found[0])
    return None
