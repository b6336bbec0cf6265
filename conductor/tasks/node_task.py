"""A driver's task for each node: calls are spread over the spacing, and a failing node affects no other."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from typing import Any, Final

from podium import errors
from podium.conductor.fleet.entry import Entry
from podium.conductor.fleet.fleet import Fleet
from podium.conductor.rooms import context as contexts
from podium.conductor.rooms.room import DriverRoom
from podium.conductor.rooms.run import Run
from podium.conductor.tasks.history import LoggedBefore
from podium.conductor.tasks.kinds import UNBOUNDED, DriverTask, Start
from podium.conductor.tasks.newcomers import Newcomers
from podium.conductor.tasks.node_failures import NodeFailures
from podium.conductor.tasks.schedule import Schedule
from podium.drivers import base
from podium.drivers.context import RunContext

#: The share of the spacing over which the calls of a run are spread.
_SPREAD: Final = 0.8
#: The shortest wait before a call, in seconds, so that there is no wait for each of thousands of nodes.
_TICK: Final = 0.02
#: Bounds of a call's deadline in seconds, when neither the driver nor the config file has one.
_SHORTEST, _LONGEST = 10.0, 60.0
#: Seconds between two checks of nodes that wait for their first call: until they are read, and later.
_LOOK, _LOOK_AGAIN = 0.25, 2.0


class AllNodesFailed(LoggedBefore):
    """The task failed for all of its nodes."""


class NodeTask(DriverTask):
    """A task that is called for each node separately, in the room of the nodes' driver.

    A task that runs immediately makes a first call for each node that this conductor gains, as fast as it
    may.
    """

    #: A run limits itself. The deadline of the config file applies to the call for one node.
    deadline = UNBOUNDED

    def __init__(
        self,
        room: DriverRoom,
        fleet: Fleet,
        task: base.PeriodicTask,
        method: Callable[..., Any],
        schedule: Schedule,
    ) -> None:
        super().__init__(room, fleet, task, method, schedule)
        self._failures = NodeFailures(self.name, fleet, room.secret)
        # Shared by all runs: the driver's limit also applies to requested runs.
        self._gate = asyncio.Semaphore(
            task.max_in_flight if self.hears_cancel else min(task.max_in_flight, room.size)
        )
        self.hears_cancel = True  # the run is a coroutine even if the method is not
        self._has_begun = False
        self._newcomers = Newcomers(fleet, room.driver.name, self._may_call)
        self._feeding = False
        self._next_look: asyncio.TimerHandle | None = None

    def start(self, manager: object, request: RunContext, spacing: float) -> Run:
        """Start the calls for all nodes, spread over the spacing; first calls are made at once."""
        if self.task.run_immediately and not self._has_begun:
            self._has_begun = True
            entries = self._fleet.entries(self._room.driver.name)
            return self._start_first(entries, manager, request, is_own=True)
        return self._start_all(spacing * _SPREAD, manager, request)

    def by_hand(self) -> Start:
        """Start the calls for all nodes of the task at once."""
        return lambda manager, request, _spacing: self._start_all(0.0, manager, request)

    def for_node(self, node: str) -> Start:
        """Start the call for a single node, regardless of the filters."""
        entry = self._fleet.find(node)
        if entry is None or entry.node.driver != self._room.driver.name:
            raise errors.PodiumError(
                f"the node is not one of this conductor's with the driver of {self.name}"
            )
        return lambda manager, request, _spacing: self._room.start(
            lambda: self._run_for(entry, manager, request), request
        )

    def note_new(self, entries: Iterable[Entry], manager: object, spacing: float) -> None:
        if self.task.run_immediately and self._has_begun:
            self._start_first(entries, manager, contexts.new(task=self.name, spacing=spacing))

    def partial(self) -> str | None:
        """The nodes whose last call failed, and one of the errors; None if none failed."""
        return self._failures.summary()

    def take_news(self) -> bool:
        return self._failures.take_changed()

    def _start_all(self, spread: float, manager: object, request: RunContext) -> Run:
        nodes = [node for node in self._fleet.nodes(self._room.driver.name) if self.is_for(node)]
        return self._room.start(lambda: self._run(_spread(nodes, spread), manager, request), request)

    def _start_first(
        self, entries: Iterable[Entry], manager: object, request: RunContext, *, is_own: bool = False
    ) -> Run:
        numbers = [entry.number for entry in entries]
        return self._room.start(
            lambda: self._make_first_calls(numbers, manager, request, is_own=is_own), request
        )

    def is_for(self, node: base.Node) -> bool:
        """Whether a scheduled run calls the method for a node."""
        if not self.task.all_nodes and (node.maintenance or node.target_power_state):
            return False
        return all(getattr(node, field) == value for field, value in self.task.filters.items())

    def _may_call(self, entry: Entry) -> bool:
        """Whether the task may be called for a node now without a user's request."""
        if entry.number in self._fleet.lent or not self.is_for(entry.node):
            return False
        return not self._is_taken(entry)

    def _is_taken(self, entry: Entry) -> bool:
        """Whether a node is taken; a task for all nodes minds that only if the password is in doubt."""
        if entry.number not in self._fleet.taken:
            return False
        return entry.is_password_in_doubt or not self.task.all_nodes

    async def _make_first_calls(
        self, numbers: Sequence[int], manager: object, request: RunContext, *, is_own: bool
    ) -> None:
        """Make the first calls for these nodes and for all nodes that become due meanwhile.

        :param is_own: whether this is a run of the task itself: it ends with its own nodes, because new nodes
            may keep coming forever
        """
        self._newcomers.add(numbers)
        if not self._feeding:  # otherwise the run under way makes these calls, too
            await self._run(self._due(list(numbers) if is_own else None, manager, request), manager, request)

    async def _due(
        self, own: list[int] | None, manager: object, request: RunContext
    ) -> AsyncGenerator[base.Node, None]:
        """The nodes that are due for their first call, until no node waits for its first read.

        :param own: numbers of the nodes that are waited for; None for all
        """
        self._feeding = True
        try:
            while self.enabled:
                most, due = self._newcomers.part, self._newcomers.due()
                for entry in due:
                    yield entry.node
                if not self._newcomers.awaited or (own is not None and not self._newcomers.awaits(own)):
                    return
                if len(due) < most / 2:  # the calls are faster than the reads
                    await asyncio.sleep(_LOOK)
        finally:
            self._feeding = False
            self._plan_look(manager, request)

    def _plan_look(self, manager: object, request: RunContext) -> None:
        """Plan a later check of the remaining nodes, if there are any and no check is planned."""
        if self._newcomers and self._next_look is None and not self._feeding:
            loop = asyncio.get_running_loop()
            self._next_look = loop.call_later(_LOOK_AGAIN, self._look_again, manager, request)

    def _look_again(self, manager: object, request: RunContext) -> None:
        self._next_look = None
        if self.enabled and not self._feeding and self._newcomers.look_again():
            self._start_first((), manager, contexts.new(task=self.name, spacing=request.spacing))
        else:
            self._plan_look(manager, request)

    async def _run(
        self, nodes: AsyncGenerator[base.Node, None], manager: object, request: RunContext
    ) -> None:
        called = failed = 0

        async def one(node: base.Node) -> None:
            nonlocal called, failed
            entry = self._fleet.find(node.uuid)
            if entry is not None and self._may_call(entry):
                failure = await self._call(entry, manager, request)
                called += 1
                failed += failure is not None

        async with asyncio.TaskGroup() as group, contextlib.aclosing(nodes):
            async for node in nodes:
                await self._gate.acquire()
                # Not in the call itself: a call that is cancelled before it begins would keep its place.
                group.create_task(one(node)).add_done_callback(lambda _: self._gate.release())
        self._failures.log_changes()
        if called and failed == called:
            raise AllNodesFailed(self.partial() or "failed for every node")

    async def _run_for(self, asked: Entry, manager: object, request: RunContext) -> None:
        """Run for the one requested node, as soon as a place and the node are free."""
        async with self._gate:
            entry = self._fleet.find(asked.node.uuid)
            if entry is None:
                raise errors.PodiumError(f"{asked.node.name} is not this conductor's any more")
            if self._is_taken(entry):
                raise errors.PodiumError(
                    f"{entry.node.name} is taken: a request for it is under way, or its driver has reserved"
                    " it"
                )
            failure = await self._call(entry, manager, request, urgent=True)
        self._failures.log_changes([entry.node.uuid])
        if failure is not None:
            raise AllNodesFailed(f"failed for {entry.node.name}: {failure}")

    @property
    def call_deadline(self) -> float:
        """Seconds that the call for one node may take."""
        configured = self.schedule.deadline.get(self.name) or self.task.deadline
        return configured or min(max(self.task.spacing, _SHORTEST), _LONGEST)

    async def _call(
        self, entry: Entry, manager: object, request: RunContext, *, urgent: bool = False
    ) -> str | None:
        """Call the task for one node and return its error in one line.

        :param urgent: whether a user waits for it
        """
        self._newcomers.discard(entry.number)
        failure: Exception | None = None
        try:
            await self._room.command(
                self.call_deadline, entry.node, self._method, manager, request, urgent=urgent
            )
        except Exception as error:
            failure = error
        return self._failures.note(entry.node, failure)


async def _spread(nodes: Sequence[base.Node], seconds: float) -> AsyncGenerator[base.Node, None]:
    """Yield the nodes, spread over some seconds."""
    loop = asyncio.get_running_loop()
    begin = loop.time()
    for place, node in enumerate(nodes):
        early = begin + seconds * place / len(nodes) - loop.time()
        if early > 0:
            await asyncio.sleep(max(early, _TICK))
        yield node
