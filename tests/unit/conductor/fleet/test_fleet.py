"""The nodes in memory follow the database by what changed."""

import asyncio
import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest
import sqlalchemy as sa

from fakes import HERE, THERE, Pieces, StillDriver, all_slots, joined, pieces
from podium.conductor.fleet.entry import Entry
from podium.conductor.fleet.fleet import Fleet
from podium.conductor.rooms.clock import DatabaseClock
from podium.db import api, members, models
from podium.db.changes import next_change
from podium.db.endpoints import SLOTS
from podium.db.models import nodes
from podium.db.worker import Worker
from read_nodes import set_checked

pytestmark = pytest.mark.mariadb_long

NOON: Final = datetime(2026, 3, 1, 12, tzinfo=UTC)


def change(it: Pieces, function: Callable[[sa.Connection], Any]) -> None:
    with it.database.write() as connection:
        function(connection)


def names(fleet: Fleet) -> list[str]:
    return [entry.node.name for entry in fleet.entries()]


def enrolled(url: str, then: Callable[[Pieces], Any]) -> None:
    """Three nodes, two of them known to the fleet's driver, and what a test does with them."""

    async def main() -> None:
        async with pieces(url, StillDriver()) as it:
            it.enrol(
                {"name": "a", "driver": "still"},
                {"name": "b", "driver": "still"},
                {"name": "c", "driver": "other"},
            )
            await it.fleet.refresh(it.sql)
            await then(it)

    asyncio.run(main())


def test_only_nodes_of_slots_that_have_begun_are_known(migrated_url: str) -> None:
    async def then(it: Pieces) -> None:
        assert names(it.fleet) == ["a", "b"]
        part, slot = Fleet(HERE), it.node("b").slot
        assert await part.refresh(it.sql) == []
        assert len(part) == 0
        fresh = await part.begin(it.sql, {("", "still"): [slot]})
        assert [entry.node.name for entry in fresh] == names(part) == ["b"]
        fresh = await part.begin(it.sql, {("", "still"): set(range(SLOTS)) - {slot}})
        assert ([entry.node.name for entry in fresh], sorted(names(part))) == (["a"], ["a", "b"])
        part.lose({("", "still"): [slot]})
        assert [entry.node.name for entry in part.take_dropped()] == ["b"]
        assert (names(part), part.take_dropped()) == (["a"], [])

    enrolled(migrated_url, then)


def test_those_that_were_not_read_for_the_longest_time_come_first(tmp_path: Path) -> None:
    async def then(it: Pieces) -> None:
        it.enrol({"name": "d", "driver": "still"})
        for name, age in (("a", 5), ("b", 50)):
            at = models.utcnow() - timedelta(seconds=age)
            change(it, partial(set_checked, number=it.node(name).id, at=at))
        fresh = await Fleet(HERE).begin(it.sql, all_slots("still"))
        assert [entry.node.name for entry in fresh] == ["d", "b", "a"]

    enrolled(f"sqlite:///{tmp_path}/p", then)


def test_a_node_that_another_member_has_reserved_is_known_when_it_is_free_or_its_holder_has_ended(
    migrated_url: str,
) -> None:
    async def then(it: Pieces) -> None:
        joined(it.database, THERE)
        reserved = nodes.update().where(nodes.c.driver == "still")

        def reserve(holder: Worker | None) -> None:
            change(it, lambda sql: sql.execute(reserved.values(reservation=holder, version=next_change(sql))))

        reserve(THERE)
        part = Fleet(HERE)
        assert await part.begin(it.sql, all_slots("still")) == []
        assert len(await it.fleet.refresh(it.sql) or []) == len(it.fleet) == 0
        reserve(None)
        assert len(await part.refresh(it.sql) or []) == len(part) == 2
        reserve(THERE)
        assert await part.refresh(it.sql) == []
        assert sorted(entry.node.name for entry in part.take_dropped()) == ["a", "b"]
        change(it, lambda sql: members.leave(sql, THERE))
        assert len(await part.refresh(it.sql) or []) == len(part) == 2

    enrolled(migrated_url, then)


def test_a_node_that_is_taken_stays_when_its_slot_is_lost_until_it_is_free(tmp_path: Path) -> None:
    async def then(it: Pieces) -> None:
        number = it.node("a").id
        assert it.fleet.taken.take(number)
        it.fleet.lose(all_slots("still"))
        assert [entry.node.name for entry in it.fleet.take_dropped()] == ["b"]
        assert names(it.fleet) == ["a"]
        it.fleet.taken.free([number])
        assert [entry.node.name for entry in it.fleet.take_dropped()] == ["a"]
        assert names(it.fleet) == []

    enrolled(f"sqlite:///{tmp_path}/p", then)


def test_what_is_new_changed_deleted_or_given_away_is_noticed(migrated_url: str) -> None:
    async def then(it: Pieces) -> None:
        assert await it.fleet.refresh(it.sql) is None
        it.enrol({"name": "d", "driver": "still"})
        fresh = await it.fleet.refresh(it.sql) or []
        assert [entry.node.name for entry in fresh] == ["d"]
        number = it.node("a").id
        change(it, lambda sql: api.update_node(sql, number, {"driver_info": {"x": "y"}}))
        fresh = await it.fleet.refresh(it.sql) or []
        assert [(entry.node.name, entry.node.driver_info) for entry in fresh] == [("a", {"x": "y"})]
        deleted, given = it.node("b").id, it.node("d").id
        change(it, lambda sql: api.delete_node(sql, deleted))
        change(it, lambda sql: api.update_node(sql, given, {"conductor_group": "others"}))
        assert await it.fleet.refresh(it.sql) == []
        assert names(it.fleet) == ["a"]

    enrolled(migrated_url, then)


def test_nodes_in_enroll_are_not_known(migrated_url: str) -> None:
    async def then(it: Pieces) -> None:
        it.enrol({"name": "d", "driver": "still", "provision_state": "enroll"})
        assert await it.fleet.refresh(it.sql) == []
        number = it.node("a").id
        change(it, lambda sql: api.update_node(sql, number, {"provision_state": "enroll"}))
        assert await it.fleet.refresh(it.sql) == []
        assert [entry.node.name for entry in it.fleet.take_dropped()] == ["a"]
        part = Fleet(HERE)
        await part.begin(it.sql, all_slots("still"))
        assert names(it.fleet) == names(part) == ["b"]
        change(it, lambda sql: api.update_node(sql, number, {"provision_state": "verifying"}))
        fresh = await it.fleet.refresh(it.sql) or []
        assert [(entry.node.name, entry.is_verifying) for entry in fresh] == [("a", True)]

    enrolled(migrated_url, then)


def entry_of(it: Pieces, name: str) -> Entry:
    entry = it.fleet.find(it.node(name).uuid)
    assert entry is not None
    return entry


def test_a_change_that_leaves_the_hardware_alone_keeps_what_was_read(tmp_path: Path) -> None:
    async def then(it: Pieces) -> None:
        before = entry_of(it, "a")
        before.reads.checked = 1234.5
        for _ in range(3):
            before.reads.note_failure().since = 99.0
        change(it, lambda sql: api.update_node(sql, before.number, {"extra": {"rack": 1}}))
        assert await it.fleet.refresh(it.sql) == []
        after = entry_of(it, "a")
        assert (after.node.extra, before.node.extra) == ({"rack": 1}, {})
        assert (after.reads.checked, after.reads.failures) == (1234.5, 3)
        assert after.reads.failing is not None
        assert after.reads.failing.since == 99.0

    enrolled(f"sqlite:///{tmp_path}/p", then)


def note_checked(it: Pieces, at: datetime) -> None:
    change(it, partial(set_checked, number=it.node("a").id, at=at))


def set_clocks(it: Pieces, monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """It is noon for the database, and the machine was started so many seconds ago."""
    monkeypatch.setattr(models, "utcnow", lambda: NOON)
    it.sql.now = DatabaseClock(lambda: NOON, lambda: seconds)


def test_an_age_is_that_of_the_row_by_the_database_s_clock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def then(it: Pieces) -> None:
        set_clocks(it, monkeypatch, 50)
        for age, checked in ((10, 40), (3600, -3550), (-2, 50), (-3600, None)):
            note_checked(it, NOON - timedelta(seconds=age))
            values = {"driver_info": {"x": age}}
            change(it, partial(api.update_node, node_id=it.node("a").id, values=values))
            await it.fleet.refresh(it.sql)
            assert entry_of(it, "a").reads.checked == checked

    enrolled(f"sqlite:///{tmp_path}/p", then)


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_reading_keeps_its_age_when_the_database_s_clock_is_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hours: float
) -> None:
    async def then(it: Pieces) -> None:
        set_clocks(it, monkeypatch, 1300)
        entry_of(it, "a").reads.checked = 1234.5
        # What the row says is from before the clock was set.
        note_checked(it, NOON - timedelta(hours=hours))
        values = {"extra": {"rack": 1}}
        change(it, lambda sql: api.update_node(sql, it.node("a").id, values))
        await it.fleet.refresh(it.sql)
        assert entry_of(it, "a").reads.checked == 1234.5

    enrolled(f"sqlite:///{tmp_path}/p", then)


def test_other_hardware_begins_with_what_the_database_knows(tmp_path: Path) -> None:
    async def then(it: Pieces) -> None:
        entry_of(it, "a").reads.note_failure()
        change(it, lambda sql: api.update_node(sql, it.node("a").id, {"driver_info": {"address": "there"}}))
        await it.fleet.refresh(it.sql)
        assert (entry_of(it, "a").reads.failures, entry_of(it, "a").reads.checked) == (0, None)

    enrolled(f"sqlite:///{tmp_path}/p", then)


def test_what_is_learned_makes_another_entry_and_leaves_the_old_one_as_it_was(tmp_path: Path) -> None:
    async def then(it: Pieces) -> None:
        old = entry_of(it, "a")
        assert it.fleet.nodes("still")[0].power_state is None
        it.fleet.note_power([(old.number, old.version, "power on")])
        it.fleet.note_columns({old.number: {"properties": {"cpus": 4}}})
        new = entry_of(it, "a")
        assert (new.node.power_state, new.node.properties) == ("power on", {"cpus": 4})
        assert (old.node.power_state, old.node.properties) == (None, {})
        assert (new.reads, new.fare) == (old.reads, old.fare)
        assert it.fleet.nodes("still")[0] is new.node

    enrolled(f"sqlite:///{tmp_path}/p", then)


def test_a_power_state_of_an_older_version_of_a_node_is_not_taken_over(tmp_path: Path) -> None:
    async def then(it: Pieces) -> None:
        old = entry_of(it, "a")
        it.fleet.note_power([(old.number, old.version - 1, "power on")])
        assert entry_of(it, "a") is old

    enrolled(f"sqlite:///{tmp_path}/p", then)


def test_where_nothing_changed_one_statement_tells_so_however_large_the_fleet_is(tmp_path: Path) -> None:
    async def then(it: Pieces) -> None:
        asked: list[str] = []
        sa.event.listen(it.database.engine, "before_cursor_execute", lambda *told: asked.append(told[2]))
        assert await it.fleet.refresh(it.sql) is None
        assert [statement for statement in asked if statement != "BEGIN"] == asked[-1:]

    enrolled(f"sqlite:///{tmp_path}/p", then)


def test_texts_that_many_nodes_share_are_in_memory_once(tmp_path: Path) -> None:
    async def main() -> None:
        async with pieces(f"sqlite:///{tmp_path}/p", StillDriver()) as it:
            info = {"user": "administrator of all"}
            it.enrol(*({"name": name, "driver": "still", "driver_info": info} for name in "ab"))
            await it.fleet.refresh(it.sql)
            first, second = (entry.node.driver_info for entry in it.fleet.entries())
            assert first is not second
            assert first["user"] is second["user"]

    asyncio.run(main())


def test_what_is_wanted_of_a_node_and_by_which_policy_is_known(tmp_path: Path) -> None:
    async def then(it: Pieces) -> None:
        number = it.node("a").id
        values = {"wanted_power_state": "power on", "power_policy": "enforce"}
        change(it, lambda sql: api.update_node(sql, number, values))
        await it.fleet.refresh(it.sql)
        entry = it.fleet.entries()[0]
        assert (entry.wanted, entry.policy, it.fleet.enforced) == ("power on", "enforce", {number})
        change(it, lambda sql: api.update_node(sql, number, {"power_policy": None}))
        await it.fleet.refresh(it.sql)
        assert it.fleet.enforced == set()

    enrolled(f"sqlite:///{tmp_path}/p", then)


def test_a_node_that_became_free_is_noticed_where_nothing_else_changed(tmp_path: Path) -> None:
    async def then(it: Pieces) -> None:
        number = it.node("a").id
        it.fleet.taken.take(number)
        it.fleet.taken.free_when_seen(it.fleet.seen, [number])
        assert await it.fleet.refresh(it.sql) == []
        assert number not in it.fleet.taken
        assert await it.fleet.refresh(it.sql) is None

    enrolled(f"sqlite:///{tmp_path}/p", then)


def test_a_node_whose_outcome_is_reported_after_the_fleet_saw_it_is_freed_without_another_change(
    tmp_path: Path,
) -> None:
    async def then(it: Pieces) -> None:
        assert it.fleet.taken.take(1)
        assert not await it.fleet.wait_for_change(it.sql, every=0.0, most=0.0)
        it.fleet.taken.free_when_seen(it.fleet.seen, [1])
        assert await it.fleet.wait_for_change(it.sql, every=0.0, most=0.0)
        assert await it.fleet.refresh(it.sql) == []
        assert 1 not in it.fleet.taken
        assert not await it.fleet.wait_for_change(it.sql, every=0.0, most=0.0)

    enrolled(f"sqlite:///{tmp_path}/p", then)


def test_a_health_that_is_not_written_yet_outlasts_a_change_of_its_node(tmp_path: Path) -> None:
    async def then(it: Pieces) -> None:
        node, health = it.node("a"), {"status": "Warning", "reasons": ["fan"]}
        assert entry_of(it, "a").fare.report(health, math.inf)
        change(it, lambda sql: api.update_node(sql, node.id, {"extra": {"rack": "r1"}}))
        await it.fleet.refresh(it.sql)
        entry = it.fleet.find(node.uuid)
        assert entry is not None
        assert (entry.node.extra, entry.fare.at(0.0)) == ({"rack": "r1"}, health)

    enrolled(f"sqlite:///{tmp_path}/p", then)


def telling(it: Pieces) -> list[str]:
    """What is told of the driver's nodes from now on."""
    told: list[str] = []
    it.fleet.tell({"still": lambda node, is_here: told.append(f"{'+' if is_here else '-'}{node.name}")})
    return told


def test_own_nodes_are_told_of_when_they_come_change_and_go(migrated_url: str) -> None:
    async def then(it: Pieces) -> None:
        told = telling(it)
        it.enrol({"name": "d", "driver": "still"})
        await it.fleet.refresh(it.sql)
        number = it.node("a").id
        change(it, lambda sql: api.update_node(sql, number, {"driver_info": {"x": "y"}}))
        await it.fleet.refresh(it.sql)
        deleted = it.node("b").id
        change(it, lambda sql: api.delete_node(sql, deleted))
        await it.fleet.refresh(it.sql)
        change(it, lambda sql: api.update_node(sql, number, {"driver": "other"}))
        await it.fleet.refresh(it.sql)
        assert told == ["+d", "+a", "-b", "-a"]
        it.fleet.lose(all_slots("still"))
        assert told[4:] == ["-d"]
        await it.fleet.begin(it.sql, all_slots("still"))
        assert told[5:] == ["+d"]

    enrolled(migrated_url, then)


def test_a_node_that_gets_another_driver_of_the_same_member_is_let_go_for_the_first(tmp_path: Path) -> None:
    async def then(it: Pieces) -> None:
        joined(it.database, HERE, drivers=["other"])
        await it.fleet.begin(it.sql, all_slots("other"))
        told, number = telling(it), it.node("a").id
        change(it, lambda sql: api.update_node(sql, number, {"driver": "other"}))
        await it.fleet.refresh(it.sql)
        assert told == ["-a"]
        assert [(one.node.name, one.node.driver) for one in it.fleet.take_dropped()] == [("a", "still")]
        assert sorted(names(it.fleet)) == ["a", "b", "c"]

    enrolled(f"sqlite:///{tmp_path}/p", then)


def test_a_node_that_is_read_once_for_another_is_told_of_when_it_becomes_an_own_one(tmp_path: Path) -> None:
    async def then(it: Pieces) -> None:
        part = Fleet(HERE)
        told: list[str] = []
        part.tell({"still": lambda node, is_here: told.append(f"{'+' if is_here else '-'}{node.name}")})
        await part.begin(it.sql, {("", "still"): []})
        number = it.node("a").id
        reserved = nodes.update().where(nodes.c.id == number)
        change(it, lambda sql: sql.execute(reserved.values(reservation=HERE, version=next_change(sql))))
        part.lent.add(number)
        (borrowed,) = await part.borrow(it.sql, [number])
        assert (told, part.owns(borrowed)) == ([], False)
        await part.begin(it.sql, {("", "still"): [borrowed.slot]})
        assert (told, part.owns(borrowed)) == (["+a"], True)

    enrolled(f"sqlite:///{tmp_path}/p", then)


def test_a_taken_node_whose_slot_is_lost_and_gained_again_stays_when_it_is_free(tmp_path: Path) -> None:
    async def then(it: Pieces) -> None:
        number, told = it.node("a").id, telling(it)
        assert it.fleet.taken.take(number)
        it.fleet.lose(all_slots("still"))
        assert [entry.node.name for entry in it.fleet.take_dropped()] == ["b"]
        await it.fleet.begin(it.sql, all_slots("still"))
        it.fleet.taken.free([number])
        assert it.fleet.take_dropped() == []
        assert sorted(names(it.fleet)) == ["a", "b"]
        assert "-a" not in told

    enrolled(f"sqlite:///{tmp_path}/p", then)


def test_a_node_is_found_by_its_name_or_uuid_also_after_it_was_renamed(tmp_path: Path) -> None:
    async def then(it: Pieces) -> None:
        uuid, number = it.node("a").uuid, it.node("a").id
        assert it.fleet.named("a") is it.fleet.named(uuid) is it.fleet.find(uuid) is not None
        change(it, lambda sql: api.update_node(sql, number, {"name": "z"}))
        await it.fleet.refresh(it.sql)
        assert it.fleet.named("a") is it.fleet.named("nobody") is None
        assert it.fleet.named("z") is it.fleet.find(uuid)
        change(it, lambda sql: api.delete_node(sql, number))
        await it.fleet.refresh(it.sql)
        assert it.fleet.named("z") is it.fleet.named(uuid) is None

    enrolled(f"sqlite:///{tmp_path}/p", then)
