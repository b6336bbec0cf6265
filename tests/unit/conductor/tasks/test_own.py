"""The conductor's own tasks: the sweep, which a person may hurry, and pruning."""

import asyncio
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

from fakes import Clock, StillDriver, until
from podium import states
from podium.conductor.tasks.own import OWN_TASKS
from podium.db import task_commands
from podium.db.models import utcnow
from podium.drivers import base
from stage import Conducted, conducted

SWEEP, PRUNE = OWN_TASKS


class Slow(StillDriver):
    """Machines whose answers the test lets through."""

    def __init__(self) -> None:
        super().__init__("slow")
        self.asked: list[str] = []
        self.answers = threading.Event()

    async def get_power_state(self, node: base.Node) -> str:
        self.asked.append(node.name)
        while not self.answers.is_set():
            await asyncio.sleep(0.001)
        return states.POWER_ON


async def enrolled(it: Conducted, *names: str) -> None:
    it.parts.enrol(*({"name": name, "driver": "slow"} for name in names))
    await it.parts.fleet.refresh(it.parts.sql)


def test_a_person_who_asks_for_a_sweep_hurries_the_one_under_way(tmp_path: Path, clock: Clock) -> None:
    ends: list[str | None] = []

    async def main() -> None:
        driver = Slow()
        async with conducted(tmp_path, clock, driver) as it:
            await enrolled(it, "n1")
            it.tick()
            await until(lambda: driver.asked == ["n1"])
            it.manager.run_now(SWEEP, None, lambda error, seconds: ends.append(error))
            assert it.report(SWEEP).state == "running"
            driver.answers.set()
            await it.ended(SWEEP, 1)
            await until(lambda: ends == [None])

    asyncio.run(main())


def test_a_sweep_that_a_person_asks_for_begins_when_none_is_under_way(tmp_path: Path, clock: Clock) -> None:
    async def main() -> None:
        driver = Slow()
        driver.answers.set()
        async with conducted(tmp_path, clock, driver) as it:
            await enrolled(it, "n1")
            it.manager.run_now(SWEEP, None, lambda error, seconds: None)
            await it.ended(SWEEP, 1)
            assert driver.asked == ["n1"]

    asyncio.run(main())


def test_the_interval_of_sweeps_is_that_of_the_conductor_unless_the_task_has_its_own(
    tmp_path: Path, clock: Clock
) -> None:
    async def main(text: str) -> float:
        async with conducted(tmp_path, clock, Slow(), text=text) as it:
            return float(it.report(SWEEP).spacing)

    text = "[conductor]\nsync_power_state_interval = 7\n"
    assert asyncio.run(main(text)) == 7
    assert asyncio.run(main(f"{text}[periodic_tasks]\nspacing = {SWEEP}:5\n")) == 5


def test_commands_to_tasks_are_kept_for_a_day(tmp_path: Path, clock: Clock) -> None:
    async def main() -> None:
        async with conducted(tmp_path, clock, Slow()) as it:
            it.manager.record_tasks()
            await it.parts.recorder.flush()

            def ask(connection: Any) -> list[int]:
                old, new = (
                    task_commands.ask(connection, "here", SWEEP, "run", "me", None)[0] for _ in range(2)
                )
                for number in (old, new):
                    task_commands.answer(connection, number, None, 1.0)
                connection.exec_driver_sql(
                    "UPDATE task_commands SET requested_at = ? WHERE id = ?",
                    (str(utcnow().replace(tzinfo=None) - timedelta(days=2)), old),
                )
                return [old, new]

            old, new = await it.parts.sql.write(ask)
            it.tick(3601)
            await it.ended(PRUNE, 1)
            kept = await it.parts.sql.read(lambda connection: task_commands.find(connection, [old, new]))
            assert [command.id for command in kept] == [new]

    asyncio.run(main())
