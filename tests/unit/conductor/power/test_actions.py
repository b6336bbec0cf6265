import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from fakes import HERE, PATIENCE, THERE, Pieces, StillDriver, all_slots, happened, joined, pieces, until
from podium import errors, states
from podium.clocks import boottime
from podium.conductor.fleet.fleet import Fleet
from podium.conductor.fleet.lease import Lease
from podium.conductor.power import carrying
from podium.conductor.power.actions import PowerActions
from podium.conductor.power.carrying import Timeouts
from podium.conductor.recording.recorder import Recorder
from podium.conductor.rooms import context as contexts
from podium.conductor.sweep.power_sync import PowerSync
from podium.db import api, beginning, cancelling, clock, leftovers, members, power
from podium.db.engine import Database
from podium.db.models import power_events, power_requests, utcnow
from podium.db.power_limits import Limits
from podium.db.worker import Worker
from podium.drivers import base

pytestmark = pytest.mark.mariadb_long


class Asked:
    """Requests, and what carries them out; ``now`` and ``clock`` only move when told to."""

    def __init__(self, it: Pieces, timeout: float, limits: Limits | None = None) -> None:
        self.it = it
        self.later = 0.0
        self.timeout = timeout
        self.limits = limits
        self.make()

    async def succeed(self) -> None:
        """Have another member take over, as soon as it owns the nodes."""
        driver = next(iter(self.it.rooms))
        joined(self.it.database, THERE, drivers=[driver])
        self.it.fleet = Fleet(THERE)
        self.it.recorder = Recorder(self.it.sql, self.it.fleet, THERE)
        self.it.sync = PowerSync(self.it.fleet, self.it.rooms, self.it.recorder)
        await self.it.fleet.begin(self.it.sql, all_slots(driver))
        self.make(THERE)

    def follow(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let the database's clock go as the other one does."""
        start = utcnow()
        monkeypatch.setattr(clock, "now", lambda _connection: start + timedelta(seconds=self.later))

    def make(self, member: Worker = HERE, lease: Lease | None = None) -> None:
        self.actions = PowerActions(
            self.it.sql,
            self.it.fleet,
            self.it.rooms,
            self.it.recorder,
            worker=member,
            timeouts=Timeouts(self.timeout, self.timeout),
            note_read=self.it.sync.take_of_change,
            limits=self.limits,
            lease=lease,
            clock=lambda: self.later,
        )

    def ask(self, name: str, action: str, **how: Any) -> power.Asked:
        return self.ask_all([name], action, **how)

    def ask_all(self, names: list[str], action: str, **how: Any) -> power.Asked:
        with self.it.database.write() as connection:
            rows = api.find_nodes(connection, names)
            return power.ask(connection, rows, action, who="ann@desk", **how)

    def request(self) -> Any:
        with self.it.database.read() as connection:
            return connection.execute(power_requests.select().order_by(power_requests.c.id.desc())).first()

    async def begin(self) -> None:
        await self.it.fleet.refresh(self.it.sql)
        await self.actions.poll()

    async def done(self) -> None:
        await self.begin()
        await self.actions.drain(PATIENCE)
        assert await self.it.recorder.flush()
        await self.it.fleet.refresh(self.it.sql)


@asynccontextmanager
async def asked(
    url: str, driver: base.Driver, timeout: float = PATIENCE, limits: Limits | None = None
) -> AsyncIterator[Asked]:
    async with pieces(url, driver) as it:
        it.enrol(
            *(
                {"name": name, "driver": driver.name, "driver_info": {}, "extra": {"rack": "r7"}}
                for name in ("a", "b", "c")
            )
        )
        yield Asked(it, timeout, limits)


@pytest.fixture
def simulated(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have each change wait in a time of its own, which passes at once, and only while it waits."""

    def timed(kind: Any) -> Any:
        def make(*args: Any, **more: Any) -> Any:
            now = 0.0

            async def pause(seconds: float) -> None:
                nonlocal now
                now += seconds
                await asyncio.sleep(0)

            return kind(*args, clock=lambda: now, pause=pause, **more)

        return make

    for name in ("PowerChange", "Sender"):
        monkeypatch.setattr(carrying, name, timed(getattr(carrying, name)))


@pytest.mark.parametrize(
    ("action", "state"), [("power on", "power on"), ("power cycle", "power on"), ("rebooting", "power on")]
)
def test_a_request_is_carried_out_and_recorded_with_who_asked(
    migrated_url: str, action: str, state: str
) -> None:
    async def main() -> None:
        async with asked(migrated_url, driver := StillDriver()) as it:
            it.ask("a", action, reason="new kernel")
            await it.done()
            row, request = it.it.node("a"), it.request()
            assert driver.states == {"a": state}
            assert (row.power_state, row.target_power_state, row.reservation) == (state, None, None)
            assert (request.state, request.power_state, request.error) == ("done", state, None)
            with it.it.database.read() as connection:
                (event,) = connection.execute(power_events.select())
            assert (event.to_state, event.cause, event.who, event.reason) == (
                state,
                "request",
                "ann@desk",
                "new kernel",
            )

    asyncio.run(main())


def test_a_change_that_ended_is_no_difference_to_the_sweep_that_comes_right_after(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with asked(f"sqlite:///{tmp_path}/p", driver := StillDriver()) as it:
            await it.it.fleet.refresh(it.it.sql)
            await it.it.sync.sweep(30.0, contexts.new(), at_once=True)
            assert await it.it.recorder.flush()
            it.ask("a", "power on")
            await it.begin()
            await it.actions.drain(PATIENCE)
            assert (driver.states, it.it.node("a").power_state) == ({"a": "power on"}, "power on")
            await it.it.sync.sweep(30.0, contexts.new(), at_once=True)
            await it.begin()
            await it.it.sync.sweep(30.0, contexts.new(), at_once=True)
            assert len(it.it.fleet.taken) == 0

    asyncio.run(main())
    assert "changed by someone else" not in caplog.text


class Dying(StillDriver):
    """Machines whose BMCs do not answer, or as the test says."""

    error: Exception | None = errors.BMCUnreachable("no answer")

    async def get_power_state(self, node: base.Node) -> str:
        if self.error is not None:
            raise self.error
        return await super().get_power_state(node)


@pytest.mark.parametrize("recovers", [True, False])
def test_a_bmc_that_dies_during_a_change_shows_while_the_change_is_under_way(
    migrated_url: str, recovers: bool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    async def main() -> None:
        async with asked(migrated_url, driver := Dying(), timeout=600.0) as it:
            it.ask("a", states.POWER_ON)
            await it.begin()
            await it.it.fleet.refresh(it.it.sql)  # as the conductor does: another entry, of the same reads
            sweeper, number = it.it.sync.sweepers["still"], it.it.node("a").id

            async def written() -> bool:
                assert await it.it.recorder.flush()
                return bool(it.it.node("a").power_failures)

            while not await written():
                await asyncio.sleep(0.01)
            row = it.it.node("a")
            assert (row.target_power_state, row.last_error) == (states.POWER_ON, "no answer")
            entry = it.it.fleet.get(number)
            assert entry is not None
            assert entry.reads.failures >= row.power_failures
            assert sweeper.failures["unreachable"] >= entry.reads.failures
            await until(lambda: sweeper.figures.retrying == 1)  # it is none in between, when it is due
            await until(lambda: "a: power cannot be read: no answer" in caplog.text)
            driver.error = None if recovers else errors.AuthenticationRefused("refused")
            await it.actions.drain(60)
            assert await it.it.recorder.flush()
            await it.it.fleet.refresh(it.it.sql)
            row, entry = it.it.node("a"), it.it.fleet.get(number)
            assert entry is not None
            assert row.power_failures == entry.reads.failures
            assert (row.power_failures == 0, row.last_error is None) == (recovers, recovers)
            assert it.request().state == ("done" if recovers else "failed")
            await until(lambda: ("a: power can be read again" in caplog.text) == recovers)

    asyncio.run(main())
    assert caplog.text.count("power cannot be read") == 1


class Late(StillDriver):
    """Machines that acknowledge a switch and show it only when the test lets them."""

    async def set_power_state(self, node: base.Node, target: str) -> None:
        pass


@pytest.mark.usefixtures("simulated")
@pytest.mark.parametrize("late", [True, False])
def test_a_switch_that_shows_after_its_request_failed_is_that_requests_and_no_disturbance(
    migrated_url: str, caplog: pytest.LogCaptureFixture, late: bool
) -> None:
    async def main() -> None:
        async with asked(migrated_url, driver := Late(), timeout=0.01) as it:
            driver.states["a"] = states.POWER_ON
            await it.it.fleet.refresh(it.it.sql)

            async def sweep() -> None:
                await it.it.sync.sweep(0.0, contexts.new(), at_once=True)
                assert await it.it.recorder.flush()

            await sweep()
            asked_for = it.ask("a", states.POWER_OFF if late else states.POWER_ON, reason="new disk")
            await it.done()
            assert it.request().state == ("failed" if late else "done")
            for state in (states.POWER_OFF, states.POWER_ON, states.POWER_OFF):
                driver.states["a"] = state
                await sweep()
            assert it.it.node("a").power_state == states.POWER_OFF
            with it.it.database.read() as connection:
                found = [one for one in connection.execute(power_events.select()) if one.node_name == "a"]
            told = [(one.to_state, one.cause, one.who, one.reason, one.operation_id) for one in found[-3:]]
            theirs = "out-of-band", None, None, None
            first = ("request", "ann@desk", "new disk", asked_for.operation_id) if late else theirs
            assert told == [("power off", *first), ("power on", *theirs), ("power off", *theirs)]
            assert it.it.sync.gate.disturbed == 1

    asyncio.run(main())
    assert ("as a request asked that had failed by then" in caplog.text) == late


@pytest.mark.usefixtures("simulated")
def test_a_switch_that_shows_late_freezes_no_enforcement(tmp_path: Path) -> None:
    async def main() -> None:
        async with asked(f"sqlite:///{tmp_path}/p", driver := Late(), timeout=0.01) as it:
            driver.states.update(dict.fromkeys("abc", states.POWER_ON))
            await it.it.fleet.refresh(it.it.sql)
            await it.it.sync.sweep(0.0, contexts.new(), at_once=True)
            it.ask_all(["a", "b", "c"], states.POWER_OFF)
            await it.done()
            driver.states.clear()
            await it.it.sync.sweep(0.0, contexts.new(), at_once=True)
            assert await it.it.recorder.flush()
            assert [it.it.node(name).power_state for name in "abc"] == [states.POWER_OFF] * 3
            assert (it.it.sync.gate.disturbed, it.it.sync.gate.cases()) == (0, [])

    asyncio.run(main())


class Liar(StillDriver):
    async def get_power_state(self, node: base.Node) -> str:
        return states.POWER_OFF


class Refusing(StillDriver):
    async def set_power_state(self, node: base.Node, target: str) -> None:
        raise errors.DriverError("the BMC says no")


class Faulty(StillDriver):
    def set_power_state(self, node: base.Node, target: str) -> None:  # type: ignore[override]
        raise KeyError("chassis")


class Cancelling(StillDriver):
    async def set_power_state(self, node: base.Node, target: str) -> None:
        raise asyncio.CancelledError


@pytest.mark.usefixtures("simulated")
@pytest.mark.parametrize(
    ("driver", "target", "words"),
    [
        (Cancelling(), "power on", "raised CancelledError"),
        (Liar(), "power on", "power on was accepted, but 0.2 s later it is power off"),
        (Refusing(), "power on", "the BMC says no"),
        (Faulty(), "power on", "fault of the driver still: KeyError: 'chassis'"),
        (StillDriver(), "soft power off", "driver still cannot do soft power off"),
    ],
)
def test_a_request_that_fails_says_why_and_frees_the_node(
    tmp_path: Path, driver: base.Driver, target: str, words: str
) -> None:
    async def main() -> None:
        async with asked(f"sqlite:///{tmp_path}/p", driver, timeout=0.2) as it:
            it.ask("a", target)
            await it.done()
            row, request = it.it.node("a"), it.request()
            assert words in row.last_error
            assert (request.state, request.error) == ("failed", row.last_error)
            assert (row.target_power_state, row.reservation, row.power_requested_by) == (None, None, None)
            assert len(it.it.fleet.taken) == 0

    asyncio.run(main())


@pytest.mark.usefixtures("simulated")
def test_a_requests_own_timeout_goes_before_the_configured_one(tmp_path: Path) -> None:
    async def main() -> None:
        async with asked(f"sqlite:///{tmp_path}/p", Liar(), timeout=3600) as it:
            it.ask("a", states.POWER_ON, timeout=0.1)
            await it.done()
            assert "but 0.1 s later" in it.it.node("a").last_error

    asyncio.run(main())


def test_a_request_that_the_fleet_does_not_show_yet_is_begun_when_it_does(tmp_path: Path) -> None:
    async def main() -> None:
        async with asked(f"sqlite:///{tmp_path}/p", driver := StillDriver()) as it:
            await it.it.fleet.refresh(it.it.sql)
            it.ask("a", "power on")
            await it.actions.poll()
            assert (len(it.it.fleet.taken), it.actions.unfinished) == (0, True)
            await it.done()
            assert driver.states == {"a": "power on"}

    asyncio.run(main())


@pytest.mark.parametrize("withdraw", ["delete", "cancel"])
def test_a_request_that_was_withdrawn_meanwhile_is_not_carried_out(tmp_path: Path, withdraw: str) -> None:
    async def main() -> None:
        async with asked(f"sqlite:///{tmp_path}/p", driver := StillDriver()) as it:
            operation = it.ask("a", "power on").operation_id or 0
            real = it.it.sql.write

            async def withdraw_first(function: Any) -> Any:
                with it.it.database.write() as connection:
                    if withdraw == "delete":
                        connection.execute(api.nodes.delete())
                    else:
                        cancelling.cancel(connection, operation, "bob@desk")
                return await real(function)

            it.it.sql.write = withdraw_first  # type: ignore[method-assign]
            await it.done()
            assert (driver.states, len(it.it.fleet.taken)) == ({}, 0)

    asyncio.run(main())


class Held(StillDriver):
    """Goes on with a switch when it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.began, self.let_go = threading.Event(), threading.Event()
        self.reads = 0
        self.sent: list[str] = []

    async def get_power_state(self, node: base.Node) -> str:
        self.reads += 1
        return await super().get_power_state(node)

    async def set_power_state(self, node: base.Node, target: str) -> None:
        self.sent.append(target)
        self.began.set()
        while not self.let_go.is_set():
            await asyncio.sleep(0.001)
        await super().set_power_state(node, target)


def test_a_node_under_change_is_not_swept_and_not_begun_twice(tmp_path: Path) -> None:
    async def main() -> None:
        async with asked(f"sqlite:///{tmp_path}/p", driver := Held()) as it:
            with it.it.database.write() as connection:
                connection.execute(api.nodes.delete().where(api.nodes.c.name != "a"))
            await it.it.fleet.refresh(it.it.sql)
            it.ask("a", "power on")
            await it.begin()
            await happened(driver.began)
            read = driver.reads
            await it.actions.poll()
            await it.it.sync.sweep(30.0, contexts.new(), at_once=True)
            assert driver.reads == read
            (refused,) = it.ask("a", "power off").refused
            assert "ann@desk" in refused
            driver.let_go.set()
            await it.done()
            assert driver.sent == ["power on"]

    asyncio.run(main())


def test_a_beginning_that_the_conductor_never_heard_of_does_not_lose_the_request(tmp_path: Path) -> None:
    async def main() -> None:
        async with asked(f"sqlite:///{tmp_path}/p", driver := StillDriver()) as it:
            it.ask("a", "rebooting")
            real = it.it.sql.write

            async def commit_unheard(function: Any) -> Any:
                it.it.sql.write = real  # type: ignore[method-assign]
                await real(function)
                raise errors.DatabaseUnavailable("the connection broke after the commit")

            it.it.sql.write = commit_unheard  # type: ignore[method-assign]
            with pytest.raises(errors.DatabaseUnavailable):
                await it.done()
            assert (driver.states, it.it.node("a").reservation) == ({}, HERE)
            assert it.actions.unfinished
            await it.done()
            row = it.it.node("a")
            assert (driver.states, row.power_state, row.reservation) == ({"a": "power on"}, "power on", None)

    asyncio.run(main())


def test_a_change_whose_end_is_not_written_yet_is_not_carried_out_again(tmp_path: Path) -> None:
    class Counting(StillDriver):
        sets = 0

        async def set_power_state(self, node: base.Node, target: str) -> None:
            self.sets += 1
            await super().set_power_state(node, target)

    async def main() -> None:
        async with asked(f"sqlite:///{tmp_path}/p", driver := Counting()) as it:
            it.ask("a", "rebooting")
            real, writes = it.it.sql.write, []

            async def away_after_it_was_sent(function: Any) -> Any:
                writes.append(function)
                if len(writes) > 2:
                    raise errors.DatabaseUnavailable("away")
                return await real(function)

            it.it.sql.write = away_after_it_was_sent  # type: ignore[method-assign]
            await it.begin()
            await it.actions.drain(PATIENCE)
            await it.begin()
            await it.actions.drain(PATIENCE)
            assert (driver.sets, it.it.node("a").reservation) == (1, HERE)
            it.it.sql.write = real  # type: ignore[method-assign]
            await it.done()
            assert driver.sets == 1
            assert it.it.node("a").target_power_state is None

    asyncio.run(main())


def test_a_reboot_that_another_conductor_has_taken_over_is_not_sent(tmp_path: Path) -> None:
    async def main() -> None:
        async with asked(f"sqlite:///{tmp_path}/p", driver := Held()) as it:
            it.ask("a", states.REBOOTING)
            real, writes = it.it.sql.write, []

            async def take_over_after_the_beginning(function: Any) -> Any:
                writes.append(function)
                if len(writes) == 2:
                    with it.it.database.write() as connection:
                        members.leave(connection, HERE)
                    joined(it.it.database, THERE, drivers=[driver.name])
                    with it.it.database.write() as connection:
                        assert beginning.begin(connection, [it.request().id], THERE, utcnow())
                return await real(function)

            it.it.sql.write = take_over_after_the_beginning  # type: ignore[method-assign]
            driver.let_go.set()
            await it.begin()
            await it.actions.drain(PATIENCE)
            assert driver.sent == []
            assert (it.it.node("a").reservation, it.request().sent_at) == (THERE, None)

    asyncio.run(main())


@pytest.mark.parametrize("action", [states.POWER_OFF, states.REBOOTING])
def test_a_change_cut_off_by_the_end_of_the_daemon_is_gone_on_with(tmp_path: Path, action: str) -> None:
    async def main() -> None:
        async with asked(f"sqlite:///{tmp_path}/p", driver := Held()) as it:
            driver.states["a"] = states.POWER_ON
            it.ask("a", action)
            await it.begin()
            await happened(driver.began)
            await it.actions.drain(0.01)
            await until(lambda: not it.it.fleet.taken)
            with it.it.database.write() as connection:
                assert leftovers.hand_back(connection, HERE) == 0  # it was sent
                members.leave(connection, HERE)
            driver.let_go.set()
            await it.succeed()
            await it.done()
            row, request = it.it.node("a"), it.request()
            assert (row.target_power_state, row.reservation) == (None, None)
            if action == states.POWER_OFF:
                assert (driver.sent, request.state) == ([action, action], "done")
            else:
                assert (driver.sent, request.state) == ([action], "failed")
                assert "was sent when the conductor ended" in row.last_error

    asyncio.run(main())


class Stuck(StillDriver):
    """Switches by a plain method that does not return."""

    def __init__(self) -> None:
        super().__init__("stuck")
        self.called, self.let_go, self.left = threading.Event(), threading.Event(), threading.Event()

    def set_power_state(self, node: base.Node, target: str) -> None:  # type: ignore[override]
        self.called.set()
        self.let_go.wait(PATIENCE)

    def release(self, node: base.Node) -> None:  # type: ignore[override]
        self.left.set()


def test_a_node_that_is_lost_is_handed_on_when_the_last_call_of_its_change_has_returned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        driver = Stuck()
        async with asked(f"sqlite:///{tmp_path}/p", driver, timeout=0.1) as it:
            room, leaving = it.it.rooms["stuck"], threading.Event()
            leave = room.leave

            def note(nodes: Sequence[base.Node]) -> Coroutine[Any, Any, None]:
                leaving.set()
                return leave(nodes)

            monkeypatch.setattr(room, "leave", note)
            it.ask("a", states.POWER_ON)
            await it.begin()
            it.it.fleet.lose(all_slots("stuck"))
            await happened(driver.called)
            await happened(leaving)
            await it.it.recorder.flush()
            assert (it.request().state, driver.left.is_set()) == ("begun", False)
            driver.let_go.set()
            await it.actions.drain(PATIENCE)
            assert (it.request().state, driver.left.is_set()) == ("failed", True)

    asyncio.run(main())


def test_requests_that_are_staggered_are_begun_in_their_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        async with asked(f"sqlite:///{tmp_path}/p", driver := StillDriver()) as it:
            it.follow(monkeypatch)
            it.ask_all(["a", "b", "c"], states.POWER_ON, stagger=(2, 100.0))
            await it.done()
            assert (sorted(driver.states), it.actions.unfinished) == (["a", "b"], False)
            it.later = 100.0
            assert it.actions.unfinished
            await it.done()
            assert sorted(driver.states) == ["a", "b", "c"]

    asyncio.run(main())


def test_a_rack_with_a_limit_is_switched_on_a_few_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        limits = {"r7": (2, 10.0)}
        async with asked(f"sqlite:///{tmp_path}/p", driver := StillDriver(), limits=limits) as it:
            it.follow(monkeypatch)
            for name in ("a", "b", "c"):
                it.ask(name, states.POWER_ON)
            await it.done()
            assert (sorted(driver.states), it.actions.unfinished) == (["a", "b"], False)
            it.later = 9.0
            await it.done()
            assert "c" not in driver.states
            it.later = 10.0
            assert it.actions.unfinished
            await it.done()
            assert sorted(driver.states) == ["a", "b", "c"]
            for name in ("a", "b", "c"):
                it.ask(name, states.POWER_OFF)
            await it.done()
            assert set(driver.states.values()) == {states.POWER_OFF}

    asyncio.run(main())


def test_a_limit_and_a_stagger_hold_across_a_take_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        driver = StillDriver()
        async with asked(f"sqlite:///{tmp_path}/p", driver, limits={"r7": (1, 10.0)}) as it:
            it.follow(monkeypatch)
            it.ask_all(["a", "b", "c"], states.POWER_ON)
            await it.done()
            assert sorted(driver.states) == ["a"]
            it.later = 9.0
            await it.succeed()
            await it.done()
            assert sorted(driver.states) == ["a"]
            for later, on in ((10.0, ["a", "b"]), (19.0, ["a", "b"]), (20.0, ["a", "b", "c"])):
                it.later = later
                await it.done()
                assert sorted(driver.states) == on

    asyncio.run(main())


def test_what_is_overdue_after_a_take_over_keeps_the_pace_that_was_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        driver = StillDriver()
        async with asked(f"sqlite:///{tmp_path}/p", driver) as it:
            it.follow(monkeypatch)
            it.ask_all(["a", "b", "c"], states.POWER_ON, stagger=(1, 10.0))
            await it.done()
            assert sorted(driver.states) == ["a"]
            successor = it.actions._staggers
            it.later = 100.0  # until then nobody has begun anything
            await it.succeed()
            it.actions._staggers = successor
            await it.done()
            assert sorted(driver.states) == ["a", "b"]
            it.later = 110.0
            assert it.actions.unfinished
            await it.done()
            assert sorted(driver.states) == ["a", "b", "c"]

    asyncio.run(main())


def test_a_plain_driver_is_given_no_more_changes_than_its_room_has_threads(tmp_path: Path) -> None:
    class Plain(StillDriver):
        def set_power_state(self, node: base.Node, target: str) -> None:  # type: ignore[override]
            let_go.wait(PATIENCE)
            self.states[node.name] = states.REACHED[target]

    let_go = threading.Event()

    async def main() -> None:
        async with asked(f"sqlite:///{tmp_path}/p", driver := Plain()) as it:
            names = [f"n{number}" for number in range(20)]
            it.it.enrol(*({"name": name, "driver": driver.name} for name in names))
            it.ask_all(names, states.POWER_ON)
            await it.begin()
            assert len(it.it.fleet.taken) == it.it.rooms["still"].size
            assert it.actions.unfinished
            let_go.set()
            while it.actions.unfinished:
                await it.done()
            assert len(driver.states) == 20

    asyncio.run(main())


def test_changes_at_a_hypervisor_that_hangs_keep_no_others_waiting(tmp_path: Path) -> None:
    class Hypervisors(StillDriver):
        threads = 4

        def endpoint(self, node: base.Node) -> str:
            return node.name[:3]

        def set_power_state(self, node: base.Node, target: str) -> None:  # type: ignore[override]
            if node.name.startswith("hv2"):
                let_go.wait(PATIENCE)
            self.states[node.name] = states.REACHED[target]

    let_go = threading.Event()

    async def main() -> None:
        async with asked(f"sqlite:///{tmp_path}/p", driver := Hypervisors(), timeout=PATIENCE) as it:
            names = [f"{host}-{number}" for host in ("hv2", "hv1") for number in range(12)]
            it.it.enrol(*({"name": name, "driver": "still", "endpoint": name[:3]} for name in names))
            it.ask_all(names, states.POWER_ON)
            await it.begin()
            while len(driver.states) < 12:  # as requests end, others begin
                await asyncio.sleep(0.001)
                if it.actions.unfinished:
                    await it.begin()
            assert {name[:3] for name in driver.states} == {"hv1"}
            assert len(it.it.fleet.taken) >= 2
            let_go.set()
            while len(driver.states) < 24:
                await asyncio.sleep(0.001)
                if it.actions.unfinished:
                    await it.begin()
            await it.done()

    asyncio.run(main())


def test_a_node_whose_slot_was_lost_is_released_before_its_change_is_over(tmp_path: Path) -> None:
    class Releasing(Held):
        held: list[Any] = []

        async def release(self, node: base.Node) -> None:
            with it.it.database.read() as connection:
                self.held.append(api.find_nodes(connection, [node.name])[0].reservation)

    async def main() -> None:
        nonlocal it
        async with asked(f"sqlite:///{tmp_path}/p", driver := Releasing()) as it:
            it.ask("a", "power on")
            await it.begin()
            await happened(driver.began)
            joined(it.it.database, THERE, drivers=[driver.name])
            it.it.fleet.lose(all_slots(driver.name))
            driver.let_go.set()
            await it.done()
            row = it.it.node("a")
            assert (driver.held, row.reservation, row.power_state) == ([HERE], None, "power on")

    it: Any = None
    asyncio.run(main())


@pytest.mark.parametrize("when", ["before the command", "before the outcome"])
def test_a_change_of_a_member_that_is_ended_meanwhile_is_left_to_its_successor(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, when: str
) -> None:
    async def main() -> None:
        async with asked(f"sqlite:///{tmp_path}/p", driver := Held()) as it:
            lease = Lease(HERE, 3600.0, since=boottime())
            it.it.sql.act_as(HERE, lambda error: lease.end())
            it.make(lease=lease)
            it.ask("a", states.POWER_ON)
            if when == "before the outcome":
                await it.begin()
                await happened(driver.began)
            else:
                begun = it.actions._confirmations.confirm

                async def confirm(number: int, **more: Any) -> None:
                    end(it.it.database)
                    await begun(number, **more)

                it.actions._confirmations.confirm = confirm  # type: ignore[method-assign]
                await it.begin()
            if when == "before the outcome":
                end(it.it.database)
            tasks = set(it.actions._tasks)
            driver.let_go.set()
            await until(lambda: not it.actions._tasks)
            assert [task.exception() for task in tasks] == [None]
            assert it.request().state == "begun"
            assert lease.ended

    def end(database: Database) -> None:
        with database.write() as connection:
            members.end(connection, {HERE.incarnation: 1}, None, "its lease ran out")

    caplog.set_level("INFO")
    asyncio.run(main())
    assert not [one for one in caplog.messages if "failed" in one]


class Bootable(StillDriver):
    """Machines with all that there is beside the power; ``did`` is what they were told."""

    needs_api = (2, 2)

    def __init__(self) -> None:
        super().__init__()
        self.did: list[Any] = []
        self.boot = base.BootDevice("disk", persistent=True)
        self.lies = False
        self.refuses = False
        self.hears = threading.Event()
        self.hears.set()

    async def set_power_state(self, node: base.Node, target: str) -> None:
        self.did.append(target)
        if self.refuses:
            raise errors.DriverError("node busy")
        await super().set_power_state(node, target)

    async def get_boot_device(self, node: base.Node) -> base.Boot:
        return base.Boot(self.boot, base.BOOT_DEVICES)

    async def set_boot_device(self, node: base.Node, boot: base.BootDevice) -> None:
        self.did.append(str(boot))
        while not self.hears.is_set():
            await asyncio.sleep(0.001)
        if not self.lies:
            self.boot = boot

    @base.action(help="Blink")
    async def blink(self, node: base.Node, times: int = 1) -> str:
        self.did.append(times)
        while not self.hears.is_set():
            await asyncio.sleep(0.001)
        return f"blinked {times} times"


PXE: dict[str, Any] = {
    "arguments": {"boot": {"device": "pxe", "persistent": False, "mode": None}},
    "what": "pxe, once",
}
#: What is said of that where it was to boot from its disk.
LOST = "pxe, once (was disk, persistent)"
BLINK: dict[str, Any] = {
    "arguments": {"own": {"name": "still.blink", "arguments": {"times": "2"}}},
    "what": "still.blink times=2",
}


def test_an_action_of_the_drivers_own_is_carried_out_and_recorded(migrated_url: str) -> None:
    async def main() -> None:
        async with asked(migrated_url, driver := Bootable()) as it:
            it.ask("a", states.DRIVER_ACTION, reason="to find it", **BLINK)
            await it.done()
            row, request = it.it.node("a"), it.request()
            assert driver.did == [2]
            assert (request.state, request.result, request.error) == ("done", "blinked 2 times", None)
            assert (row.power_state, row.target_power_state, row.reservation) == (None, None, None)
            with it.it.database.read() as connection:
                (event,) = connection.execute(power_events.select())
            assert (event.cause, event.who) == ("driver action", "ann@desk")
            assert event.reason == "still.blink times=2: blinked 2 times; to find it"

    asyncio.run(main())


@pytest.mark.parametrize(
    ("action", "did", "result"),
    [
        (states.SET_BOOT_DEVICE, ["pxe, once"], LOST),
        (states.POWER_ON, ["pxe, once", states.POWER_ON], f"boot device {LOST}"),
        (states.REBOOTING, ["pxe, once", states.REBOOTING], f"boot device {LOST}"),
        (states.POWER_CYCLE, ["pxe, once", states.POWER_ON], f"boot device {LOST}"),
    ],
)
def test_what_a_machine_boots_from_is_set_before_it_is_switched(
    tmp_path: Path, action: str, did: list[str], result: str
) -> None:
    async def main() -> None:
        async with asked(f"sqlite:///{tmp_path}/p", driver := Bootable()) as it:
            it.ask("a", action, **PXE)
            await it.done()
            assert (it.request().state, it.request().result, driver.did) == ("done", result, did)

    asyncio.run(main())


@pytest.mark.usefixtures("simulated")
def test_a_machine_that_does_not_take_its_boot_device_is_not_restarted(tmp_path: Path) -> None:
    async def main() -> None:
        async with asked(f"sqlite:///{tmp_path}/p", driver := Bootable(), timeout=0.5) as it:
            driver.lies = True
            it.ask("a", states.REBOOTING, **PXE)
            await it.done()
            assert states.REBOOTING not in driver.did
            assert it.request().error == (
                "set boot device was accepted, but 0.5 s later it is disk, persistent"
            )

    asyncio.run(main())


@pytest.mark.usefixtures("simulated")
def test_a_machine_that_refuses_to_restart_boots_from_what_it_did_before(tmp_path: Path) -> None:
    async def main() -> None:
        async with asked(f"sqlite:///{tmp_path}/p", driver := Bootable(), timeout=0.5) as it:
            driver.refuses = True
            it.ask("a", states.REBOOTING, **PXE)
            await it.done()
            words = "node busy; its boot device is disk, persistent again"
            assert (it.request().error, it.request().result) == (words, None)
            assert driver.boot == base.BootDevice("disk", persistent=True)

    asyncio.run(main())


def test_a_restart_is_begun_anew_where_only_the_boot_device_was_set(tmp_path: Path) -> None:
    """It was not sent: what a successor does is what was asked for, and not a guess."""

    async def main() -> None:
        async with asked(f"sqlite:///{tmp_path}/p", driver := Bootable()) as it:
            driver.hears.clear()
            it.ask("a", states.REBOOTING, **PXE)
            await it.begin()
            await until(lambda: bool(driver.did))
            await it.actions.drain(0)
            assert (it.request().state, it.request().sent_at) == ("begun", None)
            with it.it.database.write() as connection:
                members.leave(connection, HERE)
            driver.hears.set()
            await it.succeed()
            await it.done()
            assert driver.did == ["pxe, once", "pxe, once", states.REBOOTING]
            assert it.request().state == "done"

    asyncio.run(main())


def test_an_action_of_the_drivers_own_that_may_have_been_heard_is_not_sent_by_a_successor(
    tmp_path: Path,
) -> None:
    async def main() -> None:
        async with asked(f"sqlite:///{tmp_path}/p", driver := Bootable()) as it:
            driver.hears.clear()
            it.ask("a", states.DRIVER_ACTION, **BLINK)
            await it.begin()
            await until(lambda: bool(driver.did))
            await it.actions.drain(0)
            assert it.request().sent_at is not None
            with it.it.database.write() as connection:
                members.leave(connection, HERE)
            driver.hears.set()
            await it.succeed()
            await it.done()
            assert (driver.did, it.request().state) == ([2], "failed")
            assert it.request().error == (
                "still.blink was sent when the conductor ended; whether it happened is not known"
            )

    asyncio.run(main())


def test_what_is_beside_the_power_is_no_power_change_for_enforcement(tmp_path: Path) -> None:
    async def main() -> None:
        async with asked(f"sqlite:///{tmp_path}/p", Bootable()) as it:
            await it.it.fleet.refresh(it.it.sql)
            before = it.it.fleet.find(it.it.node("a").uuid)
            it.ask("a", states.SET_BOOT_DEVICE, **PXE)
            await it.done()
            after = it.it.fleet.find(it.it.node("a").uuid)
            assert before is not None and after is not None
            assert (after.wanted, after.switched_at) == (before.wanted, before.switched_at)

    asyncio.run(main())
