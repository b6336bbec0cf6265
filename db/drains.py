"""Takes a conductor out of service and puts it back: functions of an open connection.

While a conductor is drained, the next generation gives all slots of its members to others, see
podium.db.slots. The row of the conductor is locked before the change counter, as when it starts.
"""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from podium.db import clock, members
from podium.db.changes import next_change
from podium.db.models import change_counter, conductors, leases, nodes, slots
from podium.db.models import members as members_table
from podium.db.provision_states import IS_CONDUCTED
from podium.db.slots import OF_NODE, Pair


def drain(connection: sa.Connection, host: str) -> bool:
    """Take a conductor out of service; False when it already is."""
    its = conductors.c.hostname == host, conductors.c.draining_since.is_(None)
    drained = sa.update(conductors).where(*its).values(draining_since=clock.now(connection))
    if not connection.execute(drained).rowcount:
        return False
    change = next_change(connection, roster=True)
    connection.execute(sa.update(conductors).where(conductors.c.hostname == host).values(change=change))
    return True


def undrain(connection: sa.Connection, host: str) -> bool:
    """Put a conductor back into service; False when it is in service."""
    its = conductors.c.hostname == host, conductors.c.draining_since.is_not(None)
    if not connection.execute(sa.update(conductors).where(*its).values(draining_since=None)).rowcount:
        return False
    change = next_change(connection, roster=True)
    connection.execute(sa.update(conductors).where(conductors.c.hostname == host).values(change=change))
    return True


def drained_since(connection: sa.Connection, host: str) -> datetime | None:
    """Since when a conductor is out of service."""
    its = sa.select(conductors.c.draining_since).where(conductors.c.hostname == host)
    found: datetime | None = connection.scalar(its)
    return found


def not_served_without(connection: sa.Connection, host: str) -> list[Pair]:
    """The groups and drivers of a host's nodes that no other conductor in service would serve."""
    drained = set(
        connection.scalars(sa.select(conductors.c.hostname).where(conductors.c.draining_since.is_not(None)))
    )
    others = [
        one
        for one in members.unended(connection)
        if one.host != host and not one.leaves and one.host not in drained
    ]
    served = members.served_by(others)
    return [pair for pair in _pairs(connection, host) if pair not in served]


def _pairs(connection: sa.Connection, host: str) -> list[Pair]:
    """The groups and drivers of the nodes in the slots of a host."""
    its = slots.c.conductor_group, slots.c.driver
    owned = slots.join(members_table, members_table.c.id == slots.c.owner)
    query = sa.select(*its).select_from(owned).where(members_table.c.host == host).distinct()
    found = []
    for group, driver in connection.execute(query.order_by(*its)):
        its_nodes = nodes.c.conductor_group == group, nodes.c.driver == driver, IS_CONDUCTED
        if connection.execute(sa.select(nodes.c.id).where(*its_nodes).limit(1)).first():
            found.append((group, driver))
    return found


def left(connection: sa.Connection, host: str) -> int:
    """How many nodes are left with a host: the nodes that it owns or has reserved."""
    its = [one for one in members.unended(connection) if one.host == host]
    is_owned = slots.c.owner.in_([one.id for one in its])
    is_held = nodes.c.reservation.in_([one.name for one in its])
    query = sa.select(sa.func.count()).select_from(nodes.outerjoin(slots, OF_NODE)).where(IS_CONDUCTED)
    return connection.scalar(query.where(sa.or_(is_owned, is_held))) or 0


def is_handed_over(connection: sa.Connection, host: str) -> bool:
    """Whether nothing is left with a host: no slot, no member that has to give one up, no change."""
    its = [one for one in members.unended(connection) if one.host == host]
    owned = sa.select(slots.c.slot).where(slots.c.owner.in_([one.id for one in its])).limit(1)
    if not its:
        return True
    generation = connection.scalars(sa.select(change_counter.c.generation)).one()
    if connection.execute(owned).first() or members.settled(connection) < generation:
        return False
    held = sa.select(nodes.c.id).where(nodes.c.reservation.in_([one.name for one in its])).limit(1)
    return connection.execute(held).first() is None


def observe(connection: sa.Connection, numbers: Sequence[int]) -> dict[int, int]:
    """The current lease numbers of some members, if the database accepts writes of leases."""
    its = leases.c.member_id.in_(numbers)
    connection.execute(sa.update(leases).where(its).values(number=leases.c.number))
    standing = members.standing(connection)
    return {number: standing.get(number, 0) for number in numbers}
