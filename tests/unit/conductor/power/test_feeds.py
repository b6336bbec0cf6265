"""A machine that is switched off and on at its feeds, by real conductors over one database."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from fakes import HERE, PATIENCE, THERE, Pieces, StillDriver, all_slots, joined
from podium import errors, states
from podium.conductor.power.actions import PowerActions
from podium.conductor.power.carrying import Timeouts
from podium.db import api, cancelling, members, operations, power
from podium.db.engine import Database
from podium.db.ledger import Chosen, newest_events
from podium.db.operations import PowerRequest
from podium.db.worker import Worker
from podium.drivers import base
from templates import prepared

pytestmark = pytest.mark.mariadb_long


class Outlets(StillDriver):
    """Outlets that are on."""

    def __init__(self) -> None:
        super().__init__("pdu")
        self.sent: list[tuple[str, str]] = []
        self.stuck: set[str] = set()  # outlets that refuse to switch off

    async def get_power_state(self, node: base.Node) -> str:
        return self.states.get(node.name, states.POWER_ON)

    async def set_power_state(self, node: base.Node, target: str) -> None:
        if target == states.POWER_OFF and node.name in self.stuck:
            raise errors.UnsupportedPowerState("the outlet is locked")
        self.sent.append((node.name, target))
        self.states[node.name] = target


class Dead(StillDriver):
    """Machines whose BMC must not be asked any more."""

    async def get_power_state(self, node: base.Node) -> str:
        raise AssertionError("its hardware was asked")

    async def set_power_state(self, node: base.Node, target: str) -> None:
        raise AssertionError("its hardware was asked")


class One:
    """One conductor, which has the nodes of some drivers."""

    def __init__(self, database: Database, member: Worker, drivers: Sequence[base.Driver]) -> None:
        self.member = member
        self.it = Pieces(database, drivers, member=member)
        self.drivers = [driver.name for driver in drivers]
        joined(database, member, drivers=self.drivers)
        self.actions = PowerActions(
            self.it.sql,
            self.it.fleet,
            self.it.rooms,
            self.it.recorder,
            worker=member,
            timeouts=Timeouts(5.0, 5.0, feeds_off=0.05),
            note_read=self.it.sync.take_of_change,
        )

    async def open(self) -> None:
        await self.it.fleet.begin(self.it.sql, all_slots(*self.drivers))
        for room in self.it.rooms.values():
            await asyncio.to_thread(room.open, PATIENCE)

    async def close(self) -> None:
        await self.actions.drain(0)
        for room in self.it.rooms.values():
            await asyncio.to_thread(room.close, PATIENCE)
        self.it.sql.close()

    async def follow(self) -> None:
        await self.it.fleet.refresh(self.it.sql)
        await self.actions.poll()
        await self.it.recorder.flush()


class Site:
    """A machine and its feeds, and who has them."""

    def __init__(self, url: str) -> None:
        self.database = prepared(url)
        self.machines, self.outlets = Dead(), Outlets()
        self.those: list[One] = []
        rows: list[dict[str, Any]] = [
            {"name": "m", "driver": "still", "extra": {"power_feeds": ["f1", "f2"]}},
            *({"name": name, "driver": "pdu", "power_state": "power on"} for name in ("f1", "f2")),
        ]
        with self.database.write() as connection:
            api.create_nodes(connection, rows)

    async def enter(self, member: Worker, *drivers: base.Driver) -> One:
        one = One(self.database, member, drivers)
        await one.open()
        self.those.append(one)
        return one

    async def kill(self, one: One) -> None:
        """End a conductor, and write nothing of what it has under way."""
        await one.close()
        self.those.remove(one)
        with self.database.write() as connection:
            members.leave(connection, one.member)

    def ask(self, name: str = "m", action: str = "power cycle", **how: Any) -> int:
        if action == states.POWER_CYCLE:
            how |= {"arguments": {"at": "feed"}, "what": "at feed"}
        with self.database.write() as connection:
            nodes = api.find_keys(connection, [name])
            number = power.ask(connection, nodes, action, who="ann@desk", **how).operation_id
        assert number is not None
        return number

    def requests(self, *numbers: int) -> list[PowerRequest]:
        with self.database.read() as connection:
            return [one for number in numbers for one in operations.requests_of(connection, number)]

    def request(self, number: int) -> PowerRequest:
        return self.requests(number)[0]

    async def until(self, *numbers: int, state: Sequence[str] = ("done", "failed")) -> list[PowerRequest]:
        """Let the conductors go on until the requests of operations are in one of these states."""
        async with asyncio.timeout(PATIENCE):
            while True:
                for one in self.those:
                    await one.follow()
                found = self.requests(*numbers)
                if found and all(one.state in state for one in found):
                    return found
                await asyncio.sleep(0.005)

    async def until_asked(self, number: int) -> None:
        """Let the conductors go on until there is an operation of that number."""
        async with asyncio.timeout(PATIENCE):
            while not self.requests(number):
                for one in self.those:
                    await one.follow()
                await asyncio.sleep(0.005)


@contextlib.asynccontextmanager
async def site(url: str) -> AsyncIterator[Site]:
    made = Site(url)
    try:
        yield made
    finally:
        for one in made.those:
            await one.close()


@pytest.mark.parametrize("count", [1, 2], ids=["one conductor", "two conductors"])
def test_all_feeds_are_off_before_any_is_on_again(migrated_url: str, count: int) -> None:
    async def main() -> None:
        async with site(migrated_url) as it:
            if count == 1:
                await it.enter(HERE, it.machines, it.outlets)
            else:
                await it.enter(HERE, it.machines)
                await it.enter(THERE, it.outlets)
            number = it.ask(reason="its BMC is dead")
            (found,) = await it.until(number)
            assert (found.state, found.error, found.power_state) == ("done", None, None)
            assert (
                found.result == f"f1, f2: off (operation {number + 1}), and on again (operation {number + 2})"
            )
            assert sorted(it.outlets.sent[:2]) == [("f1", "power off"), ("f2", "power off")]
            assert sorted(it.outlets.sent[2:]) == [("f1", "power on"), ("f2", "power on")]
            off, *_ = it.requests(number + 1)
            assert (off.requested_by, off.reason) == (
                "ann@desk",
                f"power cycle of m at its feeds, operation {number}",
            )
            with it.database.read() as connection:
                events = newest_events(connection, Chosen(), limit=9)
                (node,) = api.find_nodes(connection, ["m"])
            (event,) = [one for one in events if one.node_name == "m"]
            assert event.reason == f"at feed: {found.result}; its BMC is dead"
            assert (node.power_state, node.reservation) == (None, None)

    asyncio.run(main())


def test_a_feed_that_does_not_switch_off_is_told_and_the_others_are_on_again(tmp_path: Path) -> None:
    async def main() -> None:
        async with site(f"sqlite:///{tmp_path}/p") as it:
            await it.enter(HERE, it.machines, it.outlets)
            it.outlets.stuck = {"f2"}
            number = it.ask()
            (found,) = await it.until(number)
            assert found.error is not None
            assert found.error.startswith(
                "its feed f2 was not switched off: the outlet is locked; all its feeds are on ("
            )
            assert it.outlets.sent == [("f1", "power off"), ("f1", "power on")]

    asyncio.run(main())


def test_who_goes_on_after_a_conductor_ended_switches_the_feeds_on(tmp_path: Path) -> None:
    async def main() -> None:
        async with site(f"sqlite:///{tmp_path}/p") as it:
            ending = await it.enter(HERE, it.machines)
            outlets = await it.enter(THERE, it.outlets)
            ending.actions._carrying._timeouts = Timeouts(5.0, 5.0, feeds_off=3600.0)
            number = it.ask()
            await it.until_asked(number + 1)
            await it.until(number + 1)
            assert it.outlets.states == {"f1": "power off", "f2": "power off"}
            await it.kill(ending)
            successor = Worker("elsewhere", 0, 77)
            await it.enter(successor, Dead())
            (found,) = await it.until(number)
            assert outlets in it.those
            assert (found.state, found.holder) == ("done", successor)
            assert found.result == f"f1, f2: off, and on again (operation {number + 2})"
            assert it.outlets.states == {"f1": "power on", "f2": "power on"}

    asyncio.run(main())


def test_a_successor_that_finds_feeds_on_does_not_say_that_it_was_done(tmp_path: Path) -> None:
    async def main() -> None:
        async with site(f"sqlite:///{tmp_path}/p") as it:
            ending = await it.enter(HERE, it.machines)
            number = it.ask()
            await it.until_asked(number + 1)  # nobody has the feeds
            await it.kill(ending)
            await it.enter(Worker("elsewhere", 0, 77), Dead(), it.outlets)
            (found,) = await it.until(number)
            assert found.error is not None
            assert found.error.startswith("its conductor ended before all its feeds were off")
            assert it.outlets.states.keys() <= {"f1", "f2"}
            assert set(it.outlets.states.values()) <= {"power on"}

    asyncio.run(main())


def test_a_successor_that_does_not_know_the_feeds_says_so(tmp_path: Path) -> None:
    async def main() -> None:
        async with site(f"sqlite:///{tmp_path}/p") as it:
            ending = await it.enter(HERE, it.machines)
            number = it.ask()
            await it.until_asked(number + 1)
            await it.kill(ending)
            with it.database.write() as connection:
                cancelling.cancel(connection, number + 1, "bob@desk")
                for feed in api.find_keys(connection, ["f1", "f2"]):
                    api.delete_node(connection, feed.id)
            await it.enter(Worker("elsewhere", 0, 77), Dead())
            (found,) = await it.until(number)
            assert found.error == (
                "its conductor ended, and now its feed f1 is no node; its feed f2 is no node: look whether"
                " those that it had are on"
            )

    asyncio.run(main())


def test_cancelled_feeds_are_switched_on(tmp_path: Path) -> None:
    async def main() -> None:
        async with site(f"sqlite:///{tmp_path}/p") as it:
            await it.enter(HERE, it.machines)
            number = it.ask()
            await it.until_asked(number + 1)
            with it.database.write() as connection:
                assert cancelling.cancel(connection, number, "bob@desk").under_way == 1
                cancelling.cancel(connection, number + 1, "bob@desk")
            await it.until_asked(number + 2)
            await it.enter(THERE, it.outlets)
            (found,) = await it.until(number)
            assert found.error is not None
            assert "its feed f1 was not switched off: cancelled by bob@desk" in found.error
            assert it.outlets.states.get("f1", "power on") == "power on"

    asyncio.run(main())


@pytest.mark.parametrize(
    ("extra", "error"),
    [
        ({"power_feeds": ["f1", "f9"]}, "its feed f9 is no node; nothing was switched"),
        ({"power_feeds": ["f1", "m"]}, "its feed m is the node itself; nothing was switched"),
        ({}, "it names no feeds, see extra.power_feeds; nothing was switched"),
    ],
)
def test_feeds_that_changed_since_it_was_asked_for_are_left_alone(
    tmp_path: Path, extra: dict[str, Any], error: str
) -> None:
    async def main() -> None:
        async with site(f"sqlite:///{tmp_path}/p") as it:
            await it.enter(HERE, it.machines, it.outlets)
            number = it.ask()
            with it.database.write() as connection:
                (node,) = api.find_keys(connection, ["m"])
                api.update_node(connection, node.id, {"extra": extra})
            (found,) = await it.until(number)
            assert (found.state, found.error, it.outlets.sent) == ("failed", error, [])

    asyncio.run(main())


def test_a_feed_that_is_taken_keeps_the_others_on(tmp_path: Path) -> None:
    async def main() -> None:
        async with site(f"sqlite:///{tmp_path}/p") as it:
            await it.enter(HERE, it.machines)
            with it.database.write() as connection:
                (node,) = api.find_keys(connection, ["f2"])
                api.update_node(connection, node.id, {"disable_power_off": True})
            number = it.ask()
            (found,) = await it.until(number)
            assert found.error == (
                "f2: its disable_power_off is true, so that it is never switched off; set that to false"
                " first; nothing was switched"
            )

    asyncio.run(main())
