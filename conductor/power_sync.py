"""One sweep: read the power of every owned node, compare, hand over what was learned.

Each driver's nodes are read in its own room and by its own clock: a driver that is late is left to finish,
and the others' next sweep starts without it.
"""

import asyncio
import inspect
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

from oslo_context.context import RequestContext
from oslo_log import log

from podium import errors, masking, states
from podium.conductor.fleet import Entry, Fleet
from podium.conductor.folding import fold
from podium.conductor.recorder import Recorder
from podium.conductor.room import DriverRoom, Run
from podium.db.fleet import Reading
from podium.db.models import utcnow

LOG = log.getLogger(__name__)

#: Reads of one driver at the same time, where its methods are async.
_IN_FLIGHT: Final = 256

#: Seconds after which a read counts as failed, whatever the driver does meanwhile.
READ_DEADLINE: Final = 60.0

#: The part of the interval over which a sweep spreads its reads.
_SPREAD: Final = 0.8


class PowerSync:
    """Sweeps of the nodes of every driver.

    :param rooms: the drivers' rooms by name
    :param now: the wall clock
    """

    def __init__(
        self,
        fleet: Fleet,
        rooms: Mapping[str, DriverRoom],
        recorder: Recorder,
        *,
        now: Callable[[], datetime] = utcnow,
    ) -> None:
        self._fleet = fleet
        self._rooms = rooms
        self._recorder = recorder
        self._now = now
        self._under_way: dict[str, Run] = {}
        self._late: set[str] = set()
        self._first = True

    async def sweep(self, interval: float, request: RequestContext) -> None:
        """Read every owned node that is not in maintenance and has no change under way.

        :param interval: seconds from this sweep to the next; the reads are spread over most of it, but for
            the first sweep, which goes as fast as the limits allow
        """
        spread = 0.0 if self._first else interval * _SPREAD
        self._first = False
        started = [run for name in self._rooms if (run := self._start(name, spread, request)) is not None]
        ends = [asyncio.wrap_future(run.future) for run in started]
        if ends:
            await asyncio.wait(ends, timeout=max(interval, READ_DEADLINE))
        for end in ends:
            if end.done():
                end.result()
            else:
                end.add_done_callback(lambda late: late.cancelled() or late.exception())

    def read_now(self, entries: Iterable[Entry], request: RequestContext) -> None:
        """Start to read some nodes at once, without waiting for the next sweep."""
        by_driver: dict[str, list[Entry]] = defaultdict(list)
        for entry in entries:
            by_driver[entry.node.driver].append(entry)
        for name, some in by_driver.items():
            if self._rooms.get(name) is not None and not self._first:
                self._read(self._rooms[name], some, 0.0, request)

    def _start(self, name: str, spread: float, request: RequestContext) -> Run | None:
        last = self._under_way.get(name)
        if last is not None and not last.future.done():
            if name not in self._late:
                self._late.add(name)
                LOG.warning(
                    "Driver %s has not finished its last sweep, so this one leaves its %d nodes out;"
                    " it is slow, stuck, or [conductor] sync_power_state_interval is too short for it",
                    name,
                    len(self._fleet.nodes(name)),
                )
            return None
        if name in self._late:
            self._late.discard(name)
            LOG.info("Driver %s takes part in sweeps again", name)
        run = self._read(self._rooms[name], self._fleet.entries(name), spread, request)
        self._under_way[name] = run
        return run

    def _read(
        self, room: DriverRoom, entries: Sequence[Entry], spread: float, request: RequestContext
    ) -> Run:
        reader = _Reader(room, self._fleet, self._recorder, request, self._now)
        return room.start(lambda: reader.read_all(entries, spread), request)


class _Reader:
    """Reads some nodes of one driver, inside its room."""

    def __init__(
        self,
        room: DriverRoom,
        fleet: Fleet,
        recorder: Recorder,
        request: RequestContext,
        now: Callable[[], datetime],
    ) -> None:
        self._room = room
        self._fleet = fleet
        self._recorder = recorder
        self._request_id = request.request_id
        self._now = now
        plain = not inspect.iscoroutinefunction(room.driver.get_power_state)
        self._gate = asyncio.Semaphore(room.size if plain else _IN_FLIGHT)
        self._changed: dict[tuple[str, str], list[str]] = defaultdict(list)
        self._failed: dict[str, list[str]] = defaultdict(list)
        self._recovered: list[str] = []

    async def read_all(self, entries: Sequence[Entry], spread: float) -> None:
        loop = asyncio.get_running_loop()
        start = loop.time()
        async with asyncio.TaskGroup() as group:
            for place, entry in enumerate(entries):
                early = start + spread * place / len(entries) - loop.time()
                if early > 0.005:
                    await asyncio.sleep(early)
                await self._gate.acquire()
                group.create_task(self._read_one(entry)).add_done_callback(lambda _: self._gate.release())
        self._tell()

    async def _read_one(self, entry: Entry) -> None:
        node, version = entry.node, entry.version
        if node.maintenance or node.target_power_state or entry.number in self._fleet.busy:
            return
        state, failure = None, None
        try:
            answer = await self._room.command(READ_DEADLINE, node, self._room.driver.get_power_state)
            if isinstance(answer, str) and answer in states.READINGS:
                state = answer
            else:
                failure = f"driver {node.driver} answered {answer!r}, which is no power state"
        except (errors.DriverError, TimeoutError) as error:
            failure = str(error) if isinstance(error, TimeoutError) else errors.one_line(error)
        except Exception as error:
            failure = f"fault of the driver {node.driver}: {errors.one_line(error)}"
        if entry.number in self._fleet.busy or entry.version != version:
            return
        if failure is not None:
            failure = masking.scrub(failure, node.driver_info, self._room.secret)
        self._note(entry, state, failure)
        self._recorder.add_reading(
            Reading(entry.number, version, self._now(), state, failure, request_id=self._request_id)
        )

    def _note(self, entry: Entry, state: str | None, failure: str | None) -> None:
        if state is None:
            entry.failures += 1
            if entry.failures == 1:
                self._failed[failure or ""].append(entry.node.name)
            return
        if entry.failures:
            entry.failures = 0
            self._recovered.append(entry.node.name)
        if entry.node.power_state not in (None, state):
            self._changed[entry.node.power_state or "", state].append(entry.node.name)

    def _tell(self) -> None:
        for (before, after), names in self._changed.items():
            LOG.warning("%s: %s -> %s, changed by someone else", fold(names), before, after)
        by_count = sorted(self._failed.items(), key=lambda item: -len(item[1]))
        for failure, names in by_count[:5]:
            LOG.warning("%s: power cannot be read: %s", fold(names), failure)
        rest = [name for _, names in by_count[5:] for name in names]
        if rest:
            LOG.warning("%s: power cannot be read, for %d more reasons", fold(rest), len(by_count) - 5)
        if self._recovered:
            LOG.info("%s: power can be read again", fold(self._recovered))
