"""A real conductor of one machine, in this process: requests go in, rows and metrics come out."""

import asyncio
import urllib.request
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import sqlalchemy as sa
from prometheus_client import parser

from fakes import PATIENCE, make_conf, until
from hardware import Hardware
from peers import free_port, own_address
from podium import conf
from podium.conductor.daemon import Conductor
from podium.db import api, hardware_reads, operations, power, task_commands
from podium.db.engine import Database
from podium.db.models import power_events
from podium.drivers import registry
from templates import prepared

NODE: Final = "r1n01"

CONFIG: Final = """\
enabled_drivers = {protocol}
[conductor]
sync_power_state_interval = 1
[metrics]
listen = {metrics}
{options}
"""


async def _comes(condition: Callable[[], bool]) -> None:
    """Wait until the database meets a condition."""
    await until(condition, step=0.02)


class Site:
    """A conductor of one machine, which is enrolled as ``r1n01``."""

    def __init__(self, hardware: Hardware, config: conf.Config, database: Database, metrics: str) -> None:
        self.hardware = hardware
        self._database = database
        self._metrics = metrics
        drivers = registry.load([hardware.protocol], config)
        self._conductor = Conductor(config, database, drivers)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Site"]:
        ready = asyncio.Event()
        conducting = asyncio.create_task(self._conductor.run(ready.set))
        begun = asyncio.create_task(ready.wait())
        await asyncio.wait({conducting, begun}, timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED)
        begun.cancel()
        try:
            yield self
        finally:
            self._conductor.stop()
            await asyncio.wait_for(conducting, PATIENCE)

    def node(self) -> Any:
        with self._database.read() as connection:
            return api.find_nodes(connection, [NODE])[0]

    def enrol(self) -> None:
        row = {"name": NODE, "driver": self.hardware.protocol, "driver_info": self.hardware.driver_info()}
        with self._database.write() as connection:
            api.create_nodes(connection, [row])

    def set_fault(self, fault: str) -> None:
        self.hardware.set_fault(fault)
        self._take_over()

    def clear_faults(self) -> None:
        self.hardware.clear_faults()
        self._take_over()

    def _take_over(self) -> None:
        node, info = self.node(), self.hardware.driver_info()
        if node.driver_info != info:
            with self._database.write() as connection:
                api.update_node(connection, node.id, {"driver_info": info})

    async def reads(self, state: str) -> None:
        """Wait until a read after this call reports this state of the node."""
        before = self.node().power_checked_at

        def known() -> bool:
            node = self.node()
            return bool(node.power_state == state and node.power_checked_at != before)

        await _comes(known)

    async def fails_to_read(self) -> str:
        """Wait until the power cannot be read, and return the reason."""
        await _comes(lambda: self.node().power_failures > 0)
        return str(self.node().last_error)

    async def power(self, action: str, *, timeout: float = PATIENCE, then_off: bool = False) -> str | None:
        """Switch the machine like ``podium node power``. Returns the error, or None."""
        with self._database.write() as connection:
            asked = power.ask(connection, [self.node()], action, who="me", timeout=timeout, then_off=then_off)
        assert asked.operation_id is not None, asked.refused
        number = asked.operation_id

        def request() -> Any:
            with self._database.read() as connection:
                return operations.requests_of(connection, number)[0]

        await _comes(lambda: request().state in (operations.DONE, operations.FAILED))
        ended = request()
        assert (ended.error is None) == (ended.state == operations.DONE)
        return None if ended.error is None else str(ended.error)

    async def run_task(self, task: str) -> str | None:
        """Run a driver's task like ``podium task run``, in addition to its own runs if possible.

        :returns: the error, or None
        """
        name = f"{self.hardware.protocol}.{task}"
        node = None if self.hardware.protocol == "fake" else self.node().uuid  # its tasks are for all nodes
        with self._database.write() as connection:
            (number,) = task_commands.ask(connection, "here", name, "run", "me", node)

        def answer() -> Any:
            with self._database.read() as connection:
                return task_commands.find(connection, [number])[0]

        await _comes(lambda: answer().finished_at is not None)
        error = answer().error
        return None if error is None else str(error)

    async def read_sensors(self) -> Sequence[Mapping[str, Any]]:
        """Read the sensors like ``podium node sensors``."""
        with self._database.write() as connection:
            number = hardware_reads.ask(connection, NODE, "sensors", "me")

        def answer() -> Any:
            with self._database.read() as connection:
                return hardware_reads.find(connection, number)

        await _comes(lambda: answer().finished_at is not None)
        assert answer().error is None
        found: Sequence[Mapping[str, Any]] = answer().answer["sensors"]
        return found

    async def health(self, status: str) -> Sequence[str]:
        """Check the health until it has this status, and return the reasons."""

        async def check() -> Mapping[str, Any]:
            assert await self.run_task("check_status") is None
            return self.node().health or {}

        async with asyncio.timeout(PATIENCE):
            while (found := await check()).get("status") != status:
                await asyncio.sleep(0.05)
        return list(found["reasons"])

    def events(self) -> list[tuple[str | None, str | None, str]]:
        """Return from, to and cause of the power events, oldest first."""
        columns = power_events.c
        told = sa.select(columns.from_state, columns.to_state, columns.cause).order_by(columns.id)
        with self._database.read() as connection:
            return [tuple(row) for row in connection.execute(told)]

    async def failures(self, kind: str) -> float:
        """Return how many reads failed this way, according to the metrics for Prometheus."""
        name = "podium_power_read_failures_total"
        told = [one for one in await self.metrics() if one.name == name and one.labels["kind"] == kind]
        return float(sum(sample.value for sample in told))

    async def healths(self, **expected: float) -> None:
        """Wait until the metrics for Prometheus, which another thread serves, count these nodes by health."""
        async with asyncio.timeout(PATIENCE):
            while expected != {
                sample.labels["status"]: sample.value
                for sample in await self.metrics()
                if sample.name == "podium_node_health"
            }:
                await asyncio.sleep(0.05)

    async def sensors(self) -> list[tuple[str, str | None, float]]:
        """Return name, kind and value of the node's sensors in the metrics for Prometheus."""
        node = {"driver": self.hardware.protocol, "node": NODE}.items()
        told = [one for one in await self.metrics() if one.name.startswith("podium_sensor_")]
        assert all(node <= sample.labels.items() for sample in told)
        return [(sample.name, sample.labels.get("kind"), sample.value) for sample in told]

    async def metrics(self) -> list[Any]:
        """Return every sample for Prometheus."""

        def get() -> str:
            with urllib.request.urlopen(f"http://{self._metrics}/metrics", timeout=PATIENCE) as answer:
                return str(answer.read().decode())

        families = parser.text_string_to_metric_families(await asyncio.to_thread(get))
        return [sample for family in families for sample in family.samples]


@asynccontextmanager
async def site(hardware: Hardware) -> AsyncIterator[Site]:
    """Run a conductor of a machine that is switched off, with its files in the same folder."""
    metrics = f"{own_address()}:{free_port()}"
    text = CONFIG.format(protocol=hardware.protocol, metrics=metrics, options=hardware.section)
    folder = hardware.folder
    config = make_conf(folder, text)
    database = prepared(f"sqlite:///{folder}/podium.sqlite")
    async with hardware.running():
        made = Site(hardware, config, database, metrics)
        made.enrol()
        async with made.running():
            yield made
