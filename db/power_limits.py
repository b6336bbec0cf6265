"""Limits how many machines of a power domain are switched on within a time, counted over the whole fleet.

A transaction that begins requests locks the change counter, counts the recent starts in each domain here, and
adds its own. The requests of a staggered operation are a domain of their own: its pace also holds when
requests are overdue, after an outage or a take-over.

Ages are measured by the database's clock. If it is set ahead, a domain can once have more room than it
should. If it is set back, starts in the future count as begun just now, so that nothing waits for more than
one additional window.
"""

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa

from podium import states
from podium.db import clock, retention
from podium.db.changes import next_change
from podium.db.models import power_requests as requests
from podium.db.models import power_starts as starts

#: By domain: how many machines, within how many seconds.
Limits = Mapping[str, tuple[int, float]]

#: The prefix of the domain of a staggered operation; no domain of the config file has it, because ``:`` ends
#: the name there.
_OPERATION: Final = "operation:"


class Room:
    """The room that the limits leave at one moment.

    :param ages: by domain, how many seconds ago each of the last machines was begun, oldest first
    :ivar wait: seconds after which the first of the requests without room may ask again; 0 if there is none
    :ivar admitted: the domains of the admitted machines, once for each machine
    """

    def __init__(self, limits: Limits, ages: Mapping[str, list[float]]) -> None:
        self._limits = limits
        self._ages = defaultdict(list, ages)
        self.wait = 0.0
        self.admitted: list[str] = []

    def admit(self, action: str, extra: Mapping[str, Any], operation_id: int) -> bool:
        """Count a request that is about to begin, unless one of its domains has no room.

        :param extra: of its node, which names domains as ``power_domain`` and ``rack``
        """
        domains = list(self._domains(action, extra, operation_id))
        wait = max((self._wait(domain) for domain in domains), default=0.0)
        if wait > 0:
            self.wait = min(wait, self.wait or wait)
            return False
        for domain in domains:
            self._ages[domain].append(0.0)
        self.admitted += domains
        return True

    def _domains(self, action: str, extra: Mapping[str, Any], operation_id: int) -> Iterable[str]:
        if not self._limits:
            return ()
        named = {f"{_OPERATION}{operation_id}"}
        if states.REACHED.get(action) == states.POWER_ON:
            named |= {str(extra[key]) for key in ("power_domain", "rack") if key in extra}
        return named & self._limits.keys()

    def _wait(self, domain: str) -> float:
        (most, seconds), ages = self._limits[domain], self._ages[domain]
        return seconds - ages[-most] if len(ages) >= most else -math.inf


def paces(connection: sa.Connection, operations: Collection[int], known: Limits) -> Limits:
    """The limits of staggered operations, as they were requested.

    :param known: limits found earlier, which do not change
    """
    wanted = {f"{_OPERATION}{number}": number for number in operations}
    kept = {domain: known[domain] for domain in wanted.keys() & known.keys()}
    missing = [number for domain, number in wanted.items() if domain not in kept]
    return {**kept, **_asked(connection, missing)} if missing else kept


def _asked(connection: sa.Connection, operations: Collection[int]) -> Limits:
    later = requests.c.not_before > requests.c.requested_at
    query = (
        sa.select(
            requests.c.operation_id,
            sa.func.sum(sa.case((later, 0), else_=1)),
            sa.func.min(sa.case((later, requests.c.not_before))),
            sa.func.min(requests.c.requested_at),
        )
        .where(requests.c.operation_id.in_(operations))
        .group_by(requests.c.operation_id)
    )
    return {
        f"{_OPERATION}{number}": (int(at_once), (second - first).total_seconds())
        for number, at_once, second, first in connection.execute(query)
        if second is not None
    }


def look(connection: sa.Connection, limits: Limits) -> Room:
    """The current room, as far as known without a lock; starts in the future do not count."""
    return Room(limits, _ages(connection, limits, clock.now(connection)) if limits else {})


def lock(connection: sa.Connection, limits: Limits) -> Room:
    """The room until this transaction ends."""
    next_change(connection)
    if limits:
        now = clock.now(connection)
        ahead = starts.c.begun_at > now + timedelta(seconds=clock.AHEAD)
        connection.execute(sa.update(starts).where(ahead).values(begun_at=now))
    return look(connection, limits)


def _ages(connection: sa.Connection, limits: Limits, now: datetime) -> dict[str, list[float]]:
    query = sa.select(starts.c.domain, starts.c.begun_at).where(starts.c.domain.in_(limits))
    ages: dict[str, list[float]] = defaultdict(list)
    for domain, begun_at in connection.execute(query):
        if (age := clock.age(begun_at, now)) is not None:
            ages[domain].append(age)
    return {domain: sorted(its, reverse=True) for domain, its in ages.items()}


def save(connection: sa.Connection, limits: Limits, room: Room) -> None:
    """Record what was admitted, and delete what no longer counts in the same domains."""
    now = clock.now(connection)
    for domain in set(room.admitted):
        past = clock.later(now, -limits[domain][1])
        connection.execute(sa.delete(starts).where(starts.c.domain == domain, starts.c.begun_at <= past))
    if room.admitted:
        values = [{"domain": domain, "begun_at": now} for domain in room.admitted]
        connection.execute(sa.insert(starts), values)


def prune(connection: sa.Connection, before: datetime) -> None:
    """Delete starts from before a moment, such as those of operations that have ended."""
    connection.execute(
        sa.delete(starts).where(retention.is_old(connection, starts.c.id, starts.c.begun_at, before))
    )
