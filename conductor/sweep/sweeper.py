"""Paces the reads of one driver's nodes, inside its room.

A read needs no task of its own: a few workers take the nodes from a queue, one after the other. A worker
whose read is not answered soon loses its slot to another worker, so that a dead node costs a timer instead of
a slot.
"""

import asyncio
import contextvars
import inspect
import math
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Generic, NamedTuple, TypeVar

from oslo_context.context import RequestContext

from podium.clocks import boottime
from podium.conductor.enforcement.gate import Gate
from podium.conductor.fleet.entry import Entry
from podium.conductor.fleet.fleet import Fleet
from podium.conductor.recording.recorder import Recorder
from podium.conductor.rooms import context as contexts
from podium.conductor.rooms.room import DriverRoom
from podium.conductor.rooms.visit import Visit
from podium.conductor.sweep.cross_checks import CrossChecks
from podium.conductor.sweep.feed import Feed
from podium.conductor.sweep.findings import HAND_OVER, Findings
from podium.conductor.sweep.retries import Retries
from podium.drivers import base
from podium.pacing import Allowance

#: Seconds after which a read counts as failed, whatever the driver does meanwhile.
READ_DEADLINE: Final = 60.0

#: Concurrent reads of an async driver, not counting those that wait for a slow or dead node.
IN_FLIGHT: Final = 256

_TICK: Final = 0.02  # seconds
_LONGEST_TICK: Final = 1.0
_PATIENCE: Final = 0.25  # seconds that a read keeps its slot; a tick, if the node failed before
#: Nodes that may be read in succession before other tasks of the loop run.
BURST: Final = 256


class SweepFigures(NamedTuple):
    """How many reads are under way, including those of slow or dead nodes, and how many nodes remain.

    :param limit: how many reads with a slot may be under way
    """

    in_flight: int
    limit: int
    lingering: int
    queued: int
    retrying: int


#: The unit that is read in one call, as queued.
Unit = TypeVar("Unit")

#: A node as it was when its read began, the visit, and when the read began in seconds of the loop's clock.
#: One node represents all nodes that are read in one call.
Read = tuple[Entry, Visit, float]


class Sweeper(ABC, Generic[Unit]):
    """Reads a driver's nodes. Only the room's loop may use it, except for the figures.

    The subclasses :class:`podium.conductor.sweep.singly.Singly` and
    :class:`podium.conductor.sweep.batches.Batches` determine which nodes are read in one call.

    :param gate: notified of nodes that change and vanish; its rules decide which nodes are read
    :param in_flight: concurrent calls; for plain methods never more than the room has threads
    :param rate: the most calls per second, if limited
    :param is_safe: whether no other member can have taken over the nodes
    :param checks: see :class:`podium.conductor.sweep.findings.Findings`
    """

    def __init__(
        self,
        room: DriverRoom,
        fleet: Fleet,
        recorder: Recorder,
        gate: Gate,
        *,
        in_flight: int = IN_FLIGHT,
        rate: float | None = None,
        is_safe: Callable[[], bool] = lambda: True,
        checks: CrossChecks | None = None,
    ) -> None:
        self._room = room
        self._name = room.driver.name
        self._fleet = fleet
        self._gate = gate
        self._rate = rate
        self._method = self._reader(room.driver)
        self._ask = room.bound(self._method)
        self._needs_place = room.needs_place(self._method)
        #: Whether the driver's reads are async.
        self.is_async = inspect.iscoroutinefunction(self._method)
        self._limit = in_flight if self.is_async else min(in_flight, room.size)
        self._interval = self._lasts = 0.0
        self._is_paced = False
        self._retry_allowance = Allowance(rate, most=max(rate, 1.0)) if rate else None
        self._logged = 0.0
        self._queue: deque[Unit] = deque()
        self._again: deque[Unit] = deque()  # failing nodes, taken only when no other node waits
        self._retries = Retries()
        self._feed: Feed[Unit] | None = None
        self._slots = 0
        self._reading: dict[int, Read] = {}  # by row number, reads that have a slot; the oldest first
        self._lingering: dict[int, Read] = {}  # reads that lost their slot
        self._burst = 0
        self._findings = Findings(room, fleet, recorder, gate, recorder.now, is_safe, checks)
        self._context = contextvars.copy_context()
        self._timer: asyncio.TimerHandle | None = None

    @staticmethod
    @abstractmethod
    def _reader(driver: base.Driver) -> Callable[..., Any]:
        """The driver's method that reads."""

    @abstractmethod
    def _units(self, numbers: Sequence[int]) -> Sequence[Unit]:
        """Divide nodes into units that are read in one call each, in the order of the nodes."""

    @abstractmethod
    def _unreported(self, units: Sequence[Unit], now: float) -> Iterable[Unit]:
        """Leave out nodes whose power was reported, see :meth:`_is_reported`."""

    @abstractmethod
    def _count(self, feed: Feed[Unit] | None) -> int:
        """The number of nodes in the queues and of those not yet queued by the sweep under way, from any
        thread.
        """

    @abstractmethod
    async def _work(self) -> None:
        """Read one unit after the other, until none is left or a call has lost its slot."""

    @abstractmethod
    def _give_up(self, entry: Entry, visit: Visit, error: Exception) -> None:
        """Count an unfinished read as failed. Its node is not called again until the read has ended."""

    @property
    def reads(self) -> int:
        """The number of completed reads."""
        return self._findings.reads

    @property
    def failures(self) -> Mapping[str, int]:
        """The number of failed reads, by kind."""
        return self._findings.failures

    @property
    def figures(self) -> SweepFigures:
        """The present figures of the sweep."""
        return SweepFigures(
            in_flight=len(self._reading),
            limit=self._limit,
            lingering=len(self._lingering),
            queued=self._count(self._feed),
            retrying=len(self._retries),
        )

    @property
    def oldest_read(self) -> float:
        """When the oldest read under way of an answering node began; infinity if there is none."""
        reads = [*list(self._reading.values()), *list(self._lingering.values())]
        return min((begun for entry, _, begun in reads if not entry.reads.failing), default=math.inf)

    async def sweep(
        self,
        numbers: Sequence[int],
        spread: float,
        interval: float,
        request: RequestContext,
        lasts: float | None = None,
    ) -> None:
        """Read each node once. Returns when each has answered, failed or lost its slot.

        :param numbers: their row numbers
        :param spread: seconds over which the reads are spread; 0 to read as fast as the limits allow,
            including failing nodes, which are otherwise retried on their own schedule, and nodes whose power
            the driver has reported
        :param interval: seconds from one sweep to the next, for drivers without their own interval
        :param lasts: seconds for which a report counts as a read, by default the interval
        """
        loop = asyncio.get_running_loop()
        self._interval = self._findings.interval = interval
        self._lasts = interval if lasts is None else lasts
        self._findings.request_id = request.request_id
        self._context = contexts.carrying(request)
        done: asyncio.Future[None] = loop.create_future()
        self._begin(numbers, spread, done)
        try:
            await done
        finally:
            if self._feed is not None and self._feed.done is done:
                self._feed = None
            self._findings.hand_over()
            self._findings.notices.log()

    def hurry(self, numbers: Sequence[int]) -> None:
        """Restart the sweep under way, with these nodes and at full speed."""
        if self._feed is not None and not self._feed.done.done():
            self._queue.clear()
            self._begin(numbers, 0.0, self._feed.done)

    def read_now(self, numbers: Sequence[int]) -> None:
        """Read some nodes before all others."""
        self._queue.extendleft(reversed(self._units(numbers)))
        self._tick()

    def hand_over(self) -> None:
        """Hand the results so far to the recorder."""
        self._findings.hand_over()

    def take_of_change(self, number: int, answer: Any, error: Exception | None) -> None:
        """Process a read that a power change made: the sweep leaves the node alone meanwhile."""
        now = asyncio.get_running_loop().time()
        is_early = self._retries.waits(number, now)
        failures = self._findings.take_of_change(number, answer, error, now, is_early=is_early)
        if not failures:
            self._retries.forget(number)
        elif not is_early:
            self._retries.add(number, failures, now, self._interval)
        if self._timer is None and self._findings.pending:
            self._tick()

    def _begin(self, numbers: Sequence[int], spread: float, done: "asyncio.Future[None]") -> None:
        self._is_paced = spread > 0
        if self._is_paced:
            numbers = [number for number in numbers if number not in self._retries]
        units = self._units(numbers)
        slowest = max(spread, len(units) / self._rate) if self._rate else spread
        self._logged = now = asyncio.get_running_loop().time()
        self._feed = Feed(units, now, slowest, done)
        self._tick()

    def _tick(self) -> None:
        """Do the due work, and plan the next tick while there is something to wait for."""
        now = asyncio.get_running_loop().time()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._findings.tick(now)
        if self._feed is not None:
            self._queue.extend(self._due(self._feed, now))
        self._again.extend(self._due_again(now))
        self._lose_patience(now)
        self._pump()
        self._end_sweep()
        if now - self._logged > _LONGEST_TICK:
            self._logged = now
            self._findings.notices.log()
        self._plan(now)

    def _due(self, feed: Feed[Unit], now: float) -> Iterable[Unit]:
        """The units that the sweep under way must read by now, without nodes that the driver has reported."""
        due = feed.due(now)
        if self._is_paced and self._name in self._fleet.reporting:
            return self._unreported(due, boottime())
        return due

    def _is_reported(self, number: int, now: float) -> bool:
        """Whether a node need not be read, because its driver has reported its power recently.

        :param now: seconds of the boot clock
        """
        entry = self._fleet.get(number)
        if entry is None or entry.reads.reported is None or entry.reads.failing is not None:
            return False
        state = entry.node.power_state  # if it is not the wanted state, a read must confirm it
        is_settled = state is not None and not self._gate.concerns(entry, state)
        return is_settled and now - entry.reads.reported < self._lasts

    def _due_again(self, now: float) -> Sequence[Unit]:
        """The units to retry in this tick."""
        return self._units(self._take_due(now))

    def _take_due(self, now: float) -> list[int]:
        """Take the failing nodes that may be retried in this tick."""
        allowed = None if self._retry_allowance is None else self._retry_allowance.take_all(now)
        return self._retries.take_due(now, allowed)

    def _plan(self, now: float) -> None:
        soonest = [due for due in (self._retries.next_due(), self._feed and self._feed.next_due()) if due]
        delay = min(max(min(soonest, default=math.inf) - now, _TICK), _LONGEST_TICK)
        if self._again or len(self._queue) > self._slots - len(self._reading):
            delay = _TICK
        elif self._slots:  # queued units are taken at once
            delay = min(delay, _TICK if self._is_failing_read() else _PATIENCE)
        elif self._findings.pending:
            delay = min(delay, HAND_OVER)
        elif not soonest and not self._lingering:
            return
        self._timer = asyncio.get_running_loop().call_later(delay, self._tick)

    def _is_failing_read(self) -> bool:
        """Whether a read of a failing node holds a slot."""
        return any(entry.reads.failing for entry, _, _ in self._reading.values())

    def _lose_patience(self, now: float) -> None:
        for number, (entry, visit, begun) in list(self._reading.items()):
            # If no thread is free, more reads would only wait for one.
            if now - begun > (_TICK if entry.reads.failing else _PATIENCE) and not visit.waits_for_thread:
                self._lingering[number] = self._reading.pop(number)
                self._slots -= 1
        for reads in (self._reading, self._lingering):
            while reads:
                number, (entry, visit, begun) = next(iter(reads.items()))
                if now - begun <= READ_DEADLINE:
                    break
                if visit.is_in_line(begun):  # it takes long because many reads wait
                    reads[number] = (*reads.pop(number)[:2], now)
                    continue
                if self._forget(number):
                    self._slots -= 1
                self._give_up(entry, visit, visit.overdue(READ_DEADLINE))

    def _forget(self, number: int) -> bool:
        """Drop a read that has ended or was given up; return whether it still held its slot."""
        if self._reading.pop(number, None) is not None:
            return True
        self._lingering.pop(number, None)
        return False

    async def _take_place(self, entry: Entry, visit: Visit) -> None:
        """Wait until the driver may be called; the time of the read starts only then."""
        doubtful = entry.reads.failing is not None
        place = self._room.place(self._method, entry.node, doubtful=doubtful)
        if place is not None:
            await visit.take_place(place)
            visit.note_call()
            reads = self._reading if entry.number in self._reading else self._lingering
            reads[entry.number] = (*reads.pop(entry.number)[:2], asyncio.get_running_loop().time())

    def _pump(self) -> None:
        """Start workers, at most as many as are already reading: one is enough if reads end at once."""
        waiting = len(self._queue) + len(self._again)
        fewest = 0 if self._slots else 1
        count = min(self._limit - self._slots, max(len(self._reading), fewest), waiting)
        loop = asyncio.get_running_loop()
        for _ in range(count):
            self._slots += 1
            # A separate context: workers note in it which node they read.
            loop.create_task(self._work(), name="power reads", context=self._context.copy())
        if count and count < waiting:
            loop.call_soon(self._pump)

    def _take(self, entry: Entry, answer: Any, error: Exception | None) -> None:
        if self._findings.take(entry, answer, error):
            now = asyncio.get_running_loop().time()
            self._retries.add(entry.number, entry.reads.failures, now, self._interval)
        elif entry.number in self._retries.numbers and not entry.reads.failing:
            self._retries.forget(entry.number)

    def _end_sweep(self) -> None:
        feed = self._feed
        if (
            feed is not None
            and feed.fed == len(feed.units)
            and not (self._queue or self._reading)
            and not feed.done.done()
        ):
            feed.done.set_result(None)
