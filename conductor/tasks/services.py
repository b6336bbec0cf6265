"""The conductor's services for drivers: the methods of podium.drivers.base.Manager, for any thread.

podium.testing.FakeManager does the same in memory; one suite of tests runs over both.
"""

import asyncio
import concurrent.futures
import datetime
import json
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from oslo_log import log

from podium import errors, masking
from podium.clocks import boottime
from podium.conductor.enforcement.gate import Gate
from podium.conductor.fleet.entry import Entry
from podium.conductor.fleet.fleet import Fleet
from podium.conductor.fleet.sensors import Sensors
from podium.conductor.recording.recorder import Recorder
from podium.conductor.rooms import context as contexts
from podium.conductor.rooms.room import DriverRoom
from podium.conductor.rooms.sql import Sql
from podium.db import fleet as statements
from podium.db.clock import later
from podium.db.readings import Reading
from podium.db.worker import Worker
from podium.drivers import base, command, push
from podium.drivers.context import Lifetimes
from podium.drivers.node import LONGEST_REASON, held

LOG = log.getLogger(__name__)

#: Seconds that a plain method waits for a reservation.
_PATIENCE: Final = 90.0


class DriverServices:
    """The conductor's services for drivers.

    :param gate: counts changes that nobody requested
    :param worker: the worker that reserves the nodes
    """

    #: The room of the driver that has received this manager.
    _room: DriverRoom | None = None

    def __init__(
        self,
        *,
        loop: asyncio.AbstractEventLoop,
        fleet: Fleet,
        recorder: Recorder,
        sql: Sql,
        gate: Gate,
        worker: Worker,
        **more: Any,
    ) -> None:
        super().__init__(**more)
        self._loop = loop
        self._fleet = fleet
        self._recorder = recorder
        self._sql = sql
        self._gate = gate
        self._worker = worker
        self._now = sql.now
        self._lifetimes = Lifetimes()
        self.sensors = Sensors(fleet)

    def nodes(self, driver: base.Driver) -> Sequence[base.Node]:
        """The nodes of this conductor that are enrolled with this driver."""
        nodes = self._fleet.nodes(driver.name)
        return [node for node in nodes if self._own(node)] if self._fleet.lent else nodes

    def node(self, name_or_uuid: str) -> base.Node | None:
        """The driver's node with this name or UUID; None if this conductor has no such node."""
        entry = self._fleet.named(name_or_uuid)
        if entry is None or not self._fleet.owns(entry):
            return None
        is_another = self._room is not None and entry.node.driver != self._room.driver.name
        return None if is_another else entry.node

    def spawn(self, coroutine: Coroutine[Any, Any, Any]) -> base.Spawned:
        """Start a task in the driver's room.

        :raises TypeError: it is not a coroutine
        :raises RuntimeError: the driver is being closed, or has too many tasks
        """
        if (room := self._room) is None:
            raise RuntimeError("only the manager that a driver receives can spawn tasks")
        driver, secret = room.driver.name, room.secret
        most = push.most_spawned(len(self._fleet))
        return room.spawned.start(coroutine, most, lambda text: self._fleet.scrubbed(text, driver, secret))

    def report_power_state(self, node: base.Node, state: str, *, observed_at: float | None = None) -> None:
        """Treat a power state as if a sweep had read it.

        :raises ValueError: no read returns such a state, or the time is not a number or is in the future
        """
        base.check_report(state, observed_at)
        entry = self._current(node)
        if entry is not None and (node.as_of if observed_at is None else observed_at) < entry.switched_at:
            return
        if entry is None or entry.node.target_power_state or entry.number in self._fleet.taken:
            return
        if entry.is_verifying:
            return  # it is verified by a read
        age = 0.0 if observed_at is None else time.monotonic() - observed_at
        known, observed = entry.reads.checked, boottime() - age
        if observed_at is not None and known is not None and observed < known:
            return
        late = None
        if entry.node.power_state not in (None, state):
            late = self._fleet.late.request(entry.number, state, boottime())
            LOG.warning("%s: %s -> %s, reported by its driver", node.name, entry.node.power_state, state)
            if entry.is_watched and late is None:
                self._gate.changed(entry, state, time.monotonic())
        entry.reads.checked = entry.reads.reported = observed
        self._fleet.reporting.add(node.driver)
        at = later(self._now(), -age)
        self._recorder.add_reading(Reading(entry.number, entry.version, at, state, late=late))

    def report_health(self, node: base.Node, health: base.Health | None) -> None:
        """Save a node's health, and for how long it is valid.

        :raises TypeError: it is not a Health
        """
        base.check_health(health)
        if self._current(node) is not None:
            if health is not None and health.reasons:
                texts = map(self._scrubber(node), health.reasons)
                # Only now: half of a secret would not be found.
                health = replace(health, reasons=tuple(text[:LONGEST_REASON] for text in texts))
            self._recorder.add_health(node.uuid, health, self._lifetimes.of(node.driver, contexts.current()))

    def report_clock(self, node: base.Node, clock: datetime.datetime) -> None:
        """Save how far the clock of a node's controller is off.

        :raises TypeError: it is not a time
        :raises ValueError: the time has no offset from UTC
        """
        offset = base.clock_offset(clock)
        if self._current(node) is not None:
            self._recorder.add_clock(node.uuid, offset)

    def report_sensors(self, node: base.Node, sensors: Sequence[base.Sensor]) -> None:
        """Serve a node's sensors as metrics, until the next report or for an hour.

        :raises ValueError: the kind or status of a sensor is unknown
        """
        scrubbed = self._scrubber(node)
        names = "\n".join(str(getattr(one, "name", "")) for one in sensors)
        if scrubbed(names) != names:
            sensors = [replace(one, name=scrubbed(one.name)) for one in sensors]
        self.sensors.report(node, sensors, is_current=self._current(node) is not None)

    def _scrubber(self, node: base.Node) -> Callable[[str], str]:
        """Return a function that hides a node's secrets in texts that its driver writes for users."""
        return masking.scrubber(held(node), frozenset() if self._room is None else self._room.secret)

    def save_properties(self, node: base.Node, properties: Mapping[str, Any]) -> None:
        """Put values into the node's ``properties``; None removes one."""
        self._save(node, "properties", properties)

    def save_driver_internal_info(self, node: base.Node, info: Mapping[str, Any]) -> None:
        """Put values into the node's ``driver_internal_info``; None removes one.

        :raises ValueError: the values are too large; if that shows only later, it is logged
        """
        self._save(node, "driver_internal_info", info)

    def _save(self, node: base.Node, column: str, values: Mapping[str, Any]) -> None:
        # A copy. Values that are not JSON raise now, while the driver is known to be at fault.
        copied = json.loads(json.dumps(dict(values), allow_nan=False))
        if self._current(node) is not None:
            self._recorder.add_values(node.uuid, column, copied)

    def set_maintenance(self, node: base.Node, reason: str) -> None:
        """Put a node into maintenance, with a reason."""
        if self._current(node) is not None:
            self._recorder.add_maintenance(node.uuid, node.driver, self._scrubber(node)(reason))

    def clear_maintenance(self, node: base.Node) -> None:
        """End a node's maintenance if this driver put the node into it."""
        if self._current(node) is not None:
            self._recorder.add_maintenance(node.uuid, node.driver, None)

    def reserve(self, node: base.Node, purpose: str) -> base.Reservation:
        """Keep all others from changing a node's power, inside ``with`` or ``async with``."""
        return _Reservation(self, node, purpose)

    def run_command(
        self,
        argv: Sequence[str],
        *,
        timeout: float,
        input: str = "",
        env: Mapping[str, str] | None = None,
        max_output: int = 65536,
    ) -> command.Pending[command.CommandResult]:
        """Start a program, without a shell."""
        return command.in_thread(
            lambda: command.run(argv, timeout=timeout, input=input, env=env, max_output=max_output),
            name="command",
        )

    async def take(self, node: base.Node, purpose: str) -> int:
        """Reserve a node and return its row number. Runs in the conductor's loop.

        :raises podium.errors.NodeConflict: the node is reserved or its power is to change
        :raises podium.errors.NodeNotFound: the node no longer belongs to this conductor or driver
        """
        entry = self._own(node)
        if entry is None:
            raise errors.NodeNotFound(
                f"{node.name} is no longer this conductor's with the driver {node.driver}"
            )
        number = entry.number
        if not self._fleet.taken.take(number):
            raise errors.NodeConflict(f"{node.name} is taken; it was to be reserved for: {purpose}")
        try:
            held = await self._sql.write(lambda sql: statements.hold(sql, number, self._worker, purpose))
        except BaseException:
            self.give_back(number)  # it may still have been written
            raise
        if not held:
            self._fleet.taken.free([number])
            raise errors.NodeConflict(f"{node.name} is taken; it was to be reserved for: {purpose}")
        LOG.info("%s: reserved by its driver for: %s", node.name, purpose)
        return number

    def _current(self, node: base.Node) -> Entry | None:
        """As :meth:`_own`; also None if the snapshot's driver_info differs from the node's present one."""
        entry = self._own(node)
        return entry if entry is not None and node.as_of >= entry.since else None

    def _own(self, node: base.Node) -> Entry | None:
        """The entry of a node; None if it is not this conductor's, or has another driver now."""
        entry = self._fleet.find(node.uuid)
        is_own = entry is not None and entry.node.driver == node.driver and self._fleet.owns(entry)
        return entry if is_own else None

    def give_back(self, number: int) -> None:
        """Give up a reservation. The node is free once that is written to the database."""
        self._recorder.add_release(number)


class _Reservation:
    def __init__(self, services: DriverServices, node: base.Node, purpose: str) -> None:
        self._services = services
        self._node = node
        self._purpose = purpose
        self._number: int | None = None

    def __enter__(self) -> None:
        if command.in_event_loop():
            raise RuntimeError("in an async method a reservation is made with: async with")
        taking = self._start()
        try:
            self._number = taking.result(_PATIENCE)
        finally:
            taking.cancel()  # does nothing if it is done

    def __exit__(self, *_: object) -> None:
        if self._number is not None:
            self._services.give_back(self._number)

    async def __aenter__(self) -> None:
        self._number = await asyncio.wrap_future(self._start())

    async def __aexit__(self, *_: object) -> None:
        self.__exit__()

    def _start(self) -> "concurrent.futures.Future[int]":
        taking = self._services.take(self._node, self._purpose)
        return asyncio.run_coroutine_threadsafe(taking, self._services._loop)
