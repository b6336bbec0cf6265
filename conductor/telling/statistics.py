"""Figures about the age of readings and about the sweeps, for users and for Prometheus."""

import asyncio
import bisect
import contextlib
import math
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from oslo_log import log

from podium import errors, masking
from podium.clocks import boottime
from podium.conductor.enforcement.enforcer import Enforcement
from podium.conductor.fleet.entry import IGNORE, Entry
from podium.conductor.fleet.fleet import Fleet
from podium.conductor.recording.recorder import Recorder
from podium.conductor.rooms.room import DriverRoom
from podium.conductor.rooms.sql import Sql
from podium.conductor.sweep.cross_checks import CrossChecks
from podium.conductor.sweep.power_sync import PowerSync
from podium.conductor.telling.load import Load
from podium.conductor.telling.notifications import Notifications
from podium.db import conductors
from podium.db.figures import Ages, DriverFigures, Figures
from podium.db.worker import Worker
from podium.pacing import oldest_allowed

LOG = log.getLogger(__name__)

#: The upper bounds of the classes in which ages are counted, in seconds.
AGE_BUCKETS: Final = (5, 10, 15, 30, 60, 120, 300, 600)


#: Seconds between two writes of the figures; the least pause as a multiple of the time to compute them; and
#: the longest pause, because readers treat older figures as outdated.
_INTERVAL: Final = 5.0
_REST: Final = 20.0
_LONGEST: Final = 20.0


class Statistics:
    """Computes the figures of one worker.

    Any thread may call it; the conductor does so every few seconds, and the metrics server for each reader.
    The lock guards the rates, which are computed from one call to the next.

    :param max_age: seconds that the age of a reading should not exceed
    :param now: the clock of the reads, in seconds
    :param clock: seconds, for rates
    """

    def __init__(
        self,
        fleet: Fleet,
        rooms: Mapping[str, DriverRoom],
        sync: PowerSync,
        recorder: Recorder,
        enforcement: Enforcement | None = None,
        notifications: Notifications | None = None,
        checks: CrossChecks | None = None,
        *,
        max_age: float,
        now: Callable[[], float] = boottime,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fleet = fleet
        self._rooms = rooms
        self._sync = sync
        self._recorder = recorder
        self._enforcement = enforcement
        self._notifications = notifications
        self._checks = checks
        self._max_age = max_age
        self._now = now
        self._clock = clock
        self._rates: dict[str, float] = {}
        self._counted: dict[str, tuple[float, int]] = {}
        self._complained: set[str] = set()
        self._lock = threading.Lock()
        self._load = Load(clock)

    async def run(self, sql: Sql, worker: Worker) -> None:
        """Write the figures periodically, forever."""
        pause = _INTERVAL
        while True:
            await asyncio.sleep(pause)
            pause = await self.record(sql, worker)

    async def record(self, sql: Sql, worker: Worker) -> float:
        """Write the figures once; return the seconds until they are due again."""
        began = self._clock()
        figures = await asyncio.to_thread(self.figures)
        # This goes through every owned node, which takes long for a large share.
        pause = min(max(_INTERVAL, _REST * (self._clock() - began)), _LONGEST)
        with contextlib.suppress(errors.DatabaseUnavailable):
            await sql.write(lambda connection: conductors.save_figures(connection, worker, figures))
        return pause

    def figures(self) -> Figures:
        """Compute all figures. The ages leave out nodes in maintenance, and nodes that are not read."""
        entries = self._fleet.entries()
        read = [entry for entry in entries if not entry.node.maintenance and entry.policy != IGNORE]
        now = self._now()
        checked = (entry.reads.checked for entry in read)
        ages = sorted(max(now - at, 0.0) for at in checked if at is not None)
        counts = {str(limit): bisect.bisect_right(ages, limit) for limit in AGE_BUCKETS}
        fresh = bisect.bisect_right(ages, self._max_age) + self._rarely_read(read, now)
        return Figures(
            nodes=len(entries),
            in_maintenance=sum(entry.node.maintenance for entry in entries),
            unreadable=sum(entry.unreadable for entry in entries),
            never_read=len(read) - len(ages),
            failing=sum(entry.reads.failures > 0 for entry in entries),
            out_of_reach=0 if self._checks is None else self._checks.out_of_reach,
            max_age=self._max_age,
            fresh_share=fresh / len(read) if read else 1.0,
            ages=Ages(_at(ages, 0.5), _at(ages, 0.99), _at(ages, 1.0)),
            age_buckets={**counts, "inf": len(ages)},
            age_sum=round(sum(ages), 3),
            drivers={name: self._driver(name) for name in list(self._rooms)},
            notifications={} if self._notifications is None else self._notifications.figures(),
            enforcement=None if self._enforcement is None else self._enforcement.figures,
            queues=self._recorder.waiting,
            write_lag=round(self._recorder.lag, 3),
            load=self._load.look([sweeper.figures for sweeper in self._sync.sweepers.values()]),
        )

    def _rarely_read(self, read: Iterable[Entry], now: float) -> int:
        """How many nodes exceed the age only because their driver has a longer interval."""
        limits = {
            name: oldest_allowed(self._max_age, interval) for name, interval in self._sync.intervals.items()
        }
        ages = (
            (now - entry.reads.checked, limits[entry.node.driver])
            for entry in (read if limits else ())
            if entry.node.driver in limits and entry.reads.checked is not None
        )
        return sum(self._max_age < age <= limit for age, limit in ages)

    def _driver(self, name: str) -> DriverFigures:
        sweeper, report = self._sync.sweepers[name], self._sync.reports.get(name)
        figures = sweeper.figures
        return DriverFigures(
            nodes=len(self._fleet.nodes(name)),
            reads=sweeper.reads,
            reads_per_second=self._rate(name, sweeper.reads),
            interval=self._sync.intervals.get(name),
            sweep_duration=None if report is None else round(report.duration, 3),
            sweep_nodes=0 if report is None else report.nodes,
            in_flight=figures.in_flight,
            lingering=figures.lingering,
            queued=figures.queued,
            retrying=figures.retrying,
            late=name in self._sync.late,
            failures=dict(sweeper.failures),
            counters=self._counters(self._rooms[name]),
        )

    def _rate(self, name: str, reads: int) -> float:
        """Reads per second since the last figures, over at least one second."""
        now = self._clock()
        with self._lock:
            since, before = self._counted.get(name, (now, reads))
            if now - since >= 1 or name not in self._counted:
                self._rates[name] = round((reads - before) / (now - since), 1) if now > since else 0.0
                self._counted[name] = now, reads
            return self._rates[name]

    def _counters(self, room: DriverRoom) -> dict[str, float]:
        driver = room.driver
        try:
            counters = {str(key): float(value) for key, value in driver.statistics().items()}
        except Exception as error:
            if driver.name not in self._complained:
                self._complained.add(driver.name)
                shown = masking.for_log(
                    error, lambda text: self._fleet.scrubbed(text, driver.name, room.secret)
                )
                LOG.error("Driver %s: statistics() failed", driver.name, exc_info=shown)
            counters = {}
        # JSON cannot represent other values.
        finite = {key: value for key, value in counters.items() if math.isfinite(value)}
        return {**finite, **room.faults.counts}


def _at(ordered: list[float], share: float) -> float | None:
    """The value below which this share of the ordered values lies; None without values."""
    return round(ordered[min(int(len(ordered) * share), len(ordered) - 1)], 3) if ordered else None
