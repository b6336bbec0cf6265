"""The figures of the whole fleet, counted by the database: those of workers leave out what nobody reads.

One statement passes once through all nodes. That takes seconds for a million, so that one member at a time
does it, and not often.
"""

import functools
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from podium.db import clock, members
from podium.db.endpoints import SLOTS
from podium.db.faults import POWER_FAILURE
from podium.db.figures import Figures
from podium.db.models import conductor_workers, nodes, power_readings, slots
from podium.db.models import members as table
from podium.db.provision_states import IS_CONDUCTED
from podium.db.slots import Pair
from podium.db.worker import Worker
from podium.pacing import oldest_allowed

#: Whether the power of a node is to be read: that of others may be as old as it likes.
IS_READ: Final = sa.and_(
    nodes.c.maintenance.is_(False), sa.func.coalesce(nodes.c.power_policy, "") != "ignore"
)


@dataclass(frozen=True, slots=True)
class Unread:
    """Nodes that were not read for long, though their last read did not fail.

    :param kind: one of ``UNREAD_KINDS``
    :param why: in plain words, to be said of the nodes
    :param nodes: how many they are
    """

    kind: str
    why: str
    nodes: int


#: Why nodes are not read: a member that has ended holds them, nobody has their driver and group, all who do
#: avoid their subnet, their owner has ended, their owner does not keep up.
UNREAD_KINDS: Final = ("held", "unserved", "avoided", "unowned", "slow")


@dataclass(frozen=True, slots=True)
class FleetFigures:
    """How fresh the readings of all nodes are, by the database's time.

    Nodes in the provision state ``enroll`` do not count. Ages and shares leave out nodes in maintenance, and
    those that are not to be read.

    :param failing: nodes whose last read failed
    :param fresh_share: the share of nodes whose reading is no older than ``max_age`` seconds
    :param oldest: the age of the oldest reading, in seconds; None without any
    :param unowned: nodes that no member owns
    :param held_by_ended: nodes that a member which has ended has reserved
    :param unread: why nodes were not read for longer than ``max_age``, the most nodes first
    :param owned: how many nodes each member has, by its number
    """

    nodes: int
    in_maintenance: int
    unreadable: int
    never_read: int
    failing: int
    max_age: float
    fresh_share: float
    oldest: float | None
    unowned: int
    held_by_ended: int
    unread: Sequence[Unread]
    owned: Mapping[int, int]


def _number(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
    return sa.func.count(sa.case((condition, 1)))


_AT: Final = power_readings.c.checked_at
_PAST: Final = sa.bindparam("latest", type_=_AT.type) >= _AT
#: By slot and not by owner: a database takes twice as long if it looks for the owner of each node.
_OF: Final = (nodes.c.conductor_group, nodes.c.driver, nodes.c.slot, nodes.c.reservation)


def _is_recent(at: sa.ColumnElement[Any], rare: Sequence[str]) -> sa.ColumnElement[bool]:
    """Whether something was no longer ago than the age that readings may have.

    :param rare: drivers that have limits of their own
    """
    usual = sa.bindparam("limit", type_=_AT.type) <= at
    if not rare:
        return usual
    own = (
        sa.and_(nodes.c.driver == name, sa.bindparam(f"limit_{place}", type_=_AT.type) <= at)
        for place, name in enumerate(rare)
    )
    return sa.or_(sa.and_(nodes.c.driver.not_in(rare), usual), *own)


@functools.lru_cache(maxsize=8)
def _counted(*rare: str) -> sa.Select[Any]:
    """Counts nodes by :data:`_OF`."""
    fresh = sa.and_(_is_recent(_AT, rare), _PAST)
    # A node is not expected to have been read since before it was enrolled.
    is_old = ~_is_recent(nodes.c.created_at, rare)
    unread = sa.and_(IS_READ, nodes.c.power_failures == 0, is_old, sa.or_(_AT.is_(None), ~fresh))
    return (
        sa.select(
            *_OF,
            sa.func.count().label("nodes"),
            _number(nodes.c.maintenance).label("in_maintenance"),
            _number(sa.and_(nodes.c.maintenance, nodes.c.fault == POWER_FAILURE)).label("unreadable"),
            _number(nodes.c.power_failures > 0).label("failing"),
            _number(IS_READ).label("is_read"),
            _number(sa.and_(IS_READ, _AT.is_(None))).label("never_read"),
            _number(sa.and_(IS_READ, fresh)).label("fresh"),
            _number(unread).label("unread"),
            sa.func.min(sa.case((sa.and_(IS_READ, _PAST), _AT))).label("oldest"),
        )
        .select_from(nodes.join(power_readings, power_readings.c.node_id == nodes.c.id))
        .where(IS_CONDUCTED)
        .group_by(*_OF)
    )


_OWNERS: Final = sa.select(slots.c.conductor_group, slots.c.driver, slots.c.slot, slots.c.owner)
#: Counts of nodes that have a slot and a reservation in common, and the number of the slot's owner.
_Part = tuple[sa.Row[Any], int | None]
#: What is added up of every row.
_SUMS: Final = ("nodes", "in_maintenance", "unreadable", "failing", "never_read")


def fleet_figures(connection: sa.Connection, max_age: float) -> FleetFigures:
    """Count all nodes.

    :param max_age: seconds that the age of a reading should not exceed; more where a driver has an interval
        of its own, see :func:`podium.pacing.oldest_allowed`
    """
    now = clock.now(connection)
    living = members.unended(connection)
    alive = {one.id for one in living}
    rare = _limits(connection, max_age)
    limits = {"limit": max_age, **{f"limit_{place}": age for place, age in enumerate(rare.values())}}
    times = {name: clock.later(now, -age) for name, age in limits.items()}
    times["latest"] = clock.later(now, clock.AHEAD)
    owners = {(group, driver, slot): owner for group, driver, slot, owner in connection.execute(_OWNERS)}
    rows = connection.execute(_counted(*rare), times).all()
    parts = [(row, owners.get((row.conductor_group, row.driver, row.slot))) for row in rows]
    read, fresh = sum(row.is_read for row in rows), sum(row.fresh for row in rows)
    oldest = [row.oldest for row in rows if row.oldest is not None]
    owned: dict[int, int] = {}
    for row, owner in parts:
        if owner in alive:
            owned[owner] = owned.get(owner, 0) + row.nodes
    return FleetFigures(
        **{name: sum(getattr(row, name) for row in rows) for name in _SUMS},
        max_age=max_age,
        fresh_share=fresh / read if read else 1.0,
        oldest=_age(oldest, now),
        unowned=sum(row.nodes for row, owner in parts if owner not in alive),
        held_by_ended=sum(row.nodes for row in rows if _is_held_by_ended(row.reservation, alive)),
        unread=_reasons(parts, alive, members.served_by(living), _names(connection, parts)),
        owned=owned,
    )


def _limits(connection: sa.Connection, max_age: float) -> dict[str, float]:
    """The greatest ages of drivers whose nodes are read less often than all others, by driver."""
    intervals: dict[str, float] = {}
    for document in connection.scalars(sa.select(conductor_workers.c.statistics)):
        for name, its in Figures.from_json(document).drivers.items():
            if its.interval is not None:
                intervals[name] = max(its.interval, intervals.get(name, 0.0))
    return {name: oldest_allowed(max_age, interval) for name, interval in sorted(intervals.items())}


def _age(times: Sequence[datetime], now: datetime) -> float | None:
    age = clock.age(min(times), now) if times else None
    return None if age is None else round(age, 3)


def _is_held_by_ended(holder: Worker | None, alive: Collection[int]) -> bool:
    return holder is not None and holder.incarnation not in alive


def _names(connection: sa.Connection, parts: Iterable[_Part]) -> dict[int, Worker]:
    """The names of the owners of nodes that are not read; those who ended long ago have been forgotten."""
    numbers = sorted({owner for row, owner in parts if row.unread and owner is not None})
    query = sa.select(table.c.id, table.c.host, table.c.worker).where(table.c.id.in_(numbers))
    return {number: Worker(host, index, number) for number, host, index in connection.execute(query)}


def _reasons(
    parts: Iterable[_Part], alive: Collection[int], served: Collection[Pair], names: Mapping[int, Worker]
) -> list[Unread]:
    counts: dict[tuple[str, str], int] = {}
    for row, owner in parts:
        why = _why(row, owner, alive, served, names) if row.unread else None
        if why is not None:
            counts[why] = counts.get(why, 0) + row.unread
    found = (Unread(*why, count) for why, count in counts.items())
    return sorted(found, key=lambda one: (-one.nodes, one.why))


def _why(
    row: sa.Row[Any],
    owner: int | None,
    alive: Collection[int],
    served: Collection[Pair],
    names: Mapping[int, Worker],
) -> tuple[str, str] | None:
    """Why nodes were not read; None for those whose power is being changed, which are read after that."""
    if _is_held_by_ended(row.reservation, alive):
        return "held", f"held by {row.reservation}, which has ended"
    if row.reservation is not None:
        return None
    if owner is None and row.slot >= SLOTS and (row.conductor_group, row.driver) in served:
        return "avoided", "all conductors avoid their subnet, see: podium conductor avoided"
    if owner is None:
        kind = f"the driver {row.driver} in the conductor group {row.conductor_group!r}"
        return "unserved", f"nobody serves {kind}"
    owned = f"owned by {names.get(owner, f'the member {owner}')}"
    if owner in alive:
        return "slow", f"{owned}, which has not read them"
    return "unowned", f"{owned}, which has ended"
