"""Nodes that are read for the first time to find out whether they can be conducted."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from fakes import HERE, Pieces, StillDriver, all_slots, pieces, until
from podium import errors, states
from podium.conductor.enforcement.gate import Gate
from podium.conductor.enforcement.rules import Rules
from podium.conductor.fleet.fleet import Fleet
from podium.conductor.rooms import context as contexts
from podium.conductor.sweep.power_sync import PowerSync
from podium.db import api, provisioning
from podium.db.provision_states import ENROLL, MANAGEABLE, VERIFYING
from podium.drivers import base

pytestmark = pytest.mark.mariadb_long

#: Long enough that what failed is not tried again by itself.
INTERVAL = 3600.0


class Moody(StillDriver):
    fails: Exception | None = None
    reads = 0

    async def get_power_state(self, node: base.Node) -> str:
        self.reads += 1
        if self.fails is not None:
            raise self.fails
        return await super().get_power_state(node)


async def sweep(it: Pieces) -> None:
    await it.fleet.refresh(it.sql)
    await it.sync.sweep(INTERVAL, contexts.new(), at_once=True)
    assert await it.recorder.flush()
    await it.fleet.refresh(it.sql)


def verify(it: Pieces, name: str = "a", **values: Any) -> None:
    with it.database.write() as connection:
        provisioning.begin_verifying(connection, it.node(name).id, values)


def test_a_node_in_enroll_is_not_read(tmp_path: Path) -> None:
    async def main() -> None:
        async with pieces(f"sqlite:///{tmp_path}/p", driver := Moody()) as it:
            it.enrol({"name": "a", "driver": "still", "provision_state": ENROLL})
            await sweep(it)
            assert (driver.reads, len(it.fleet)) == (0, 0)
            assert (it.node("a").power_state, it.node("a").power_checked_at) == (None, None)

    asyncio.run(main())


@pytest.mark.parametrize("kept", [{}, {"maintenance": True}, {"power_policy": "ignore"}])
def test_a_node_that_answers_is_manageable_whatever_else_it_is_not_read_for(
    migrated_url: str, kept: dict[str, Any]
) -> None:
    async def main() -> None:
        async with pieces(migrated_url, driver := Moody()) as it:
            driver.states["a"] = states.POWER_ON
            it.enrol({"name": "a", "driver": "still", "provision_state": ENROLL, **kept})
            verify(it)
            await sweep(it)
            row = it.node("a")
            assert (row.provision_state, row.power_state) == (MANAGEABLE, states.POWER_ON)
            (entry,) = it.fleet.entries()
            assert (entry.is_verifying, entry.node.power_state) == (False, states.POWER_ON)

    asyncio.run(main())


def test_a_node_that_does_not_answer_leaves_the_fleet_and_says_why(migrated_url: str) -> None:
    async def main() -> None:
        async with pieces(migrated_url, driver := Moody()) as it:
            driver.fails = errors.BMCUnreachable("no answer from 10.0.0.1")
            it.sync.gate.rules = Rules(max_retries=1)
            it.enrol({"name": "a", "driver": "still", "provision_state": ENROLL})
            verify(it)
            await sweep(it)
            row = it.node("a")
            assert (row.provision_state, row.last_error) == (ENROLL, "no answer from 10.0.0.1")
            assert (row.maintenance, row.fault, row.power_failures) == (False, None, 0)
            assert len(it.fleet) == 0
            assert [entry.node.name for entry in it.fleet.take_dropped()] == ["a"]
            await sweep(it)
            assert driver.reads == 1

    asyncio.run(main())


def test_a_node_is_read_at_once_each_time_that_it_is_to_be_verified(tmp_path: Path) -> None:
    async def main() -> None:
        async with pieces(f"sqlite:///{tmp_path}/p", driver := Moody()) as it:
            await sweep(it)
            it.enrol({"name": "a", "driver": "still", "provision_state": ENROLL})
            verify(it)
            driver.fails = errors.BMCUnreachable("no answer")
            it.sync.read_now(await it.fleet.refresh(it.sql) or [], contexts.new())
            await until(lambda: it.recorder.waiting["readings"] == 1)
            assert await it.recorder.flush()
            verify(it)  # before the fleet has seen that it was in enroll again
            driver.fails = None
            it.sync.read_now(await it.fleet.refresh(it.sql) or [], contexts.new())
            await until(lambda: it.recorder.waiting["readings"] == 1)
            assert await it.recorder.flush()
            assert it.node("a").provision_state == MANAGEABLE

    asyncio.run(main())


def test_what_a_conductor_that_died_had_read_is_read_again_by_the_next_owner(tmp_path: Path) -> None:
    async def main() -> None:
        async with pieces(f"sqlite:///{tmp_path}/p", driver := Moody()) as it:
            it.enrol({"name": "a", "driver": "still", "provision_state": ENROLL})
            verify(it)
            await it.fleet.refresh(it.sql)
            await it.sync.sweep(INTERVAL, contexts.new(), at_once=True)  # and nothing is written
            assert it.node("a").provision_state == VERIFYING
            gained = await Fleet(HERE).begin(it.sql, all_slots("still"))
            assert [(entry.node.name, entry.is_verifying) for entry in gained] == [("a", True)]
            assert driver.reads == 1

    asyncio.run(main())


def test_a_node_that_was_changed_while_it_was_read_is_read_again(tmp_path: Path) -> None:
    async def main() -> None:
        async with pieces(f"sqlite:///{tmp_path}/p", Moody()) as it:
            it.enrol({"name": "a", "driver": "still", "provision_state": ENROLL})
            verify(it)
            await it.fleet.refresh(it.sql)
            await it.sync.sweep(INTERVAL, contexts.new(), at_once=True)
            with it.database.write() as connection:
                api.update_node(connection, it.node("a").id, {"extra": {"rack": 1}})
            assert await it.recorder.flush()
            assert it.node("a").provision_state == VERIFYING
            assert [entry.node.name for entry in await it.fleet.refresh(it.sql) or []] == ["a"]
            await sweep(it)
            assert it.node("a").provision_state == MANAGEABLE

    asyncio.run(main())


def test_a_node_that_is_verified_counts_in_no_outage(tmp_path: Path) -> None:
    async def main() -> None:
        async with pieces(f"sqlite:///{tmp_path}/p", driver := Moody()) as it:
            gate = Gate(Rules(force=True, max_retries=1))
            it.sync = PowerSync(it.fleet, it.rooms, it.recorder, gate=gate)
            it.enrol(
                {"name": "a", "driver": "still", "provision_state": ENROLL, "wanted_power_state": "power on"}
            )
            for failure in (errors.BMCUnreachable("no answer"), None):
                driver.fails = failure
                verify(it)
                await it.fleet.refresh(it.sql)
                await it.sync.sweep(INTERVAL, contexts.new(), at_once=True)
                assert (gate.disturbed, gate.cases()) == (0, [])
                assert await it.recorder.flush()
            assert it.node("a").provision_state == MANAGEABLE

    asyncio.run(main())
