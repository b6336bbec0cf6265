"""Which members there are, how many nodes each owns, and which nodes nobody serves: for people to read.

Ages are measured by the database's clock, and no decision depends on them. Functions of an open connection.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final, NamedTuple

import sqlalchemy as sa

from podium import errors
from podium.db import clock, members
from podium.db.members import Member
from podium.db.models import change_counter, columns, conductors, leases
from podium.db.models import members as members_table
from podium.db.owned import owned
from podium.db.slots import Pair
from podium.db.worker import Worker
from podium.node_ranges import natural

ALIVE: Final = "alive"
SILENT: Final = "silent"
LEAVING: Final = "leaving"
DRAINING: Final = "draining"
DRAINED: Final = "drained"
GONE: Final = "gone"


class Crew(NamedTuple):
    """The members of one host.

    :param state: one of the words above; ``gone, drained`` if it is to stay out of service
    :param members: those that have not ended or, if there are none, the last that ended
    :param nodes: how many nodes they own
    :param lease_age: seconds since the oldest renewal of a lease; None if all have ended
    :param acknowledged: the newest generation that all of them have acknowledged
    :param gone_since: when the last of them ended
    """

    hostname: str
    state: str
    members: tuple[Member, ...]
    nodes: int
    lease_age: float | None
    acknowledged: int | None
    draining_since: datetime | None
    gone_since: datetime | None


class Roster(NamedTuple):
    """All crews, in order of host name.

    :param generation: the current one
    :param unserved: how many nodes nobody serves, by group and driver
    :param avoided: how many further nodes nobody has because all members that serve the others avoid their
        subnet
    """

    crews: list[Crew]
    generation: int
    unserved: Mapping[Pair, int]
    avoided: Mapping[Pair, int]

    @property
    def members(self) -> list[Member]:
        """All members that have not ended, the oldest first."""
        found = [one for crew in self.crews for one in crew.members if one.ended_at is None]
        return sorted(found, key=lambda one: one.id)


def roster(connection: sa.Connection) -> Roster:
    """The current roster."""
    rows = connection.execute(sa.select(conductors.c.hostname, conductors.c.draining_since))
    draining: dict[str, datetime | None] = {row.hostname: row.draining_since for row in rows}
    crews: dict[str, list[Member]] = {host: [] for host in draining}
    for member in _shown(connection):
        if member.ended_at is None or member.host in draining:  # otherwise the conductor was removed
            crews.setdefault(member.host, []).append(member)
    renewed = {row.member_id: row.renewed_at for row in connection.execute(_RENEWED)}
    its = owned(connection, members.unended(connection))
    generation = connection.scalars(sa.select(change_counter.c.generation)).one()
    now = clock.now(connection)
    return Roster(
        [
            _crew(host, crew, draining.get(host), renewed, its.by_member, now, generation)
            for host, crew in sorted(crews.items(), key=lambda one: natural(one[0]))
        ],
        generation,
        its.unserved,
        its.avoided,
    )


_STARTED: Final = sa.select(conductors.c.hostname, conductors.c.started_at)
_RENEWED: Final = sa.select(leases.c.member_id, leases.c.renewed_at)
_LAST: Final = sa.select(sa.func.max(members_table.c.id)).group_by(members_table.c.host)
_ENDED_LAST: Final = sa.select(*columns(members_table, Member._fields)).where(members_table.c.id.in_(_LAST))


def _shown(connection: sa.Connection) -> list[Member]:
    """The members that have not ended, and the last ended one of each host."""
    unended = members.unended(connection)
    present = {member.host for member in unended}
    last = map(Member._make, connection.execute(_ENDED_LAST))
    return [*unended, *(one for one in last if one.host not in present)]


class Attendance(NamedTuple):
    """A daemon, for programs, without reading the nodes.

    :param drivers: those that its members have loaded
    :param alive: whether one of them has renewed its lease in time
    :param renewed_at: when the last of them did; None if all have ended
    """

    hostname: str
    conductor_group: str
    drivers: list[str]
    alive: bool
    started_at: datetime
    renewed_at: datetime | None


def attendances(connection: sa.Connection) -> list[Attendance]:
    """The daemons, in order of host name."""
    started = {row.hostname: row.started_at for row in connection.execute(_STARTED)}
    renewed = {row.member_id: row.renewed_at for row in connection.execute(_RENEWED)}
    now = clock.now(connection)
    crews: dict[str, list[Member]] = {}
    for member in _shown(connection):
        if member.host in started:
            crews.setdefault(member.host, []).append(member)
    return [
        Attendance(
            hostname=host,
            conductor_group=its[0].conductor_groups[0],
            drivers=sorted({name for one in its for name in one.drivers}),
            alive=any(
                one.ended_at is None
                and one.id in renewed
                and abs((now - renewed[one.id]).total_seconds()) < one.lease
                for one in its
            ),
            started_at=started[host],
            renewed_at=_latest(renewed.get(one.id) for one in its),
        )
        for host, its in sorted(crews.items(), key=lambda one: natural(one[0]))
    ]


class Presence(NamedTuple):
    """A member, for people to read.

    :param lease_age: seconds since the last renewal of its lease; None if it has ended
    """

    member: Member
    lease_age: float | None


def presences(connection: sa.Connection) -> list[Presence]:
    """The members that have not ended, and the last ended one of each host, without reading the nodes."""
    known = set(connection.scalars(sa.select(conductors.c.hostname)))
    renewed = {row.member_id: row.renewed_at for row in connection.execute(_RENEWED)}
    now = clock.now(connection)
    return [
        Presence(one, (now - renewed[one.id]).total_seconds() if one.id in renewed else None)
        for one in _shown(connection)
        if one.ended_at is None or one.host in known  # otherwise it was removed
    ]


def names(connection: sa.Connection) -> dict[int | None, Worker]:
    """The names of the members that have not ended, by their numbers."""
    return {one.id: one.name for one in members.unended(connection)}


def heard(connection: sa.Connection) -> dict[int, Worker]:
    """The names of the members that have not ended, except on silent hosts, by their numbers."""
    its, now = members.unended(connection), clock.now(connection)
    renewed = {row.member_id: row.renewed_at for row in connection.execute(_RENEWED)}
    ages = {one.id: abs((now - renewed.get(one.id, now)).total_seconds()) for one in its}
    hosts = {one.host for one in its if ages[one.id] < one.lease}
    return {one.id: one.name for one in its if one.host in hosts}


def unserved(connection: sa.Connection) -> Mapping[Pair, int]:
    """How many nodes nobody serves, by group and driver."""
    return owned(connection, members.unended(connection)).unserved


def _crew(
    host: str,
    its: list[Member],
    draining_since: datetime | None,
    renewed: Mapping[int, datetime],
    owned: Mapping[int, int],
    now: datetime,
    generation: int,
) -> Crew:
    unended = [one for one in its if one.ended_at is None]
    ages = {one.id: (now - renewed[one.id]).total_seconds() for one in unended if one.id in renewed}
    count = sum(owned.get(one.id, 0) for one in unended)
    acknowledged = min((one.acknowledged for one in unended), default=None)
    has_given_all = count == 0 and acknowledged is not None and acknowledged >= generation
    if not unended:
        state = GONE if draining_since is None else f"{GONE}, {DRAINED}"
    elif all(abs(ages.get(one.id, 0.0)) >= one.lease for one in unended):
        state = SILENT
    elif all(one.leaves for one in unended):
        state = LEAVING
    elif draining_since is not None:
        state = DRAINED if has_given_all else DRAINING
    else:
        state = ALIVE
    return Crew(
        hostname=host,
        state=state,
        members=tuple(its),
        nodes=count,
        lease_age=max(ages.values(), default=None),
        acknowledged=acknowledged,
        draining_since=draining_since,
        gone_since=None if unended else _latest(one.ended_at for one in its),
    )


def _latest(moments: Iterable[datetime | None]) -> datetime | None:
    return max((moment for moment in moments if moment is not None), default=None)


def require(connection: sa.Connection, host: str | None = None) -> None:
    """Make sure that a conductor of this name, or any at all, has run here.

    :raises podium.errors.NotFound: naming those that have
    """
    known = set(connection.scalars(sa.select(conductors.c.hostname)))
    if not known:
        raise errors.NotFound("no conductor has run on this database yet; start one: podium-conductor")
    if host is not None and host not in known:
        raise errors.NotFound(
            f"there is no conductor {host}; there are: {', '.join(sorted(known, key=natural))}"
        )


def described(pair: Pair) -> str:
    """How the nodes of a group and driver are called in texts."""
    group, driver = pair
    return f"the nodes with the driver {driver}{f' of the group {group}' if group else ''}"
