"""The natural order of names in the database: ``n2`` before ``n10``, in pages too.

``nodes.name_key`` is podium.node_ranges.natural of the name. A program of the version before, which may run
beside this one, knows nothing of it: a node that it enrols has an empty key, and one that it renames keeps
the old key. Pages go by the key that a row has, and so have every node once; the next ``podium db upgrade``
puts these nodes into their places. A page that begins where one of these was goes by the key it had.
"""

import re
from typing import Any, Final

import sqlalchemy as sa

from podium import errors
from podium.db.bulk import AMONG, AT_ONCE, Texts, chunks
from podium.db.models.hardware import key_of, nodes

#: What nodes are in natural order by.
ORDER: Final = (nodes.c.name_key, nodes.c.id)
_PLACE: Final = sa.select(*ORDER).where(nodes.c.name == sa.bindparam("name"))
#: A place that is not a name, which begins with neither.
_OTHER: Final = re.compile(r"@(?P<number>[0-9]{1,18})/(?P<name>.{0,255})", re.ASCII)
#: Rows that one transaction looks at.
_MOST_ROWS: Final = 20_000


def place(connection: sa.Connection, name: str) -> str:
    """Return what :func:`after` finds the place of a node by, whatever becomes of the node.

    It is the name, or the number and the name of the key where that is of another name or of none.
    """
    row = connection.execute(_PLACE, {"name": name}).one_or_none()
    if row is None or row.name_key == key_of(name):
        return name
    its = row.name_key.rpartition("\1")[2]
    return f"@{row.id}/{its}"


def after(connection: sa.Connection, place: str) -> sa.ColumnElement[bool]:
    """Return the condition to come after the node of this place, which need not be there any more.

    :raises podium.errors.BadRequest: it is none
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
    # MariaDB would not look for a pair of values in the index.
    return sa.and_(nodes.c.name_key >= key, sa.or_(nodes.c.name_key > key, nodes.c.id > number))


def mend(connection: sa.Connection, last: int) -> int | None:
    """Write the keys that are missing or wrong among the next nodes, as many as one transaction may change.

    :param last: the number of the node that they follow
    :returns: the number of the last of them; None after the last of all
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
