"""Identifies the machine of a node as its driver names it, so that no machine is enrolled twice unnoticed.

An identity may end in ``#`` and the name of one of several machines behind a controller. An identity without
that part is the only machine there, and so the same as each machine named with such a part.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from podium.db import endpoints
from podium.db.bulk import AMONG, AT_ONCE, Texts, chunks, execute
from podium.db.changes import next_change
from podium.db.models import columns, nodes
from podium.db.sealed import Unreadable
from podium.db.subnets import Places

_AT_ONCE: Final = 2000
_NAMES: Final = ("identity", "controller", "endpoint")


class Shared(NamedTuple):
    """A node, and another node that is the same machine."""

    name: str
    other: str
    other_uuid: str


def columns_of(identity: str | None) -> dict[str, str | None]:
    """Return the columns of a node that identify its machine."""
    if identity is None:
        return {"identity": None, "controller": None}
    return {"identity": endpoints.short(identity), "controller": endpoints.short(identity.partition("#")[0])}


class _Place(NamedTuple):
    """A node with an identity."""

    id: int
    uuid: str
    name: str
    identity: str
    controller: str
    version: int


def shared(connection: sa.Connection, moved: Sequence[int] | None = None) -> list[Shared]:
    """Return nodes of this transaction that are the same machine as another node.

    Nobody else can enrol the same machine before this transaction ends: every transaction that creates or
    changes nodes waits for the number of the change and checks afterwards.

    :param moved: the numbers of the nodes to check; by default those that the transaction created, without
        the first of several that are one machine
    """
    number = next_change(connection)
    if moved is None:
        asked = _places(connection, nodes.c.version == number)
    else:
        asked = [one for chunk in chunks(moved) for one in _places(connection, nodes.c.id.in_(chunk))]
    there: dict[str, list[_Place]] = {}
    # In Python: for a single comparing statement, PostgreSQL chooses slow plans while it has no statistics.
    for chunk in chunks(sorted({one.controller for one in asked}), _AT_ONCE):
        places = _places(connection, nodes.c.controller.in_(chunk))
        # Nodes of other transactions first: a transaction that ended meanwhile may have begun later.
        _put(sorted(places, key=lambda place: (place.version == number, place.id)), there)
    return _found(
        asked,
        there,
        lambda one, other: moved is not None or other.version != number or other.id < one.id,
    )


def repeated(connection: sa.Connection) -> list[Shared]:
    """Return all nodes that are the same machine as a node enrolled before them."""
    places, there = _places(connection, sa.true()), dict[str, list[_Place]]()
    _put(places, there)
    return _found(places, there, lambda one, other: other.id < one.id)


def _put(places: Iterable[_Place], there: dict[str, list[_Place]]) -> None:
    """Add nodes by their identity, and parts of a controller also by the controller's name and a ``#``."""
    for place in places:
        there.setdefault(place.identity, []).append(place)
        if place.identity != place.controller:
            there.setdefault(f"{place.controller}#", []).append(place)


def _found(
    asked: Iterable[_Place],
    there: Mapping[str, Sequence[_Place]],
    counts: Callable[[_Place, _Place], bool],
) -> list[Shared]:
    """Return each node with the first other node that is the same machine and that ``counts`` accepts."""
    found = []
    for one in asked:
        for other in _others(one, there):
            if counts(one, other):
                found.append(Shared(one.name, other.name, other.uuid))
                break
    return found


def _places(connection: sa.Connection, which: sa.ColumnElement[bool]) -> list[_Place]:
    query = sa.select(*columns(nodes, _Place._fields)).where(which, nodes.c.identity.is_not(None))
    return list(map(_Place._make, connection.execute(query.order_by(nodes.c.id))))


def _others(one: _Place, there: Mapping[str, Sequence[_Place]]) -> Iterator[_Place]:
    """Yield the first nodes that are the same machine.

    :param there: the result of :func:`_put`
    """
    parts = [f"{one.controller}#"] if one.identity == one.controller else []
    for name in dict.fromkeys([one.identity, one.controller, *parts]):
        yield from (place for place in there.get(name, ())[:2] if place.id != one.id)


def drivers(connection: sa.Connection) -> list[str]:
    """Return the names of the drivers of all nodes."""
    return list(connection.scalars(sa.select(nodes.c.driver).distinct().order_by(nodes.c.driver)))


class Renamed(NamedTuple):
    """A node whose driver now names its machine or its endpoint differently from what is stored.

    :param version: of the node that the driver was asked about
    """

    id: int
    version: int
    values: Mapping[str, Any]


def renamed(
    connection: sa.Connection,
    named: Callable[[Mapping[Any, Any]], tuple[str | None, str | None]],
    asked: Collection[str],
) -> list[Renamed]:
    """Return the nodes whose stored names are those of an earlier version of Podium or of a driver.

    :param named: returns the identity and the endpoint of a node; it gets uuid, name, driver and driver_info
    :param asked: the drivers to ask; the names of other nodes stay
    """
    shown = ("id", "version", "uuid", "name", "driver", "driver_info", *_NAMES, "slot")
    query = sa.select(*columns(nodes, shown)).where(nodes.c.driver.in_(asked)).order_by(nodes.c.id)
    found, places = [], Places.read(connection)
    for row in connection.execute(query).mappings():
        if isinstance(row["driver_info"], Unreadable):
            continue
        identity, endpoint = named(row)
        new = {**columns_of(identity), **places.columns(endpoint, row["uuid"])}
        if any(row[column] != value for column, value in new.items()):
            found.append(Renamed(row["id"], row["version"], new))
    return found


def rename(connection: sa.Connection, found: Sequence[Renamed]) -> None:
    """Write the names of nodes that have not changed since their drivers were asked."""
    version = next_change(connection)
    known: dict[int, int] = {}
    for chunk in chunks([one.id for one in found], AT_ONCE):
        query = sa.select(nodes.c.id, nodes.c.version).where(AMONG)
        known |= {row.id: row.version for row in connection.execute(query, {"numbers": chunk})}
    same = [one for one in found if known.get(one.id) == one.version]
    for column in _NAMES:
        Texts(nodes.c[column]).write(connection, [(one.id, one.values[column]) for one in same])
    slots: dict[int, list[int]] = {}
    for one in same:
        slots.setdefault(one.values["slot"], []).append(one.id)
    for slot, numbers in slots.items():
        execute(connection, sa.update(nodes).where(AMONG).values(slot=slot, version=version), numbers)
