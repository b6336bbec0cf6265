"""What enforcement asks for, writes and says, by a clock that the test moves."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from fakes import HERE, Clock, Pieces, StillDriver, all_slots, pieces
from podium import states
from podium.conductor.enforcement.enforcer import Enforcement
from podium.conductor.enforcement.gate import Gate
from podium.conductor.enforcement.rules import Rules
from podium.conductor.fleet.entry import Entry
from podium.conductor.sweep.power_sync import PowerSync
from podium.db import api, changes, enforcement, members, power
from podium.db.changes import next_change
from podium.db.enforcement import Standing
from podium.db.models import enforcement_counts, nodes, operations, power_requests
from podium.db.worker import Worker

FORCE = Rules(force=True)


class Hall:
    """Nodes that are wanted on, and the enforcement of that."""

    def __init__(self, it: Pieces, rules: Rules, host: str = "here", clock: Clock | None = None) -> None:
        self.it = it
        self.clock = clock or Clock()
        self.host = host
        self.start(rules)

    def start(self, rules: Rules) -> None:
        it = self.it
        self.gate = Gate(rules)
        sync = PowerSync(it.fleet, it.rooms, it.recorder, gate=self.gate)
        self.member = self.enter()
        self.enforcement = Enforcement(
            it.sql, it.fleet, it.recorder, sync, member=self.member, clock=self.clock
        )

    def enter(self) -> Worker:
        service = members.Service("boot:1:2", ("still",), ("",), (), 30.0, 5.0, "1", "f")
        with self.it.database.write() as connection:
            for one in members.unended(connection):
                if one.host == self.host:
                    members.leave(connection, one.name)
            return members.enter(connection, self.host, 0, service)

    def entry(self, name: str) -> Entry:
        return {one.node.name: one for one in self.it.fleet.entries()}[name]

    def read(self, *names: str, state: str = states.POWER_OFF) -> None:
        for name in names:
            self.gate.answered(self.entry(name), state, self.clock.now)

    def vanish(self, *names: str) -> None:
        for name in names:
            entry = self.entry(name)
            entry.reads.note_failure()
            self.gate.failed(entry, self.clock.now)

    async def poll(self, seconds: float = 1.0) -> None:
        """Let time pass and enforcement look."""
        self.clock.advance(seconds)
        await self.it.fleet.refresh(self.it.sql)
        await self.enforcement.poll()
        assert await self.it.recorder.flush()

    async def differ(self, *names: str) -> None:
        """Nodes are read off twice, and time passes in which others might change too."""
        self.read(*names)
        await self.poll(5.0)
        self.read(*names)
        await self.poll(9.0)

    def rows(self, query: Any) -> list[Any]:
        with self.it.database.read() as connection:
            return list(connection.execute(query).all())

    def requests(self) -> list[tuple[Any, ...]]:
        columns = [power_requests.c[name] for name in ("node_name", "action", "requested_by", "state")]
        return [tuple(row) for row in self.rows(sa.select(*columns).order_by(power_requests.c.id))]

    def standing(self) -> Standing:
        with self.it.database.read() as connection:
            return enforcement.standing(connection)

    def said(self, name: str) -> str | None:
        text: str | None = self.it.node(name).enforcement
        return text

    def set(self, name: str, **values: Any) -> None:
        with self.it.database.write() as connection:
            connection.execute(sa.update(nodes).where(nodes.c.name == name).values(**values))


@contextlib.asynccontextmanager
async def hall(tmp_path: Path, count: int = 40, rules: Rules = FORCE) -> AsyncIterator[Hall]:
    async with pieces(f"sqlite:///{tmp_path}/p", StillDriver()) as it:
        it.enrol(*({"name": f"n{number}", "driver": "still"} for number in range(count)))
        with it.database.write() as connection:
            wanted = {"wanted_power_state": states.POWER_ON, "power_state": states.POWER_ON}
            connection.execute(sa.update(nodes).values(wanted))
        await it.fleet.refresh(it.sql)
        yield Hall(it, rules)


def test_what_somebody_else_switched_off_is_asked_on_again_as_one_operation(tmp_path: Path) -> None:
    async def main() -> None:
        async with hall(tmp_path) as it:
            await it.differ("n1", "n2")
            assert it.requests() == []
            assert it.said("n1") == "waits to see whether others change too"
            await it.poll()
            assert it.requests() == [
                ("n1", "power on", "podium", "waiting"),
                ("n2", "power on", "podium", "waiting"),
            ]
            (operation,) = it.rows(sa.select(operations))
            assert (operation.nodes, operation.reason) == (
                2,
                "enforced: it was power off, wanted is power on",
            )
            assert it.said("n1") is None
            assert it.enforcement.figures.enforced == 2
            await it.poll(100.0)
            assert len(it.requests()) == 2

    asyncio.run(main())


def test_why_a_node_is_left_alone_is_written_and_taken_away_when_it_is_as_wanted(tmp_path: Path) -> None:
    async def main() -> None:
        async with hall(tmp_path) as it:
            it.read("n1")
            await it.poll()
            assert it.said("n1") == "power off is to be read a second time"
            it.read("n1", state=states.POWER_ON)
            await it.poll()
            assert it.said("n1") is None
            assert it.requests() == []

    asyncio.run(main())


def test_a_dry_run_asks_for_nothing_and_says_what_it_would_do(tmp_path: Path) -> None:
    async def main() -> None:
        async with hall(tmp_path, rules=Rules(force=True, dry_run=True)) as it:
            await it.differ("n1")
            await it.poll(100.0)
            assert it.requests() == []
            assert it.said("n1") == "would be switched to power on"
            assert it.enforcement.figures.dry_run == 1

    asyncio.run(main())


def test_a_persons_request_is_never_replaced(tmp_path: Path) -> None:
    async def main() -> None:
        async with hall(tmp_path) as it:
            await it.differ("n1")
            with it.it.database.write() as connection:
                power.ask(connection, [it.it.node("n1")], states.POWER_OFF, who="ann@desk")
            it.clock.advance(100.0)
            await it.enforcement.poll()  # before the fleet hears of it
            await it.poll()
            assert it.requests() == [("n1", "power off", "ann@desk", "waiting")]

    asyncio.run(main())


@pytest.mark.parametrize(
    "values",
    [{"maintenance": True}, {"power_policy": "record"}, {"wanted_power_state": None}],
    ids=["maintenance", "policy", "nothing wanted"],
)
def test_a_node_that_is_no_longer_to_be_enforced_is_forgotten(tmp_path: Path, values: Any) -> None:
    async def main() -> None:
        async with hall(tmp_path) as it:
            await it.differ("n1")
            with it.it.database.write() as connection:
                api.update_node(connection, it.it.node("n1").id, values)
            await it.poll(100.0)
            assert it.requests() == []
            assert it.said("n1") is None
            assert it.gate.cases() == []

    asyncio.run(main())


def test_an_outage_switches_nothing_and_is_told_loudly_and_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with hall(tmp_path) as it:
            await it.differ("n1", "n2")
            it.vanish("n10", "n11", "n12")
            await it.poll()
            await it.poll()
            assert it.requests() == []
            reason = "5 of 40 nodes of the fleet changed or vanished within 300 s"
            assert (it.standing().frozen_reason, it.said("n1")) == (reason, f"frozen: {reason}")
            assert (it.enforcement.figures.is_frozen, it.enforcement.figures.frozen) == (True, 2)

    asyncio.run(main())
    (record,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert "Enforcement is frozen, no node is switched back: 5 of 40 nodes" in record.getMessage()
    assert "podium conductor thaw" in record.getMessage()


def test_what_was_asked_for_and_not_begun_before_an_outage_is_taken_back(tmp_path: Path) -> None:
    async def main() -> None:
        async with hall(tmp_path) as it:
            await it.differ("n1")
            await it.poll()
            assert [state for *_, state in it.requests()] == ["waiting"]
            it.vanish("n10", "n11", "n12", "n13")
            await it.poll()
            assert [state for *_, state in it.requests()] == ["cancelled"]
            assert it.it.node("n1").target_power_state is None

    asyncio.run(main())


def test_a_freeze_ends_by_itself_and_what_differs_still_is_restored(tmp_path: Path) -> None:
    async def main() -> None:
        async with hall(tmp_path) as it:
            await it.differ("n1")
            it.vanish("n10", "n11", "n12", "n13")
            await it.poll()
            await it.poll(299.0)
            assert it.standing().frozen_at is not None
            await it.poll(10.0)
            assert it.standing().frozen_at is None
            await it.poll()
            assert [name for name, *_ in it.requests()] == ["n1"]

    asyncio.run(main())


def test_a_person_ends_a_freeze(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with hall(tmp_path) as it:
            await it.differ("n1")
            it.vanish("n10", "n11", "n12", "n13")
            await it.poll()
            with it.it.database.write() as connection:
                assert enforcement.forgive(connection)
                assert not enforcement.forgive(connection)
            await it.poll()
            await it.poll()
            assert [name for name, *_ in it.requests()] == ["n1"]
            assert it.standing().frozen_at is None

    asyncio.run(main())
    assert "Enforcement goes on: podium conductor thaw asked for it" in caplog.text


def test_a_freeze_outlives_a_restart(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with hall(tmp_path) as it:
            it.vanish("n10", "n11", "n12", "n13", "n14")
            await it.poll()
            it.start(FORCE)
            await it.enforcement.resume()
            await it.differ("n1")
            await it.poll(200.0)
            assert it.requests() == []
            await it.poll(100.0)
            await it.poll()
            assert [name for name, *_ in it.requests()] == ["n1"]

    asyncio.run(main())
    assert "Enforcement is frozen as it was before the start" in caplog.text


def test_what_an_earlier_run_said_of_a_node_is_taken_away(tmp_path: Path) -> None:
    async def main() -> None:
        async with hall(tmp_path) as it:
            it.set("n1", enforcement="said long ago")
            it.it.fleet = type(it.it.fleet)(HERE)
            await it.it.fleet.begin(it.it.sql, all_slots("still"))
            it.start(FORCE)
            await it.enforcement.resume()
            await it.poll()
            assert it.said("n1") is None

    asyncio.run(main())


def test_where_nothing_is_enforced_an_outage_freezes_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with hall(tmp_path, rules=Rules()) as it:
            it.vanish(*(f"n{number}" for number in range(30)))
            await it.poll()
            assert it.standing().frozen_at is None

    asyncio.run(main())
    assert caplog.messages == []


def test_only_nodes_with_the_policy_are_enforced_where_that_is_not_usual(tmp_path: Path) -> None:
    async def main() -> None:
        async with hall(tmp_path, rules=Rules()) as it:
            with it.it.database.write() as connection:
                api.update_node(connection, it.it.node("n1").id, {"power_policy": "enforce"})
            await it.poll()
            await it.differ("n1", "n2")
            await it.poll()
            assert [name for name, *_ in it.requests()] == ["n1"]

    asyncio.run(main())


@contextlib.asynccontextmanager
async def two_halls(tmp_path: Path) -> AsyncIterator[tuple[Hall, Hall]]:
    """Two members, of which each reads 40 nodes and knows what became of some of them."""
    async with hall(tmp_path) as one:
        yield one, Hall(one.it, FORCE, "there", one.clock)


async def both(one: Hall, two: Hall, seconds: float = 1.0) -> None:
    await one.poll(seconds)
    await two.poll(0.0)


def test_an_outage_that_no_member_sees_whole_is_recognized_and_frozen_by_all(tmp_path: Path) -> None:
    async def main() -> None:
        async with two_halls(tmp_path) as (one, two):
            await one.differ("n1", "n2", "n3", "n4")
            two.vanish(*(f"n{number}" for number in range(20, 26)))
            for _ in range(4):
                await both(one, two)
            assert one.requests() == []
            assert one.standing().frozen_reason == (
                "10 of 80 nodes of the fleet changed or vanished within 300 s"
            )
            assert one.enforcement.figures.is_frozen
            assert two.enforcement.figures.is_frozen

    asyncio.run(main())


def test_nothing_is_switched_before_every_other_member_has_counted(tmp_path: Path) -> None:
    async def main() -> None:
        async with two_halls(tmp_path) as (one, two):
            await one.differ("n1")
            for _ in range(5):
                await one.poll(100.0)
            assert one.requests() == []
            await both(one, two)
            await both(one, two)
            assert [name for name, *_ in one.requests()] == ["n1"]

    asyncio.run(main())


def test_a_member_that_has_ended_holds_up_nobody_and_what_it_counted_stays_for_a_window(
    tmp_path: Path,
) -> None:
    async def main() -> None:
        async with two_halls(tmp_path) as (one, two):
            await one.poll()
            two.vanish(*(f"n{number}" for number in range(20, 28)))
            await two.poll()
            assert two.standing().frozen_at is None
            with one.it.database.write() as connection:
                members.leave(connection, two.member)
            await one.differ("n1")
            await one.poll()
            assert one.requests() == []
            assert one.standing().frozen_reason == (
                "9 of 40 nodes of the fleet changed or vanished within 300 s"
            )
            await one.poll(305.0)
            await one.poll()
            assert [name for name, *_ in one.requests()] == ["n1"]

    asyncio.run(main())


def test_a_thaw_is_for_all_members_and_forgets_what_they_counted(tmp_path: Path) -> None:
    async def main() -> None:
        async with two_halls(tmp_path) as (one, two):
            await one.differ("n1")
            two.vanish(*(f"n{number}" for number in range(20, 30)))
            for _ in range(4):
                await both(one, two)
            assert one.standing().frozen_at is not None
            with one.it.database.write() as connection:
                assert enforcement.forgive(connection)
            for _ in range(4):
                await both(one, two)
            assert [name for name, *_ in one.requests()] == ["n1"]
            assert not two.enforcement.figures.is_frozen

    asyncio.run(main())


def test_a_freeze_is_seen_in_the_transaction_that_would_switch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        async with hall(tmp_path) as it:
            await it.differ("n1")

            def freeze_first(connection: sa.Connection) -> int:
                enforcement.freeze(connection, datetime(2030, 5, 1, tzinfo=UTC), "another saw an outage")
                return next_change(connection)

            with monkeypatch.context() as patched:
                patched.setattr(changes, "next_change", freeze_first)
                await it.poll()
            assert it.requests() == []
            await it.poll()
            assert it.said("n1") == "frozen: another saw an outage"

    asyncio.run(main())


def test_a_node_that_is_gained_is_left_alone_as_long_as_after_a_start(tmp_path: Path) -> None:
    async def main() -> None:
        async with two_halls(tmp_path) as (one, two):
            await two.differ("n1")
            with one.it.database.write() as connection:
                members.leave(connection, two.member)
            await one.poll(100.0)
            one.read("n1")
            await one.poll(5.0)
            one.read("n1")
            await one.poll(9.0)
            assert one.requests() == []
            await one.poll()
            assert [name for name, *_ in one.requests()] == ["n1"]

    asyncio.run(main())


def test_where_nothing_is_enforced_nothing_is_counted_in_the_database(tmp_path: Path) -> None:
    async def main() -> None:
        async with hall(tmp_path, rules=Rules()) as one:
            for _ in range(3):
                await one.poll()
            assert one.rows(sa.select(enforcement_counts)) == []

    asyncio.run(main())
