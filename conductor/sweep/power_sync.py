"""Sweeps: the power of every owned node is read once in an interval.

Each driver's nodes are read in its own room and on its own schedule: a late driver continues its sweep, and
the other drivers' next sweep starts without it.
"""

import asyncio
import concurrent.futures
import functools
import math
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from oslo_context.context import RequestContext
from oslo_log import log

from podium.conductor.enforcement.gate import Gate
from podium.conductor.fleet.entry import Entry
from podium.conductor.fleet.fleet import Fleet
from podium.conductor.recording.recorder import Recorder
from podium.conductor.rooms.room import DriverRoom
from podium.conductor.rooms.run import Run
from podium.conductor.sweep.batches import Batches
from podium.conductor.sweep.cross_checks import CrossChecks
from podium.conductor.sweep.singly import Singly
from podium.conductor.sweep.sweeper import IN_FLIGHT, Sweeper
from podium.drivers import base

LOG = log.getLogger(__name__)

#: The part of the interval over which a sweep spreads its reads.
_SPREAD: Final = 0.8
#: The part of the interval after which a sweep no longer waits for late drivers.
_WAIT: Final = 0.98
#: Seconds that a sweep at full speed may take, however short the interval is.
_AT_ONCE: Final = 3600.0


@dataclass(frozen=True, slots=True)
class SweepReport:
    """The nodes and seconds of a driver's last complete sweep."""

    nodes: int
    duration: float


@dataclass(slots=True)
class _UnderWay:
    run: Run
    nodes: int
    begun: float


class PowerSync:
    """Sweeps of the nodes of every driver.

    :param rooms: the drivers' rooms by name
    :param in_flight: concurrent reads, by driver, if not the default
    :param rate: the most reads per second, by driver, if limited
    :param intervals: seconds from one read of a node to the next, for drivers with a longer interval than all
        others
    :param gate: notified of nodes that change and vanish; its rules decide which nodes are read
    :param is_safe: whether no other member can have taken over the nodes
    :param checks: see :class:`podium.conductor.sweep.findings.Findings`
    :param clock: seconds, monotonic
    """

    def __init__(
        self,
        fleet: Fleet,
        rooms: Mapping[str, DriverRoom],
        recorder: Recorder,
        *,
        in_flight: Mapping[str, int] | None = None,
        rate: Mapping[str, float] | None = None,
        intervals: Mapping[str, float] | None = None,
        gate: Gate | None = None,
        is_safe: Callable[[], bool] = lambda: True,
        checks: CrossChecks | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fleet = fleet
        self._rooms = rooms
        self._own_intervals = intervals or {}
        self.gate = gate or Gate()
        self.gate.intervals = self._own_intervals
        self.sweepers: dict[str, Sweeper[Any]] = {
            name: (Batches if base.reads_together(room.driver) else Singly)(
                room,
                fleet,
                recorder,
                self.gate,
                in_flight=(in_flight or {}).get(name, IN_FLIGHT),
                rate=(rate or {}).get(name),
                is_safe=is_safe,
                checks=checks,
            )
            for name, room in rooms.items()
        }
        self.reports: dict[str, SweepReport] = {}
        #: Drivers that could not keep the interval.
        self.late: set[str] = set()
        self._under_way: dict[str, _UnderWay] = {}
        self._first = True
        self._interval = 0.0
        self._clock = clock

    @property
    def intervals(self) -> dict[str, float]:
        """The intervals of drivers whose nodes are read less often than others."""
        return {name: own for name, own in self._own_intervals.items() if own > self._interval}

    @property
    def round(self) -> float:
        """The seconds within which every node is read: the interval, or more if a driver takes longer.

        Nodes of drivers with a longer interval are left out.
        """
        reports, rare = list(self.reports.items()), self.intervals
        longest = max((report.duration for name, report in reports if name not in rare), default=0.0)
        return max(self._interval, longest)

    @property
    def oldest_read(self) -> float:
        """When the oldest read under way of an answering node began; infinity if there is none."""
        return min((one.oldest_read for one in self.sweepers.values()), default=math.inf)

    async def sweep(self, interval: float, request: RequestContext, *, at_once: bool = False) -> None:
        """Read every owned node that may be read and has no change under way.

        :param interval: seconds from this sweep to the next; the reads are spread over most of it, except in
            the first sweep, which runs as fast as the limits allow
        :param at_once: read as fast as the limits allow
        """
        at_once = at_once or self._first
        self._first = False
        self._interval = interval
        rare, ends = self.intervals, dict[str, asyncio.Future[Any]]()
        for name in self._rooms:
            if not (at_once or self._is_due(name)):
                continue
            run = self._start(name, request, at_once=at_once)
            if run is not None and (at_once or name not in rare):
                ends[name] = asyncio.wrap_future(run.future)
            elif run is not None:
                run.future.add_done_callback(functools.partial(_log_failure, name))
        if ends:
            await asyncio.wait(ends.values(), timeout=_AT_ONCE if at_once else interval * _WAIT)
        for name, end in ends.items():
            if not end.done():
                end.add_done_callback(functools.partial(_log_failure, name))
        for end in ends.values():
            if end.done():
                end.result()

    def hurry(self, request: RequestContext) -> None:
        """Restart the sweeps under way, as fast as the limits allow."""
        for name in self._under_way:
            self._hurry(name, request)

    def read_now(self, entries: Iterable[Entry], request: RequestContext) -> None:
        """Read some nodes at once, without waiting for the next sweep."""
        by_driver: dict[str, list[int]] = defaultdict(list)
        for entry in entries:
            by_driver[entry.node.driver].append(entry.number)
        for name, numbers in by_driver.items():
            if name in self._rooms and not self._first:
                self._post(name, lambda sweeper, some: sweeper.read_now(some), numbers, request)

    def take_of_change(self, driver: str, number: int, answer: Any, error: Exception | None) -> None:
        """Process a read that a power change made. Called in the driver's room."""
        self.sweepers[driver].take_of_change(number, answer, error)

    def hand_over(self, driver: str) -> None:
        """Hand the results so far to the recorder. Called in the driver's room."""
        self.sweepers[driver].hand_over()

    def _hurry(self, name: str, request: RequestContext) -> None:
        self._post(name, lambda sweeper, numbers: sweeper.hurry(numbers), self._numbers(name), request)

    def _post(
        self,
        name: str,
        call: Callable[[Sweeper[Any], list[int]], None],
        numbers: list[int],
        request: RequestContext,
    ) -> None:
        async def deliver() -> None:
            call(self.sweepers[name], numbers)

        self._rooms[name].start(deliver, request)

    def _numbers(self, name: str) -> list[int]:
        """Return a driver's nodes in the order of their rows, failing nodes last."""
        entries = self._fleet.entries(name)
        healthy = [entry.number for entry in entries if not entry.reads.failures]
        return healthy + [entry.number for entry in entries if entry.reads.failures]

    def _is_due(self, name: str) -> bool:
        """Whether it is time for the next sweep of a driver."""
        last, own = self._under_way.get(name), self.intervals.get(name)
        # Otherwise a sweep that comes a moment early would be left out.
        early = self._interval * (1 - _WAIT)
        return own is None or last is None or self._clock() - last.begun >= own - early

    def _start(self, name: str, request: RequestContext, *, at_once: bool) -> Run | None:
        """Start a sweep of a driver's nodes, or hurry one that would outlast the common interval."""
        last, interval = self._under_way.get(name), self.intervals.get(name, self._interval)
        if last is not None and not last.run.future.done():
            if at_once and interval > self._interval:
                self._hurry(name, request)
                return last.run
            self._log_late(name, last, interval)
            return None
        if name in self.late:
            self.late.discard(name)
            LOG.info("Driver %s keeps the interval of %g s again", name, interval)
        numbers, begun = self._numbers(name), self._clock()
        sweeper = self.sweepers[name]
        spread, usual = 0.0 if at_once else interval * _SPREAD, self._interval
        run = self._rooms[name].start(
            lambda: sweeper.sweep(numbers, spread, usual, request, interval), request
        )
        self._under_way[name] = _UnderWay(run, len(numbers), begun)
        run.future.add_done_callback(
            lambda _: self.reports.update({name: SweepReport(len(numbers), self._clock() - begun)})
        )
        return run

    def _log_late(self, name: str, sweep: _UnderWay, interval: float) -> None:
        if name in self.late:
            return
        self.late.add(name)
        seconds = self._clock() - sweep.begun
        figures = self.sweepers[name].figures
        done = max(sweep.nodes - figures.queued - figures.in_flight, 0)
        LOG.warning(
            "Driver %s cannot keep the interval: it has read %d of %d nodes in %.0f s (%.0f a second), so the"
            " next sweep leaves its nodes out; raise %s (now %g), %s, or see podium node list --failing",
            name,
            done,
            sweep.nodes,
            seconds,
            done / max(seconds, 0.001),
            f"[{name}] interval" if name in self.intervals else "[conductor] sync_power_state_interval",
            interval,
            "[conductor] sync_power_state_in_flight or workers"
            if self.sweepers[name].is_async
            else f"[{name}] threads and endpoint_calls",
        )


def _log_failure(name: str, sweep: "asyncio.Future[Any] | concurrent.futures.Future[Any]") -> None:
    """Log the exception of a sweep that nobody waits for."""
    error = None if sweep.cancelled() else sweep.exception()
    if error is not None and not isinstance(
        error, asyncio.CancelledError | concurrent.futures.CancelledError
    ):
        LOG.error("Driver %s: its sweep has failed", name, exc_info=error)
