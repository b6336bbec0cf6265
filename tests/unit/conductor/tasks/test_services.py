"""What drivers ask of the conductor, from async and plain methods alike."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fakes import HERE, Clock, StillDriver, all_slots, until
from podium import errors, states
from podium.clocks import boottime
from podium.conductor.rooms import context as contexts
from podium.conductor.telling import sensor_metrics
from podium.db import api, power
from podium.db.models import nodes
from podium.drivers import base
from stage import Conducted, conducted


class Asking(StillDriver):
    """Does what a test tells it, in its own room."""

    def __init__(self) -> None:
        super().__init__("asking")

    async def do(self, work: Any) -> Any:
        return await work()

    def do_plain(self, work: Any) -> Any:
        return work()


async def stage(it: Conducted) -> base.Node:
    it.parts.enrol({"name": "n1", "driver": "asking", "properties": {"old": 1, "gone": 2}})
    await it.parts.fleet.refresh(it.parts.sql)
    return it.manager.nodes(it.parts.rooms["asking"].driver)[0]


def ask(it: Conducted) -> Sequence[str]:
    """Ask for a power change of the node; why that is refused."""
    with it.parts.database.write() as connection:
        return power.ask(connection, [it.parts.node("n1")], states.POWER_ON, who="me").refused


async def in_room(it: Conducted, method: str, work: Any) -> Any:
    room = it.parts.rooms["asking"]
    run = room.run(getattr(room.driver, method), work, request=contexts.new())
    return await asyncio.wrap_future(run.future)


def test_a_reported_power_state_is_written_as_if_it_had_been_read(tmp_path: Path, clock: Clock) -> None:
    async def main() -> None:
        async with conducted(tmp_path, clock, Asking()) as it:
            node = await stage(it)
            await in_room(it, "do_plain", lambda: it.manager.report_power_state(node, states.POWER_ON))
            await it.parts.recorder.flush()
            assert it.parts.node("n1").power_state == "power on"
            with pytest.raises(ValueError, match="'on' is none of"):
                it.manager.report_power_state(node, "on")

    asyncio.run(main())


def test_a_change_that_a_driver_reports_counts_as_one_that_nobody_asked_for(
    tmp_path: Path, clock: Clock
) -> None:
    async def main() -> None:
        async with conducted(tmp_path, clock, Asking()) as it:
            node = await stage(it)
            gate = it.parts.sync.gate
            it.manager.report_power_state(node, states.POWER_ON)
            await it.parts.recorder.flush()
            assert gate.disturbed == 0  # it was not known before
            late, number = it.parts.fleet.late, it.parts.node("n1").id
            late.expect(number, states.POWER_OFF, 1, boottime())
            it.manager.report_power_state(node, states.POWER_OFF)
            assert gate.disturbed == 0  # a request that had failed has done it
            late.forget(number)
            it.manager.report_power_state(node, states.POWER_OFF)
            assert gate.disturbed == 1

    asyncio.run(main())


def test_an_event_that_waited_for_its_report_has_the_time_at_which_it_was_observed(
    tmp_path: Path, clock: Clock
) -> None:
    async def main() -> None:
        async with conducted(tmp_path, clock, Asking()) as it:
            node = await stage(it)
            earlier = time.monotonic() - 30
            entry = it.parts.fleet.find(node.uuid)
            assert entry is not None
            entry = replace(entry, switched_at=earlier)
            it.parts.fleet._entries[entry.number] = entry
            it.manager.report_power_state(node, states.POWER_ON, observed_at=earlier)
            await it.parts.recorder.flush()
            assert (it.manager._now() - it.parts.node("n1").power_checked_at).total_seconds() > 29

    asyncio.run(main())


class Counting(Asking):
    """Counts the reads of its power."""

    reads = 0

    async def get_power_state(self, node: base.Node) -> str:
        self.reads += 1
        return await super().get_power_state(node)


def test_a_node_whose_power_was_reported_is_not_read_by_the_next_sweep(tmp_path: Path, clock: Clock) -> None:
    async def main() -> None:
        async with conducted(tmp_path, clock, driver := Counting()) as it:
            node = await stage(it)
            await it.parts.sync.sweep(3600.0, contexts.new())
            await it.parts.recorder.flush()
            await it.parts.sync.sweep(3600.0, contexts.new())
            assert driver.reads == 2
            it.manager.report_power_state(node, states.POWER_OFF)
            await it.parts.sync.sweep(3600.0, contexts.new())
            assert driver.reads == 2
            entry = it.parts.fleet.find(node.uuid)
            assert entry is not None and entry.reads.reported is not None
            entry.reads.reported -= 3600.0
            await it.parts.sync.sweep(3600.0, contexts.new())
            assert driver.reads == 3

    asyncio.run(main())


def test_a_node_that_is_reported_in_another_state_than_is_wanted_is_read(
    tmp_path: Path, clock: Clock
) -> None:
    async def main() -> None:
        async with conducted(tmp_path, clock, driver := Counting()) as it:
            node = await stage(it)
            await it.parts.sync.sweep(3600.0, contexts.new())
            await it.parts.recorder.flush()
            entry = it.parts.fleet.find(node.uuid)
            assert entry is not None
            entry = replace(entry, wanted=states.POWER_ON)
            it.parts.fleet._entries[entry.number] = entry
            it.manager.report_power_state(node, states.POWER_OFF)
            await it.parts.sync.sweep(3600.0, contexts.new())
            assert driver.reads == 2

    asyncio.run(main())


def test_reported_sensors_are_metrics_until_their_node_leaves(tmp_path: Path, clock: Clock) -> None:
    async def main() -> None:
        async with conducted(tmp_path, clock, Asking()) as it:
            node = await stage(it)
            inlet = base.Sensor("Inlet", "temperature", 21.0)
            await in_room(it, "do_plain", lambda: it.manager.report_sensors(node, [inlet]))
            sample = 'podium_sensor_temperature_celsius{driver="asking",node="n1",sensor="Inlet"} 21.0'
            assert f"{sample}\n" in "".join(sensor_metrics.text(it.manager.sensors))
            with it.parts.database.write() as connection:
                api.delete_node(connection, it.parts.node("n1").id)
            await it.parts.fleet.refresh(it.parts.sql)
            assert list(sensor_metrics.text(it.manager.sensors)) == []

    asyncio.run(main())


def test_properties_are_saved_beside_those_that_are_there(tmp_path: Path, clock: Clock) -> None:
    async def main() -> None:
        async with conducted(tmp_path, clock, Asking()) as it:
            node = await stage(it)
            it.manager.save_properties(node, {"new": [3]})
            it.manager.save_properties(node, {"gone": None})
            it.manager.save_driver_internal_info(node, {"firmware": "1.2"})
            await it.parts.recorder.flush()
            assert it.parts.node("n1").properties == {"old": 1, "new": [3]}
            (now,) = it.manager.nodes(it.parts.rooms["asking"].driver)
            assert (now.properties, now.driver_internal_info) == (
                {"old": 1, "new": [3]},
                {"firmware": "1.2"},
            )
            with pytest.raises(TypeError):
                it.manager.save_properties(node, {"x": object()})

    asyncio.run(main())


def test_maintenance_is_set_with_a_reason_and_only_the_drivers_own_is_taken_back(
    tmp_path: Path, clock: Clock
) -> None:
    async def main() -> None:
        async with conducted(tmp_path, clock, Asking()) as it:
            node = await stage(it)
            it.manager.set_maintenance(node, "fan replaced")
            await it.parts.recorder.flush()
            row = it.parts.node("n1")
            assert (row.maintenance, row.maintenance_reason, row.fault) == (True, "fan replaced", "asking")
            it.manager.clear_maintenance(node)
            await it.parts.recorder.flush()
            assert not it.parts.node("n1").maintenance
            with it.parts.database.write() as connection:
                api.update_node(connection, row.id, {"maintenance": True, "maintenance_reason": "mine"})
            it.manager.clear_maintenance(node)
            it.manager.set_maintenance(node, "fan again")
            await it.parts.recorder.flush()
            assert it.parts.node("n1").maintenance_reason == "mine"

    asyncio.run(main())


@pytest.mark.parametrize("method", ["do", "do_plain"])
def test_a_reservation_keeps_people_from_changing_power_until_it_is_given_back(
    tmp_path: Path, clock: Clock, method: str
) -> None:
    async def main() -> None:
        async with conducted(tmp_path, clock, Asking()) as it:
            node = await stage(it)

            def inside() -> None:
                (refused,) = ask(it)
                assert "n1: reserved by" in refused
                assert "for firmware update since" in refused

            async def reserving() -> None:
                async with it.manager.reserve(node, "firmware update"):
                    inside()
                    with pytest.raises(errors.NodeConflict, match="reserved for: another thing"):
                        async with it.manager.reserve(node, "another thing"):
                            pass

            def reserving_plain() -> None:
                with it.manager.reserve(node, "firmware update"):
                    inside()

            await in_room(it, method, reserving if method == "do" else reserving_plain)
            await it.parts.recorder.flush()
            assert len(it.parts.fleet.taken) == 0
            assert ask(it) == []

    asyncio.run(main())


def test_a_reservation_that_is_cancelled_while_it_is_written_is_given_back(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        async with conducted(tmp_path, clock, Asking()) as it:
            node = await stage(it)
            write, written = it.parts.sql.write, asyncio.Event()

            async def write_and_wait(function: Any) -> Any:
                await write(function)
                written.set()
                await asyncio.Event().wait()

            async def reserving() -> None:
                async with it.manager.reserve(node, "firmware update"):
                    raise AssertionError("it was cancelled before")

            monkeypatch.setattr(it.parts.sql, "write", write_and_wait)
            task = asyncio.create_task(reserving())
            await written.wait()
            monkeypatch.setattr(it.parts.sql, "write", write)
            assert len(ask(it)) == 1
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await until(lambda: it.parts.recorder.waiting["releases"] == 1)
            await it.parts.recorder.flush()
            assert (ask(it), len(it.parts.fleet.taken)) == ([], 0)

    asyncio.run(main())


def test_a_node_that_is_read_once_for_another_conductor_is_not_the_drivers(
    tmp_path: Path, clock: Clock
) -> None:
    async def main() -> None:
        async with conducted(tmp_path, clock, Asking()) as it:
            node, fleet = await stage(it), it.parts.fleet
            driver = it.parts.rooms["asking"].driver
            number, reserved = it.parts.node("n1").id, nodes.update().values(reservation=HERE)
            with it.parts.database.write() as connection:
                connection.execute(reserved)
            fleet.lose(all_slots("asking"))
            fleet.lent.add(number)
            await fleet.borrow(it.parts.sql, [number])
            assert fleet.get(number) is not None
            assert list(it.manager.nodes(driver)) == []
            assert it.manager.node("n1") is None
            it.manager.report_power_state(node, states.POWER_ON)
            assert it.parts.recorder.waiting["readings"] == 0

    asyncio.run(main())
