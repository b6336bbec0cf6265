"""A manager in memory for tests of a driver's periodic tasks: it records calls and gives prepared answers."""

import asyncio
import contextlib
import datetime
import json
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import replace
from functools import partial
from typing import Any

from podium import errors
from podium.drivers import base, internal_info
from podium.drivers.command import CommandResult, Pending, in_event_loop
from podium.drivers.context import Lifetimes, RunContext
from podium.drivers.node import LONGEST_REASON, STATUSES
from podium.testing.making import call
from podium.testing.nodes import NodeManager, TaskFailure
from podium.testing.programs import Answer, Programs

_running: ContextVar[RunContext | None] = ContextVar("running", default=None)


class FakeManager(NodeManager):
    """The ``manager`` that ``start`` and periodic tasks receive. Its attributes record the drivers' reports.

    ``power_states`` {node name: every reported state}, ``healths`` {node name: the last reported health,
    until it is outdated}, ``sensors`` {node name: the last reported sensors}, ``clocks`` {node name: the last
    reported time of its clock}, ``properties`` and ``driver_internal_info`` {node name: the saved values},
    ``maintenance`` {node name: reason}, ``reservations`` [(node name, purpose)], ``commands`` [argv] and
    ``command_inputs`` [input] of the same programs, ``failures`` [:class:`TaskFailure`], and ``called``
    {task: names of the nodes of its last run}. Reports that the conductor would ignore are not recorded. The
    nodes that :meth:`nodes` returns show earlier reports.

    :param nodes: the nodes that the manager owns
    :param now: the start of its clock in seconds; only :meth:`advance` moves the clock
    """

    def __init__(self, nodes: Iterable[base.Node] = (), now: float = 0.0) -> None:
        super().__init__(nodes)
        self.now = now
        self.power_states: dict[str, list[str]] = {}
        self.sensors: dict[str, list[base.Sensor]] = {}
        self.clocks: dict[str, datetime.datetime] = {}
        self.properties: dict[str, dict[str, Any]] = {}
        self.driver_internal_info: dict[str, dict[str, Any]] = {}
        self.maintenance: dict[str, str] = {}
        self.reservations: list[tuple[str, str]] = []
        self.called: dict[str, list[str]] = {}
        self._healths: dict[str, tuple[base.Health, float]] = {}  # and when it becomes outdated
        self._lifetimes = Lifetimes()
        self._switched: dict[str, float] = {}
        self._reported: dict[str, float] = {}  # when the last reported power state was observed
        self._since: dict[str, float] = {}  # when a node's driver_info was changed
        self._started = now
        self._last_run: dict[str, float] = {}
        self._reserved: set[str] = set()
        self._programs = Programs()
        self.commands = self._programs.commands
        self.command_inputs = self._programs.inputs

    def report_power_state(self, node: base.Node, state: str, *, observed_at: float | None = None) -> None:
        base.check_report(state, observed_at)
        known = self._current(node)
        if (node.as_of if observed_at is None else observed_at) < self._switched.get(node.uuid, -math.inf):
            return
        if observed_at is not None and observed_at < self._reported.get(node.uuid, -math.inf):
            return
        if known is not None and not known.target_power_state and node.uuid not in self._reserved:
            self._reported[node.uuid] = time.monotonic() if observed_at is None else observed_at
            self.power_states.setdefault(node.name, []).append(state)
            self._update(node, power_state=state)

    @property
    def healths(self) -> dict[str, base.Health]:
        """The last reported health, by the node's name, as long as it is not outdated."""
        return {name: health for name, (health, until) in self._healths.items() if self.now <= until}

    def report_health(self, node: base.Node, health: base.Health | None) -> None:
        base.check_health(health)
        if self._current(node) is None:
            return
        self._healths.pop(node.name, None)
        if health is not None:
            until = self.now + self._lifetimes.of(node.driver, _running.get())
            seen = tuple(reason[:LONGEST_REASON] for reason in health.reasons)
            self._healths[node.name] = replace(health, reasons=seen), until

    def report_clock(self, node: base.Node, clock: datetime.datetime) -> None:
        base.clock_offset(clock)
        if self._current(node) is not None:
            self.clocks[node.name] = clock

    def report_sensors(self, node: base.Node, sensors: Sequence[base.Sensor]) -> None:
        for sensor in sensors:
            if sensor.kind not in base.SENSOR_KINDS or sensor.status not in STATUSES:
                raise ValueError(f"{sensor} is of no known kind or status: see podium.drivers.base.Sensor")
        if self._current(node) is not None:
            self.sensors[node.name] = list(sensors)

    def save_properties(self, node: base.Node, properties: Mapping[str, Any]) -> None:
        saved = _as_json(properties)
        if (known := self._current(node)) is not None:
            self.properties.setdefault(node.name, {}).update(saved)
            self._update(node, properties=_merged(known.properties, saved))

    def save_driver_internal_info(self, node: base.Node, info: Mapping[str, Any]) -> None:
        saved = _as_json(info)
        if (known := self._current(node)) is not None:
            if refusal := internal_info.refusal(known.driver_internal_info, saved):
                raise ValueError(f"{node.name}: {refusal}")
            self.driver_internal_info.setdefault(node.name, {}).update(saved)
            self._update(node, driver_internal_info=_merged(known.driver_internal_info, saved))

    def set_maintenance(self, node: base.Node, reason: str) -> None:
        known = self._current(node)
        if known is not None and not known.maintenance:
            self.maintenance[node.name] = reason
            self._update(node, maintenance=True)

    def clear_maintenance(self, node: base.Node) -> None:
        if self._current(node) is not None and self.maintenance.pop(node.name, None) is not None:
            self._update(node, maintenance=False)

    def reserve(self, node: base.Node, purpose: str) -> "_Reservation":
        return _Reservation(lambda: self._reserve(node, purpose))

    def run_command(
        self,
        argv: Sequence[str],
        *,
        timeout: float,
        input: str = "",
        env: Mapping[str, str] | None = None,
        max_output: int = 65536,
    ) -> Pending[CommandResult]:
        return self._programs.run(argv, timeout=timeout, input=input, env=env, max_output=max_output)

    def commands_answer(self, answers: Mapping[tuple[str, ...], Answer]) -> None:
        """Return prepared answers instead of running programs.

        :param answers: by the first words of argv, a result, an error to raise, or a function of argv and
            input that makes the result; the longest match counts
        """
        self._programs.answer(answers)

    def change_power(self, node: base.Node, state: str) -> None:
        """Switch a node as a person's request does: states that were observed before are then ignored."""
        self._switched[node.uuid] = now = time.monotonic()
        self._update(node, power_state=state, as_of=now)

    def change_driver_info(self, node: base.Node, driver_info: Mapping[str, Any]) -> None:
        """Change a node's ``driver_info`` as a person does: reports for older snapshots are then ignored.

        :meth:`tell_driver` notifies the driver.
        """
        self._since[node.uuid] = now = time.monotonic()
        self._update(node, driver_info=dict(driver_info), as_of=now)

    def advance(self, seconds: float) -> None:
        """Move the clock; nothing runs until :meth:`run_tasks_due`."""
        self.now += seconds

    async def run_task(self, driver: base.Driver, name: str, *, on_demand: bool = False) -> list[str]:
        """Run one periodic task now, whether or not it is due or enabled.

        An error of a node's run is added to ``failures`` and logged, and does not affect other nodes.

        :param on_demand: ``on_demand`` of the run's context: whether a person requested the run
        :returns: the names of the nodes that the task ran for; all nodes for a task of the whole driver
        :raises LookupError: when the driver has no task of that name, or all nodes have other drivers
        :raises Exception: whatever a task of the whole driver raises
        """
        self._check_nodes(driver)
        tasks = {task.name: (task, method) for task, method in base.periodic_tasks(driver)}
        if name not in tasks:
            raise LookupError(f"driver {driver.name} has no task {name}, only {', '.join(tasks) or 'none'}")
        task, method = tasks[name]
        self._last_run[f"{driver.name}.{name}"] = self.now
        context = RunContext(on_demand=on_demand, task=f"{driver.name}.{name}", spacing=task.spacing)
        _running.set(context)
        self.called[name] = called = [node.name for node in self._chosen(driver, task)]
        if task.per_node:
            await self._run_for_nodes(driver, task, partial(_for_node, method, self, context))
        else:
            await call(method, self, context)
        return called

    async def run_tasks_due(self, driver: base.Driver) -> list[str]:
        """Run each enabled task of the driver that is due by the clock, once, and return the tasks' names.

        An error of a task is added to ``failures`` and logged, and does not affect other tasks. ``called``
        has the names of each task's nodes.

        :raises LookupError: when all nodes have other drivers
        """
        self._check_nodes(driver)
        due = [task.name for task, _ in base.periodic_tasks(driver) if self._is_due(driver, task)]
        for name in due:
            try:
                await self.run_task(driver, name)
            except Exception as error:
                self._note(TaskFailure(name, None, error))
        return due

    def _is_due(self, driver: base.Driver, task: base.PeriodicTask) -> bool:
        last = self._last_run.get(f"{driver.name}.{task.name}")
        if last is None and task.run_immediately:
            return task.enabled
        return task.enabled and self.now >= (self._started if last is None else last) + task.spacing

    def _check_nodes(self, driver: base.Driver) -> None:
        """Raise if all nodes have other drivers: the tasks would run for no node, and the test would pass."""
        if self._nodes and not self.nodes(driver):
            others = ", ".join(sorted({node.driver for node in self._nodes.values()}))
            raise LookupError(
                f"FakeManager has no node of the driver {driver.name}, only of {others};"
                " make_node takes the driver, or its name"
            )

    def _chosen(self, driver: base.Driver, task: base.PeriodicTask) -> list[base.Node]:
        """The nodes that a task would run for now."""
        nodes = self.nodes(driver)
        if not task.per_node:
            return list(nodes)
        free = (node for node in nodes if task.all_nodes or node.uuid not in self._reserved)
        return [node for node in free if _wanted(task, node)]

    async def _run_for_nodes(
        self, driver: base.Driver, task: base.PeriodicTask, run: Callable[[base.Node], Any]
    ) -> None:
        in_flight = asyncio.Semaphore(task.max_in_flight)

        async def run_for(node: base.Node) -> None:
            async with in_flight:
                try:
                    await run(node)
                except Exception as error:
                    self._note(TaskFailure(task.name, node.name, error))

        async with asyncio.TaskGroup() as runs:
            for node in self._chosen(driver, task):
                runs.create_task(run_for(node))

    def _current(self, node: base.Node) -> base.Node | None:
        """As :meth:`_own`; None also for a snapshot from before the last change of the node's driver_info."""
        return self._own(node) if node.as_of >= self._since.get(node.uuid, -math.inf) else None

    def _own(self, node: base.Node) -> base.Node | None:
        """The present state of a node; None if this manager does not own it or its driver has changed."""
        known = self._nodes.get(node.uuid)
        return known if known is not None and known.driver == node.driver else None

    def _update(self, node: base.Node, **changes: Any) -> None:
        self._nodes[node.uuid] = known = replace(self._nodes[node.uuid], **changes)
        self._tell(known, is_here=True)

    @contextlib.contextmanager
    def _reserve(self, node: base.Node, purpose: str) -> Iterator[None]:
        known = self._own(node)
        if known is None:
            raise errors.NodeNotFound(
                f"{node.name} is no longer this conductor's with the driver {node.driver}"
            )
        if known.target_power_state or node.uuid in self._reserved:
            raise errors.NodeConflict(f"{node.name} is taken; it was to be reserved for: {purpose}")
        self._reserved.add(node.uuid)
        self.reservations.append((node.name, purpose))
        try:
            yield
        finally:
            self._reserved.discard(node.uuid)


class _Reservation:
    """A reservation without a wait. Like the real one, it refuses a ``with`` that blocks an event loop."""

    def __init__(self, reserve: Callable[[], contextlib.AbstractContextManager[None]]) -> None:
        self._reserve = reserve
        self._held = contextlib.ExitStack()

    def __enter__(self) -> None:
        if in_event_loop():
            raise RuntimeError("in an async method a reservation is made with: async with")
        self._held.enter_context(self._reserve())

    def __exit__(self, *_: object) -> None:
        self._held.close()

    async def __aenter__(self) -> None:
        self._held.enter_context(self._reserve())

    async def __aexit__(self, *_: object) -> None:
        self._held.close()


async def _for_node(
    method: Callable[..., Any], manager: base.Manager, context: RunContext, node: base.Node
) -> None:
    await call(method, node, manager, context)


def _wanted(task: base.PeriodicTask, node: base.Node) -> bool:
    idle = not node.maintenance and node.target_power_state is None
    return (idle or task.all_nodes) and all(
        getattr(node, field) == value for field, value in task.filters.items()
    )


def _as_json(values: Mapping[str, Any]) -> dict[str, Any]:
    """A copy as the database would return it.

    :raises TypeError, ValueError: for a value that JSON cannot hold
    """
    copied: dict[str, Any] = json.loads(json.dumps(dict(values), allow_nan=False))
    return copied


def _merged(known: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in {**known, **changes}.items() if value is not None}
