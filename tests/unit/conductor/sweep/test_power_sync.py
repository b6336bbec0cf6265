import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from fakes import PATIENCE, Clock, Pieces, StillDriver, happened, pieces, until
from podium import errors, states
from podium.conductor.enforcement.gate import Gate
from podium.conductor.enforcement.rules import Rules
from podium.conductor.rooms import context as contexts
from podium.conductor.sweep import sweeper
from podium.conductor.sweep.power_sync import PowerSync, SweepReport
from podium.db import api, power
from podium.db.models import nodes, power_events
from podium.drivers import base, class_options
from podium.node_ranges import fold_for_log

pytestmark = pytest.mark.mariadb_long


async def sweep(it: Pieces, interval: float = 30.0) -> None:
    """
    :param interval: after a sixteenth of it, what failed is tried again
    """
    await it.fleet.refresh(it.sql)
    await it.sync.sweep(interval, contexts.new(), at_once=True)
    assert await it.recorder.flush()


def ask(it: Pieces, name: str) -> None:
    with it.database.write() as connection:
        power.ask(connection, [it.node(name)], states.POWER_ON, who="me")


def events(it: Pieces, name: str) -> list[tuple[Any, ...]]:
    with it.database.read() as connection:
        mine = power_events.c.node_uuid == it.node(name).uuid
        rows = connection.execute(sa.select(power_events).where(mine).order_by(power_events.c.id))
        return [(row.from_state, row.to_state, row.cause) for row in rows]


def test_a_sweep_writes_the_state_of_every_node_and_when_it_was_read(migrated_url: str) -> None:
    async def main() -> None:
        async with pieces(migrated_url, driver := StillDriver()) as it:
            driver.states["b"] = states.POWER_ON
            it.enrol({"name": "a", "driver": "still"}, {"name": "b", "driver": "still"})
            await sweep(it)
            assert [it.node(name).power_state for name in "ab"] == ["power off", "power on"]
            assert it.node("a").power_checked_at is not None
            assert events(it, "a") == [(None, "power off", "first reading")]

    asyncio.run(main())


def test_a_change_behind_the_conductors_back_is_recorded_and_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with pieces(f"sqlite:///{tmp_path}/p", driver := StillDriver()) as it:
            it.enrol(*({"name": f"r1n{number:02}", "driver": "still"} for number in (1, 2, 3)))
            await sweep(it)
            driver.states.update({"r1n01": states.POWER_ON, "r1n02": states.POWER_ON})
            await sweep(it)
            assert events(it, "r1n01")[1:] == [("power off", "power on", "out-of-band")]
            assert it.node("r1n01").power_changed_at > it.node("r1n03").power_changed_at
            await sweep(it)
            assert len(events(it, "r1n01")) == 2

    asyncio.run(main())
    assert caplog.messages == ["r1n[01-02]: power off -> power on, changed by someone else"]


class Unreachable(StillDriver):
    fails: Exception | None = errors.BMCUnreachable("no answer with password hunter2")
    properties = {"address": base.Property("where"), "password": base.Property("secret", secret=True)}

    async def get_power_state(self, node: base.Node) -> str:
        if self.fails is not None:
            raise self.fails
        return await super().get_power_state(node)


def test_unreachable_is_not_off_and_is_counted_until_the_node_answers_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="podium")

    async def main() -> None:
        async with pieces(f"sqlite:///{tmp_path}/p", driver := Unreachable()) as it:
            driver.states["a"] = states.POWER_ON
            driver.fails, fault = None, driver.fails
            it.enrol({"name": "a", "driver": "still", "driver_info": {"password": "hunter2"}})
            await sweep(it)
            read = it.node("a").power_checked_at
            driver.fails = fault
            await sweep(it, 3600.0)
            await sweep(it, 3600.0)
            row = it.node("a")
            assert (row.power_state, row.power_failures, row.power_checked_at) == ("power on", 2, read)
            assert row.last_error == "no answer with password ******"
            driver.fails = None
            await sweep(it)
            row = it.node("a")
            assert (row.power_failures, row.last_error) == (0, None)

    asyncio.run(main())
    assert caplog.messages == [
        "a: power cannot be read: no answer with password ******",
        "a: power can be read again",
    ]


@pytest.mark.parametrize(
    ("answer", "words"),
    [("on", "answered 'on', which is no power state"), (None, "answered None"), (["x"], "answered ['x']")],
)
def test_an_answer_that_is_no_power_state_is_a_failed_read(tmp_path: Path, answer: Any, words: str) -> None:
    class Odd(StillDriver):
        async def get_power_state(self, node: base.Node) -> str:
            return answer  # type: ignore[no-any-return]

    async def main() -> None:
        async with pieces(f"sqlite:///{tmp_path}/p", Odd()) as it:
            it.enrol({"name": "a", "driver": "still"})
            await sweep(it)
            assert it.node("a").power_state is None
            assert words in it.node("a").last_error

    asyncio.run(main())


def test_nodes_in_maintenance_to_be_ignored_or_with_a_change_under_way_are_left_alone(tmp_path: Path) -> None:
    async def main() -> None:
        async with pieces(f"sqlite:///{tmp_path}/p", StillDriver()) as it:
            it.enrol(
                {"name": "a", "driver": "still", "maintenance": True, "power_policy": None},
                {"name": "b", "driver": "still", "power_policy": "ignore"},
                {"name": "c", "driver": "still", "power_policy": None},
            )
            await it.fleet.refresh(it.sql)
            it.fleet.taken.take(it.node("c").id)
            await sweep(it)
            assert [it.node(name).power_state for name in "abc"] == [None, None, None]

    asyncio.run(main())


def test_a_node_whose_change_waits_is_read_until_that_begins(tmp_path: Path) -> None:
    async def main() -> None:
        async with pieces(f"sqlite:///{tmp_path}/p", StillDriver()) as it:
            it.enrol({"name": "a", "driver": "still"})
            ask(it, "a")
            await sweep(it)
            assert it.node("a").power_state == "power off"

    asyncio.run(main())


def test_what_was_read_before_a_node_was_asked_to_change_is_not_written(tmp_path: Path) -> None:
    async def main() -> None:
        async with pieces(f"sqlite:///{tmp_path}/p", StillDriver()) as it:
            it.enrol({"name": "a", "driver": "still"})
            await it.fleet.refresh(it.sql)
            await it.sync.sweep(30.0, contexts.new(), at_once=True)
            ask(it, "a")
            assert await it.recorder.flush()
            assert it.node("a").power_state is None

    asyncio.run(main())


class Hung(StillDriver):
    def __init__(self) -> None:
        super().__init__("hung")
        self.began, self.let_go = threading.Event(), threading.Event()

    def get_power_state(self, node: base.Node) -> str:  # type: ignore[override]
        self.began.set()
        self.let_go.wait()
        return states.POWER_OFF


def test_a_driver_that_hangs_does_not_hold_up_the_sweep_of_another(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Otherwise its sweep ends without the read that hangs, perhaps before the next one on a busy machine.
    monkeypatch.setattr(sweeper, "_PATIENCE", PATIENCE)

    async def main() -> None:
        hung, still = Hung(), StillDriver()
        async with pieces(f"sqlite:///{tmp_path}/p", hung, still) as it:
            it.enrol({"name": "a", "driver": "hung"}, {"name": "b", "driver": "still"})
            await it.fleet.refresh(it.sql)
            first = asyncio.create_task(it.sync.sweep(30.0, contexts.new(), at_once=True))
            await happened(hung.began)
            await until(lambda: "still" in it.sync.reports)
            first.cancel()
            await asyncio.wait({first})
            still.states["b"] = states.POWER_ON
            await sweep(it)
            assert it.node("b").power_state == "power on"
            hung.let_go.set()

    asyncio.run(main())
    assert "Driver hung cannot keep the interval: it has read 0 of 1 nodes" in caplog.text


class Counted(StillDriver):
    """Counts its reads."""

    reads = 0

    async def get_power_state(self, node: base.Node) -> str:
        self.reads += 1
        return await super().get_power_state(node)


def test_a_driver_with_an_interval_of_its_own_is_read_once_in_it_and_holds_up_no_other(
    tmp_path: Path,
) -> None:
    async def main() -> None:
        rare, usual = Counted("rare"), Counted("usual")
        async with pieces(f"sqlite:///{tmp_path}/p", rare, usual) as it:
            clock, intervals = Clock(), {"rare": 600.0, "usual": 5.0}
            it.sync = PowerSync(it.fleet, it.rooms, it.recorder, intervals=intervals, clock=clock)
            it.enrol({"name": "a", "driver": "rare"}, {"name": "b", "driver": "usual"})
            await it.fleet.refresh(it.sql)

            async def sweeps(count: int) -> None:
                for _ in range(count):
                    await it.sync.sweep(30.0, contexts.new())
                    clock.advance(30.0)

            await sweeps(20)
            assert (rare.reads, usual.reads) == (1, 20)
            await sweeps(1)
            await until(lambda: rare.reads == 2)
            assert it.sync.intervals == {"rare": 600.0}
            assert it.sync.late == set()

    asyncio.run(main())


def test_an_interval_of_a_drivers_own_is_rounded_up_to_a_multiple_of_that_of_all(tmp_path: Path) -> None:
    async def main() -> None:
        async with pieces(f"sqlite:///{tmp_path}/p", rare := Counted("rare")) as it:
            clock = Clock()
            it.sync = PowerSync(it.fleet, it.rooms, it.recorder, intervals={"rare": 70.0}, clock=clock)
            it.enrol({"name": "a", "driver": "rare"})
            await it.fleet.refresh(it.sql)
            for reads in (1, 1, 1, 2):
                await it.sync.sweep(30.0, contexts.new())
                await until(lambda reads=reads: rare.reads == reads)
                clock.advance(30.0)

    asyncio.run(main())
    (option,) = (one for one in class_options.declared(Counted) if one.name == "interval")
    assert "Rounded up to a multiple of that." in option.help


def test_a_sweep_that_nobody_waits_for_is_logged_if_it_fails(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def failing(*_: Any) -> None:
        raise OSError("no such sweep")

    async def main() -> None:
        async with pieces(f"sqlite:///{tmp_path}/p", StillDriver("rare")) as it:
            clock = Clock()
            it.sync = PowerSync(it.fleet, it.rooms, it.recorder, intervals={"rare": 600.0}, clock=clock)
            await it.sync.sweep(30.0, contexts.new())
            monkeypatch.setattr(it.sync.sweepers["rare"], "sweep", failing)
            clock.advance(600.0)
            await it.sync.sweep(30.0, contexts.new())
            await until(lambda: bool(caplog.records))

    asyncio.run(main())
    assert caplog.messages == ["Driver rare: its sweep has failed"]
    assert "no such sweep" in caplog.text


def test_a_person_has_the_nodes_of_all_drivers_read_now(tmp_path: Path) -> None:
    async def main() -> None:
        async with pieces(f"sqlite:///{tmp_path}/p", driver := Counted()) as it:
            clock = Clock()
            it.sync = PowerSync(it.fleet, it.rooms, it.recorder, intervals={"still": 7200.0}, clock=clock)
            it.enrol({"name": "a", "driver": "still"}, {"name": "b", "driver": "still"})
            await sweep(it)
            clock.advance(7200.0)
            await it.sync.sweep(30.0, contexts.new())  # is spread over hours, and not waited for
            await until(lambda: driver.reads == 3)
            await sweep(it)
            assert driver.reads == 5

    asyncio.run(main())


def test_enforcement_does_not_wait_for_drivers_that_are_read_rarely(tmp_path: Path) -> None:
    async def main() -> None:
        async with pieces(f"sqlite:///{tmp_path}/p", StillDriver("rare"), StillDriver("usual")) as it:
            it.sync = PowerSync(it.fleet, it.rooms, it.recorder, intervals={"rare": 600.0})
            await sweep(it)
            it.sync.reports = {"rare": SweepReport(1, 480.0), "usual": SweepReport(1, 24.0)}
            assert it.sync.round == 30.0
            assert it.sync.gate.intervals == {"rare": 600.0}

    asyncio.run(main())


def test_nodes_enrolled_while_the_conductor_runs_are_read_at_once(tmp_path: Path) -> None:
    async def main() -> None:
        async with pieces(f"sqlite:///{tmp_path}/p", StillDriver()) as it:
            await sweep(it)
            it.enrol({"name": "late", "driver": "still"})
            it.sync.read_now(await it.fleet.refresh(it.sql) or [], contexts.new())
            async with asyncio.timeout(PATIENCE):
                while it.node("late").power_state is None:
                    await it.recorder.flush()
                    await asyncio.sleep(0)

    asyncio.run(main())


def test_many_names_are_folded_and_cut_to_a_lines_length() -> None:
    assert fold_for_log([f"r1n{number:02}" for number in range(1, 49)]) == "r1n[01-48]"
    assert fold_for_log([f"host-{number * 7}x{number}" for number in range(500)]).endswith("... (500 nodes)")


class Patient(StillDriver):
    """Its nodes answer when the test says so, and remember reads that were broken off."""

    def __init__(self) -> None:
        super().__init__()
        self.reads, self.broken_off = 0, 0
        self.answer = False

    async def get_power_state(self, node: base.Node) -> str:
        self.reads += 1
        if self.answer:
            return states.POWER_OFF
        try:
            await asyncio.sleep(PATIENCE)
        except asyncio.CancelledError:
            self.broken_off += 1
            raise
        return states.POWER_OFF


def test_a_read_gives_way_to_a_person_and_counts_neither_as_failed_nor_as_done(tmp_path: Path) -> None:
    async def main() -> None:
        async with pieces(f"sqlite:///{tmp_path}/p", driver := Patient()) as it:
            it.enrol({"name": "a", "driver": "still"})
            await it.fleet.refresh(it.sql)
            sweeping = asyncio.create_task(sweep(it))
            await until(lambda: driver.reads == 1)
            node, room = it.fleet.entries()[0].node, it.rooms["still"]
            command = room.start(
                lambda: room.command(PATIENCE, node, driver.set_power_state, states.POWER_ON, urgent=True),
                contexts.new(),
            )
            await asyncio.wrap_future(command.future)
            await sweeping
            assert driver.broken_off == 1
            assert driver.states["a"] == "power on"
            assert (it.node("a").power_state, it.node("a").power_failures) == (None, 0)
            driver.answer = True
            await sweep(it)
            assert it.node("a").power_state == "power off"

    asyncio.run(main())


def test_what_a_sweep_finds_changed_or_vanished_is_told_to_the_gate(tmp_path: Path) -> None:
    async def main() -> None:
        async with pieces(f"sqlite:///{tmp_path}/p", driver := Unreachable()) as it:
            gate = Gate(Rules(force=True))
            it.sync = PowerSync(it.fleet, it.rooms, it.recorder, gate=gate)
            driver.fails, fault = None, driver.fails
            driver.states.update(a=states.POWER_ON, b=states.POWER_ON)
            it.enrol({"name": "a", "driver": "still"}, {"name": "b", "driver": "still"})
            with it.database.write() as connection:
                connection.execute(sa.update(nodes).values(wanted_power_state=states.POWER_ON))
            await sweep(it)
            assert (gate.cases(), gate.disturbed) == ([], 0)
            driver.states["a"] = states.POWER_OFF
            await sweep(it)
            assert gate.cases() == [(it.node("a").id, "power off")]
            assert gate.disturbed == 1
            driver.fails = fault
            await sweep(it)
            assert gate.disturbed == 2

    asyncio.run(main())


def test_nodes_in_maintenance_are_read_where_the_operator_wants_that(tmp_path: Path) -> None:
    async def main() -> None:
        async with pieces(f"sqlite:///{tmp_path}/p", StillDriver()) as it:
            it.sync.gate.rules = Rules(in_maintenance=True)
            it.enrol({"name": "a", "driver": "still", "maintenance": True})
            await sweep(it)
            assert (it.node("a").power_state, it.node("a").maintenance) == ("power off", True)

    asyncio.run(main())


def test_a_node_that_was_given_up_is_probed_until_it_answers(tmp_path: Path) -> None:
    async def main() -> None:
        async with pieces(f"sqlite:///{tmp_path}/p", driver := Unreachable()) as it:
            given_up = {"maintenance": True, "fault": "power failure"}
            it.enrol(
                {"name": "a", "driver": "still"},
                {"name": "b", "driver": "still", "maintenance": True},
            )
            with it.database.write() as connection:
                api.update_node(connection, it.node("a").id, given_up)
            await sweep(it)
            driver.fails = None
            async with asyncio.timeout(PATIENCE):
                while it.node("a").maintenance:
                    await it.recorder.flush()
                    await asyncio.sleep(0.01)
            assert it.node("a").power_state == "power off"
            assert it.node("b").maintenance

    asyncio.run(main())
