"""The cost of many periodic tasks that do nothing: Podium's, plain oslo.service's and APScheduler's.

    pip install apscheduler
    python benchmarks/periodic_tasks.py --tasks 1000 --seconds 20

Each runs in a process of its own, one after another, with tasks that are due every second. The output is the
processor time of the whole process, imports included, in percent of one core, and how many of the runs that
were due took place.
"""

import argparse
import asyncio
import multiprocessing
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

SPACING = 1.0


def podium(tasks: int, seconds: float) -> int:
    """Run Podium as in the daemon: a room, jobs, statistics, and a timer in the conductor's loop."""
    from podium import conf
    from podium.conductor.fleet.fleet import Fleet
    from podium.conductor.manager import ConductorManager
    from podium.conductor.recording.recorder import Recorder
    from podium.conductor.rooms import context
    from podium.conductor.rooms.room import DriverRoom
    from podium.conductor.rooms.sql import Sql
    from podium.conductor.sweep.power_sync import PowerSync
    from podium.db.engine import Database
    from podium.db.worker import Worker
    from podium.drivers import base
    from podium.drivers.fake import FakeDriver

    runs = 0

    def task(number: int) -> Any:
        @base.driver_periodic_task(spacing=SPACING, name=f"task_{number}")
        async def nothing(self: object, manager: object, context: object) -> None:
            nonlocal runs
            runs += 1

        return nothing

    driver = type("Many", (FakeDriver,), {f"task_{n}": task(n) for n in range(tasks)})("many", None)

    async def main(folder: str) -> None:
        file = Path(folder) / "podium.conf"
        file.write_text(f"[DEFAULT]\nstate_path = {folder}\n")
        room = DriverRoom(driver)
        room.open(10)
        sql = Sql(Database(f"sqlite:///{folder}/none"))
        fleet = Fleet(Worker("here", 0, 1))
        recorder = Recorder(sql, fleet, Worker("here", 0))
        rooms = {"many": room}
        manager = ConductorManager(
            conf.load(["--config-file", str(file)], prog="benchmark"),
            loop=asyncio.get_running_loop(),
            rooms=rooms,
            fleet=fleet,
            recorder=recorder,
            sync=PowerSync(fleet, rooms, recorder),
            sql=sql,
            worker=Worker("here", 0),
        )
        manager.add_driver_tasks(rooms)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            idle = manager.run_periodic_tasks(context.new())
            idle = min(idle, manager.seconds_until_due(), end - time.monotonic())
            await asyncio.sleep(max(idle, 0.01))
        room.close(10)
        sql.close()

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(main(folder))
    return runs


def oslo_service(tasks: int, seconds: float) -> int:
    """Run plain PeriodicTasks, which call their tasks one after another in one thread."""
    from oslo_config import cfg
    from oslo_service import periodic_task

    runs = 0

    def task(number: int) -> Any:
        @periodic_task.periodic_task(spacing=SPACING, name=f"task_{number}")
        def nothing(self: object, context: object) -> None:
            nonlocal runs
            runs += 1

        return nothing

    body = {f"task_{n}": task(n) for n in range(tasks)}
    manager = type("Many", (periodic_task.PeriodicTasks,), body)(cfg.ConfigOpts())
    manager.conf([])
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        idle = manager.run_periodic_tasks(None)
        time.sleep(max(min(idle, end - time.monotonic()), 0.01))
    return runs


def apscheduler(tasks: int, seconds: float) -> int:
    """Run APScheduler 3's AsyncIOScheduler with interval jobs."""
    from apscheduler.schedulers.asyncio import AsyncIOScheduler

    runs = 0

    async def nothing() -> None:
        nonlocal runs
        runs += 1

    async def main() -> None:
        scheduler = AsyncIOScheduler()
        for _ in range(tasks):
            scheduler.add_job(nothing, "interval", seconds=SPACING)
        scheduler.start()
        await asyncio.sleep(seconds)
        scheduler.shutdown(wait=False)

    asyncio.run(main())
    return runs


def measured(run: Callable[[int, float], int], tasks: int, seconds: float, answer: Any) -> None:
    started, before = time.monotonic(), _cpu()
    runs = run(tasks, seconds)
    answer.put((runs, _cpu() - before, time.monotonic() - started))


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tasks", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=20.0)
    options = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    lines = []
    for run in (podium, oslo_service, apscheduler):
        answer = context.Queue()
        process = context.Process(target=measured, args=(run, options.tasks, options.seconds, answer))
        process.start()
        runs, cpu, elapsed = answer.get(timeout=options.seconds + 60)
        process.join(60)
        due = options.tasks * options.seconds / SPACING
        lines.append(
            f"{run.__name__:14} {100 * cpu / elapsed:6.1f} % of a core {100 * runs / due:6.1f} % of the runs"
        )
    print("\n".join(lines))  # noqa: T201


if __name__ == "__main__":
    main()
