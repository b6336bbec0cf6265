"""Watches the whole fleet: nodes that nobody reads, members that differ, and whether one could be spared.

Only one member does this, the oldest that has not ended, because the database has to scan all nodes. It logs
each problem when it begins and when it is over, and serves the figures to Prometheus.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import sqlalchemy as sa
from oslo_log import log

from podium import errors
from podium.conductor.rooms.sql import Sql
from podium.conf import fingerprint
from podium.db import member_figures, members
from podium.db.fleet_figures import FleetFigures, fleet_figures
from podium.db.member_figures import MemberFigures, Shortage
from podium.db.worker import Worker

LOG = log.getLogger(__name__)

#: Seconds between two checks, and the least pause as a multiple of a check's duration.
_INTERVAL: Final = 30.0
_REST: Final = 50.0


@dataclass(frozen=True, slots=True)
class Seen:
    """The result of one check."""

    fleet: FleetFigures
    members: MemberFigures
    shortages: list[Shortage]


class _Trouble(NamedTuple):
    """A problem that is logged when it begins and when it is over."""

    begins: str
    over: str


class FleetWatch:
    """Checks the fleet periodically, in the conductor's loop; any thread may read the last result.

    :param worker: this member
    :param max_age: seconds that the age of a reading should not exceed
    :param clock: seconds, to measure the duration of a check
    :ivar seen: the result of the last check; None while another member makes the checks
    """

    def __init__(
        self,
        sql: Sql,
        worker: Worker,
        *,
        max_age: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sql = sql
        self._worker = worker
        self._max_age = max_age
        self._clock = clock
        self._troubles: Mapping[str, _Trouble] = {}
        self.seen: Seen | None = None

    async def run(self) -> None:
        """Check periodically, forever."""
        pause = _INTERVAL
        while True:
            await asyncio.sleep(pause)
            pause = max(_INTERVAL, _REST * await self.look())

    async def look(self) -> float:
        """Check once, if this member makes the checks; return how many seconds that took."""
        began = self._clock()
        try:
            self.seen = await self._sql.read(self._find)
        except errors.DatabaseUnavailable:
            return 0.0  # known problems persist, as far as anybody knows
        troubles = {} if self.seen is None else _troubles(self.seen)
        if self.seen is not None:
            _log_differences(self._troubles, troubles)
        self._troubles = troubles
        return self._clock() - began

    def _find(self, connection: sa.Connection) -> Seen | None:
        if not members.is_first(connection, self._worker):
            return None
        return Seen(
            fleet_figures(connection, self._max_age),
            member_figures.member_figures(connection),
            member_figures.shortages(connection),
        )


def _log_differences(before: Mapping[str, _Trouble], now: Mapping[str, _Trouble]) -> None:
    for key, trouble in now.items():
        if key not in before:
            LOG.warning("%s", trouble.begins)
    for key, trouble in before.items():
        if key not in now:
            LOG.info("%s", trouble.over)


def _troubles(seen: Seen) -> dict[str, _Trouble]:
    """The problems, by a text that stays the same as long as the problem does."""
    found = {}
    for one in seen.fleet.unread:
        unread = f"have not been read for {seen.fleet.max_age:g} s: {one.why}"
        found[one.why] = _Trouble(f"{one.nodes} nodes {unread}", f"Over: nodes that {unread}")
    for short in seen.shortages:
        over = f"Conductor group {short.group!r}: the others could do without {short.without} again"
        found[f"short {short.group}"] = _Trouble(f"{short}", over)
    versions = _by_host(seen.members.versions, lambda version: [version])
    if len({*seen.members.versions.values()}) > 1:
        begins = f"Conductors have different versions of Podium: {versions}"
        found["versions"] = _Trouble(begins, "All conductors have the same version of Podium again")
    usual = fingerprint.usual(seen.members.fingerprints.values())
    options = _by_host(seen.members.fingerprints, lambda its: fingerprint.differences(usual, its))
    if options:
        begins = f"Options of [conductor] are not as most conductors have them: {options}"
        found["options"] = _Trouble(begins, "All conductors have the same options of [conductor] again")
    return found


def _by_host(values: Mapping[Worker, str], words: Callable[[str], Sequence[str]]) -> str:
    """Return words about the values of each host's workers."""
    found: dict[str, set[str]] = {}
    for worker, value in values.items():
        found.setdefault(worker.host, set()).update(words(value))
    return "; ".join(f"{host}: {', '.join(sorted(its))}" for host, its in sorted(found.items()) if its)
