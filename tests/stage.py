"""A manager with real rooms and a database, and a settable clock."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fakes import HERE, Clock, Pieces, make_conf, pieces, until
from podium.conductor.manager import ConductorManager
from podium.conductor.rooms import context as contexts
from podium.drivers import base


class Conducted:
    def __init__(self, parts: Pieces, manager: ConductorManager, clock: Clock) -> None:
        self.parts = parts
        self.manager = manager
        self.clock = clock

    def tick(self, seconds: float = 0.0) -> float:
        self.clock.now += seconds
        return float(self.manager.run_periodic_tasks(contexts.new()))

    def report(self, name: str) -> Any:
        return self.manager._jobs[name].report()

    async def ended(self, name: str, runs: int) -> None:
        await until(lambda: self.report(name).runs == runs)


@asynccontextmanager
async def conducted(
    tmp_path: Path, clock: Clock, *drivers: base.Driver, text: str = ""
) -> AsyncIterator[Conducted]:
    conf = make_conf(tmp_path, text)
    async with pieces(f"sqlite:///{tmp_path}/p.sqlite", *drivers) as parts:
        manager = ConductorManager(
            conf,
            loop=asyncio.get_running_loop(),
            rooms=parts.rooms,
            fleet=parts.fleet,
            recorder=parts.recorder,
            sync=parts.sync,
            sql=parts.sql,
            worker=HERE,
        )
        manager.add_driver_tasks(parts.rooms)
        yield Conducted(parts, manager, clock)
        await manager.cancel_runs(5)
