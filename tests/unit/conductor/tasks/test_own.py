"""The conductor's own tasks: the sweep, which a person may hurry, and pruning."""

import asyncio
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from fakes import HERE, Clock, StillDriver, until
from podium import states
from podium.conductor.tasks.own import OWN_TASKS, MeasuredTime
from podium.db import clock as clocks
from podium.db import conductors, hardware_reads, ledger, members, models, task_commands
from podium.db.models import utcnow
from podium.db.worker import Worker
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


def test_answers_of_hardware_are_kept_for_an_hour(tmp_path: Path, clock: Clock) -> None:
    async def main() -> None:
        async with conducted(tmp_path, clock, Slow()) as it:
            it.parts.enrol({"name": "n1", "driver": "slow"}, {"name": "n2", "driver": "slow"})

            def ask(connection: Any) -> list[int]:
                old, new = (hardware_reads.ask(connection, name, "sensors", "me") for name in ("n1", "n2"))
                connection.exec_driver_sql(
                    "UPDATE hardware_reads SET requested_at = ? WHERE id = ?",
                    (str(utcnow().replace(tzinfo=None) - timedelta(hours=2)), old),
                )
                return [old, new]

            numbers = await it.parts.sql.write(ask)
            it.tick(3601)
            await it.ended(PRUNE, 1)
            kept = [
                await it.parts.sql.read(lambda connection, one=one: hardware_reads.find(connection, one))
                for one in numbers
            ]
            assert [read is not None for read in kept] == [False, True]

    asyncio.run(main())


NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


class Retention:
    """How late it is for retention, by hour; what one run found is written down for the next."""

    def __init__(self) -> None:
        self.passed = 0.0
        self.reached: datetime | None = None
        self.restart()

    def restart(self) -> None:
        self.time = MeasuredTime(lambda: self.passed)

    def after(self, hours: float, now: datetime) -> datetime:
        self.passed += hours * 3600
        found = self.time.now(self.reached, now)
        self.reached = max(found, self.reached or found)
        return found


def test_retention_goes_by_the_clock_that_goes_right() -> None:
    retention = Retention()
    for hours in range(1, 5):
        assert retention.after(1, NOON + hours * HOUR) == NOON + hours * HOUR


def test_ten_years_do_not_pass_for_retention_when_the_clock_leaps_ahead() -> None:
    retention = Retention()
    retention.after(1, NOON)
    leapt = NOON.replace(year=2036)
    assert retention.after(1, leapt) <= NOON + 4 * HOUR
    retention.restart()
    assert retention.after(1, leapt + HOUR) <= NOON + 6 * HOUR
    assert retention.after(1, NOON + 3 * HOUR) == NOON + 3 * HOUR


def test_a_leap_to_1970_and_back_does_not_hold_retention_up() -> None:
    retention = Retention()
    retention.after(1, NOON)
    assert retention.after(1, NOON.replace(year=1970)).year == 1970
    retention.restart()
    assert retention.after(1, NOON.replace(year=1970) + HOUR).year == 1970
    assert retention.after(1, NOON + 3 * HOUR) == NOON + 3 * HOUR


def test_retention_catches_up_with_the_time_in_which_no_conductor_ran() -> None:
    retention = Retention()
    retention.after(1, NOON)
    retention.restart()
    late = [retention.after(1, NOON + (10 + hours) * HOUR) for hours in range(1, 12)]
    assert late[0] == NOON + 2 * HOUR
    assert late[-1] == NOON + 21 * HOUR


def test_a_clock_that_was_wrong_at_first_is_believed_after_a_week_in_which_it_went_right() -> None:
    retention = Retention()
    retention.after(1, NOON.replace(year=1970))
    hours = range(7 * 24 + 1)
    late = [retention.after(1, NOON + hour * HOUR) for hour in hours]
    assert {moment.year for moment in late[:-1]} == {1970}
    assert late[-1] == NOON + hours[-1] * HOUR
    leapt = retention.after(1, NOON.replace(year=2036))
    assert leapt.year < 2036


def test_who_did_not_prune_for_days_begins_where_the_others_have_come() -> None:
    retention = Retention()
    before = MeasuredTime(lambda: retention.passed)
    for hours in range(1, 101):
        now = NOON + hours * HOUR
        retention.after(1, now)
        before.now(retention.reached, now)
    retention.passed += 3600
    assert before.now(retention.reached, NOON.replace(year=2036)) <= NOON + 102 * HOUR


def test_only_the_first_member_prunes_and_the_next_one_once_it_has_ended(
    tmp_path: Path, clock: Clock
) -> None:
    async def main() -> None:
        async with conducted(tmp_path, clock, Slow(), text=text) as it:

            def happen(connection: Any) -> Worker:
                event = {"node_uuid": "u", "node_name": "n", "cause": "request", "at": utcnow()}
                connection.execute(models.power_events.insert(), [event] * 1001)
                members.leave(connection, HERE)
                service = members.Service("boot:1:2", (), ("",), (), 30.0, 5.0, "1", "f")
                return members.enter(connection, "there", 0, service)

            async def left() -> int:
                chosen = ledger.Chosen()
                return len(await it.parts.sql.read(lambda sql: ledger.newest_events(sql, chosen, limit=9999)))

            other = await it.parts.sql.write(happen)
            it.tick(7200)
            await it.ended(PRUNE, 1)
            assert (it.report(PRUNE).last_error, await left()) == (None, 1001)
            await it.parts.sql.write(lambda connection: members.leave(connection, other))
            it.tick(7200)
            await it.ended(PRUNE, 2)
            assert await left() == 1000

    text = "[conductor]\npower_events_max_count = 1000\n"
    asyncio.run(main())


@pytest.mark.parametrize("year", [1970, 2036, 9999])
def test_a_leap_of_the_clock_deletes_nothing(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch, year: int
) -> None:
    async def main() -> None:
        async with conducted(tmp_path, clock, Slow()) as it:

            def happen(connection: Any) -> None:
                event = {"node_uuid": "u", "node_name": "n", "cause": "request", "at": clocks.now(connection)}
                connection.execute(models.power_events.insert().values(event))
                task_commands.ask(connection, "here", SWEEP, "run", "me", None)

            async def left() -> tuple[int, int]:
                def count(connection: Any) -> tuple[int, int]:
                    events = ledger.newest_events(connection, ledger.Chosen(), limit=9)
                    return len(events), len(task_commands.find(connection, range(1, 9)))

                return await it.parts.sql.read(count)

            await it.parts.sql.write(lambda sql: conductors.begin(sql, "here", 1))
            now = [NOON, NOON, NOON.replace(year=year), NOON.replace(year=year), NOON]
            for runs, moment in enumerate(now, start=1):
                monkeypatch.setattr(models, "utcnow", lambda moment=moment: moment)
                await it.parts.sql.write(happen)
                it.tick(7200)
                await it.ended(PRUNE, runs)
                assert it.report(PRUNE).last_error is None
                assert await left() == (runs, runs)

    asyncio.run(main())
