"""Changes that people see: in nodes, operations, power events and conductors, each with its place.

The numbers are those of :mod:`podium.db.changes`, which follow the order of commits: if the counter is at N,
everything up to N can be read, and nothing will be added to it. A node has the number of its last change,
made by people (``version``) or learned by conductors (``learned``); so do operations and members. An event
has the number of the change that wrote it. A deleted object has a row in ``deletions`` for a day.

A :class:`Place` is a number, and within it a table and a row. A reader that has read everything up to a place
continues with the least place after it. Nothing is missed, because a new change gets a greater number, and
nothing is repeated, because no row gets the same number again.

Everything that people see is news except times and ages: a read of a node is not news, nor is the number of
failed reads; the first failure and its reason are.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple
from urllib.parse import quote, unquote

import sqlalchemy as sa

from podium.db import clock, retention
from podium.db.bulk import chunks
from podium.db.models import change_counter, conductors, deletions, members, nodes, operations, power_events

#: The kinds of news.
NODES: Final = "nodes"
OPERATIONS: Final = "operations"
EVENTS: Final = "events"
CONDUCTORS: Final = "conductors"
KINDS: Final = (NODES, OPERATIONS, EVENTS, CONDUCTORS)
#: The kind of a row in ``deletions`` that records up to which number older rows may have been removed.
_MARK: Final = "mark"

#: The order within a number.
_OF_NODES, _OF_DELETIONS, _OF_OPERATIONS, _OF_EVENTS, _OF_CONDUCTORS, _END = range(6)
_RANKS: Final = {NODES: _OF_NODES, OPERATIONS: _OF_OPERATIONS, EVENTS: _OF_EVENTS, CONDUCTORS: _OF_CONDUCTORS}


class Place(NamedTuple):
    """A place in the order of all news.

    :param number: of the change
    :param rank: of the table in which the row is
    :param key: of the row: its number, or the name of a conductor
    """

    number: int
    rank: int
    key: int | str

    @classmethod
    def after(cls, number: int) -> "Place":
        """Return the place after everything with a given number."""
        return cls(number, _END, 0)

    @classmethod
    def parse(cls, text: str) -> "Place":
        """Return the place that a text stands for.

        :raises ValueError: the text is not a place
        """
        number, *rest = text.split(".", 2)
        if not rest:
            return cls.after(_digits(number))
        rank, key = rest
        if rank == str(_OF_CONDUCTORS):
            return cls(_digits(number), _OF_CONDUCTORS, unquote(key))
        if not 0 <= _digits(rank) < _OF_CONDUCTORS:
            raise ValueError(text)
        return cls(_digits(number), int(rank), _digits(key))

    def __str__(self) -> str:
        if self.rank == _END:
            return str(self.number)
        return f"{self.number}.{self.rank}.{quote(str(self.key), safe='')}"


def _digits(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 20 and int(text) < 2**63):
        raise ValueError(text)
    return int(text)


class News(NamedTuple):
    """A change.

    :param kind: one of :data:`KINDS`
    :param key: the number of a node, operation or event, the name of a conductor
    :param uuid: of a node
    :param name: of a node or conductor
    """

    place: Place
    kind: str
    key: int | str
    uuid: str = ""
    name: str = ""
    is_deleted: bool = False


def newest(connection: sa.Connection) -> int:
    """Return the number of the newest change."""
    return int(connection.scalars(sa.select(change_counter.c.changes)).one())


def oldest(connection: sa.Connection, kinds: Collection[str] = KINDS) -> int:
    """Return the number after which all changes of these kinds are known."""
    marks = sa.select(sa.func.min(deletions.c.change)).where(deletions.c.kind == _MARK)
    found: int = connection.scalar(marks) or 0
    if EVENTS not in kinds:
        return found
    of_first = sa.select(power_events.c.id, power_events.c.change).order_by(power_events.c.id).limit(1)
    first = connection.execute(of_first).first()
    # The ledger has its own bounds. No event precedes event 1.
    return found if first is None or first.id == 1 else max(found, (first.change or 1) - 1)


def after(connection: sa.Connection, place: Place, top: int, kinds: Collection[str], most: int) -> list[News]:
    """Return what changed, in the order of places.

    :param connection: to a transaction that sees everything as it was at one moment
    :param place: the place after which to begin
    :param top: the greatest number, which has been reached
    :param most: how many at most; if fewer are returned, there are no more
    """
    found: list[News] = []
    for kind, read in _READ.items():
        if kind in kinds:
            found += read(connection, place, top, most)
    found += _deleted(connection, place, top, kinds, most)
    return sorted(found)[:most]


def _nodes(connection: sa.Connection, place: Place, top: int, most: int) -> list[News]:
    last = sa.case((nodes.c.version > nodes.c.learned, nodes.c.version), else_=nodes.c.learned)
    its = nodes.c.id, nodes.c.uuid, nodes.c.name, last.label("number")
    # Uses two indexes; a single condition about both columns would read every node.
    either = sa.union(
        sa.select(*its).where(nodes.c.version >= place.number),
        sa.select(*its).where(nodes.c.learned >= place.number),
    ).subquery()
    query = _query(either, either.c.number, either.c.id, _OF_NODES, place, top, most)
    return [
        News(Place(row.number, _OF_NODES, row.id), NODES, row.id, row.uuid, row.name)
        for row in connection.execute(query)
    ]


def _operations(connection: sa.Connection, place: Place, top: int, most: int) -> list[News]:
    query = _query(operations, operations.c.change, operations.c.id, _OF_OPERATIONS, place, top, most)
    return [
        News(Place(row.change, _OF_OPERATIONS, row.id), OPERATIONS, row.id)
        for row in connection.execute(query)
    ]


def _events(connection: sa.Connection, place: Place, top: int, most: int) -> list[News]:
    query = _query(power_events, power_events.c.change, power_events.c.id, _OF_EVENTS, place, top, most)
    return [
        News(Place(row.change, _OF_EVENTS, row.id), EVENTS, row.id, row.node_uuid, row.node_name)
        for row in connection.execute(query)
    ]


def _conductors(connection: sa.Connection, place: Place, top: int, _: int) -> list[News]:
    numbers: Mapping[str, int] = {
        row.hostname: row.change
        for row in connection.execute(sa.select(conductors.c.hostname, conductors.c.change))
    }
    newest_of = sa.select(members.c.host, sa.func.max(members.c.change)).group_by(members.c.host)
    of_members: dict[str, int] = {host: int(number) for host, number in connection.execute(newest_of)}
    places = (
        Place(max(number, of_members.get(host, 0)), _OF_CONDUCTORS, host) for host, number in numbers.items()
    )
    return [
        News(one, CONDUCTORS, one.key, name=str(one.key))
        for one in places
        if place.number <= one.number <= top and _is_later(one, place)
    ]


def _is_later(one: Place, place: Place) -> bool:
    if (one.number, one.rank) != (place.number, place.rank):
        return (one.number, one.rank) > (place.number, place.rank)
    return str(one.key) > str(place.key)


_READ: Final[Mapping[str, Callable[[sa.Connection, Place, int, int], list[News]]]] = {
    NODES: _nodes,
    OPERATIONS: _operations,
    EVENTS: _events,
    CONDUCTORS: _conductors,
}


def _deleted(
    connection: sa.Connection, place: Place, top: int, kinds: Collection[str], most: int
) -> list[News]:
    query = _query(deletions, deletions.c.change, deletions.c.id, _OF_DELETIONS, place, top, most)
    return [
        News(Place(row.change, _OF_DELETIONS, row.id), row.kind, row.id, row.uuid, row.name, True)
        for row in connection.execute(query.where(deletions.c.kind.in_(sorted(kinds))))
    ]


def _query(
    table: sa.FromClause,
    number: sa.ColumnElement[int],
    key: sa.ColumnElement[int],
    rank: int,
    place: Place,
    top: int,
    most: int,
) -> sa.Select[tuple[object, ...]]:
    """Return the query for the rows of a table that follow a place."""
    if rank > place.rank:
        later = number >= place.number
    elif rank == place.rank:
        later = sa.or_(number > place.number, sa.and_(number == place.number, key > place.key))
    else:
        later = number > place.number
    # The first condition is for the index.
    conditions = number >= place.number, later, number <= top
    return sa.select(table).where(*conditions).order_by(number, key).limit(most)


def note_deletions(
    connection: sa.Connection, change: int, kind: str, gone: Iterable[tuple[str, str]], at: datetime
) -> None:
    """Record what a change deletes.

    :param gone: UUID and name of each; for a conductor only its name
    """
    rows = [{"change": change, "kind": kind, "uuid": uuid, "name": name, "at": at} for uuid, name in gone]
    for chunk in chunks(rows):
        connection.execute(sa.insert(deletions), list(chunk))


def prune(connection: sa.Connection, before: datetime) -> None:
    """Delete records of deletions from before a moment, and write the current number of changes."""
    note_deletions(connection, newest(connection), _MARK, [("", "")], clock.now(connection))
    old = retention.is_old(connection, deletions.c.id, deletions.c.at, before)
    marks = sa.select(sa.func.max(deletions.c.change)).where(deletions.c.kind == _MARK, old)
    reached = connection.scalar(marks)
    if reached is not None:
        is_known = sa.and_(deletions.c.kind != _MARK, deletions.c.change <= reached)
        connection.execute(sa.delete(deletions).where(sa.or_(is_known, deletions.c.change < reached)))


class Presence(NamedTuple):
    """A conductor as far as changes of members show it; effects of time alone are left out.

    :param state: alive, leaving, draining or gone
    :param workers: how many of its members have not ended
    """

    hostname: str
    state: str
    workers: int
    conductor_groups: list[str]
    drivers: list[str]
    started_at: datetime
    draining_since: datetime | None


def presences(connection: sa.Connection, hosts: Sequence[str]) -> dict[str, Presence]:
    """Return some conductors by name."""
    its = sa.select(members.c.host, members.c.leaves, members.c.drivers, members.c.conductor_groups)
    its = its.where(members.c.ended_at.is_(None))
    found: dict[str, Presence] = {}
    for chunk in chunks(hosts):
        present: dict[str, list[Any]] = {}
        for row in connection.execute(its.where(members.c.host.in_(chunk))):
            present.setdefault(row.host, []).append(row)
        for row in connection.execute(sa.select(conductors).where(conductors.c.hostname.in_(chunk))):
            crew = present.get(row.hostname, [])
            found[row.hostname] = Presence(
                hostname=row.hostname,
                state=_state([one.leaves for one in crew], row.draining_since),
                workers=len(crew),
                conductor_groups=list(dict.fromkeys(name for one in crew for name in one.conductor_groups)),
                drivers=sorted({name for one in crew for name in one.drivers}),
                started_at=row.started_at,
                draining_since=row.draining_since,
            )
    return found


def _state(leaves: Sequence[bool], draining_since: datetime | None) -> str:
    if not leaves:
        return "gone"
    if all(leaves):
        return "leaving"
    return "alive" if draining_since is None else "draining"
