"""Paces the reads of one driver's nodes, inside its room.

A read costs no task of its own: a few workers take nodes from a queue, one after the other. A worker whose
node does not answer soon loses its slot to another worker, so that dead nodes cost a timer and not a slot.
"""

import asyncio
import contextvars
import inspect
import math
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from oslo_context.context import RequestContext

from podium.conductor.enforcement.gate import Gate
from podium.conductor.fleet.entry import Entry
from podium.conductor.fleet.fleet import Fleet
from podium.conductor.recording.recorder import Recorder
from podium.conductor.rooms import context as contexts
from podium.conductor.rooms import hiding
from podium.conductor.rooms.calls import fault_of
from podium.conductor.rooms.room import DriverRoom
from podium.conductor.rooms.visit import Visit
from podium.conductor.sweep.cross_checks import CrossChecks
from podium.conductor.sweep.feed import Feed
from podium.conductor.sweep.findings import HAND_OVER, Findings
from podium.conductor.sweep.retries import Retries
from podium.pacing import Allowance

#: Seconds after which a read counts as failed, whatever the driver does meanwhile.
READ_DEADLINE: Final = 60.0

#: Reads of an async driver at the same time, those that wait for a slow or dead node not counted.
IN_FLIGHT: Final = 256

_TICK: Final = 0.02  # seconds
_LONGEST_TICK: Final = 1.0
_PATIENCE: Final = 0.25  # seconds that a read keeps its slot; a tick, if the node failed before
_BURST: Final = 256  # reads that may end without waiting before other tasks of the loop run


class SweepFigures(NamedTuple):
    """How many reads are under way, of slow or dead nodes too, and how many nodes have still to be read.

    :param limit: how many may be under way that hold a slot
    """

    in_flight: int
    limit: int
    lingering: int
    queued: int
    retrying: int


#: The node as it was when its read began, the visit, and when it began in seconds of the loop's clock.
_Read = tuple[Entry, Visit, float]


class Sweeper:
    """Reads a driver's nodes. For the room's loop alone, but for its figures.

    :param gate: learns of nodes that change and vanish; its rules decide which nodes are read
    :param in_flight: reads at the same time; of plain methods never more than the room has threads
    :param rate: greatest number of reads a second, if limited
    :param is_safe: whether no other member can have taken the nodes over
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
        self._fleet = fleet
        self._gate = gate
        self._rate = rate
        self._method = room.driver.get_power_state
        self._ask = room.bound(self._method)
        self._needs_place = room.needs_place(self._method)
        is_async = inspect.iscoroutinefunction(self._method)
        self._limit = in_flight if is_async else min(in_flight, room.size)
        self._interval = 0.0
        self._retry_allowance = Allowance(rate, most=max(rate, 1.0)) if rate else None
        self._logged = 0.0
        self._queue: deque[int] = deque()
        self._again: deque[int] = deque()  # failing nodes: only when no other node waits
        self._retries = Retries()
        self._feed: Feed | None = None
        self._slots = 0
        self._reading: dict[int, _Read] = {}  # by row number, reads that have a slot; the oldest first
        self._lingering: dict[int, _Read] = {}  # and reads that lost theirs
        self._burst = 0
        self._findings = Findings(room, fleet, recorder, gate, recorder.now, is_safe, checks)
        self._context = contextvars.copy_context()
        self._timer: asyncio.TimerHandle | None = None

    @property
    def reads(self) -> int:
        """How many reads have ended."""
        return self._findings.reads

    @property
    def failures(self) -> Mapping[str, int]:
        """How many of them failed, by kind."""
        return self._findings.failures

    @property
    def figures(self) -> SweepFigures:
        """What the sweep is doing now."""
        feed = self._feed
        still = len(feed.numbers) - feed.fed if feed is not None else 0
        return SweepFigures(
            in_flight=len(self._reading),
            limit=self._limit,
            lingering=len(self._lingering),
            queued=len(self._queue) + len(self._again) + still,
            retrying=len(self._retries),
        )

    @property
    def oldest_read(self) -> float:
        """When the oldest read under way of an answering node began; infinity if there is none."""
        reads = [*list(self._reading.values()), *list(self._lingering.values())]
        return min((begun for entry, _, begun in reads if not entry.reads.failing), default=math.inf)

    async def sweep(
        self, numbers: Sequence[int], spread: float, interval: float, request: RequestContext
    ) -> None:
        """Read each node once. Returns when each has answered, failed or lost its slot.

        :param numbers: their row numbers
        :param spread: seconds over which the reads are spread; 0 for as fast as the limits allow, and then
            failing nodes are read too, which otherwise are retried at times of their own
        :param interval: seconds from one sweep to the next
        """
        loop = asyncio.get_running_loop()
        self._interval = self._findings.interval = interval
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
        self._queue.extendleft(reversed(numbers))
        self._tick()

    def hand_over(self) -> None:
        """Hand to the recorder what was found so far."""
        self._findings.hand_over()

    def take_of_change(self, number: int, answer: Any, error: Exception | None) -> None:
        """Take in what a power change has read of its node: the sweep leaves it alone meanwhile."""
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
        if spread > 0:
            numbers = [number for number in numbers if number not in self._retries]
        slowest = max(spread, len(numbers) / self._rate) if self._rate else spread
        self._logged = now = asyncio.get_running_loop().time()
        self._feed = Feed(numbers, now, slowest, done)
        self._tick()

    def _tick(self) -> None:
        """Do what is due, and plan the next tick while there is something to wait for."""
        now = asyncio.get_running_loop().time()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._findings.tick(now)
        if self._feed is not None:
            self._queue.extend(self._feed.due(now))
        self._again.extend(self._retries.take_due(now, self._allowed_retries(now)))
        self._lose_patience(now)
        self._pump()
        self._end_sweep()
        if now - self._logged > _LONGEST_TICK:
            self._logged = now
            self._findings.notices.log()
        self._plan(now)

    def _allowed_retries(self, now: float) -> int | None:
        """How many failing nodes may be retried in this tick; None for all."""
        return None if self._retry_allowance is None else self._retry_allowance.take_all(now)

    def _plan(self, now: float) -> None:
        soonest = [due for due in (self._retries.next_due(), self._feed and self._feed.next_due()) if due]
        delay = min(max(min(soonest, default=math.inf) - now, _TICK), _LONGEST_TICK)
        if self._again or len(self._queue) > self._slots - len(self._reading):
            delay = _TICK
        elif self._slots:  # what is in the queue is taken at once
            delay = min(delay, _TICK if self._is_failing_read() else _PATIENCE)
        elif self._findings.pending:
            delay = min(delay, HAND_OVER)
        elif not soonest and not self._lingering:
            return
        self._timer = asyncio.get_running_loop().call_later(delay, self._tick)

    def _is_failing_read(self) -> bool:
        """Whether a node that failed before is being read, and holds a slot."""
        return any(entry.reads.failing for entry, _, _ in self._reading.values())

    def _lose_patience(self, now: float) -> None:
        for number, (entry, visit, begun) in list(self._reading.items()):
            # Where threads are missing, more reads would only wait for them.
            if now - begun > (_TICK if entry.reads.failing else _PATIENCE) and not visit.waits_for_thread:
                self._lingering[number] = self._reading.pop(number)
                self._slots -= 1
        for reads in (self._reading, self._lingering):
            while reads:
                entry, visit, begun = next(iter(reads.values()))
                if now - begun <= READ_DEADLINE:
                    break
                if visit.is_in_line(begun):  # it takes long because there are many
                    reads[entry.number] = (*reads.pop(entry.number)[:2], now)
                else:
                    self._give_up(entry, visit)

    def _give_up(self, entry: Entry, visit: Visit) -> None:
        """Count a read as failed that has not ended. Its node is not called again until it has."""
        if self._forget(entry.number):
            self._slots -= 1
        if not visit.yielded:
            self._take(entry, None, visit.overdue(READ_DEADLINE))
        visit.give_up()

    def _forget(self, number: int) -> bool:
        """Drop a read that has ended or was given up; True when it still held its slot."""
        if self._reading.pop(number, None) is not None:
            return True
        self._lingering.pop(number, None)
        return False

    def _pump(self) -> None:
        """Start workers, at most as many as are reading: if reads end at once, one worker is enough."""
        waiting = len(self._queue) + len(self._again)
        fewest = 0 if self._slots else 1
        count = min(self._limit - self._slots, max(len(self._reading), fewest), waiting)
        loop = asyncio.get_running_loop()
        for _ in range(count):
            self._slots += 1
            # A context of its own: workers note in it which node they read.
            loop.create_task(self._work(), name="power reads", context=self._context.copy())
        if count and count < waiting:
            loop.call_soon(self._pump)

    async def _work(self) -> None:
        """Read one node after another, until none is left or a read has lost its slot."""
        task, room, clock = asyncio.current_task(), self._room, asyncio.get_running_loop().time
        assert task is not None
        has_slot = True
        try:
            while has_slot and (entry := self._next()) is not None:
                visit, answer, error = room.visit(entry.node, task), None, None
                self._reading[entry.number] = entry, visit, clock()
                hiding.note_call(room.secret, entry.node)
                try:
                    if not visit.take():
                        await visit.turn()
                    if self._needs_place:
                        await self._take_place(entry, visit)
                    answer = await self._ask(entry.node)
                    if visit.place is not None:
                        visit.place.note_answer()
                except Exception as failure:
                    error = failure
                except BaseException as fault:
                    error = fault_of(self._method, fault)
                finally:
                    visit.end()
                    has_slot = not visit.given_up and self._forget(entry.number)
                if visit.given_up or visit.yielded:
                    return
                self._take(entry, answer, error)
                self._burst += 1
                if self._burst >= _BURST:
                    self._burst = 0
                    await asyncio.sleep(0)
        finally:
            if has_slot:
                self._slots -= 1
            self._end_sweep()

    async def _take_place(self, entry: Entry, visit: Visit) -> None:
        """Wait until the driver may be called; only then the time of the read begins."""
        doubtful = entry.reads.failing is not None
        place = self._room.place(self._method, entry.node, doubtful=doubtful)
        if place is not None:
            await visit.take_place(place)
            reads = self._reading if entry.number in self._reading else self._lingering
            reads[entry.number] = (*reads.pop(entry.number)[:2], asyncio.get_running_loop().time())

    def _next(self) -> Entry | None:
        """Take the next node from the queues that may be read."""
        for queue in (self._queue, self._again):
            while queue:
                entry = self._fleet.get(queue.popleft())
                if entry is not None and self._wanted(entry):
                    return entry
        return None

    def _wanted(self, entry: Entry) -> bool:
        number = entry.number
        return self._gate.rules.reads(entry) and not (
            number in self._fleet.taken
            or number in self._reading
            or number in self._lingering
            or entry.node.driver != self._room.driver.name
        )

    def _take(self, entry: Entry, answer: Any, error: Exception | None) -> None:
        if self._findings.take(entry, answer, error):
            now = asyncio.get_running_loop().time()
            self._retries.add(entry.number, entry.reads.failures, now, self._interval)
        elif not entry.reads.failing:
            self._retries.forget(entry.number)

    def _end_sweep(self) -> None:
        feed = self._feed
        if (
            feed is not None
            and feed.fed == len(feed.numbers)
            and not (self._queue or self._reading)
            and not feed.done.done()
        ):
            feed.done.set_result(None)
