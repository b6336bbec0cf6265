"""Which machine a node is, as its driver names it, so that none is enrolled twice unnoticed.

An identity may end in ``#`` and one of several machines behind a controller. Without that part it is the only
machine there, and so the same as each of those that are named with one.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from podium.db.api import chunks
from podium.db.bulk import Texts
from podium.db.changes import next_change
from podium.db.models import nodes

_LONGEST: Final = 255


class Shared(NamedTuple):
    """A node, and another one that is the same machine."""

    name: str
    other: str
    other_uuid: str


def columns_of(identity: str | None) -> dict[str, str | None]:
    """Return the columns of a node that say which machine it is."""
    if identity is None:
        return {"identity": None, "controller": None}
    return {"identity": _short(identity), "controller": _short(identity.partition("#")[0])}


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def shared(connection: sa.Connection, moved: Sequence[int] | None = None) -> list[Shared]:
    """Return nodes of this transaction that are machines of other nodes.

    Nobody else can enrol the same machine before this transaction ends: whoever creates or changes nodes
    waits for the number of the change, and asks afterwards.

    :param moved: the numbers of the nodes to ask for; by default those that it has created, without the first
        of several that are one machine
    """
    number = next_change(connection)
    if moved is None:
        earlier = sa.or_(_other.c.id < _node.c.id, _other.c.version != number)
        return _shared(connection, _node.c.version == number, earlier)
    chosen = (_node.c.id.in_(chunk) for chunk in chunks(moved))
    return [one for which in chosen for one in _shared(connection, which, _other.c.id != _node.c.id)]


_node: Final = nodes.alias("node")
_other: Final = nodes.alias("other")


def _shared(
    connection: sa.Connection, which: sa.ColumnElement[bool], beside: sa.ColumnElement[bool]
) -> list[Shared]:
    def first(same: sa.ColumnElement[bool]) -> sa.ScalarSelect[Any]:
        there = _other.c.controller == _node.c.controller, _other.c.id != _node.c.id
        found = sa.select(_other.c.id).where(*there, beside, same)
        return found.limit(1).correlate(_node).scalar_subquery()

    # Two queries, each of which an index answers.
    equal = first(_other.c.identity.in_([_node.c.identity, _node.c.controller]))
    part = first(_node.c.identity == _node.c.controller)
    asked = sa.select(_node.c.id, _node.c.name, sa.func.coalesce(equal, part).label("other"))
    found = asked.where(which, _node.c.identity.is_not(None)).subquery()
    pairs = sa.select(found.c.name, nodes.c.name, nodes.c.uuid).join(nodes, nodes.c.id == found.c.other)
    return list(map(Shared._make, connection.execute(pairs.order_by(found.c.id))))


def renew(
    connection: sa.Connection, identity: Callable[[Mapping[Any, Any]], str | None], drivers: list[str]
) -> int:
    """Write the identities of nodes that were enrolled by an earlier version of Podium or of a driver.

    :param identity: returns the identity of a node, of which it gets uuid, name, driver and driver_info
    :param drivers: the only drivers to ask; the identities of other nodes stay
    :returns: how many have changed
    """
    shown = ("id", "uuid", "name", "driver", "driver_info", "identity", "controller")
    query = sa.select(*(nodes.c[name] for name in shown)).where(nodes.c.driver.in_(drivers))
    changed = []
    for row in connection.execute(query.order_by(nodes.c.id)).mappings():
        new = columns_of(identity(row))
        if new != {"identity": row["identity"], "controller": row["controller"]}:
            changed.append((row["id"], new))
    for column in ("identity", "controller"):
        Texts(nodes.c[column]).write(connection, [(number, new[column]) for number, new in changed])
    return len(changed)
