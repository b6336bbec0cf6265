"""Nodes that cannot be read: given up after long enough, probed on, and taken back by what they answer."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from fakes import HERE, Pieces, StillDriver, all_slots, pieces
from podium import errors, states
from podium.conductor.enforcement.gate import Gate
from podium.conductor.enforcement.rules import Rules
from podium.conductor.sweep.findings import Findings
from podium.db import api
from podium.db.models import power_events

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
INTERVAL = 30.0


class Reads:
    """Reads of the node ``a``, as a sweeper ends them, at times that the test tells."""

    def __init__(self, it: Pieces, rules: Rules) -> None:
        self.it = it
        self.clock = 0.0
        self.gate = Gate(rules)
        self.restart()

    def restart(self) -> None:
        room = self.it.rooms["still"]
        self.findings = Findings(
            room,
            self.it.fleet,
            self.it.recorder,
            self.gate,
            lambda: NOON + timedelta(seconds=self.clock),
        )
        self.findings.interval = INTERVAL

    async def read(self, at: float, answer: str | None = None) -> Any:
        """What the database holds of the node when it was read; without an answer the read fails."""
        self.clock = at
        await self.it.fleet.refresh(self.it.sql)
        (entry,) = self.it.fleet.entries()
        self.findings.tick(at)
        self.findings.take(entry, answer, None if answer else errors.BMCUnreachable("no answer"))
        self.findings.hand_over()
        assert await self.it.recorder.flush()
        return self.it.node("a")

    def of_change(self, at: float) -> None:
        """A read of a power change that fails."""
        (entry,) = self.it.fleet.entries()
        self.findings.take_of_change(
            entry.number, None, errors.BMCUnreachable("no answer"), at, is_early=at % INTERVAL != 0
        )

    def causes(self) -> list[str]:
        with self.it.database.read() as connection:
            return list(connection.scalars(sa.select(power_events.c.cause).order_by(power_events.c.id)))


@contextlib.asynccontextmanager
async def node(tmp_path: Path, rules: Rules | None = None, **values: Any) -> AsyncIterator[Reads]:
    async with pieces(f"sqlite:///{tmp_path}/p", StillDriver()) as it:
        it.enrol({"name": "a", "driver": "still", **values})
        yield Reads(it, rules or Rules())


def run(function: Callable[[], Any]) -> None:
    asyncio.run(function())


def test_a_node_that_fails_often_and_for_long_is_given_up_with_the_reason_and_its_last_state(
    tmp_path: Path,
) -> None:
    async def main() -> None:
        async with node(tmp_path) as a:
            await a.read(0.0, states.POWER_ON)
            for at in (10.0, 40.0, 70.0):
                assert not (await a.read(at)).maintenance
            row = await a.read(100.0)
            assert (row.maintenance, row.fault, row.power_state) == (True, "power failure", "power on")
            assert row.maintenance_reason == (
                "power could not be read 4 times in a row since 2026-01-01 12:00:10 UTC; last: no answer"
            )
            assert row.power_checked_at == NOON
            assert a.causes() == ["first reading", "fault"]

    run(main)


def test_a_hiccup_of_seconds_gives_up_no_node_however_often_it_is_read(tmp_path: Path) -> None:
    async def main() -> None:
        async with node(tmp_path) as a:
            for number in range(30):
                assert not (await a.read(number * 2.0)).maintenance

    run(main)


def test_failed_reads_of_a_change_give_up_no_node_sooner(tmp_path: Path) -> None:
    async def main() -> None:
        async with node(tmp_path) as a:
            await a.read(0.0, states.POWER_ON)
            for second in range(1, 61):
                a.of_change(float(second))
            (entry,) = a.it.fleet.entries()
            assert entry.reads.failures == 3
            assert not (await a.read(70.0)).maintenance
            assert not (await a.read(90.0)).maintenance
            row = await a.read(91.0)
            assert row.maintenance_reason == (
                "power could not be read 6 times in a row since 2026-01-01 12:00:01 UTC; last: no answer"
            )

    run(main)


def test_a_node_that_was_given_up_is_taken_back_by_its_first_answer(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="podium.conductor.recording.recorder")

    async def main() -> None:
        async with node(tmp_path) as a:
            await a.read(0.0, states.POWER_ON)
            for at in (10.0, 40.0, 70.0, 100.0):
                await a.read(at)
            row = await a.read(130.0, states.POWER_OFF)
            assert (row.maintenance, row.fault, row.maintenance_reason) == (False, None, None)
            assert (row.power_state, row.power_failures) == ("power off", 0)
            assert a.causes() == ["first reading", "fault", "out-of-band", "recovery"]
            assert not (await a.read(140.0)).maintenance

    run(main)
    assert caplog.messages == [
        "a: in maintenance until the power can be read again; last: no answer",
        "a: out of maintenance, the power can be read again",
    ]


def test_how_often_a_node_failed_survives_a_restart_and_since_when_does_not(tmp_path: Path) -> None:
    async def main() -> None:
        async with node(tmp_path) as a:
            for at in (0.0, 30.0, 60.0):
                await a.read(at)
            a.it.fleet = a.it.recorder._fleet = type(a.it.fleet)(HERE)
            await a.it.fleet.begin(a.it.sql, all_slots("still"))
            a.restart()
            assert not (await a.read(1000.0)).maintenance
            assert (await a.read(1090.0)).maintenance
            assert "5 times in a row" in a.it.node("a").maintenance_reason

    run(main)


def test_maintenance_by_a_person_is_kept_whatever_the_node_answers(tmp_path: Path) -> None:
    async def main() -> None:
        rules = Rules(in_maintenance=True)
        async with node(tmp_path, rules, maintenance=True, maintenance_reason="new disk") as a:
            for at in (0.0, 100.0, 200.0, 300.0):
                row = await a.read(at)
            assert (row.power_failures, row.fault, row.maintenance_reason) == (4, None, "new disk")
            row = await a.read(400.0, states.POWER_ON)
            assert (row.maintenance, row.power_state, row.maintenance_reason) == (
                True,
                "power on",
                "new disk",
            )
            assert a.causes() == ["first reading"]
            assert a.gate.disturbed == 0

    run(main)


def test_a_node_that_a_person_takes_out_of_the_fault_has_its_time_again(tmp_path: Path) -> None:
    async def main() -> None:
        async with node(tmp_path) as a:
            for at in (0.0, 30.0, 60.0, 90.0):
                row = await a.read(at)
            assert row.maintenance
            with a.it.database.write() as connection:
                values = {"maintenance": False, "fault": None, "maintenance_reason": None}
                api.update_node(connection, row.id, values)
            assert not (await a.read(120.0)).maintenance
            assert not (await a.read(209.0)).maintenance
            assert (await a.read(210.0)).maintenance

    run(main)


def test_without_retries_no_node_is_ever_given_up(tmp_path: Path) -> None:
    async def main() -> None:
        async with node(tmp_path, Rules(max_retries=0)) as a:
            for at in range(0, 1000, 100):
                assert not (await a.read(float(at))).maintenance

    run(main)


def test_nodes_that_are_given_up_together_are_a_line_for_each_of_the_most_frequent_reasons(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with pieces(f"sqlite:///{tmp_path}/p", StillDriver()) as it:
            it.enrol(*({"name": f"n{number:02}", "driver": "still"} for number in range(20)))
            await it.fleet.refresh(it.sql)
            for place, entry in enumerate(it.fleet.entries()):
                words = f"BMC 10.0.0.{place}:623 is silent" if place < 12 else f"broken{'!' * place}"
                it.recorder.add_fault(entry.number, f"power could not be read {place} times in a row", words)
            assert await it.recorder.flush()
            assert it.node("n03").maintenance_reason == (
                "power could not be read 3 times in a row; last: BMC 10.0.0.3:623 is silent"
            )

    asyncio.run(main())
    assert len(caplog.messages) == 6
    assert caplog.messages[0] == (
        "n[00-11]: in maintenance until the power can be read again; last: BMC is silent"
    )
    assert caplog.messages[-1] == (
        "n[16-19]: in maintenance until the power can be read again, for 4 more reasons"
    )


def test_a_node_whose_recovery_is_written_before_its_reading_has_no_error_left(tmp_path: Path) -> None:
    async def main() -> None:
        async with node(tmp_path, Rules(max_retries=1)) as reads:
            it = reads.it
            for at in (0.0, INTERVAL, 2 * INTERVAL):
                given_up = await reads.read(at)
            assert (given_up.maintenance, given_up.last_error) == (True, "no answer")
            await it.fleet.refresh(it.sql)
            (entry,) = it.fleet.entries()
            reads.findings.take(entry, states.POWER_ON, None)
            await it.recorder._recoveries.write(it.sql)  # as when both come between two statements
            assert await it.recorder.flush()
            found = it.node("a")
            assert (found.maintenance, found.last_error, found.power_failures) == (False, None, 0)
            assert (await reads.read(3 * INTERVAL, states.POWER_ON)).power_state == states.POWER_ON

    run(main)
