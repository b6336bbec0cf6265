"""Members over one database, some of which cannot reach what others can."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path

import pytest

from fakes import PATIENCE, StillDriver
from podium import errors, states
from podium.clocks import boottime
from podium.conductor.fleet.fleet import Fleet
from podium.conductor.fleet.shares import Shares
from podium.conductor.recording.recorder import Recorder
from podium.conductor.rooms import context as contexts
from podium.conductor.rooms.room import DriverRoom
from podium.conductor.rooms.sql import Sql
from podium.conductor.sweep import cross_checks
from podium.conductor.sweep.cross_checks import CrossChecks
from podium.conductor.sweep.power_sync import PowerSync
from podium.db import api, hardware_reads, ledger, members, slots
from podium.db import cross_checks as statements
from podium.db.api import NodeRecord
from podium.db.engine import Database
from podium.drivers import base
from readers import answering, drawing
from templates import prepared

pytestmark = pytest.mark.mariadb_long


class Remote(StillDriver):
    """Machines of which some, or all, are out of reach."""

    properties = {"password": base.Property("secret", secret=True)}

    def __init__(self) -> None:
        super().__init__()
        self.lost: set[str] = set()
        self.is_cut_off = False
        self.read: set[str] = set()

    async def get_power_state(self, node: base.Node) -> str:
        self.read.add(node.name)
        if self.is_cut_off or node.name in self.lost:
            raise errors.BMCUnreachable(f"no answer to {node.driver_info.get('password')}")
        return states.POWER_ON


class RemoteRacks(Remote):
    """All machines of an endpoint are read in one call."""

    def endpoint(self, node: base.Node) -> str:
        return "rack"

    async def get_power_states(self, nodes: Sequence[base.Node]) -> dict[str, str | Exception]:
        return {node.uuid: await self._read(node) for node in nodes}

    async def _read(self, node: base.Node) -> str | Exception:
        try:
            return await self.get_power_state(node)
        except errors.BMCUnreachable as error:
            return error


class Stuck(Remote):
    """Calls of a blocking library that do not return."""

    def __init__(self) -> None:
        super().__init__()
        self.reading, self.let_go = threading.Event(), threading.Event()

    def get_power_state(self, node: base.Node) -> str:  # type: ignore[override]
        self.reading.set()
        self.let_go.wait(PATIENCE)
        return states.POWER_ON


class One:
    """One member, in this process."""

    def __init__(
        self,
        database: Database,
        host: str,
        index: int,
        driver: Remote,
        groups: Sequence[str],
        fallback: Sequence[str],
    ) -> None:
        self.database = database
        self.sql = Sql(database)
        self.driver = driver
        self.room = DriverRoom(driver)
        service = members.Service("p", ["still"], list(groups), list(fallback), 30.0, 5.0, "1", "f")
        with database.write() as connection:
            self.me = members.enter(connection, host, index, service)
        self.sql.act_as(self.me, lambda error: None)
        self.fleet = Fleet(self.me)
        self.recorder = Recorder(self.sql, self.fleet, self.me)
        rooms = {"still": self.room}
        self.later = 0.0
        entered = boottime()  # from then on its time passes only when it is told to
        self.checks = CrossChecks(self.sql, self.fleet, self.recorder, rooms, lambda: entered + self.later)
        self.sync = PowerSync(self.fleet, rooms, self.recorder, checks=self.checks)
        self.shares = Shares(
            self.sql,
            self.fleet,
            rooms,
            flush=self.recorder.flush,
            hand_over=lambda name: None,
            patience=PATIENCE,
        )
        self.giving_up: asyncio.Task[None] | None = None

    async def close(self) -> None:
        if self.giving_up is not None:
            self.giving_up.cancel()
            await asyncio.gather(self.giving_up, return_exceptions=True)
        await asyncio.to_thread(self.room.close, PATIENCE)
        self.sql.close()

    async def follow(self) -> None:
        """Look once for what changed, as the conductor's loop does for ever."""
        fresh = await self.fleet.refresh(self.sql)
        gained = await self.shares.poll()
        gained += await self.checks.poll()
        await self.checks.opinions.poll()
        self.sync.read_now([*gained, *(fresh or ())], contexts.new())
        await self.recorder.flush()

    async def wait(self, seconds: float) -> None:
        """Follow for so many seconds of the clock of the cross-checks."""
        end = self.later + seconds
        while self.later < end:
            self.later += 5.0
            await self.follow()

    async def sweep(self) -> None:
        await self.sync.sweep(0.0, contexts.new(), at_once=True)
        await self.recorder.flush()


Enter = Callable[..., Awaitable[One]]


class Site:
    """Members that share some nodes."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.those: list[One] = []

    async def enter(
        self,
        host: str,
        index: int = 0,
        driver: Remote | None = None,
        groups: Sequence[str] = ("",),
        fallback: Sequence[str] = (),
    ) -> One:
        one = One(self.database, host, index, driver or Remote(), groups, fallback)
        await asyncio.to_thread(one.room.open, PATIENCE)
        one.giving_up = asyncio.create_task(one.shares.run())
        self.those.append(one)
        return one

    def enrol(self, **endpoints: str | None) -> None:
        rows = [
            {"name": name, "driver": "still", "endpoint": endpoint, "driver_info": {"password": "hunter2"}}
            for name, endpoint in endpoints.items()
        ]
        with self.database.write() as connection:
            api.create_nodes(connection, rows)

    def node(self, name: str) -> NodeRecord:
        with self.database.read() as connection:
            return api.find_nodes(connection, [name])[0]

    async def follow(self, *those: One, step: float = 0.1) -> None:
        """Let members follow once.

        :param step: seconds that pass meanwhile, rather than to wait for what is done once a second
        """
        for one in those or self.those:
            one.later += step
            await one.follow()

    async def until(self, condition: Callable[[], bool], *those: One, step: float = 0.1) -> None:
        """Let members follow until something is true.

        :param step: see :meth:`follow`
        """
        async with asyncio.timeout(PATIENCE):
            while not condition():
                await self.follow(*those, step=step)
                await asyncio.sleep(0.001)

    async def until_given_up(self, name: str, one: One, *those: One) -> str:
        """Let members follow, and one of them sweep, until a node is given up; return why."""
        async with asyncio.timeout(PATIENCE):
            while not self.node(name).maintenance:
                await one.sweep()
                await self.follow(*those)
        return self.node(name).maintenance_reason or ""

    async def settle(self) -> None:
        def is_settled() -> bool:
            with self.database.read() as connection:
                count = len(api.list_nodes(connection))
                roster = slots.roster(connection)
                is_due = slots.is_due(connection)
            return roster.is_settled and not is_due and sum(len(one.fleet) for one in self.those) == count

        await self.until(is_settled)
        for one in self.those:
            await one.sweep()

    def owner(self, name: str) -> One:
        """The member that has a node."""
        return next(one for one in self.those if one.fleet.find(self.node(name).uuid) is not None)

    def out_of_reach(self) -> list[str]:
        with self.database.read() as connection:
            return [str(one) for one in statements.out_of_reach(connection)]

    def asked(self) -> list[int]:
        with self.database.read() as connection:
            return [number for one in self.those for number in statements.to_read(connection, one.me)]


@contextlib.asynccontextmanager
async def site(url: str, **endpoints: str | None) -> AsyncIterator[Site]:
    """A site with these nodes, by name, and what is spoken to for each; nobody is there yet."""
    made = Site(prepared(url))
    made.enrol(**endpoints)
    try:
        yield made
    finally:
        for one in made.those:
            await one.close()


def messages(caplog: pytest.LogCaptureFixture) -> list[str]:
    mine = cross_checks.__name__
    return [record.message for record in caplog.records if record.name == mine]


#: Enough for two members to have some of them each.
RACK = {f"n{number}": f"10.1.2.{number}" for number in range(1, 9)}


async def give_up(it: Site, one: One) -> None:
    """Have a member read its nodes so often that it gives up those that do not answer."""
    for _ in range(3):
        await one.sweep()
    await one.wait(5)


def test_a_network_that_others_reach_is_told_and_none_of_its_nodes_is_given_up(
    migrated_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="podium.conductor.sweep.cross_checks")

    async def main() -> None:
        async with site(migrated_url, **RACK) as it:
            one, other = await it.enter("a"), await it.enter("b")
            await it.settle()
            mine = {entry.node.name for entry in one.fleet.entries()}
            other.driver.read.clear()
            one.driver.is_cut_off = True
            await give_up(it, one)
            assert len(it.asked()) == min(len(mine), 3)
            await it.until(lambda: one.checks.out_of_reach == 1)
            await it.until(lambda: len(one.fleet) == len(mine) and not it.asked())
            assert len(other.driver.read & mine) == min(len(mine), 3)
            (told,) = it.out_of_reach()
            name = told.split("has read ")[1].partition(";")[0]
            assert told == (
                f"a cannot reach 10.1.2.0/24, while b has read {name};"
                " see: podium conductor avoid a 10.1.2.0/24"
            )
            row = it.node(name)
            assert (row.reservation, row.maintenance, row.power_state) == (None, False, "power on")
            for _ in range(5):
                await give_up(it, one)
            assert not any(it.node(name).maintenance for name in RACK)
            assert len(it.asked()) == 0
            one.driver.is_cut_off = False
            await one.sweep()
            await one.wait(11)
            await it.until(lambda: one.checks.out_of_reach == 0)
            assert it.out_of_reach() == []
            assert messages(caplog) == [
                f"10.1.2.0/24: no node there answers this conductor, while b has read {name}: none is given"
                " up. Others take them over with: podium conductor avoid a 10.1.2.0/24",
                "10.1.2.0/24: answers this conductor again",
            ]

    asyncio.run(main())


def test_nodes_that_nobody_can_read_are_given_up(tmp_path: Path) -> None:
    async def main() -> None:
        async with site(f"sqlite:///{tmp_path}/p", **RACK) as it:
            one, other = await it.enter("a"), await it.enter("b")
            await it.settle()
            mine = [entry.node.name for entry in one.fleet.entries()]
            one.driver.is_cut_off = other.driver.is_cut_off = True
            await give_up(it, one)
            await it.until(lambda: all(it.node(name).maintenance for name in mine))
            row = it.node(mine[0])
            assert (row.fault, row.reservation) == ("power failure", None)
            assert ", and b cannot read it either; last: no answer to ******" in row.maintenance_reason
            assert (one.checks.out_of_reach, it.out_of_reach()) == (0, [])

    asyncio.run(main())


def test_one_host_after_the_other_is_asked(tmp_path: Path) -> None:
    async def main() -> None:
        async with site(f"sqlite:///{tmp_path}/p", n1="bmc1.example", n2="bmc2.example", n3=None) as it:
            for host in "abc":
                await it.enter(host)
            await it.settle()
            one = it.owner("n1")
            first, second = (other for other in it.those if other is not one)
            first.driver.lost = {"n1"}
            one.driver.lost = {"n1"}
            await give_up(it, one)
            await it.until(lambda: one.checks.out_of_reach == 1)
            assert "n1" in first.driver.read & second.driver.read
            assert not it.node("n1").maintenance
            assert it.out_of_reach() == [
                f"{one.me.host} cannot reach bmc1.example, while {second.me.host} has read n1"
            ]

    asyncio.run(main())


def test_where_a_neighbour_answers_nobody_is_asked(tmp_path: Path) -> None:
    async def main() -> None:
        async with site(f"sqlite:///{tmp_path}/p", **RACK) as it:
            one, other = await it.enter("a"), await it.enter("b")
            await it.settle()
            other.driver.read.clear()
            name = next(entry.node.name for entry in one.fleet.entries())
            one.driver.lost = {name}
            await give_up(it, one)
            await it.until(lambda: it.node(name).maintenance)
            assert "either" not in it.node(name).maintenance_reason
            assert name not in other.driver.read

    asyncio.run(main())


@pytest.mark.parametrize("hosts", [["a"], ["a", "a"]], ids=["alone", "two workers of one host"])
def test_where_no_other_host_is_nodes_are_given_up_at_once(tmp_path: Path, hosts: Sequence[str]) -> None:
    async def main() -> None:
        async with site(f"sqlite:///{tmp_path}/p", **RACK) as it:
            for index, host in enumerate(hosts):
                await it.enter(host, index)
            await it.settle()
            one = it.owner("n1")
            one.driver.is_cut_off = True
            await give_up(it, one)
            await it.until(lambda: it.node("n1").maintenance)
            assert "either" not in it.node("n1").maintenance_reason

    asyncio.run(main())


async def two(it: Site, driver: Remote | None = None) -> tuple[One, One]:
    """Two members: the first has all nodes, and the second would serve them if there were no other."""
    one, other = await it.enter("a"), await it.enter("b", driver=driver, groups=["spare"], fallback=[""])
    await it.until(lambda: one.fleet.find(it.node("n1").uuid) is not None)
    for member in (one, other):
        await member.sweep()
    return one, other


def test_nodes_that_are_read_together_are_read_together_for_another_conductor_too(tmp_path: Path) -> None:
    async def main() -> None:
        async with site(f"sqlite:///{tmp_path}/p", n1="10.1.2.1", n2="10.1.2.2", n3="10.1.2.3") as it:
            one = await it.enter("a", driver=RemoteRacks())
            other = await it.enter("b", driver=RemoteRacks(), groups=["spare"], fallback=[""])
            await it.until(lambda: len(one.fleet) == 3)
            for member in (one, other):
                await member.sweep()
            one.driver.is_cut_off, other.driver.lost = True, {"n1", "n2"}
            await give_up(it, one)
            await it.until(lambda: one.checks.out_of_reach == 1 and len(one.fleet) == 3 and not it.asked())
            assert other.driver.read == {"n1", "n2", "n3"}
            assert it.out_of_reach()[0].startswith("a cannot reach 10.1.2.0/24, while b has read n3")
            assert not any(it.node(name).maintenance for name in ("n1", "n2", "n3"))

    asyncio.run(main())


def test_the_owner_leaves_a_node_alone_until_the_call_of_the_other_has_returned(tmp_path: Path) -> None:
    async def main() -> None:
        async with site(f"sqlite:///{tmp_path}/p", n1="10.1.2.1") as it:
            one, other = await two(it, stuck := Stuck())
            one.driver.is_cut_off = True
            await give_up(it, one)
            await it.until(lambda: stuck.reading.is_set() and len(one.fleet) == 0)
            other.checks.for_others.note_answer(it.node("n1").id, None, "given up")
            for _ in range(3):
                await one.sweep()
                await it.until(lambda: True)
            row = it.node("n1")
            assert (row.reservation, row.reserved_for) == (other.me, "cross-check: a cannot read it")
            stuck.let_go.set()
            await it.until(lambda: it.node("n1").reservation is None and len(one.fleet) == 1)

    asyncio.run(main())


def test_a_member_that_ends_without_an_answer_is_not_waited_for_for_long(tmp_path: Path) -> None:
    async def main() -> None:
        async with site(f"sqlite:///{tmp_path}/p", n1="10.1.2.1") as it:
            one, other = await two(it)
            one.driver.is_cut_off = True
            await give_up(it, one)
            assert it.asked()
            with it.database.write() as connection:
                assert members.end(connection, {other.me.incarnation: 1}, None, "its lease ran out")
            await it.until(lambda: it.node("n1").reservation is None and len(one.fleet) == 1, one)
            assert not it.node("n1").maintenance
            await one.wait(200)
            assert "either" not in await it.until_given_up("n1", one, one)
            assert it.asked() == []

    asyncio.run(main())


def test_a_member_that_cannot_read_in_time_says_so(tmp_path: Path) -> None:
    async def main() -> None:
        async with site(f"sqlite:///{tmp_path}/p", n1="10.1.2.1") as it:
            one, other = await two(it)
            other.sync.read_now = lambda *_: None  # type: ignore[method-assign]
            one.driver.is_cut_off = True
            await give_up(it, one)
            for _ in range(3):
                await other.follow()
            assert it.node("n1").reservation == other.me
            await other.wait(100)
            await it.until(lambda: len(it.asked()) == 0 and len(one.fleet) == 1)
            assert ", and b cannot read it either; last: " in await it.until_given_up("n1", one)

    asyncio.run(main())


def test_nodes_that_answer_again_meanwhile_are_not_given_up(tmp_path: Path) -> None:
    async def main() -> None:
        async with site(f"sqlite:///{tmp_path}/p", **RACK) as it:
            one, other = await it.enter("a"), await it.enter("b")
            await it.settle()
            mine = [entry.node.name for entry in one.fleet.entries()]
            one.driver.is_cut_off = other.driver.is_cut_off = True
            await give_up(it, one)
            one.driver.is_cut_off = False
            await one.sweep()
            await it.until(lambda: not it.asked() and len(one.fleet) == len(mine))
            await one.sweep()
            assert not any(it.node(name).maintenance for name in mine)

    asyncio.run(main())


def name_feeds(it: Site, *names: str, feeds: Sequence[str]) -> None:
    with it.database.write() as connection:
        for name in names:
            api.update_node(connection, it.node(name).id, {"extra": {"power_feeds": list(feeds)}})


def test_why_a_node_is_given_up_says_what_its_feeds_deliver(tmp_path: Path) -> None:
    async def main() -> None:
        async with site(f"sqlite:///{tmp_path}/p", n1="10.1.2.1", f1="10.1.3.1", f2="10.1.3.2") as it:
            name_feeds(it, "n1", feeds=["f1", "f2"])
            one = await it.enter("a")
            await it.settle()
            one.driver.lost = {"n1"}
            with answering(it.database, one.me, drawing(156.0)):
                await give_up(it, one)
                await it.until(lambda: it.node("n1").maintenance, step=0.0)  # however long the answer takes
            told = "; last: no answer to ******; its feeds draw 312 W: it is on"
            assert (it.node("n1").maintenance_reason or "").endswith(told)
            with it.database.read() as connection:
                events = ledger.newest_events(connection, ledger.Chosen(), limit=9)
            (event,) = [one for one in events if one.cause == "fault"]
            assert (event.reason or "").endswith(told)

    asyncio.run(main())


def test_feeds_that_do_not_answer_keep_no_node_from_being_given_up(tmp_path: Path) -> None:
    async def main() -> None:
        async with site(f"sqlite:///{tmp_path}/p", n1="10.1.2.1", f1="10.1.3.1") as it:
            name_feeds(it, "n1", feeds=["f1"])
            one = await it.enter("a")
            await it.settle()
            one.driver.lost = {"n1"}
            await give_up(it, one)
            assert not it.node("n1").maintenance
            await one.wait(15)
            assert (it.node("n1").maintenance_reason or "").endswith("its feed does not say what it draws")

    asyncio.run(main())


def test_what_takes_long_to_ask_of_feeds_holds_up_nothing_else(tmp_path: Path) -> None:
    async def main() -> None:
        async with site(f"sqlite:///{tmp_path}/p", n1="10.1.2.1", f1="10.1.3.1") as it:
            name_feeds(it, "n1", feeds=["f1"])
            one = await it.enter("a")
            await it.settle()
            one.driver.lost = {"n1"}
            for _ in range(3):
                await one.sweep()
            one.later += 5
            with it.database.write():  # so that nobody can be asked anything
                await one.checks.poll()
            with answering(it.database, one.me, drawing(156.0)):
                await it.until(lambda: it.node("n1").maintenance, step=0.0)  # however long the answer takes
            assert (it.node("n1").maintenance_reason or "").endswith("its feed draws 156 W: it is on")

    asyncio.run(main())


def test_a_rack_that_dies_does_not_make_a_read_for_each_of_its_feeds(tmp_path: Path) -> None:
    async def main() -> None:
        nodes = {f"n{number}": f"10.1.2.{number}" for number in range(200)}
        async with site(f"sqlite:///{tmp_path}/p", **nodes, f1="10.1.3.1") as it:
            name_feeds(it, *nodes, feeds=["f1", "f9"])
            one = await it.enter("a")
            await it.settle()
            one.driver.lost = {*nodes}
            await give_up(it, one)
            with it.database.read() as connection:
                assert len(hardware_reads.unanswered(connection, one.me)) == 1
            await one.wait(35)
            reasons = {name: it.node(name).maintenance_reason or "" for name in nodes}
            assert all(reasons.values())
            assert sum("its feed f9 is no node" in reason for reason in reasons.values()) >= 64

    asyncio.run(main())


def test_a_node_that_answers_while_its_feeds_are_asked_is_not_given_up(tmp_path: Path) -> None:
    async def main() -> None:
        async with site(f"sqlite:///{tmp_path}/p", n1="10.1.2.1", f1="10.1.3.1") as it:
            name_feeds(it, "n1", feeds=["f1"])
            one = await it.enter("a")
            await it.settle()
            one.driver.lost = {"n1"}
            await give_up(it, one)
            one.driver.lost = set()
            await one.sweep()
            await one.wait(30)
            assert not it.node("n1").maintenance

    asyncio.run(main())
