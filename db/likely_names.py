"""Which nodes somebody may have meant whose names there are not: ``r1n1`` or ``R1N01`` for ``r1n01``.

Names that differ in zeros before numbers share the beginning of their keys, so that the index finds them.
"""

from collections.abc import Sequence
from typing import Final

import sqlalchemy as sa

from podium.db.models.hardware import key_of, nodes
from podium.node_ranges import fold_for_log

#: Wrong names that are looked at.
_MOST: Final = 100
#: What ends the part of a key that is alike, and what follows it.
_END: Final = "\1"
_AFTER: Final = "\2"


def hint(connection: sa.Connection, missing: Sequence[str]) -> str:
    """Return a question for the end of an error; empty if not every name may be another one."""
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
