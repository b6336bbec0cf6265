"""The fake manager for driver authors and the real manager, with the same nodes, for one test suite."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol

from fakes import HERE, Clock, StillDriver, until
from podium import errors, states
from podium.conductor.rooms import context as contexts
from podium.conductor.telling import sensor_metrics
from podium.db import api, beginning, operations, power
from podium.db.fleet import known_health
from podium.db.models import utcnow
from podium.db.outcomes import Outcome, finish
from podium.drivers import base
from podium.drivers.context import RunContext
from podium.testing import FakeManager, make_node
from stage import Conducted, conducted

NodeColumns = Mapping[str, Any]


class Acme(StillDriver):
    """A driver with a task of each kind. It records what its tasks ran for."""

    def __init__(self, name: str = "acme") -> None:
        super().__init__(name)
        self.broken: set[str] = set()
        self.on_demand: list[bool] = []
        self.fares: dict[str, base.Health | None] = {}
        self.heard: list[str] = []
        self.closed = False

    async def close(self) -> None:
        self.closed = True

    async def node_added(self, node: base.Node) -> None:
        self.heard.append(f"+{node.name}")
        if node.name in self.broken:
            raise errors.BMCUnreachable("no answer")

    def node_changed(self, node: base.Node) -> None:
        self.heard.append(f"~{node.name} {node.driver_info.get('address')}")

    async def node_removed(self, node: base.Node) -> None:
        self.heard.append(f"-{node.name} {node.driver_info.get('address')}")

    async def release(self, node: base.Node) -> None:
        self.heard.append(f"released {node.name}")

    @base.driver_periodic_task(spacing=10)
    async def discover(self, manager: base.Manager, context: RunContext) -> None:
        self.on_demand.append(context.on_demand)
        self.ran.extend(node.name for node in manager.nodes(self))

    @base.node_periodic_task(spacing=0.01)
    async def look(self, node: base.Node, manager: base.Manager, context: RunContext) -> None:
        self.on_demand.append(context.on_demand)
        if node.name in self.broken:
            raise errors.BMCUnreachable("no answer")
        self.ran.append(node.name)

    @base.node_periodic_task(spacing=0.01, all_nodes=True, filters={"power_state": states.POWER_ON})
    def look_plainly(self, node: base.Node, manager: base.Manager, context: RunContext) -> None:
        self.ran.append(node.name)

    @base.node_periodic_task(spacing=20, enabled=False)
    async def check(self, node: base.Node, manager: base.Manager, context: RunContext) -> None:
        manager.report_health(node, self.fares.get(node.name))

    @base.node_periodic_task(spacing=60, enabled=False)
    def check_plainly(self, node: base.Node, manager: base.Manager, context: RunContext) -> None:
        manager.report_health(node, self.fares.get(node.name))


class Side(Protocol):
    """One of the two managers, with the same nodes of the drivers ``acme`` and ``other``."""

    manager: base.Manager
    acme: Acme

    async def settle(self) -> None:
        """Write everything that was reported to the manager."""

    async def switch(self, name: str, state: str) -> None:
        """Request a node's power state, and carry out the request."""

    async def change_driver_info(self, name: str, driver_info: Mapping[str, Any]) -> None:
        """Change a node's driver_info, like a user."""

    async def enrol(self, *nodes: NodeColumns) -> None:
        """Enrol nodes."""

    async def delete(self, name: str) -> None:
        """Delete a node."""

    async def hears(self, *heard: str) -> None:
        """Wait until the driver ``acme`` has received exactly these notices since the last call."""

    def health(self, name: str) -> base.Health | None: ...
    def advance(self, seconds: float) -> None:
        """Let time pass, as far as it makes reports older."""

    def sensors(self, name: str) -> list[str]: ...
    def clock_offset(self, name: str) -> float | None: ...
    def reason(self, name: str) -> str | None: ...
    async def run(self, task: str, *, on_demand: bool) -> str | None:
        """Run a task of the driver ``acme``, and return its error, if any."""


def node_of(side: Side, name: str = "n1") -> base.Node:
    """Return the present snapshot of a node."""
    nodes = [*side.manager.nodes(side.acme), *side.manager.nodes(StillDriver("other"))]
    return next(node for node in nodes if node.name == name)


class Fake:
    def __init__(self, *nodes: NodeColumns) -> None:
        self.acme = Acme()
        self.manager = FakeManager(make_node(**{"driver": "acme", **columns}) for columns in nodes)

    async def enrol(self, *nodes: NodeColumns) -> None:
        for columns in nodes:
            self.manager.add_node(make_node(**{"driver": "acme", **columns}))

    async def delete(self, name: str) -> None:
        self.manager.remove_node(node_of(self, name))

    async def hears(self, *heard: str) -> None:
        await self.manager.tell_driver(self.acme)
        assert self.acme.heard == list(heard)
        self.acme.heard.clear()

    async def settle(self) -> None:
        pass

    async def switch(self, name: str, state: str) -> None:
        self.manager.change_power(node_of(self, name), state)

    async def change_driver_info(self, name: str, driver_info: Mapping[str, Any]) -> None:
        self.manager.change_driver_info(node_of(self, name), driver_info)

    def health(self, name: str) -> base.Health | None:
        return self.manager.healths.get(name)

    def advance(self, seconds: float) -> None:
        self.manager.advance(seconds)

    def sensors(self, name: str) -> list[str]:
        return [sensor.name for sensor in self.manager.sensors.get(name, [])]

    def clock_offset(self, name: str) -> float | None:
        clock = self.manager.clocks.get(name)
        return None if clock is None else base.clock_offset(clock)

    def reason(self, name: str) -> str | None:
        return self.manager.maintenance.get(name)

    async def run(self, task: str, *, on_demand: bool) -> str | None:
        self.manager.failures.clear()
        await self.manager.run_task(self.acme, task, on_demand=on_demand)
        return str(self.manager.failures[0].error) if self.manager.failures else None


class Real:
    def __init__(self, it: Conducted, acme: Acme) -> None:
        self.it, self.acme = it, acme
        self.room = it.parts.rooms["acme"]
        self.manager = it.manager.given_to(self.room)
        self.later = 0.0

    def advance(self, seconds: float) -> None:
        self.later += seconds

    async def enrol(self, *nodes: NodeColumns) -> None:
        for columns in nodes:
            columns = {"driver": "acme", **columns}
            target = columns.pop("target_power_state", None)
            self.it.parts.enrol(columns)
            if target:
                with self.it.parts.database.write() as connection:
                    power.ask(connection, [self.it.parts.node(columns["name"])], target, who="somebody")
        await self.it.parts.fleet.refresh(self.it.parts.sql)

    async def delete(self, name: str) -> None:
        parts = self.it.parts
        with parts.database.write() as connection:
            api.delete_node(connection, parts.node(name).id)
        await parts.fleet.refresh(parts.sql)
        gone = [entry.node for entry in parts.fleet.take_dropped()]
        await asyncio.wrap_future(self.room.start(lambda: self.room.leave(gone), contexts.new()).future)

    async def hears(self, *heard: str) -> None:
        await until(lambda: len(self.acme.heard) >= len(heard))
        assert self.acme.heard == list(heard)
        self.acme.heard.clear()

    async def settle(self) -> None:
        assert await self.it.parts.recorder.flush()
        await self.it.parts.fleet.refresh(self.it.parts.sql)

    async def switch(self, name: str, state: str) -> None:
        parts = self.it.parts
        with parts.database.write() as connection:
            asked = power.ask(connection, [parts.node(name)], state, who="somebody")
        await parts.fleet.refresh(parts.sql)
        with parts.database.write() as connection:
            (request,) = operations.requests_of(connection, asked.operation_id or 0)
            beginning.begin(connection, [request.id], HERE, utcnow())
            finish(connection, [Outcome(request.node_id, request.id, HERE, utcnow(), state)])
        await parts.fleet.refresh(parts.sql)

    async def change_driver_info(self, name: str, driver_info: Mapping[str, Any]) -> None:
        parts = self.it.parts
        with parts.database.write() as connection:
            api.update_node(connection, parts.node(name).id, {"driver_info": driver_info})
        await parts.fleet.refresh(parts.sql)

    def health(self, name: str) -> base.Health | None:
        row = self.it.parts.node(name)
        # Not by the real clock, which goes on while the machine is busy with more.
        now = (row.health_checked_at or utcnow()) + timedelta(seconds=self.later)
        health = known_health(row.health, row.health_checked_at, row.health_lasts, now)
        return None if health is None else base.Health(health["status"], tuple(health["reasons"]))

    def sensors(self, name: str) -> list[str]:
        text = "".join(sensor_metrics.text(self.it.manager.sensors))
        lines = [line for line in text.splitlines() if f'node="{name}"' in line and "_state{" in line]
        return [line.partition('sensor="')[2].partition('"')[0] for line in lines]

    def clock_offset(self, name: str) -> float | None:
        offset: float | None = self.it.parts.node(name).clock_offset
        return offset

    def reason(self, name: str) -> str | None:
        row = self.it.parts.node(name)
        return str(row.maintenance_reason) if row.fault == "acme" else None

    async def run(self, task: str, *, on_demand: bool) -> str | None:
        name = f"acme.{task}"
        runs = self.it.report(name).runs + 1
        if on_demand:
            self.it.manager.run_now(name, None, lambda error, seconds: None)
        else:
            self.it.tick(20)
        await self.it.ended(name, runs)
        error = self.it.report(name).last_error
        return None if error is None else str(error).rpartition(": ")[2]


@contextlib.asynccontextmanager
async def opened(kind: str, tmp_path: Path, clock: Clock, *nodes: NodeColumns) -> AsyncIterator[Side]:
    """Open a manager, ``fake`` or ``real``, with nodes of these columns."""
    if kind == "fake":
        fake = Fake(*nodes)
        await fake.manager.start(fake.acme)
        yield fake
        await fake.manager.close(fake.acme)
        return
    acme = Acme()
    async with conducted(tmp_path, clock, acme, StillDriver("other")) as it:
        real = Real(it, acme)
        await real.enrol(*nodes)
        yield real


def elsewhere(side: Side) -> base.Node:
    """Return a snapshot of a node that this conductor never owned."""
    return make_node("acme", name="elsewhere")


def moved(side: Side) -> base.Node:
    """Return acme's snapshot of the node ``theirs`` from before its change to another driver."""
    return make_node("acme", name="theirs", uuid=node_of(side, "theirs").uuid)
