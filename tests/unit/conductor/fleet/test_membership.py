"""How a worker enters: what is left of earlier ones, and of other daemons of its host name."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

import entries
from fakes import Clock, pieces
from podium import errors
from podium.conductor.fleet.membership import Entry, daemon_of, is_dead, process_name, worker_process
from podium.db import conductors, drains, members, retention
from podium.db.worker import Worker

SERVICE = entries.SERVICE._replace(process="boot:9:9/10:10", lease=30.0, interval=5.0)


class Door:
    """The entry of the worker ``here/0`` into a fleet, and what happens while it waits."""

    def __init__(self, it: Any, dead: set[str]) -> None:
        self.it = it
        self.clock = Clock()
        self.dead = dead
        self.happens: Callable[[int], None] = lambda _: None
        self.waits = 0
        self.fingerprint = SERVICE.fingerprint

    async def pause(self, seconds: float) -> None:
        self.waits += 1
        self.clock.now += seconds
        self.happens(self.waits)

    async def enter(self, index: int = 0, workers: int = 1) -> tuple[Worker, float]:
        entry = Entry(
            self.it.sql,
            "here",
            index,
            SERVICE._replace(fingerprint=self.fingerprint),
            workers=workers,
            clock=self.clock,
            pause=self.pause,
            is_dead=lambda process: process in self.dead,
        )
        return await entry.enter()

    def add(self, process: str, index: int = 0, host: str = "here") -> Worker:
        with self.it.database.write() as connection:
            return members.enter(connection, host, index, SERVICE._replace(process=process))

    def renew(self, member: Worker, number: int) -> None:
        with self.it.database.write() as connection:
            members.renew(connection, member, number)

    def unended(self) -> list[Worker]:
        with self.it.database.read() as connection:
            return [one.name for one in members.unended(connection)]


@asynccontextmanager
async def door(tmp_path: Path, *dead: str) -> AsyncIterator[Door]:
    async with pieces(f"sqlite:///{tmp_path}/p") as it:
        yield Door(it, set(dead))


def test_a_worker_enters_an_empty_database_at_once(tmp_path: Path) -> None:
    async def main() -> None:
        async with door(tmp_path) as it:
            assert await it.enter() == (Worker("here", 0, 1), 1000.0)
            assert it.waits == 0
            with it.it.database.read() as connection:
                assert conductors.list_conductors(connection)[0].online

    asyncio.run(main())


def test_workers_of_one_daemon_and_other_hosts_are_in_nobodys_way(tmp_path: Path) -> None:
    async def main() -> None:
        async with door(tmp_path) as it:
            it.add("boot:9:9/11:11", 1)
            it.add("boot:1:1/2:2", host="there")
            await it.enter(workers=2)
            assert (it.waits, len(it.unended())) == (0, 3)

    asyncio.run(main())


@pytest.mark.parametrize("process", ["boot:1:1/2:2", "boot:9:9/2:2"], ids=["earlier daemon", "same daemon"])
def test_a_member_whose_process_is_dead_is_ended_at_once(tmp_path: Path, process: str) -> None:
    async def main() -> None:
        async with door(tmp_path, process) as it:
            it.add(process)
            await it.enter()
            assert (it.waits, it.unended()) == (0, [Worker("here", 0, 2)])

    asyncio.run(main())


def test_a_daemon_of_that_name_that_gives_a_sign_of_life_is_left_alone(tmp_path: Path) -> None:
    async def main() -> None:
        async with door(tmp_path) as it:
            other = it.add("boot:1:1/2:2", 7)  # whichever of its workers that is
            it.happens = lambda waits: it.renew(other, waits)
            with pytest.raises(errors.ConductorAlreadyRunning, match="host name here is alive"):
                await it.enter()
            assert it.waits <= 2
            assert it.unended() == [other]

    asyncio.run(main())


def test_a_second_daemon_of_that_name_says_at_once_that_it_waits(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="podium")
    told: list[int] = []

    async def main() -> None:
        async with door(tmp_path) as it:
            it.add("boot:1:1/2:2")
            it.happens = lambda _: told.append(len(caplog.records))
            await it.enter()

    asyncio.run(main())
    assert (told[0], told[-1]) == (1, 1)


def test_options_that_differ_from_those_of_others_are_named_at_the_entry(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def main(index: int) -> None:
        async with door(tmp_path / f"{index}") as it:
            with it.it.database.write() as connection:
                for host in ("m1", "m2"):
                    members.enter(connection, host, 0, SERVICE._replace(fingerprint="a:1 b:2 c:3"))
            it.fingerprint = "a:1 b:3 c:4"
            await it.enter(index=index)

    for index in (0, 1):
        (tmp_path / f"{index}").mkdir()
        asyncio.run(main(index))
    assert [record.message for record in caplog.records] == [
        "Options of [conductor] are not as the other conductors have them: b, c"
    ]


def test_a_member_whose_lease_stands_still_for_its_length_is_ended(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="podium")

    async def main() -> None:
        async with door(tmp_path) as it:
            it.add("boot:1:1/2:2")
            _, since = await it.enter()
            assert 1030 <= since <= 1032
            assert it.unended() == [Worker("here", 0, 2)]

    asyncio.run(main())
    waiting, ended = [record.message for record in caplog.records]
    assert waiting == (
        "here/0 waits to see whether the conductor here that is in this database lives: until the lease of"
        " here/0@1 is renewed, or over in 30 s"
    )
    assert ended == "here/0 has ended the member here/0@1, because its lease ran out"


def test_no_wall_clock_ends_anybody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with door(tmp_path) as it:
            it.add("boot:1:1/2:2")
            with it.it.database.write() as connection:
                connection.exec_driver_sql("UPDATE leases SET renewed_at = '1970-01-01'")
            await it.enter()
            assert it.clock.now >= 1030

    asyncio.run(main())


def test_a_worker_that_outlives_its_daemon_is_waited_for(tmp_path: Path) -> None:
    async def main() -> None:
        async with door(tmp_path, "boot:1:1") as it:
            other = it.add("boot:1:1/2:2")

            def finishes(waits: int) -> None:
                if waits < 200:
                    it.renew(other, waits)
                else:
                    it.dead.add("boot:1:1/2:2")

            it.happens = finishes
            await it.enter()
            assert it.waits == 200

    asyncio.run(main())


def test_of_two_daemons_that_start_at_once_one_enters_with_all_its_workers(tmp_path: Path) -> None:
    async def main() -> None:
        async with door(tmp_path) as it:
            real, others = it.it.sql.read, []

            async def late(function: Any) -> Any:
                found = await real(function)
                if not others:
                    others.append(it.add("boot:1:1/2:2", 1))  # just when nobody was found
                return found

            it.it.sql.read = late
            it.happens = lambda waits: it.renew(others[0], waits + 1)
            with pytest.raises(errors.ConductorAlreadyRunning):
                await it.enter()
            assert it.unended() == others

    asyncio.run(main())


def test_retention_begins_with_the_time_at_which_the_first_conductor_enters(tmp_path: Path) -> None:
    async def main() -> None:
        async with door(tmp_path) as it:
            before = it.it.sql.now()
            await it.enter(0, 2)
            first = await it.it.sql.read(retention.reached)
            assert first is not None
            assert before <= first <= it.it.sql.now()
            await it.enter(1, 2)
            assert await it.it.sql.read(retention.reached) == first

    asyncio.run(main())


def test_this_process_is_not_dead() -> None:
    assert not is_dead(process_name())
    assert not is_dead(worker_process(process_name()))
    assert daemon_of(worker_process(process_name())) == process_name()


def test_a_process_that_has_ended_is_dead() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        process = process_name(child.pid)
        of_child = f"{process_name()}/{process.removeprefix(process_name().rsplit(':', 2)[0] + ':')}"
        assert not is_dead(process)
        assert not is_dead(of_child)
    assert is_dead(process)
    assert is_dead(of_child)


def test_a_worker_may_outlive_its_daemon() -> None:
    own = process_name()
    dead_daemon = own.rpartition(":")[0] + ":1"
    assert is_dead(dead_daemon)
    assert not is_dead(worker_process(dead_daemon))


def test_a_number_that_another_process_has_now_does_not_keep_the_dead_alive() -> None:
    own = process_name()
    assert is_dead(own.rpartition(":")[0] + ":1")


def test_nothing_is_known_of_a_process_on_another_machine_or_of_garbage() -> None:
    assert not is_dead("another-boot:pid:[1]:1:1")
    assert not is_dead("another-boot:pid:[1]:1:1/2:2")
    assert not is_dead("unknown:1:1")
    assert not is_dead("garbage")
    assert not is_dead("")


def test_a_conductor_that_starts_while_it_is_drained_says_so_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with door(tmp_path) as it:
            member, _ = await it.enter(workers=2)
            assert not caplog.records
            with it.it.database.write() as connection:
                drains.drain(connection, "here")
                members.leave(connection, member)
            await it.enter(index=0, workers=2)

    asyncio.run(main())
    (line,) = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert line.startswith("This conductor is drained since 20")
    assert line.endswith("until: podium conductor undrain here")
