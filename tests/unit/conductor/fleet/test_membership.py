"""A daemon among others: which process it is, and its heartbeat."""

import asyncio
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from fakes import HERE, StillDriver, pieces, until
from podium.conductor.fleet.membership import Heartbeat, is_dead, process_name
from podium.conductor.rooms.clock import DatabaseClock
from podium.db import clock, retention
from podium.db.conductors import Membership

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_retention_begins_with_the_time_at_which_the_first_conductor_enters(tmp_path: Path) -> None:
    async def main() -> None:
        async with pieces(f"sqlite:///{tmp_path}/p", StillDriver()) as it:
            before = it.sql.now()
            heartbeat = Heartbeat(it.sql, Membership("here", "1", (), ""), HERE, interval=1, timeout=60)
            await heartbeat.enter()
            first = await it.sql.read(retention.reached)
            assert first is not None
            assert before <= first <= it.sql.now()
            await heartbeat.enter()
            assert await it.sql.read(retention.reached) == first

    asyncio.run(main())


def test_a_heartbeat_learns_what_time_it_is_in_the_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        passed = [0.0]
        async with pieces(f"sqlite:///{tmp_path}/p", StillDriver()) as it:
            it.sql.now = DatabaseClock(lambda: NOON, lambda: passed[0])
            heartbeat = Heartbeat(it.sql, Membership("here", "1", (), ""), HERE, interval=0.001, timeout=60)
            monkeypatch.setattr(clock, "now", lambda _connection: NOON.replace(year=1970))
            await heartbeat.enter()
            assert it.sql.now() == NOON.replace(year=1970)
            monkeypatch.setattr(clock, "now", lambda _connection: NOON.replace(year=2036))
            beating = asyncio.create_task(heartbeat.run())
            await until(lambda: it.sql.now().year == 2036)
            beating.cancel()
            await asyncio.wait([beating])
            passed[0] += 300  # while the database is away, or the machine sleeps
            assert it.sql.now() == NOON.replace(year=2036) + timedelta(seconds=300)

    asyncio.run(main())


def test_this_process_is_not_dead() -> None:
    assert not is_dead(process_name())


def test_a_process_that_has_ended_is_dead() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        process = process_name(child.pid)
        assert not is_dead(process)
    assert is_dead(process)


def test_a_number_that_another_process_has_now_does_not_keep_the_dead_alive() -> None:
    own = process_name()
    assert is_dead(own.rpartition(":")[0] + ":1")


def test_nothing_is_known_of_a_process_on_another_machine_or_of_garbage() -> None:
    assert not is_dead("another-boot:pid:[1]:1:1")
    assert not is_dead("unknown:1:1")
    assert not is_dead("garbage")
    assert not is_dead("")
