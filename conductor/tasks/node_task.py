"""A driver's task for each node: calls are spread over the spacing, and a failing node affects no other."""

import asyncio
from collections.abc import Callable
from typing import Any, Final

from oslo_context.context import RequestContext
from oslo_log import log

from podium import errors, masking
from podium.conductor.fleet.fleet import Fleet
from podium.conductor.rooms.room import DriverRoom
from podium.conductor.rooms.run import Run
from podium.conductor.tasks.history import LoggedBefore
from podium.conductor.tasks.kinds import UNBOUNDED, DriverTask, Start
from podium.conductor.tasks.schedule import Schedule
from podium.drivers import base
from podium.node_ranges import anonymous, by_reason, fold_for_log

LOG = log.getLogger(__name__)

#: The share of the spacing over which the calls of a run are spread.
_SPREAD: Final = 0.8
#: The shortest wait before a call, in seconds: thousands of nodes are not waited for one by one.
_TICK: Final = 0.02
#: Bounds of a call's deadline in seconds, when neither the driver nor the config file has one.
_SHORTEST, _LONGEST = 10.0, 60.0


class AllNodesFailed(LoggedBefore):
    """The task failed for all of its nodes."""


class NodeTask(DriverTask):
    """A task that runs for each node by itself, in the room of the nodes' driver."""

    #: A run bounds itself. The deadline of the config file is that of the call for one node.
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
        self._failing: dict[str, str] = {}  # by UUID, the last error of a node
        self._faults: dict[str, tuple[Exception, base.Node]] = {}  # of the driver, until they are logged
        self._in_flight = task.max_in_flight if self.hears_cancel else min(task.max_in_flight, room.size)
        self.hears_cancel = True  # the run is a coroutine, whatever the method is

    def start(self, manager: object, request: RequestContext, spacing: float) -> Run:
        """Start the calls for all nodes of the task, spread over the spacing."""
        return self._start(self._chosen(), spacing * _SPREAD, manager, request)

    def by_hand(self, node: str | None) -> Start:
        """Start the calls for all nodes of the task, or for a single one in spite of the filters, at once."""
        entry = None if node is None else self._fleet.find(node)
        if node is not None and (entry is None or entry.node.driver != self._room.driver.name):
            raise errors.PodiumError(
                f"the node is not one of this conductor's with the driver of {self.name}"
            )
        nodes = self._chosen() if entry is None else [entry.node]
        return lambda manager, request, _spacing: self._start(nodes, 0.0, manager, request)

    def _chosen(self) -> list[base.Node]:
        return [node for node in self._fleet.nodes(self._room.driver.name) if self.is_for(node)]

    def _start(self, nodes: list[base.Node], spread: float, manager: object, request: RequestContext) -> Run:
        return self._room.start(lambda: self._run(nodes, spread, manager, request), request)

    def partial(self) -> str | None:
        """The nodes that failed in the last run, and one of their errors; None when none failed."""
        if not self._failing:
            return None
        entries = (self._fleet.find(uuid) for uuid in self._failing)
        names = [entry.node.name for entry in entries if entry is not None]
        return f"failed for {fold_for_log(names)}: {next(iter(self._failing.values()))}" if names else None

    def is_for(self, node: base.Node) -> bool:
        """Whether a run that is due calls the method for a node."""
        if not self.task.all_nodes and (node.maintenance or node.target_power_state):
            return False
        return all(getattr(node, field) == value for field, value in self.task.filters.items())

    async def _run(
        self, nodes: list[base.Node], spread: float, manager: object, request: RequestContext
    ) -> None:
        loop = asyncio.get_running_loop()
        begin, gate = loop.time(), asyncio.Semaphore(self._in_flight)
        failed: dict[str, str] = {}

        async def one(node: base.Node) -> None:
            try:
                failure = await self._call(node, manager, request)
            finally:
                gate.release()
            if failure is not None:
                failed[node.uuid] = failure

        async with asyncio.TaskGroup() as group:
            for place, node in enumerate(nodes):
                early = begin + spread * place / len(nodes) - loop.time()
                if early > 0:
                    await asyncio.sleep(max(early, _TICK))
                await gate.acquire()
                group.create_task(one(node))
        self._log_changes(nodes, failed)
        if nodes and len(failed) == len(nodes):
            raise AllNodesFailed(self.partial() or "failed for every node")

    @property
    def call_deadline(self) -> float:
        """Seconds that the call for one node may take."""
        configured = self.schedule.deadline.get(self.name) or self.task.deadline
        return configured or min(max(self.task.spacing, _SHORTEST), _LONGEST)

    async def _call(self, node: base.Node, manager: object, request: RequestContext) -> str | None:
        """Run for one node and return its error in one line."""
        entry = self._fleet.find(node.uuid)
        if entry is None or (entry.number in self._fleet.taken and not self.task.all_nodes):
            return None
        try:
            await self._room.command(self.call_deadline, entry.node, self._method, manager, request)
        except Exception as error:
            text = self._scrubber(node)(errors.one_line(error))
            if not isinstance(error, errors.PodiumError | TimeoutError):
                self._faults[anonymous(text)] = error, node
            return text
        return None

    def _scrubber(self, node: base.Node) -> Callable[[str], str]:
        return lambda text: masking.scrub(text, node.driver_info, self._room.secret)

    def _log_changes(self, nodes: list[base.Node], failed: dict[str, str]) -> None:
        """Log which nodes fail now and did not before, and which do not any more."""
        fresh = [
            (node.name, failed[node.uuid])
            for node in nodes
            if node.uuid in failed and node.uuid not in self._failing
        ]
        for failure, names in by_reason(fresh)[:5]:
            fault, where = self._faults.get(anonymous(failure)), fold_for_log(names)
            trace = None if fault is None else masking.for_log(fault[0], self._scrubber(fault[1]))
            LOG.warning("Periodic task %s failed for %s: %s", self.name, where, failure, exc_info=trace)
        self._faults.clear()
        ran = {node.uuid: node.name for node in nodes}
        recovered = [ran[uuid] for uuid in self._failing if uuid in ran and uuid not in failed]
        if recovered:
            LOG.info("Periodic task %s succeeds again for %s", self.name, fold_for_log(recovered))
        others = {uuid: text for uuid, text in self._failing.items() if uuid not in ran}
        self._failing = {uuid: text for uuid, text in others.items() if self._fleet.find(uuid)} | failed
