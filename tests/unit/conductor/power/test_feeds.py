"""The feeds of a machine that are switched off and on together, by real conductors over one database."""

import asyncio
import contextlib
import re
import time
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any, Final

import pytest

from fakes import HERE, PATIENCE, THERE, Pieces, StillDriver, all_slots, joined
from podium import errors, states
from podium.conductor.power import barrier, carrying, change
from podium.conductor.power.actions import PowerActions
from podium.conductor.power.carrying import Timeouts
from podium.db import api, cancelling, members, operations, power
from podium.db.engine import Database
from podium.db.ledger import Chosen, newest_events
from podium.db.operations import PowerRequest
from podium.db.worker import Worker
from podium.drivers import base
from templates import prepared

#: How long the feeds were off is a matter of how busy the machine is.
OFF_FOR: Final = re.compile(r"off \d+ s, on again")

#: Seconds within which a feed must show its new state.
TIMEOUT: Final = 60.0

pytestmark = pytest.mark.mariadb_long


class Outlets(StillDriver):
    """Outlets that are on."""

    def __init__(self) -> None:
        super().__init__("pdu")
        self.sent: list[tuple[str, str]] = []
        self.stuck: set[str] = set()  # outlets that refuse to switch off
        self.busy = 0  # refusals to switch on that are left
        self.late: set[str] = set()  # outlets that go off when they have been told something else

    async def get_power_state(self, node: base.Node) -> str:
        return self.states.get(node.name, states.POWER_ON)

    async def set_power_state(self, node: base.Node, target: str) -> None:
        if target == states.POWER_OFF and node.name in self.stuck:
            raise errors.UnsupportedPowerState("the outlet is locked")
        if target == states.POWER_ON and self.busy:
            self.busy -= 1
            raise errors.DriverError("the PDU is busy")
        self.sent.append((node.name, target))
        if target == states.POWER_OFF and node.name in self.late:
            return
        self.states[node.name] = target


class Others(StillDriver):
    """More outlets, of another driver."""

    def __init__(self, outlets: Outlets) -> None:
        super().__init__("other")
        self.get_power_state = outlets.get_power_state  # type: ignore[method-assign]
        self.set_power_state = outlets.set_power_state  # type: ignore[method-assign]


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
            timeouts=Timeouts(TIMEOUT, TIMEOUT, feeds_off=0.05),
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

    def __init__(self, url: str, other: str = "pdu") -> None:
        self.database = prepared(url)
        self.outlets = Outlets()
        self.other = Others(self.outlets)
        self.those: list[One] = []
        rows: list[dict[str, Any]] = [
            {"name": name, "driver": driver, "power_state": "power on"}
            for name, driver in {"f1": "pdu", "f2": other}.items()
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

    def ask(self, **how: Any) -> int:
        how |= {"arguments": {"at": "feed", "machines": ["m"]}, "what": "at feeds of m"}
        with self.database.write() as connection:
            nodes = api.find_keys(connection, ["f1", "f2"])
            number = power.ask(connection, nodes, "power cycle", who="ann@desk", **how).operation_id
        assert number is not None
        return number

    def requests(self, *numbers: int) -> list[PowerRequest]:
        with self.database.read() as connection:
            return [one for number in numbers for one in operations.requests_of(connection, number)]

    async def follow_until(self, condition: Callable[[], bool]) -> None:
        """Let the conductors go on until something is true."""
        async with asyncio.timeout(PATIENCE):
            while not condition():
                for one in self.those:
                    await one.follow()
                await asyncio.sleep(0.005)

    async def until(self, *numbers: int, state: Sequence[str] = ("done", "failed")) -> list[PowerRequest]:
        """Let the conductors go on until the requests of operations are in one of these states."""
        async with asyncio.timeout(PATIENCE):
            while not (found := await self.look(*numbers, state=state)):
                pass
        return found

    async def look(self, *numbers: int, state: Sequence[str] = ("done", "failed")) -> list[PowerRequest]:
        """Let the conductors go on a little; the requests of operations if all are in one of these states."""
        for one in self.those:
            await one.follow()
        await asyncio.sleep(0.005)
        found = self.requests(*numbers)
        return found if all(one.state in state for one in found) else []

    async def until_sent(self, *sent: str) -> None:
        """Let the conductors go on until these feeds are off."""
        states = self.outlets.states
        await self.follow_until(lambda: {one for one in states if states[one] == "power off"} == {*sent})


@contextlib.asynccontextmanager
async def site(url: str, other: str = "pdu") -> AsyncIterator[Site]:
    made = Site(url, other)
    try:
        yield made
    finally:
        for one in made.those:
            await one.close()


def slow(one: One) -> None:
    """Have a conductor leave feeds off for ever."""
    one.actions._carrying._timeouts = Timeouts(TIMEOUT, TIMEOUT, feeds_off=3600.0)


class Time:
    """The time of all changes, which passes for them as long as the test says, and as it does otherwise."""

    def __init__(self) -> None:
        self.passed = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.passed


@pytest.fixture
def passing(monkeypatch: pytest.MonkeyPatch) -> Time:
    found, kind = Time(), carrying.PowerChange

    async def pause(seconds: float) -> None:
        await asyncio.sleep(min(seconds, 0.01))  # as it does not know how much time will pass

    def make(*args: Any, **more: Any) -> Any:
        return kind(*args, clock=found, pause=pause, **more)

    monkeypatch.setattr(carrying, "PowerChange", make)
    return found


@pytest.mark.parametrize("count", [1, 2], ids=["one conductor", "two conductors"])
def test_all_feeds_are_off_before_any_is_on_again(migrated_url: str, count: int) -> None:
    async def main() -> None:
        async with site(migrated_url, "pdu" if count == 1 else "other") as it:
            await it.enter(HERE, it.outlets)
            if count == 2:
                await it.enter(THERE, it.other)
            number = it.ask(reason="its BMC is dead")
            found = await it.until(number)
            assert [(one.state, one.error) for one in found] == [("done", None)] * 2
            for one in found:
                assert OFF_FOR.fullmatch(one.result or ""), one.result
            assert sorted(it.outlets.sent[:2]) == [("f1", "power off"), ("f2", "power off")]
            assert sorted(it.outlets.sent[2:]) == [("f1", "power on"), ("f2", "power on")]
            with it.database.read() as connection:
                events = newest_events(connection, Chosen(), limit=9)
                nodes = api.find_nodes(connection, ["f1", "f2"])
            reasons = {OFF_FOR.sub("off", one.reason or "") for one in events if one.cause == "request"}
            assert reasons == {"at feeds of m: off; its BMC is dead"}
            assert [(one.wanted_power_state, one.reservation) for one in nodes] == [("power on", None)] * 2

    asyncio.run(main())


def test_a_feed_that_does_not_switch_off_is_told_and_the_others_are_on_again(tmp_path: Path) -> None:
    async def main() -> None:
        async with site(f"sqlite:///{tmp_path}/p") as it:
            await it.enter(HERE, it.outlets)
            it.outlets.stuck = {"f2"}
            one, two = await it.until(it.ask())
            assert two.error == "the outlet is locked"
            assert one.error == (
                "not all feeds were off together: f2 failed: the outlet is locked; it is on again"
            )
            assert it.outlets.sent == [("f1", "power off"), ("f1", "power on")]

    asyncio.run(main())


def test_feeds_that_were_off_before_are_left_alone(tmp_path: Path) -> None:
    async def main() -> None:
        async with site(f"sqlite:///{tmp_path}/p") as it:
            it.outlets.states = {"f2": "power off"}
            await it.enter(HERE, it.outlets)
            one, two = await it.until(it.ask())
            assert OFF_FOR.fullmatch(one.result or ""), one.result
            assert two.result == "was off already; left alone"
            assert it.outlets.sent == [("f1", "power off"), ("f1", "power on")]
            with it.database.read() as connection:
                nodes = api.find_nodes(connection, ["f1", "f2"])
            assert [one.wanted_power_state for one in nodes] == ["power on", None]

    asyncio.run(main())


def test_who_goes_on_after_a_conductor_ended_switches_the_feeds_on(tmp_path: Path) -> None:
    async def main() -> None:
        async with site(f"sqlite:///{tmp_path}/p") as it:
            ending = await it.enter(HERE, it.outlets)
            slow(ending)
            number = it.ask()
            await it.until_sent("f1", "f2")
            async with asyncio.timeout(PATIENCE):
                while {one.power_state for one in it.requests(number)} != {"power off"}:
                    await ending.follow()
            with it.database.write() as connection, pytest.raises(errors.NodeConflict):
                api.delete_node(connection, api.find_keys(connection, ["f1"])[0].id)
            await it.kill(ending)
            successor = Worker("elsewhere", 0, 77)
            slow(await it.enter(successor, it.outlets))
            found = await it.until(number)
            assert [(one.state, one.holder) for one in found] == [("done", successor)] * 2
            assert {one.result for one in found} == {"off, on again when its conductor had ended"}
            assert it.outlets.states == {"f1": "power on", "f2": "power on"}

    asyncio.run(main())


def test_a_conductor_that_stops_switches_feeds_on_first(tmp_path: Path) -> None:
    async def main() -> None:
        async with site(f"sqlite:///{tmp_path}/p") as it:
            one = await it.enter(HERE, it.outlets)
            slow(one)
            number = it.ask()
            await it.until_sent("f1", "f2")
            await one.actions.drain(PATIENCE)
            assert it.outlets.states == {"f1": "power on", "f2": "power on"}
            await it.until(number)

    asyncio.run(main())


def test_feeds_that_cannot_all_be_taken_are_not_switched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        async with site(f"sqlite:///{tmp_path}/p", "other") as it:
            one = await it.enter(HERE, it.outlets)
            one.actions._carrying._timeouts = Timeouts(0.05, 0.05)
            number = it.ask()
            async with asyncio.timeout(PATIENCE):
                while it.requests(number)[0].state != "failed":
                    await one.follow()
            assert it.requests(number)[0].error == ("f2 could not be taken within 0.05 s; nothing was sent")
            assert it.outlets.sent == []

    monkeypatch.setattr(barrier, "GRACE", 0.0)
    asyncio.run(main())


def test_one_that_is_cancelled_keeps_the_others_on(tmp_path: Path) -> None:
    async def main() -> None:
        async with site(f"sqlite:///{tmp_path}/p", "other") as it:
            await it.enter(HERE, it.outlets)
            number = it.ask()
            await it.until(number, state=("begun", "waiting"))
            with it.database.write() as connection:
                cancelling.cancel(connection, number, "bob@desk")
            one, _ = await it.until(number, state=("failed", "cancelled"))
            assert one.error in {"f2 was cancelled; nothing was sent", "cancelled by bob@desk"}
            assert it.outlets.sent == []

    asyncio.run(main())


def test_refusals_to_switch_on_are_outlasted(tmp_path: Path, passing: Time) -> None:
    async def main() -> None:
        async with site(f"sqlite:///{tmp_path}/p") as it:
            await it.enter(HERE, it.outlets)
            it.outlets.busy = 2
            number = it.ask()
            await it.follow_until(lambda: it.outlets.busy < 2)
            passing.passed += 4 * TIMEOUT  # longer than anything else may take
            found = await it.until(number)
            assert (it.outlets.busy, [one.state for one in found]) == (0, ["done", "done"])

    asyncio.run(main())


def test_one_that_goes_off_late_is_told_to_be_on(
    tmp_path: Path, passing: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(change, "_WATCH_AT_LEAST", 3600.0)
    monkeypatch.setattr(change, "_ON_AT_LEAST", 1e9)

    async def main() -> None:
        async with site(f"sqlite:///{tmp_path}/p") as it:
            await it.enter(HERE, it.outlets)
            it.outlets.late = {"f1"}
            number = it.ask()
            await it.follow_until(lambda: {("f1", "power off"), ("f2", "power off")} <= {*it.outlets.sent})
            passing.passed += TIMEOUT
            await it.follow_until(lambda: ("f1", "power on") in it.outlets.sent)
            it.outlets.sent.clear()
            it.outlets.states["f1"] = "power off"
            passing.passed += TIMEOUT
            await it.follow_until(lambda: ("f1", "power on") in it.outlets.sent)
            while not (found := await it.look(number)):  # it is watched for an hour from when it is seen on
                passing.passed += 600.0
            assert found[0].error == "power off was accepted, but 60 s later it is power on; it is on again"
            assert it.outlets.states == {"f1": "power on", "f2": "power on"}

    asyncio.run(main())


def test_more_feeds_of_one_outlet_strip_than_it_is_asked_at_once_are_switched_together(
    tmp_path: Path,
) -> None:
    async def main() -> None:
        async with site(f"sqlite:///{tmp_path}/p") as it:
            one = await it.enter(HERE, it.outlets)
            one.actions._quotas._most["pdu"] = 1
            found = await it.until(it.ask())
            assert [one.state for one in found] == ["done", "done"]

    asyncio.run(main())
