"""Reads the nodes of an endpoint in one call, if the driver has ``get_power_states``.

A batch holds the visits of all its nodes, so that no other call is made to them meanwhile. A user's request
for one of the nodes waits until the call has ended, and then comes first. An async call that takes long is
cancelled for that, like the read of a single node, and its other nodes are read again at once.
"""

import asyncio
import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from podium import errors, masking
from podium.conductor.fleet.entry import Entry
from podium.conductor.rooms import hiding
from podium.conductor.rooms.calls import fault_of
from podium.conductor.rooms.places import NotAsked
from podium.conductor.rooms.room import DriverRoom
from podium.conductor.rooms.visit import Visit
from podium.conductor.sweep.endpoints import Endpoints
from podium.conductor.sweep.feed import Feed
from podium.conductor.sweep.findings import shared
from podium.conductor.sweep.sweeper import BURST, Sweeper
from podium.drivers import base
from podium.drivers.node import held

#: Nodes that are read in one call.
MOST: Final = 1000
#: The error of a node that is missing in the answers.
MISSING: Final = "the driver did not answer for it"
#: Seconds after which an async call is cancelled if a user's request waits for one of its nodes.
_COURTESY: Final = 2.0

_NOTHING: Final[Mapping[Any, Any]] = MappingProxyType({})


class _Shared:
    """The task of a batch for its visits: however many of them cancel it, it is cancelled once.

    A second cancellation would end the wait for a plain method that is under way.
    """

    def __init__(self, task: "asyncio.Task[Any]") -> None:
        self._task = task
        self._is_cancelled = False

    def done(self) -> bool:
        return self._task.done()

    def cancel(self) -> None:
        if not self._is_cancelled:
            self._is_cancelled = True
            self._task.cancel()


class Batch:
    """A call for some nodes of an endpoint, as they were when it began.

    :param task: the task that makes the call
    :ivar first: the node that represents the batch, preferably one that answers, and its visit; None if the
        batch has no nodes
    :ivar busy: numbers of nodes that other calls are using; they are not part of the batch
    :ivar refused: nodes to which an earlier call has not returned; they are not part of the batch either
    """

    def __init__(self, room: DriverRoom, entries: Sequence[Entry], task: "asyncio.Task[Any]") -> None:
        self._visits: list[tuple[Entry, Visit]] = []
        self.busy: list[int] = []
        self.refused: list[tuple[Entry, NotAsked]] = []
        self.given_up = self._makes_way = self._waits = False
        is_alone, shared = len(entries) == 1, _Shared(task)
        for entry in entries:
            visit = room.visit(entry.node, shared)
            try:
                is_free = visit.take()
            except NotAsked as error:
                self.refused.append((entry, error))
                continue
            if is_free or is_alone:
                self._visits.append((entry, visit))
                self._waits = not is_free
            else:
                self.busy.append(entry.number)
        answering = (pair for pair in self._visits if pair[0].reads.failing is None)
        self.first = next(answering, self._visits[0] if self._visits else None)

    @property
    def entries(self) -> list[Entry]:
        """The nodes of the batch."""
        return [entry for entry, _ in self._visits]

    @property
    def is_broken_off(self) -> bool:
        """Whether the batch was cancelled because somebody claims one of its nodes."""
        return not self.given_up and any(visit.yielded or visit.given_up for _, visit in self._visits)

    @property
    def unclaimed(self) -> list[Entry]:
        """The nodes of the batch that nobody claims."""
        return [entry for entry, visit in self._visits if not (visit.yielded or visit.given_up)]

    async def turn(self) -> None:
        """Wait until the node is free, if the batch is a single node that another call is using."""
        if self._waits:
            await self._visits[0][1].turn()

    def note_call(self) -> None:
        """Note that the driver is called now: a call for several nodes does not give way."""
        for _, visit in self._visits:
            visit.gives_way = len(self._visits) == 1

    def make_way(self) -> None:
        """Let the call give way again if a user's request waits for one of its nodes, now or later."""
        if not self._makes_way:
            self._makes_way = True
            for _, visit in self._visits:
                visit.make_way()

    def give_up(self) -> None:
        """Give up the call: no further call is made to its nodes until it has returned."""
        self.given_up = True
        for _, visit in self._visits:
            visit.give_up()

    def end(self) -> None:
        """Release the nodes: the call has returned."""
        for _, visit in self._visits:
            visit.end()


class Batches(Sweeper[tuple[int, ...]]):
    """Calls ``get_power_states`` once for each endpoint, with the nodes there that are free.

    A node that another call is using is read separately when it is free.
    """

    def __init__(self, room: DriverRoom, *parts: Any, **limits: Any) -> None:
        super().__init__(room, *parts, **limits)
        self._endpoints = Endpoints(room.endpoint)
        self._batches: dict[int, Batch] = {}  # under way, by the number of the node that represents the batch
        self._called: set[int] = set()  # numbers of all of their nodes

    @staticmethod
    def _reader(driver: base.Driver) -> Callable[..., Any]:
        return driver.get_power_states

    def _units(self, numbers: Sequence[int]) -> Sequence[tuple[int, ...]]:
        found: dict[str, list[int]] = {}
        for number in numbers:
            entry = self._fleet.get(number)
            if entry is not None:
                found.setdefault(self._endpoints.of(entry), []).append(number)
        return [
            tuple(those[first : first + MOST])
            for those in found.values()
            for first in range(0, len(those), MOST)
        ]

    def _unreported(self, units: Sequence[tuple[int, ...]], now: float) -> Iterable[tuple[int, ...]]:
        left = (tuple(one for one in unit if not self._is_reported(one, now)) for unit in units)
        return [unit for unit in left if unit]

    def _count(self, feed: Feed[tuple[int, ...]] | None) -> int:
        still = () if feed is None else feed.units[feed.fed :]
        return sum(map(len, [*self._queue, *self._again, *still]))

    def _begin(self, numbers: Sequence[int], spread: float, done: "asyncio.Future[None]") -> None:
        self._endpoints.keep(numbers)
        super()._begin(numbers, spread, done)

    def _due_again(self, now: float) -> Sequence[tuple[int, ...]]:
        """The nodes to retry: those that are due, each with the other failing nodes of its endpoint."""
        due = self._take_due(now)
        entries = [entry for number in due if (entry := self._fleet.get(number)) is not None]
        for endpoint in {self._endpoints.of(entry) for entry in entries}:
            others = [number for number in self._endpoints.nodes(endpoint) if number in self._retries]
            for number in others:
                self._retries.forget(number)
            due += others
        return self._units(due)

    def _lose_patience(self, now: float) -> None:
        super()._lose_patience(now)
        for number, (_, _, begun) in self._lingering.items() if self.is_async else ():
            if now - begun > _COURTESY:
                self._batches[number].make_way()

    async def _work(self) -> None:
        task, clock = asyncio.current_task(), asyncio.get_running_loop().time
        assert task is not None
        has_slot, is_broken_off = True, False
        try:
            while has_slot and (entries := self._next()):
                batch = Batch(self._room, entries, task)
                self._put_back(batch)
                if batch.first is None:
                    continue
                (entry, visit), entries = batch.first, batch.entries
                answers, error = _NOTHING, None
                self._reading[entry.number] = entry, visit, clock()
                self._batches[entry.number] = batch
                self._called.update(one.number for one in entries)
                try:
                    await batch.turn()
                    if self._needs_place:
                        await self._take_place(entry, visit)
                    batch.note_call()
                    nodes = [one.node for one in entries]
                    hiding.note_call(self._room.secrets, nodes)
                    answers = checked(await self._ask(nodes))
                    if visit.place is not None:
                        visit.place.note_answer()
                except Exception as failure:
                    error = failure
                except BaseException as fault:
                    error = fault_of(self._method, fault)
                finally:
                    is_broken_off = batch.is_broken_off
                    batch.end()
                    has_slot = not batch.given_up and self._has_ended(entry.number)
                    if is_broken_off:
                        self._queue.appendleft(tuple(one.number for one in batch.unclaimed))
                if batch.given_up or is_broken_off:
                    return
                self._take_all(entries, answers, error)
                await self._breathe(len(entries))
        finally:
            if has_slot:
                self._slots -= 1
            if is_broken_off:
                self._tick()
            else:
                self._end_sweep()

    def _next(self) -> list[Entry]:
        """Take the next nodes that may be read from the queues; empty if there are none."""
        while queue := self._queue or self._again:
            entries = [
                entry
                for number in queue.popleft()
                if (entry := self._fleet.get(number)) is not None and self._wanted(entry)
            ]
            if entries:
                return entries
        return []

    def _wanted(self, entry: Entry) -> bool:
        return self._gate.rules.reads(entry) and not (
            entry.number in self._fleet.taken
            or entry.number in self._called
            or entry.node.driver != self._name
        )

    def _put_back(self, batch: Batch) -> None:
        """Queue the nodes that are in use; count nodes whose last call has not returned as failed."""
        self._queue.extend((number,) for number in batch.busy)
        for entry, error in batch.refused:
            self._take(entry, None, error)

    def _has_ended(self, number: int) -> bool:
        """Drop a batch that has ended or was given up; return whether it still held its slot."""
        batch = self._batches.pop(number)
        self._called.difference_update(entry.number for entry in batch.entries)
        return self._forget(number)

    def _take_all(
        self, entries: Sequence[Entry], answers: Mapping[Any, Any], error: Exception | None
    ) -> None:
        infos = {"": [held(entry.node) for entry in entries]}
        # Built only after a failure: the error may quote a secret of any node of the call.
        scrubber = functools.cache(lambda: masking.scrubber(infos, self._room.secret))
        if error is not None:
            error = shared(error, scrubber())
        for entry in entries:
            if error is not None:
                self._take(entry, None, error)
            elif entry.node.uuid not in answers:
                self._take(entry, None, errors.DriverError(MISSING))
            elif isinstance(answer := answers[entry.node.uuid], Exception):
                self._take(entry, None, shared(answer, scrubber()))
            else:
                self._take(entry, answer, None)

    async def _breathe(self, nodes: int) -> None:
        """Let other tasks of the loop run from time to time.

        :param nodes: the number of nodes that were read
        """
        self._burst += nodes
        if self._burst >= BURST:
            self._burst = 0
            await asyncio.sleep(0)

    def _give_up(self, entry: Entry, visit: Visit, error: Exception) -> None:
        batch = self._batches[entry.number]
        self._has_ended(entry.number)
        for one in batch.unclaimed:
            self._take(one, None, error)
        batch.give_up()


def checked(answers: Any) -> Mapping[Any, Any]:
    """Copy a driver's answers for several nodes into a mapping of our own.

    :raises TypeError: it is not a mapping
    """
    if not isinstance(answers, Mapping):
        raise TypeError(f"get_power_states returned a {type(answers).__name__}, not a mapping by UUID")
    return dict(answers)
