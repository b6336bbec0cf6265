"""The natural order of names in the database: ``n2`` before ``n10``, in pages too.

``nodes.name_key`` is podium.node_ranges.natural of the name. A program of the previous version, which may run
beside this one, does not know it: a node that it enrols has an empty key, and a node that it renames keeps
the old key. Pages are sorted by the stored key, so that every node appears once; the next ``podium db
upgrade`` corrects these keys. A page that begins at such a node uses the key that it had.
"""

import re
from typing import Any, Final

import sqlalchemy as sa

from podium import errors
from podium.db.bulk import AMONG, AT_ONCE, Texts, chunks
from podium.db.models.hardware import key_of, nodes

#: The columns that give the natural order of nodes.
ORDER: Final = (nodes.c.name_key, nodes.c.id)
_PLACE: Final = sa.select(*ORDER).where(nodes.c.name == sa.bindparam("name"))
#: A place that is not a name; no name begins with ``@``.
_OTHER: Final = re.compile(r"@(?P<number>[0-9]{1,18})/(?P<name>.{0,255})", re.ASCII)
#: Rows that one transaction reads.
_MOST_ROWS: Final = 20_000


def place(connection: sa.Connection, name: str) -> str:
    """Return a text from which :func:`after` finds the place of a node, even if the node changes.

    It is the name, or the node's number and the name in its key if the key is empty or that of another name.
    """
    row = connection.execute(_PLACE, {"name": name}).one_or_none()
    if row is None or row.name_key == key_of(name):
        return name
    its = row.name_key.rpartition("\1")[2]
    return f"@{row.id}/{its}"


def after(connection: sa.Connection, place: str) -> sa.ColumnElement[bool]:
    """Return the condition that a node comes after this place; the node there need not exist any more.

    :raises podium.errors.BadRequest: the text is not a place
    """
    if place.startswith("@"):
        its = _OTHER.fullmatch(place)
        if its is None:
            raise errors.BadRequest("the marker is not next of another page")
        key, number = key_of(its["name"]) if its["name"] else "", int(its["number"])
    else:
        key = key_of(place)
        row = connection.execute(_PLACE, {"name": place}).one_or_none()
        number = 0 if row is None or row.name_key != key else row.id
    # MariaDB would not use the index for a comparison of pairs.
    return sa.and_(nodes.c.name_key >= key, sa.or_(nodes.c.name_key > key, nodes.c.id > number))


def mend(connection: sa.Connection, last: int) -> int | None:
    """Write missing or wrong keys among the next nodes, as many as one transaction may change.

    :param last: the number of the node after which to begin
    :returns: the number of the last node of these; None at the end
    """
    columns = nodes.c["id", "name", "name_key"]
    some = sa.select(*columns).where(nodes.c.id > last).order_by(nodes.c.id).limit(_MOST_ROWS)
    rows = connection.execute(some).all()
    wrong = [row.id for row in rows if key_of(row.name) != row.name_key]
    keys = Texts(nodes.c.name_key)
    for chunk in chunks(wrong, AT_ONCE):
        held = sa.select(nodes.c.id, nodes.c.name).where(AMONG).order_by(nodes.c.id).with_for_update()
        named: Any = connection.execute(held, {"numbers": chunk})
        keys.write(connection, [(row.id, key_of(row.name)) for row in named])
    return rows[-1].id if rows else None
