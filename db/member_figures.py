"""Figures about the members of the fleet: their number, the state of the generations, the load.

Functions of an open connection, whose cost grows with the number of members only.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import sqlalchemy as sa

from podium.db import clock
from podium.db.conductors import is_fresh
from podium.db.figures import Figures
from podium.db.members import Member, unended
from podium.db.models import change_counter, conductor_workers, leases, members
from podium.db.worker import Worker

#: Seconds for which an eviction is counted.
_OF_LATE: Final = 3600.0
#: Seconds after which the figures of a worker are out of date.
_OUTDATED: Final = 60.0
#: The part of the time that workers may be busy; above it, every disturbance makes sweeps late.
BUSY: Final = 0.8


@dataclass(frozen=True, slots=True)
class MemberFigures:
    """The members that have not ended.

    :param by_host: how many there are, by host
    :param evicted: members that another member, or a person, ended within the last hour
    :param generation: how often slots were given to other members
    :param pending: members that have not acknowledged the newest generation
    :param lease_ages: seconds since the last heartbeat of each, by the database's clock, for display only
    :param versions: of Podium, by host and worker
    :param fingerprints: of the options that members should have in common, by host and worker
    """

    by_host: Mapping[str, int]
    evicted: int
    generation: int
    pending: int
    lease_ages: Mapping[Worker, float]
    versions: Mapping[Worker, str]
    fingerprints: Mapping[Worker, str]


def member_figures(connection: sa.Connection) -> MemberFigures:
    """Count the members."""
    now, alive = clock.now(connection), unended(connection)
    by_number = {one.id: one.name for one in alive}
    renewed = connection.execute(sa.select(leases.c.member_id, leases.c.renewed_at))
    ages = {by_number[number]: clock.age(at, now) for number, at in renewed if number in by_number}
    generation = connection.scalars(sa.select(change_counter.c.generation)).one()
    ended = sa.select(members.c.id, members.c.ended_by).where(members.c.ended_by.is_not(None))
    of_late = connection.execute(ended.where(members.c.ended_at > clock.later(now, -_OF_LATE)))
    return MemberFigures(
        by_host=Counter(one.host for one in alive),
        evicted=sum(row.ended_by.incarnation != row.id for row in of_late),
        generation=generation,
        pending=sum(one.acknowledged < generation for one in alive),
        lease_ages={name: age or 0.0 for name, age in ages.items()},
        versions={one.name: one.version for one in alive},
        fingerprints={one.name: one.fingerprint for one in alive},
    )


class Load(NamedTuple):
    """How busy the workers of a host are: the sum of the busy parts of their time, 1.0 for a whole worker."""

    workers: int
    cpu: float
    reads: float

    @property
    def busy(self) -> float:
        """The greater of the two values, which is the first limit that a worker reaches."""
        return max(self.cpu, self.reads)


class Shortage(NamedTuple):
    """The members of a group could not carry its load without one of its hosts.

    :param group: the conductor group
    :param without: the host whose work would be the greatest burden on the others
    :param left: how many workers would be left
    :param cpu: the part of the time for which each of them would use a core
    :param reads: the part of the time for which each of them would run as many reads as are allowed at a time
    """

    group: str
    without: str
    left: int
    cpu: float
    reads: float

    def __str__(self) -> str:
        return (
            f"conductor group {self.group!r}: without {self.without} the {self.left} workers left would be"
            f" busy to {max(self.cpu, self.reads):.0%}, more than {BUSY:.0%} (CPU {self.cpu:.0%} of a core"
            f" each, reads {self.reads:.0%} of those allowed at a time)"
        )


def shortages(connection: sa.Connection) -> list[Shortage]:
    """The conductor groups that could not do without one of their hosts at the current load of their workers.

    Groups with only one host are left out, since that is a deliberate choice.
    """
    alive, known = unended(connection), _figures(connection)
    found = []
    for group in sorted({group for one in alive for group in one.conductor_groups}):
        loads = _loads([one for one in alive if group in one.conductor_groups], known)
        if len(loads) > 1 and (short := _shortage(group, loads)) is not None:
            found.append(short)
    return found


def _figures(connection: sa.Connection) -> dict[tuple[str, int], Figures]:
    table, now = conductor_workers.c, clock.now(connection)
    query = sa.select(table.conductor, table.worker, table.statistics, table.updated_at)
    return {
        (host, worker): Figures.from_json(document)
        for host, worker, document, at in connection.execute(query)
        if is_fresh((now - at).total_seconds(), _OUTDATED)
    }


def _loads(alive: Sequence[Member], known: Mapping[tuple[str, int], Figures]) -> dict[str, Load]:
    loads: dict[str, Load] = {}
    for one in alive:
        load = known.get((one.host, one.worker), Figures()).load
        workers, cpu, reads = loads.get(one.host, Load(0, 0.0, 0.0))
        its = load.get("cpu", 0.0), load.get("reads", 0.0)
        loads[one.host] = Load(workers + 1, cpu + its[0], reads + its[1])
    return loads


def _shortage(group: str, loads: Mapping[str, Load]) -> Shortage | None:
    workers = sum(one.workers for one in loads.values())
    cpu, reads = sum(one.cpu for one in loads.values()), sum(one.reads for one in loads.values())
    # Without the host that has the most workers, the fewest are left.
    without = max(loads, key=lambda host: (loads[host].workers, loads[host].busy, host))
    left = workers - loads[without].workers
    short = Shortage(group, without, left, cpu / left, reads / left)
    return short if max(short.cpu, short.reads) > BUSY else None
