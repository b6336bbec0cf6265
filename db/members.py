"""The members of the fleet: worker processes with a lease, as functions of an open connection.

No decision here depends on a clock. A lease is a number that its holder raises. A member that has seen it
unchanged for as long as the holder promised, by its own clock, passes the number that it saw: :func:`end`
ends only members whose lease still has that number.

Locks are taken in the order leases, members, change counter, nodes. A heartbeat takes only its own lease.
Every write by a member shares the lock of the member's row, see :func:`guard`. So a transaction that changes
that row does so before it takes the counter: a second write by the same member may already wait for the
counter. docs/conductors.md describes the protocol, and why it is correct.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from oslo_db.exception import DBDuplicateEntry

from podium import errors
from podium.db import clock, hardware_reads, secret_keys, task_commands
from podium.db.changes import next_change
from podium.db.migrations import REVISIONS
from podium.db.models import change_counter, columns, leases, members, nodes
from podium.db.worker import Worker


class Service(NamedTuple):
    """What a member offers and promises.

    :param process: distinguishes this run of the daemon from any other
    :param drivers: the drivers that it has loaded
    :param conductor_groups: the groups that it serves, its own first
    :param fallback_groups: the groups that it serves while no other member does
    :param lease: seconds for which a heartbeat promises that it lives
    :param interval: seconds from one heartbeat to the next
    :param version: of Podium
    :param fingerprint: identifies the options that members should have in common
    :param secret_keys: the names of the keys that it holds; None for a program that does not know keys
    """

    process: str
    drivers: Sequence[str]
    conductor_groups: Sequence[str]
    fallback_groups: Sequence[str]
    lease: float
    interval: float
    version: str
    fingerprint: str
    secret_keys: Sequence[str] | None = None


class Member(NamedTuple):
    """A member, see :data:`podium.db.models.members`."""

    id: int
    host: str
    worker: int
    process: str
    drivers: list[str]
    conductor_groups: list[str]
    fallback_groups: list[str]
    lease: float
    interval: float
    version: str
    fingerprint: str
    leaves: bool
    acknowledged: int
    started_at: datetime
    ended_at: datetime | None
    ended_by: Worker | None
    ended_why: str | None

    @property
    def name(self) -> Worker:
        """The name under which it reserves nodes, begins requests and writes events."""
        return Worker(self.host, self.worker, self.id)


_MEMBERS: Final = sa.select(*columns(members, Member._fields)).order_by(members.c.id)
_UNENDED: Final = _MEMBERS.where(members.c.ended_at.is_(None))


def unended(connection: sa.Connection) -> list[Member]:
    """The members that have not ended, oldest first."""
    return list(map(Member._make, connection.execute(_UNENDED)))


def living(connection: sa.Connection) -> list[Worker]:
    """The names of the members that have not ended."""
    return [Worker(row.host, row.worker, row.id) for row in connection.execute(_LIVING)]


_LIVING: Final = sa.select(members.c.id, members.c.host, members.c.worker).where(members.c.ended_at.is_(None))


def served_by(found: Iterable[Member]) -> set[tuple[str, str]]:
    """The groups and drivers that members serve, also as a fallback."""
    groups = ((group, one) for one in found for group in (*one.conductor_groups, *one.fallback_groups))
    return {(group, driver) for group, one in groups for driver in one.drivers}


def enter(connection: sa.Connection, host: str, worker: int, service: Service) -> Worker:
    """Make a worker process a member, which owns nothing yet.

    :raises podium.errors.ConductorAlreadyRunning: while a member of that name has not ended
    :raises podium.errors.ConfigError: it does not hold a key that is in use
    """
    now = clock.now(connection)
    generation = connection.scalars(sa.select(change_counter.c.generation)).one()
    values = {
        **service._asdict(),
        **{name: list(getattr(service, name)) for name in ("drivers", "conductor_groups", "fallback_groups")},
        "host": host,
        "worker": worker,
        "revision": REVISIONS[-1],
        "leaves": False,
        "acknowledged": generation,
        "started_at": now,
    }
    (number,) = connection.execute(sa.insert(members).values(values)).inserted_primary_key or (0,)
    lease = {"member_id": number, "host": host, "worker": worker, "number": 1, "renewed_at": now}
    try:
        connection.execute(sa.insert(leases).values(lease))
    except DBDuplicateEntry:
        raise errors.ConductorAlreadyRunning(
            f"a worker {host}/{worker} of a conductor has entered this database and has not ended; stop it,"
            " or give this one another [DEFAULT] host"
        ) from None
    _number(connection, [int(number)])
    secret_keys.check_held(connection, service.secret_keys)
    return Worker(host, worker, int(number))


def hold_keys(connection: sa.Connection, member: Worker, names: Sequence[str]) -> None:
    """Record that a member now holds other keys than when it entered.

    :raises podium.errors.ConfigError: a key that is in use is not among them
    """
    _change(connection, member, secret_keys=list(names))
    secret_keys.check_held(connection, names)


def renew(connection: sa.Connection, member: Worker, number: int) -> Mapping[int, int] | None:
    """Raise a member's lease, and read all leases.

    :param number: greater than at any time before
    :returns: the numbers of all leases by the number of their member; None when this member has ended
    """
    raised = sa.update(leases).where(*_lease_of(member))
    raised = raised.values(number=number, renewed_at=clock.now(connection))
    return standing(connection) if connection.execute(raised).rowcount else None


# A database that was restored to an earlier state may have given the number again, to another member.
def _lease_of(member: Worker) -> tuple[sa.ColumnElement[bool], ...]:
    here = leases.c.host == member.host, leases.c.worker == member.index
    return leases.c.member_id == member.incarnation, *here


def _row_of(member: Worker) -> tuple[sa.ColumnElement[bool], ...]:
    here = members.c.host == member.host, members.c.worker == member.index
    return members.c.id == member.incarnation, *here, members.c.ended_at.is_(None)


def standing(connection: sa.Connection) -> dict[int, int]:
    """The current numbers of all leases by the number of their member."""
    return {row.member_id: row.number for row in connection.execute(_STANDING)}


_STANDING: Final = sa.select(leases.c.member_id, leases.c.number)


def end(connection: sa.Connection, seen: Mapping[int, int], by: Worker | None, why: str) -> list[int]:
    """End members whose leases have not been raised.

    :param seen: the number at which each lease was seen, by the number of the member; members whose lease was
        raised since are left alone
    :param by: the member that ends them; None for a person
    :returns: the numbers of the members that were ended
    """
    ended = []
    for number, lease in sorted(seen.items()):
        its = leases.c.member_id == number, leases.c.number == lease
        if connection.execute(sa.delete(leases).where(*its)).rowcount:
            ended.append(number)
    _note_end(connection, ended, by, why)
    return ended


class Loss(NamedTuple):
    """What an ended member had in hand.

    :param changes: nodes whose power it is changing, or that it has reserved
    """

    member: Worker
    changes: int


def losses(connection: sa.Connection, numbers: Iterable[int]) -> list[Loss]:
    """What members have in hand, by their numbers, for people to read."""
    found = []
    for member in map(Member._make, connection.execute(_MEMBERS.where(members.c.id.in_(list(numbers))))):
        of_nodes = sa.select(sa.func.count()).where(nodes.c.reservation == member.name)
        found.append(Loss(member.name, connection.scalars(of_nodes).one()))
    return found


def leave(connection: sa.Connection, member: Worker) -> None:
    """End this member because its process ends in an orderly way.

    Not in a transaction that has called :func:`guard`, which would lock the member before its lease.
    """
    if connection.execute(sa.delete(leases).where(*_lease_of(member))).rowcount:
        _note_end(connection, [member.incarnation], member, "stopped")


def _note_end(connection: sa.Connection, numbers: Collection[int], by: Worker | None, why: str) -> None:
    if not numbers:
        return
    these = members.c.id.in_(numbers), members.c.ended_at.is_(None)
    values = {"ended_at": clock.now(connection), "ended_by": by, "ended_why": why[:255]}
    connection.execute(sa.update(members).where(*these).values(values))
    _number(connection, numbers)
    for row in connection.execute(_MEMBERS.where(members.c.id.in_(numbers))).all():
        name = Member._make(row).name
        task_commands.leave_unanswered(connection, name)
        hardware_reads.leave_unanswered(connection, name)


_GUARD: Final = (
    sa.select(members.c.ended_at, members.c.ended_by, members.c.ended_why)
    .where(
        members.c.id == sa.bindparam("incarnation"),
        members.c.host == sa.bindparam("host"),
        members.c.worker == sa.bindparam("index"),
    )
    .with_for_update(read=True)
)


def guard(connection: sa.Connection, member: Worker) -> None:
    """Keep a member from being ended until this transaction ends; call it first in each writing transaction.

    :raises podium.errors.MemberEnded: when it has ended
    """
    found = connection.execute(_GUARD, asdict(member)).first()
    if found is None:
        raise errors.MemberEnded(f"the database does not know the member {member}: it was replaced")
    if found.ended_at is not None:
        by = f" by {found.ended_by}" if found.ended_by not in (None, member) else ""
        raise errors.MemberEnded(f"the member {member} was ended{by}: {found.ended_why}")


def announce_leave(connection: sa.Connection, member: Worker) -> None:
    """Request no more slots: the next generation gives the slots of this member to others."""
    _change(connection, member, leaves=True)
    _number(connection, [member.incarnation])


def serve(connection: sa.Connection, member: Worker, drivers: Sequence[str]) -> None:
    """Record that a member now has other drivers than when it entered."""
    _change(connection, member, drivers=list(drivers))
    _number(connection, [member.incarnation])


def acknowledge(connection: sa.Connection, member: Worker, generation: int) -> None:
    """Record that a member has given up everything that it lost up to a generation.

    Call it in a separate transaction, after those that wrote what the member learned about what it lost. A
    late call does not lower the number. A generation that this database does not have was lost with its last
    server; another generation will get its number.
    """
    newest = connection.scalars(sa.select(change_counter.c.generation)).one()
    generation = min(generation, newest)
    raised = sa.case((members.c.acknowledged < generation, generation), else_=members.c.acknowledged)
    _change(connection, member, acknowledged=raised)


def _change(connection: sa.Connection, member: Worker, **values: Any) -> None:
    connection.execute(sa.update(members).where(*_row_of(member)).values(values))
    next_change(connection, roster=True)


def _number(connection: sa.Connection, numbers: Collection[int]) -> None:
    """Write the number of a change that people see in members, whose rows are locked."""
    change = next_change(connection, roster=True)
    connection.execute(sa.update(members).where(members.c.id.in_(numbers)).values(change=change))


def settled(connection: sa.Connection) -> int:
    """The newest generation that all members that have not ended have acknowledged."""
    oldest = sa.select(sa.func.min(members.c.acknowledged)).where(members.c.ended_at.is_(None))
    found = connection.scalar(oldest)
    newest: int = connection.scalars(sa.select(change_counter.c.generation)).one()
    return newest if found is None else min(int(found), newest)


def is_first(connection: sa.Connection, member: Worker) -> bool:
    """Whether a member has the lowest number of those that have not ended: it does the work of only one."""
    lowest = sa.select(sa.func.min(members.c.id)).where(members.c.ended_at.is_(None))
    return connection.scalar(lowest) in (None, member.incarnation)


#: Rows of ended members that are kept for people to read.
_KEPT: Final = 1000


def prune(connection: sa.Connection) -> None:
    """Delete the oldest ended members."""
    ended: sa.Select[Any] = sa.select(members.c.id).where(members.c.ended_at.is_not(None))
    old = connection.scalar(ended.order_by(members.c.id.desc()).offset(_KEPT).limit(1))
    if old is not None:
        connection.execute(sa.delete(members).where(members.c.id <= old, members.c.ended_at.is_not(None)))
