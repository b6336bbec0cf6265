"""Decides who owns which nodes: every node has a slot, and each slot of a group and driver has an owner.

The endpoint of a node (a BMC, a PDU, a hypervisor; mostly the node itself) decides its slot, so that only one
member accesses an endpoint. A transaction that gives slots to other members makes a *generation*. A member
that loses a slot gives it up and acknowledges the generation, see podium.db.members; a member that gains one
begins with it when all members have acknowledged. Functions of an open connection.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Set
from typing import Final, NamedTuple

import sqlalchemy as sa

from podium.db import subnets
from podium.db.bulk import chunks
from podium.db.changes import next_change
from podium.db.endpoints import SLOTS
from podium.db.models import change_counter, conductors, members, nodes, slots
from podium.db.sharing import plan
from podium.db.worker import Worker

#: A group and driver: the slots of each pair are distributed separately.
Pair = tuple[str, str]

_AT_ONCE: Final = 500


class Able(NamedTuple):
    """A member that takes slots."""

    id: int
    host: str
    drivers: frozenset[str]
    groups: frozenset[str]
    fallback: frozenset[str]
    is_draining: bool


class Whom(NamedTuple):
    """The members among which slots are distributed.

    :param able: the members that take slots, oldest first
    :param barred: the slots of avoided subnets, each with the hosts that must not own it
    """

    able: tuple[Able, ...]
    barred: tuple[tuple[int, frozenset[str]], ...]


class Roster(NamedTuple):
    """The possible owners of slots.

    :param generation: the newest
    :param is_settled: whether all members have acknowledged it
    """

    whom: Whom
    generation: int
    is_settled: bool


class _Planned(NamedTuple):
    """The changes of the next generation, by group and driver.

    :param owners: the current owners of the slots
    :param changed: slots that get other owners
    :param unused: slots that are to be removed
    """

    generation: int
    owners: Mapping[Pair, Mapping[int, int | None]]
    changed: dict[Pair, Mapping[int, int | None]]
    unused: dict[Pair, Set[int]]

    def __bool__(self) -> bool:
        return any(self.changed.values()) or any(self.unused.values())


def make_generation(connection: sa.Connection) -> int | None:
    """Give slots to other members if necessary.

    Slots whose members have ended, are leaving or are drained go to others at once. New members and
    imbalances wait until the previous generation has settled.

    :returns: the number of the generation; None if everything stays as it is
    """
    weights = _weights(connection)  # before others wait: for a large fleet this takes a while
    next_change(connection)  # from here on no other transaction does this
    planned = _planned(connection, weights)
    if not planned:
        return None
    number = planned.generation + 1
    for pair, its in planned.changed.items():
        _give(connection, pair, its, planned.owners.get(pair, {}), number)
        _remove(connection, pair, planned.unused[pair])
    connection.execute(sa.update(change_counter).values(generation=number))
    next_change(connection, roster=True)
    return number


def is_due(connection: sa.Connection) -> bool:
    """Whether :func:`make_generation` would change anything; blocks nobody."""
    return bool(_planned(connection))


def _planned(connection: sa.Connection, weights: Mapping[Pair, Mapping[int, int]] | None = None) -> _Planned:
    found = roster(connection)
    able = found.whom.able
    owners = _owners(connection)
    pairs = owners.keys() | {(group, name) for one in able for group in one.groups for name in one.drivers}
    takers = {pair: _takers(pair, able) for pair in pairs}
    barred = {slot: {one.id for one in able if one.host in hosts} for slot, hosts in found.whom.barred}
    is_urgent = any(
        _is_urgent(its.get(slot), set(takers[pair]) - barred.get(slot, set()))
        for pair, its in owners.items()
        for slot in its.keys() | barred.keys()
    )
    result = _Planned(found.generation, owners, {}, {})
    if not found.is_settled and not is_urgent:
        return result
    weights = _weights(connection) if weights is None else weights
    loads: dict[int, int] = defaultdict(int)
    for pair in sorted(pairs, key=lambda pair: (-sum(weights.get(pair, {}).values()), pair)):
        counts = weights.get(pair, {})
        further = {slot: barred.get(slot, set()) for slot in barred.keys() | counts.keys() if slot >= SLOTS}
        planned = plan(owners.get(pair, {}), takers[pair], counts, loads, further)
        for slot, owner in planned.items():
            if owner is not None:
                loads[owner] += counts.get(slot, 0)
        known = owners.get(pair, {})
        result.changed[pair] = {
            slot: owner for slot, owner in planned.items() if slot not in known or known[slot] != owner
        }
        result.unused[pair] = known.keys() - planned.keys()
    return result


def roster(connection: sa.Connection) -> Roster:
    """The possible owners of slots now.

    The generation is read last: it may be newer than the rest, but not older.
    """
    names = ("id", "host", "drivers", "conductor_groups", "fallback_groups", "leaves", "acknowledged")
    query = (
        sa.select(*(members.c[name] for name in names), conductors.c.draining_since)
        .select_from(members.outerjoin(conductors, conductors.c.hostname == members.c.host))
        .where(members.c.ended_at.is_(None))
        .order_by(members.c.id)
    )
    rows = connection.execute(query).all()
    able = tuple(
        Able(
            row.id,
            row.host,
            frozenset(row.drivers),
            frozenset(row.conductor_groups),
            frozenset(row.fallback_groups),
            row.draining_since is not None,
        )
        for row in rows
        if not row.leaves
    )
    barred = sorted((slot, frozenset(hosts)) for slot, hosts in subnets.barred(connection).items())
    generation: int = connection.scalars(sa.select(change_counter.c.generation)).one()
    is_settled = all(row.acknowledged >= generation for row in rows)
    return Roster(Whom(able, tuple(barred)), generation, is_settled)


def _is_urgent(owner: int | None, takers: Collection[int]) -> bool:
    return owner not in takers and (owner is not None or bool(takers))


def _takers(pair: Pair, able: Iterable[Able]) -> list[int]:
    """The members that share the slots of a pair; drained members only if there is no other."""
    group, driver = pair
    serving = [one for one in able if driver in one.drivers]
    for is_draining in (False, True):
        some = [one for one in serving if one.is_draining == is_draining]
        its = [one.id for one in some if group in one.groups] or [
            one.id for one in some if group in one.fallback
        ]
        if its:
            return its
    return []


def _owners(connection: sa.Connection) -> dict[Pair, dict[int, int | None]]:
    found: dict[Pair, dict[int, int | None]] = defaultdict(dict)
    query = sa.select(slots.c.conductor_group, slots.c.driver, slots.c.slot, slots.c.owner)
    for group, driver, slot, owner in connection.execute(query):
        found[group, driver][slot] = owner
    return found


def _weights(connection: sa.Connection) -> dict[Pair, dict[int, int]]:
    found: dict[Pair, dict[int, int]] = defaultdict(dict)
    its = nodes.c.conductor_group, nodes.c.driver, nodes.c.slot
    for group, driver, slot, count in connection.execute(sa.select(*its, sa.func.count()).group_by(*its)):
        found[group, driver][slot] = count
    return found


def _give(
    connection: sa.Connection,
    pair: Pair,
    changed: Mapping[int, int | None],
    known: Collection[int],
    generation: int,
) -> None:
    group, driver = pair
    new = [slot for slot in changed if slot not in known]
    values = {"conductor_group": group, "driver": driver, "generation": generation}
    if new:
        connection.execute(
            sa.insert(slots), [{**values, "slot": slot, "owner": changed[slot]} for slot in sorted(new)]
        )
    by_owner: dict[int | None, list[int]] = defaultdict(list)
    for slot, owner in changed.items():
        if slot in known:
            by_owner[owner].append(slot)
    of_pair = slots.c.conductor_group == group, slots.c.driver == driver
    for owner, its in by_owner.items():
        given = sa.update(slots).values(owner=owner, generation=generation)
        for chunk in chunks(sorted(its), _AT_ONCE):
            connection.execute(given.where(*of_pair, slots.c.slot.in_(chunk)))


def _remove(connection: sa.Connection, pair: Pair, unused: Iterable[int]) -> None:
    """Remove slots of a subnet that is no longer avoided."""
    of_pair = slots.c.conductor_group == pair[0], slots.c.driver == pair[1]
    for chunk in chunks(sorted(unused), _AT_ONCE):
        connection.execute(sa.delete(slots).where(*of_pair, slots.c.slot.in_(chunk)))


def owned(connection: sa.Connection, member: Worker) -> dict[Pair, dict[int, int]]:
    """The slots that a member owns, by group and driver, and the generation since which it owns them.

    Read the generation that the member will acknowledge, and the settled one, before calling this: newer
    slots do no harm. In the other order, it would begin with slots that it has lost meanwhile, or acknowledge
    their loss.
    """
    found: dict[Pair, dict[int, int]] = defaultdict(dict)
    query = sa.select(slots.c.conductor_group, slots.c.driver, slots.c.slot, slots.c.generation)
    for group, driver, slot, generation in connection.execute(
        query.where(slots.c.owner == member.incarnation)
    ):
        found[group, driver][slot] = generation
    return dict(found)


#: Joins the slot of a node to nodes.
OF_NODE: Final = sa.and_(
    slots.c.conductor_group == nodes.c.conductor_group,
    slots.c.driver == nodes.c.driver,
    slots.c.slot == nodes.c.slot,
)


def owner_of(connection: sa.Connection, uuid: str) -> Worker | None:
    """The member that owns the slot of a node; None if there is none, or it has ended."""
    joined = nodes.join(slots, OF_NODE).join(members, members.c.id == slots.c.owner)
    its = sa.select(members.c.host, members.c.worker, members.c.id)
    unended = nodes.c.uuid == uuid, members.c.ended_at.is_(None)
    row = connection.execute(its.select_from(joined).where(*unended)).one_or_none()
    return None if row is None else Worker(*row)
