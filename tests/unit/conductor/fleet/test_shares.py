"""Several members over one database: who owns what, and how it changes hands."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from fakes import PATIENCE, Clock, StillDriver, happened, until
from podium import errors
from podium.conductor.fleet.fleet import Fleet
from podium.conductor.fleet.shares import Shares
from podium.conductor.rooms.room import DriverRoom
from podium.conductor.rooms.sql import Sql
from podium.db import api, members, models, slots
from podium.db.engine import Database
from podium.db.worker import Worker
from podium.drivers import base
from templates import prepared

pytestmark = pytest.mark.mariadb_long

NODES = 60


class Machines(StillDriver):
    """Notes which nodes were released, and can be slow to read."""

    def __init__(self) -> None:
        super().__init__()
        self.released: set[str] = set()
        self.under_way: set[str] = set()
        self.reading, self.let_go = threading.Event(), threading.Event()

    async def release(self, node: base.Node) -> None:
        assert node.name not in self.under_way
        self.released.add(node.name)

    async def read_slowly(self, node: base.Node) -> None:
        self.under_way.add(node.name)
        self.reading.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.under_way.discard(node.name)

    def read_plainly(self, node: base.Node) -> None:
        self.under_way.add(node.name)
        self.reading.set()
        self.let_go.wait(PATIENCE)
        self.under_way.discard(node.name)


class One:
    """One member, in this process."""

    def __init__(self, database: Database, clock: Clock, host: str, workers: int, index: int) -> None:
        self.database = database
        self.sql = Sql(database)
        self.driver = Machines()
        self.room = DriverRoom(self.driver)
        service = members.Service("p", ["still"], [""], [], 30.0, 5.0, "1", "f")
        with database.write() as connection:
            self.me = members.enter(connection, host, index, service)
        self.sql.act_as(self.me, lambda error: None)
        self.fleet = Fleet(self.me)
        self.flushed = 0
        self.shares = Shares(
            self.sql,
            self.fleet,
            {"still": self.room},
            flush=self.flush,
            hand_over=lambda name: None,
            workers=workers,
            patience=PATIENCE,
            clock=clock,
        )
        self.giving_up: asyncio.Task[None] | None = None

    async def flush(self) -> bool:
        self.flushed += 1
        return True

    async def look(self) -> list[str]:
        """Follow the database once; the names of the nodes that begin."""
        await self.fleet.refresh(self.sql)
        return [entry.node.name for entry in await self.shares.poll()]

    def go_on(self) -> None:
        self.giving_up = asyncio.create_task(self.shares.run())

    def end(self) -> None:
        """As somebody does who has seen its lease stand still."""
        with self.database.write() as connection:
            assert members.end(connection, {self.me.incarnation: 1}, None, "its lease ran out")


Enter = Callable[..., Awaitable[One]]


@contextlib.asynccontextmanager
async def entering(url: str, clock: Clock) -> AsyncIterator[Enter]:
    """``enter("a")`` makes a member of that host on a database with nodes; all end with the ``with``."""
    database, entered = prepared(url), list[One]()
    with database.write() as connection:
        api.create_nodes(connection, [{"name": f"n{n}", "driver": "still"} for n in range(NODES)])

    async def enter(host: str, workers: int = 1, index: int = 0) -> One:
        one = One(database, clock, host, workers, index)
        entered.append(one)
        await asyncio.to_thread(one.room.open, PATIENCE)
        one.go_on()
        return one

    try:
        yield enter
    finally:
        for one in entered:
            if one.giving_up is not None:
                one.giving_up.cancel()
                await asyncio.gather(one.giving_up, return_exceptions=True)
            one.driver.let_go.set()
            await asyncio.to_thread(one.room.close, PATIENCE)
            one.sql.close()


async def settle(*those: One) -> None:
    """Let all members follow until everything is somebody's and all have acknowledged."""

    async def is_settled() -> bool:
        for one in those:
            await one.look()
        with those[0].database.read() as connection:
            roster = slots.roster(connection)
            return roster.is_settled and not slots.is_due(connection)

    async with asyncio.timeout(PATIENCE):
        while not (await is_settled() and sum(len(one.fleet) for one in those) == NODES):
            await asyncio.sleep(0.001)


def test_a_member_that_is_alone_has_all_nodes_at_its_first_look(migrated_url: str) -> None:
    async def main() -> None:
        async with entering(migrated_url, Clock()) as enter:
            one = await enter("a")
            assert len(await one.look()) == len(one.fleet) == NODES
            assert (await one.look(), one.flushed) == ([], 0)

    asyncio.run(main())


def test_a_generation_says_who_joined_and_who_left(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="podium.conductor.fleet.shares")

    async def main() -> None:
        clock = Clock()
        async with entering(f"sqlite:///{tmp_path}/p", clock) as enter:
            one = await enter("a")
            await one.look()
            other = await enter("b")
            await settle(one, other)
            other.end()
            clock.now += 1000
            await settle(one)

    asyncio.run(main())
    made = [record.message for record in caplog.records if record.message.startswith("Generation")]
    assert made == [
        "Generation 1: 1 members share the nodes; joined: a",
        "Generation 2: 2 members share the nodes; joined: b",
        "Generation 3: 1 members share the nodes; left: b",
    ]


def test_a_member_that_joins_begins_when_the_others_have_given_up_and_released(migrated_url: str) -> None:
    async def main() -> None:
        async with entering(migrated_url, Clock()) as enter:
            one = await enter("a")
            await one.look()
            other = await enter("b")
            assert (await other.look(), len(other.fleet)) == ([], 0)
            names = {entry.node.name for entry in one.fleet.entries()}
            await one.look()
            left = {entry.node.name for entry in one.fleet.entries()}
            assert 0 < len(left) < NODES
            await settle(one, other)
            assert one.driver.released == names - left
            assert {entry.node.name for entry in other.fleet.entries()} == names - left
            assert (one.flushed >= 1, other.driver.released) == (True, set())

    asyncio.run(main())


def test_what_a_member_that_ended_had_is_another_s_at_once(migrated_url: str) -> None:
    async def main() -> None:
        async with entering(migrated_url, Clock()) as enter:
            one, two = await enter("a"), await enter("b")
            await settle(one, two)
            one.end()
            assert len(await two.look()) > 0
            assert len(two.fleet) == NODES

    asyncio.run(main())


def test_the_second_member_makes_a_generation_when_the_first_does_not(tmp_path: Path) -> None:
    async def main() -> None:
        clock = Clock()
        async with entering(f"sqlite:///{tmp_path}/p", clock) as enter:
            _, two = await enter("a"), await enter("b")
            assert await two.look() == []
            clock.advance(0.9)
            assert await two.look() == []
            clock.advance(0.2)
            await two.look()
            with two.database.read() as connection:
                assert not slots.is_due(connection)

    asyncio.run(main())


def test_a_member_starts_with_what_it_was_given_before_its_first_look(tmp_path: Path) -> None:
    async def main() -> None:
        async with entering(f"sqlite:///{tmp_path}/p", Clock()) as enter:
            one = await enter("a")
            await one.look()
            other = await enter("b")
            async with asyncio.timeout(PATIENCE):
                while not await is_given(other):
                    await one.look()
                await other.shares.start()
            assert len(other.fleet) + len(one.fleet) == NODES

    async def is_given(other: One) -> bool:
        with other.database.write() as connection:
            roster = slots.roster(connection)
            members.acknowledge(connection, other.me, roster.generation)
            return roster.is_settled and bool(slots.owned(connection, other.me))

    asyncio.run(main())


def test_the_first_worker_of_a_daemon_waits_for_the_others_but_not_for_long(tmp_path: Path) -> None:
    async def main() -> None:
        clock = Clock()
        async with entering(f"sqlite:///{tmp_path}/p", clock) as enter:
            first = await enter("a", workers=3)
            assert (await first.look(), len(first.fleet)) == ([], 0)
            second = await enter("a", workers=3, index=1)
            assert (await first.look(), len(first.fleet)) == ([], 0)
            clock.advance(6.0)
            await settle(first, second)
            assert abs(len(first.fleet) - len(second.fleet)) < NODES / 3

    asyncio.run(main())


@pytest.mark.parametrize("kind", ["async", "plain"])
def test_calls_to_lost_nodes_return_before_the_generation_is_acknowledged(tmp_path: Path, kind: str) -> None:
    async def main() -> None:
        async with entering(f"sqlite:///{tmp_path}/p", Clock()) as enter:
            one = await enter("a")
            await one.look()
            method = one.driver.read_slowly if kind == "async" else one.driver.read_plainly
            calls = []
            for entry in one.fleet.entries()[:8] if kind == "plain" else one.fleet.entries():
                call = one.room.start(lambda node=entry.node: one.room.command(60, node, method), None)  # type: ignore[misc,arg-type]
                calls.append(asyncio.wrap_future(call.future))
            await happened(one.driver.reading)
            other = await enter("b")
            await one.look()
            if kind == "plain":
                await until(lambda: bool(one.room._visits) and len(one.driver.under_way) > 0)
                assert await other.look() == []
                one.driver.let_go.set()
            await settle(one, other)
            assert not one.driver.released & one.driver.under_way
            one.room.start(lambda: asyncio.sleep(0), None)  # type: ignore[arg-type]
            for call in calls:
                call.cancel()

    asyncio.run(main())


def test_a_member_whose_call_to_a_lost_node_does_not_return_ends_itself(tmp_path: Path) -> None:
    async def main() -> None:
        async with entering(f"sqlite:///{tmp_path}/p", Clock()) as enter:
            one = await enter("a")
            one.shares._patience = 0.3
            await one.look()
            for entry in one.fleet.entries():
                one.room.start(
                    lambda node=entry.node: one.room.command(60, node, one.driver.read_plainly), None
                )  # type: ignore[misc,arg-type]
            await happened(one.driver.reading)
            await enter("b")
            await one.look()
            assert one.giving_up is not None
            with pytest.raises(errors.MemberEnded, match="does not return"):
                await asyncio.wait_for(one.giving_up, PATIENCE)
            one.giving_up = None

    asyncio.run(main())


def test_a_node_with_a_change_under_way_stays_until_it_has_ended(migrated_url: str) -> None:
    async def main() -> None:
        async with entering(migrated_url, Clock()) as enter:
            one = await enter("a")
            await one.look()
            numbers = [entry.number for entry in one.fleet.entries()]
            for number in numbers:
                assert one.fleet.taken.take(number)
            reserve(one.database, one.me)
            other = await enter("b")

            async def acknowledged() -> bool:
                await one.look()
                await other.look()
                with one.database.read() as connection:
                    return slots.roster(connection).is_settled and bool(other.fleet.begun)

            async with asyncio.timeout(PATIENCE):
                while not await acknowledged():
                    await asyncio.sleep(0.001)
            assert (len(one.fleet), len(other.fleet), one.driver.released) == (NODES, 0, set())
            reserve(one.database, None)
            one.fleet.taken.free(numbers)
            await settle(one, other)
            mine = {entry.node.name for entry in other.fleet.entries()}
            await until(lambda: one.driver.released == mine)

    asyncio.run(main())


def test_a_call_that_outlives_its_change_keeps_the_node_from_its_next_owner(tmp_path: Path) -> None:
    async def main() -> None:
        async with entering(f"sqlite:///{tmp_path}/p", Clock()) as enter:
            one = await enter("a")
            await one.look()
            for entry in one.fleet.entries()[:8]:
                one.fleet.taken.take(entry.number)
                one.room.start(
                    lambda node=entry.node: one.room.command(60, node, one.driver.read_plainly), None
                )  # type: ignore[misc,arg-type]
                one.fleet.taken.note_over(entry.number)
            await happened(one.driver.reading)
            other = await enter("b")
            await one.look()
            assert await other.look() == []
            one.driver.let_go.set()
            await settle(one, other)

    asyncio.run(main())


def reserve(database: Database, holder: Worker | None) -> None:
    with database.write() as connection:
        version = slots.next_change(connection)
        connection.execute(models.nodes.update().values(reservation=holder, version=version))


def test_a_member_that_leaves_gives_everything_to_the_others(migrated_url: str) -> None:
    async def main() -> None:
        async with entering(migrated_url, Clock()) as enter:
            one, two, three = [await enter(host) for host in "abc"]
            await settle(one, two, three)
            had = {entry.node.name for entry in two.fleet.entries()}
            await asyncio.wait_for(two.shares.leave(), PATIENCE)
            assert (len(two.fleet), two.driver.released) == (0, had)
            with two.database.write() as connection:
                members.leave(connection, two.me)
            await settle(one, three)

    asyncio.run(main())


def test_who_is_alone_gives_nothing_up_at_its_end(tmp_path: Path) -> None:
    async def main() -> None:
        async with entering(f"sqlite:///{tmp_path}/p", Clock()) as enter:
            one = await enter("a")
            await one.look()
            await asyncio.wait_for(one.shares.leave(), PATIENCE)
            assert len(one.fleet) == NODES

    asyncio.run(main())


def test_a_node_that_is_deleted_is_released(tmp_path: Path) -> None:
    async def main() -> None:
        async with entering(f"sqlite:///{tmp_path}/p", Clock()) as enter:
            one = await enter("a")
            await one.look()
            gone = one.fleet.entries()[0]
            with one.database.write() as connection:
                api.delete_node(connection, gone.number)
            await one.look()
            await until(lambda: one.driver.released == {gone.node.name})

    asyncio.run(main())


def test_leftovers_of_members_that_ended_are_cleared_by_whoever_shares_their_slots_out(
    tmp_path: Path,
) -> None:
    async def main() -> None:
        async with entering(f"sqlite:///{tmp_path}/p", Clock()) as enter:
            one, two = await enter("a"), await enter("b")
            await settle(one, two)
            reserve(one.database, one.me)
            one.end()
            await two.look()
            with two.database.read() as connection:
                assert {row.reservation for row in api.list_nodes(connection)} == {None}
            await two.look()
            assert len(two.fleet) == NODES

    asyncio.run(main())
