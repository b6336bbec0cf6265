"""The daemon's side of `podium task run`, `enable` and `disable`."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from fakes import HERE, Clock, Pieces, StillDriver, happened
from peers import PATIENCE
from podium import errors
from podium.conductor.tasks.commands import TaskCommands
from podium.db import task_commands as statements
from podium.drivers import base
from stage import Conducted, conducted


class Commanded(StillDriver):
    """Tasks that succeed, fail or wait, for all and for each node."""

    def __init__(self, name: str = "acme") -> None:
        super().__init__(name)
        self.began = threading.Event()

    @base.driver_periodic_task(spacing=600)
    async def works(self, manager: base.Manager, context: Any) -> None:
        self.ran.append("works")

    @base.driver_periodic_task(spacing=600)
    async def fails(self, manager: base.Manager, context: Any) -> None:
        raise errors.DriverError("the rack is on fire")

    @base.driver_periodic_task(spacing=600)
    async def waits(self, manager: base.Manager, context: Any) -> None:
        self.began.set()
        await asyncio.Event().wait()

    @base.node_periodic_task(spacing=600)
    async def each_waits(self, node: base.Node, manager: base.Manager, context: Any) -> None:
        self.began.set()
        await asyncio.Event().wait()

    @base.node_periodic_task(spacing=600)
    async def each(self, node: base.Node, manager: base.Manager, context: Any) -> None:
        self.ran.append(node.name)


class Desk:
    """Commands to a conductor, as people give them and as it answers."""

    def __init__(self, stage: Conducted) -> None:
        self.stage = stage
        self.parts: Pieces = stage.parts
        self.commands = TaskCommands(stage.parts.sql, stage.manager, HERE)

    async def begin(self, task: str, action: str, node: str | None = None, host: str = "here") -> int:
        def ask(connection: sa.Connection) -> int:
            if action != "run":
                statements.switch(connection, None, task, off=action == "disable")
            (number,) = statements.ask(connection, host, task, action, "somebody", node)
            return number

        number = await self.parts.sql.write(ask)
        await self.commands.poll()
        return number

    async def row(self, number: int) -> sa.Row[Any]:
        (row,) = await self.parts.sql.read(lambda connection: statements.find(connection, [number]))
        return row

    async def answer(self, task: str, action: str, node: str | None = None) -> sa.Row[Any]:
        """Ask, and wait until it is answered."""
        number = await self.begin(task, action, node)
        async with asyncio.timeout(PATIENCE):
            while (row := await self.row(number)).finished_at is None:
                await asyncio.sleep(0.001)
        return row


@contextlib.asynccontextmanager
async def desk(tmp_path: Path, clock: Clock, driver: base.Driver | None = None) -> AsyncIterator[Desk]:
    async with conducted(tmp_path, clock, driver or Commanded()) as stage:
        stage.manager.record_tasks()
        await stage.parts.recorder.flush()
        yield Desk(stage)


def test_a_run_that_succeeds_is_answered_with_the_time_it_took(tmp_path: Path, clock: Clock) -> None:
    async def main() -> None:
        driver = Commanded()
        async with desk(tmp_path, clock, driver) as opened:
            row = await opened.answer("acme.works", "run")
            assert (row.error, driver.ran) == (None, ["works"])
            assert row.duration >= 0

    asyncio.run(main())


def test_a_run_that_fails_is_answered_with_the_reason(tmp_path: Path, clock: Clock) -> None:
    async def main() -> None:
        async with desk(tmp_path, clock) as opened:
            assert (await opened.answer("acme.fails", "run")).error == "the rack is on fire"

    asyncio.run(main())


def test_a_run_that_is_under_way_is_not_started_again(tmp_path: Path, clock: Clock) -> None:
    async def main() -> None:
        driver = Commanded()
        async with desk(tmp_path, clock, driver) as opened:
            first = await opened.begin("acme.waits", "run")
            await happened(driver.began)
            assert (await opened.answer("acme.waits", "run")).error == "acme.waits is running already"
            assert (await opened.row(first)).finished_at is None

    asyncio.run(main())


def test_a_run_for_one_node_leaves_the_others_alone(tmp_path: Path, clock: Clock) -> None:
    async def main() -> None:
        driver = Commanded()
        async with desk(tmp_path, clock, driver) as opened:
            opened.parts.enrol({"name": "one", "driver": "acme"}, {"name": "two", "driver": "acme"})
            await opened.parts.fleet.refresh(opened.parts.sql)
            row = await opened.answer("acme.each", "run", opened.parts.node("two").uuid)
            assert (row.error, driver.ran) == (None, ["two"])

    asyncio.run(main())


def test_a_second_run_for_the_same_node_is_answered_at_once_and_the_first_goes_on(
    tmp_path: Path, clock: Clock
) -> None:
    async def main() -> None:
        driver = Commanded()
        async with desk(tmp_path, clock, driver) as opened:
            opened.parts.enrol({"name": "one", "driver": "acme"})
            await opened.parts.fleet.refresh(opened.parts.sql)
            one = opened.parts.node("one").uuid
            first = await opened.begin("acme.each_waits", "run", one)
            await happened(driver.began)
            error = (await opened.answer("acme.each_waits", "run", one)).error
            assert error.startswith("acme.each_waits runs for this node already")
            assert (await opened.row(first)).finished_at is None

    asyncio.run(main())


@pytest.mark.parametrize(
    ("task", "node", "words"),
    [
        ("acme.workz", None, "there is no task acme.workz"),
        ("acme.each", "no-such-uuid", "the node is not one of this conductor's"),
        ("acme.works", "no-such-uuid", "acme.works does not run for single nodes"),
    ],
)
def test_what_cannot_be_run_is_answered_with_the_reason(
    tmp_path: Path, clock: Clock, task: str, node: str | None, words: str
) -> None:
    async def main() -> None:
        async with desk(tmp_path, clock) as opened:
            assert words in (await opened.answer(task, "run", node)).error

    asyncio.run(main())


def test_a_disabled_task_does_not_run_until_it_is_enabled(tmp_path: Path, clock: Clock) -> None:
    async def main() -> None:
        async with desk(tmp_path, clock) as opened:
            assert (await opened.answer("acme.works", "disable")).error is None
            assert opened.stage.report("acme.works").state == "disabled"
            assert (await opened.answer("acme.works", "enable")).error is None
            assert opened.stage.report("acme.works").state == "idle"

    asyncio.run(main())


def test_what_was_disabled_before_others_knew_of_this_worker_is_obeyed(tmp_path: Path, clock: Clock) -> None:
    async def main() -> None:
        async with desk(tmp_path, clock) as opened:
            sql = opened.parts.sql
            await sql.write(lambda connection: statements.switch(connection, None, "acme.works", off=True))
            await opened.commands.poll()
            assert opened.stage.report("acme.works").state == "disabled"

    asyncio.run(main())


def test_a_disabled_task_runs_when_it_is_told_to(tmp_path: Path, clock: Clock) -> None:
    async def main() -> None:
        driver = Commanded()
        async with desk(tmp_path, clock, driver) as opened:
            await opened.answer("acme.works", "disable")
            assert (await opened.answer("acme.works", "run")).error is None
            assert driver.ran == ["works"]

    asyncio.run(main())


def test_a_command_is_begun_once_however_often_one_looks(tmp_path: Path, clock: Clock) -> None:
    async def main() -> None:
        driver = Commanded()
        async with desk(tmp_path, clock, driver) as opened:
            number = await opened.begin("acme.waits", "run")
            await happened(driver.began)
            await opened.commands.poll()
            assert (await opened.row(number)).error is None

    asyncio.run(main())


def test_a_command_to_another_conductor_is_left_to_it(tmp_path: Path, clock: Clock) -> None:
    async def main() -> None:
        driver = Commanded()
        async with desk(tmp_path, clock, driver) as opened:
            elsewhere = await opened.begin("acme.works", "run", host="elsewhere")
            await opened.answer("acme.fails", "run")
            assert ((await opened.row(elsewhere)).finished_at, driver.ran) == (None, [])

    asyncio.run(main())
