"""The figures of the whole fleet, counted by the database: workers do not count nodes that nobody reads.

One statement passes once through all nodes, a second one through those that are not read. That takes seconds
for a million nodes, so only one member at a time does it, and rarely.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

import sqlalchemy as sa

from podium.db import clock, members
from podium.db.endpoints import SLOTS
from podium.db.faults import POWER_FAILURE
from podium.db.figures import Figures
from podium.db.models import conductor_workers, nodes, power_readings
from podium.db.models import members as table
from podium.db.owned import by, owned
from podium.db.provision_states import IS_CONDUCTED
from podium.db.slots import Pair
from podium.db.worker import Worker
from podium.pacing import oldest_allowed

#: Whether the power of a node is to be read; the readings of other nodes may have any age.
IS_READ: Final = sa.and_(
    nodes.c.maintenance.is_(False), sa.func.coalesce(nodes.c.power_policy, "") != "ignore"
)


@dataclass(frozen=True, slots=True)
class Unread:
    """Nodes that were not read for a long time, though their last read did not fail.

    :param kind: one of ``UNREAD_KINDS``
    :param why: in plain words, as a statement about the nodes
    :param nodes: how many there are
    """

    kind: str
    why: str
    nodes: int


#: Why nodes are not read: an ended member holds them, nobody serves their driver and group, all conductors
#: that serve it avoid their subnet, their owner has ended, their owner does not keep up.
UNREAD_KINDS: Final = ("held", "unserved", "avoided", "unowned", "slow")


@dataclass(frozen=True, slots=True)
class FleetFigures:
    """How up to date the readings of all nodes are, by the database's time.

    Nodes in the provision state ``enroll`` do not count. Ages and shares leave out nodes in maintenance, and
    nodes that are not to be read.

    :param failing: nodes whose last read failed
    :param max_ages: the allowed ages of readings for drivers that are read less often, by driver
    :param fresh_share: the share of nodes whose reading is no older than ``max_age`` seconds
    :param oldest: the age of the oldest reading, in seconds; None without any
    :param unowned: nodes that no member owns
    :param held_by_ended: nodes that an ended member has reserved
    :param unread: why nodes were not read for longer than ``max_age``, the most nodes first
    :param owned: how many nodes each member has, by its number
    :param further: how many nodes meet other conditions, by their names
    """

    nodes: int
    in_maintenance: int
    unreadable: int
    never_read: int
    failing: int
    max_age: float
    max_ages: Mapping[str, float]
    fresh_share: float
    oldest: float | None
    unowned: int
    held_by_ended: int
    unread: Sequence[Unread]
    owned: Mapping[int, int]
    further: Mapping[str, int] = field(default_factory=dict)


def _number(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
    return sa.func.count(sa.case((condition, 1)))


_AT: Final = power_readings.c.checked_at
_PAST: Final = sa.bindparam("latest", type_=_AT.type) >= _AT


def _is_recent(at: sa.ColumnElement[Any], rare: Sequence[str]) -> sa.ColumnElement[bool]:
    """Whether a time is within the allowed age of readings.

    :param rare: drivers that have their own limits
    """
    usual = sa.bindparam("limit", type_=_AT.type) <= at
    if not rare:
        return usual
    own = (
        sa.and_(nodes.c.driver == name, sa.bindparam(f"limit_{place}", type_=_AT.type) <= at)
        for place, name in enumerate(rare)
    )
    return sa.or_(sa.and_(nodes.c.driver.not_in(rare), usual), *own)


def _fresh(rare: Sequence[str]) -> sa.ColumnElement[bool]:
    return sa.and_(_is_recent(_AT, rare), _PAST)


def _is_unread(rare: Sequence[str]) -> sa.ColumnElement[bool]:
    # A node that was enrolled recently need not have been read yet.
    is_old = ~_is_recent(nodes.c.created_at, rare)
    return sa.and_(IS_READ, nodes.c.power_failures == 0, is_old, sa.or_(_AT.is_(None), ~_fresh(rare)))


_READ_NODES: Final = nodes.join(power_readings, power_readings.c.node_id == nodes.c.id)


def _counted(rare: Sequence[str], further: Mapping[str, sa.ColumnElement[bool]]) -> sa.Select[Any]:
    """Counts nodes without grouping them, which would take six times as long."""
    fresh = _fresh(rare)
    counts: list[sa.ColumnElement[Any]] = [
        sa.func.count().label("nodes"),
        _number(nodes.c.maintenance).label("in_maintenance"),
        _number(sa.and_(nodes.c.maintenance, nodes.c.fault == POWER_FAILURE)).label("unreadable"),
        _number(nodes.c.power_failures > 0).label("failing"),
        _number(IS_READ).label("is_read"),
        _number(sa.and_(IS_READ, _AT.is_(None))).label("never_read"),
        _number(sa.and_(IS_READ, fresh)).label("fresh"),
        _number(_is_unread(rare)).label("unread"),
        sa.func.min(sa.case((sa.and_(IS_READ, _PAST), _AT))).label("oldest"),
    ]
    counts += (_number(condition).label(f"further_{name}") for name, condition in further.items())
    return sa.select(*counts).select_from(_READ_NODES).where(IS_CONDUCTED)


def _unread(rare: Sequence[str]) -> sa.Select[Any]:
    """Counts the nodes that were not read for a long time, by slot and reservation."""
    of = by(nodes.c.conductor_group, nodes.c.driver, nodes.c.slot, nodes.c.reservation)
    names = "conductor_group", "driver", "slot", "reservation"
    labelled = (one.label(name) for one, name in zip(of, names, strict=True))
    query = sa.select(*labelled, sa.func.count().label("unread")).select_from(_READ_NODES)
    return query.where(IS_CONDUCTED, _is_unread(rare)).group_by(*of)


_HELD: Final = (
    sa.select(nodes.c.reservation, sa.func.count())
    .where(IS_CONDUCTED, nodes.c.reservation.is_not(None))
    .group_by(nodes.c.reservation)
)
#: Counts of nodes with the same slot and reservation, and the number of the slot's owner.
_Part = tuple[sa.Row[Any], int | None]
#: Counts that are used unchanged.
_SUMS: Final = ("nodes", "in_maintenance", "unreadable", "failing", "never_read")


def fleet_figures(
    connection: sa.Connection,
    max_age: float,
    further: Mapping[str, sa.ColumnElement[bool]] = MappingProxyType({}),
) -> FleetFigures:
    """Count all nodes.

    :param max_age: the age in seconds that a reading should not exceed; more where a driver has its own
        interval, see :func:`podium.pacing.oldest_allowed`
    :param further: other conditions, by name; the nodes that meet each of them are counted in the same pass
    """
    now = clock.now(connection)
    living = members.unended(connection)
    alive = {one.id for one in living}
    rare = _limits(connection, max_age)
    limits = {"limit": max_age, **{f"limit_{place}": age for place, age in enumerate(rare.values())}}
    times = {name: clock.later(now, -age) for name, age in limits.items()}
    times["latest"] = clock.later(now, clock.AHEAD)
    row = connection.execute(_counted([*rare], further), times).one()
    whose = owned(connection, living)
    late = connection.execute(_unread([*rare]), times).all() if row.unread else []
    parts = [(one, whose.owners.get((one.conductor_group, one.driver, one.slot))) for one in late]
    held = connection.execute(_HELD).all()
    return FleetFigures(
        **{name: getattr(row, name) for name in _SUMS},
        max_age=max_age,
        max_ages=rare,
        fresh_share=row.fresh / row.is_read if row.is_read else 1.0,
        oldest=_age(row.oldest, now),
        unowned=whose.unowned,
        held_by_ended=sum(count for holder, count in held if _is_held_by_ended(holder, alive)),
        unread=_reasons(parts, alive, members.served_by(living), _names(connection, parts)),
        owned=whose.by_member,
        further={name: getattr(row, f"further_{name}") for name in further},
    )


def _limits(connection: sa.Connection, max_age: float) -> dict[str, float]:
    """The greatest allowed ages for drivers whose nodes are read less often than all others, by driver."""
    intervals: dict[str, float] = {}
    for document in connection.scalars(sa.select(conductor_workers.c.statistics)):
        for name, its in Figures.from_json(document).drivers.items():
            if its.interval is not None:
                intervals[name] = max(its.interval, intervals.get(name, 0.0))
    return {name: oldest_allowed(max_age, interval) for name, interval in sorted(intervals.items())}


def _age(time: datetime | None, now: datetime) -> float | None:
    age = None if time is None else clock.age(time, now)
    return None if age is None else round(age, 3)


def _is_held_by_ended(holder: Worker | None, alive: Collection[int]) -> bool:
    return holder is not None and holder.incarnation not in alive


def _names(connection: sa.Connection, parts: Iterable[_Part]) -> dict[int, Worker]:
    """The names of the owners of unread nodes; owners that ended long ago have been deleted."""
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
    """Why nodes were not read; None for nodes whose power is being changed, which are read afterwards."""
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
