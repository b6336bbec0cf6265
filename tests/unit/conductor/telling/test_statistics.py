"""How fresh the readings are, in figures."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from fakes import HERE, Pieces, StillDriver, pieces
from podium.conductor.enforcement.enforcer import Enforcement
from podium.conductor.rooms import context as contexts
from podium.conductor.sweep.power_sync import PowerSync
from podium.conductor.telling.power_metrics import of_power
from podium.conductor.telling.statistics import Statistics
from podium.db import conductors
from podium.db.figures import Ages, EnforcementFigures
from podium.drivers import base

NOW = 1_000_000.0


@contextlib.asynccontextmanager
async def aged(
    tmp_path: Path, ages: Mapping[str, float | None], driver: base.Driver | None = None
) -> AsyncIterator[tuple[Pieces, Statistics]]:
    """Nodes whose readings have these ages in seconds, and the figures of them."""
    async with pieces(f"sqlite:///{tmp_path}/p", driver or StillDriver()) as it:
        it.enrol(*({"name": name, "driver": "still"} for name in ages))
        await it.fleet.refresh(it.sql)
        for entry in it.fleet.entries():
            age = ages[entry.node.name]
            entry.reads.checked = None if age is None else NOW - age
        yield it, Statistics(it.fleet, it.rooms, it.sync, it.recorder, max_age=60, now=lambda: NOW)


def test_the_share_of_fresh_readings_counts_nodes_never_read_as_stale(tmp_path: Path) -> None:
    async def main() -> None:
        async with aged(tmp_path, {"a": 1, "b": 60, "c": 61, "d": None}) as (_, statistics):
            figures = statistics.figures()
            assert (figures.fresh_share, figures.never_read) == (0.5, 1)
            assert figures.ages == Ages(median=60, p99=61, max=61)
            assert [figures.age_buckets[limit] for limit in ("5", "60", "inf")] == [1, 2, 3]

    asyncio.run(main())


def test_nodes_are_not_stale_only_because_their_driver_is_read_rarely(tmp_path: Path) -> None:
    async def main() -> None:
        async with aged(tmp_path, {"a": 1, "b": 700, "c": 1300, "d": None}) as (it, _):
            sync = PowerSync(it.fleet, it.rooms, it.recorder, intervals={"still": 600.0})
            statistics = Statistics(it.fleet, it.rooms, sync, it.recorder, max_age=60, now=lambda: NOW)
            figures = statistics.figures()
            assert (figures.fresh_share, figures.max_age) == (0.5, 60)
            assert figures.drivers["still"].interval == 600.0

    asyncio.run(main())


def test_nodes_in_maintenance_or_to_be_ignored_are_nobodys_to_be_fresh(tmp_path: Path) -> None:
    async def main() -> None:
        async with pieces(f"sqlite:///{tmp_path}/p", StillDriver()) as it:
            it.enrol(
                {"name": "a", "driver": "still", "maintenance": True, "power_policy": None},
                {"name": "b", "driver": "still", "power_policy": "ignore"},
            )
            await it.fleet.refresh(it.sql)
            figures = Statistics(it.fleet, it.rooms, it.sync, it.recorder, max_age=60).figures()
            assert (figures.nodes, figures.in_maintenance, figures.never_read) == (2, 1, 0)
            assert figures.fresh_share == 1.0

    asyncio.run(main())


def test_every_node_whose_last_read_failed_is_failing(tmp_path: Path) -> None:
    async def main() -> None:
        async with pieces(f"sqlite:///{tmp_path}/p", StillDriver()) as it:
            it.enrol({"name": "a", "driver": "still", "power_failures": 5, "maintenance": True})
            it.enrol({"name": "b", "driver": "still", "power_failures": 1})
            it.enrol({"name": "c", "driver": "still"})
            await it.fleet.refresh(it.sql)
            figures = Statistics(it.fleet, it.rooms, it.sync, it.recorder, max_age=60).figures()
            assert (figures.failing, figures.in_maintenance) == (2, 1)

    asyncio.run(main())


def test_a_sweep_is_told_with_its_nodes_and_the_reads_are_counted(tmp_path: Path) -> None:
    async def main() -> None:
        async with aged(tmp_path, {"a": None, "b": None}) as (it, statistics):
            await it.sync.sweep(30.0, contexts.new(), at_once=True)
            still = statistics.figures().drivers["still"]
            assert (still.reads, still.sweep_nodes, still.failures) == (2, 2, {})
            assert still.sweep_duration is not None

    asyncio.run(main())


def test_a_drivers_figures_that_cannot_be_told_are_left_out_and_logged_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(StillDriver):
        def statistics(self) -> Mapping[str, float]:
            return {"sent": "hunter2"}  # type: ignore[dict-item]

    async def main() -> None:
        async with aged(tmp_path, {"a": 1}, Broken()) as (it, statistics):
            it.enrol({"name": "b", "driver": "still", "driver_info": {"password": "hunter2"}})
            await it.fleet.refresh(it.sql)
            assert statistics.figures().drivers["still"].counters == {}
            statistics.figures()

    asyncio.run(main())
    assert [record.getMessage() for record in caplog.records] == ["Driver still: statistics() failed"]
    assert "convert string to float: '******'" in caplog.text
    assert "hunter2" not in caplog.text


def test_a_drivers_figures_that_json_cannot_hold_are_left_out(tmp_path: Path) -> None:
    class Endless(StillDriver):
        def statistics(self) -> Mapping[str, float]:
            return {"sent": 3.0, "ratio": float("nan"), "bytes": float("inf")}

    async def main() -> None:
        async with aged(tmp_path, {"a": 1}, Endless()) as (_, statistics):
            assert statistics.figures().drivers["still"].counters == {"sent": 3.0}

    asyncio.run(main())


def test_failures_of_what_nobody_waits_for_are_among_a_drivers_figures(tmp_path: Path) -> None:
    async def main() -> None:
        async with aged(tmp_path, {"a": 1}) as (it, statistics):
            it.rooms["still"].faults.note("spawned_failed", "the task listen", OSError(), str)
            assert statistics.figures().drivers["still"].counters == {"spawned_failed": 1}

    asyncio.run(main())


def test_what_enforcement_does_and_leaves_alone_is_in_the_figures(tmp_path: Path) -> None:
    async def main() -> None:
        async with aged(tmp_path, {"a": 1}) as (it, _):
            enforcement = Enforcement(it.sql, it.fleet, it.recorder, it.sync, member=HERE)
            statistics = Statistics(it.fleet, it.rooms, it.sync, it.recorder, enforcement, max_age=60)
            figures = statistics.figures()
            assert figures.enforcement == EnforcementFigures()
            names = {metric.name for metric in of_power(figures)}
            assert {"podium_enforcement_frozen", "podium_enforced", "podium_nodes_unreadable"} <= names

    asyncio.run(main())


@pytest.mark.parametrize(("took", "pause"), [(0.01, 5.0), (0.5, 10.0), (3.0, 20.0)])
def test_figures_that_take_long_are_written_less_often(tmp_path: Path, took: float, pause: float) -> None:
    async def main() -> None:
        async with pieces(f"sqlite:///{tmp_path}/p", StillDriver()) as it:
            begins: list[float] = []
            statistics = Statistics(
                it.fleet,
                {},
                it.sync,
                it.recorder,
                max_age=60,
                clock=lambda: begins.pop() if begins else took,
            )
            begins.append(0.0)
            assert await statistics.record(it.sql, HERE) == pytest.approx(pause)
            with it.database.read() as connection:
                assert [one.worker for one in conductors.figures(connection, HERE.host)] == [HERE.index]

    asyncio.run(main())
