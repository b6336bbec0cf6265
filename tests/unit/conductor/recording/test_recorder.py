import asyncio
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from fakes import HERE, Pieces, StillDriver, pieces
from podium import errors
from podium.conductor.recording.recorder import Recorder
from podium.conductor.rooms.sql import Sql
from podium.db import beginning, fleet, power
from podium.db.models import utcnow
from podium.db.outcomes import Outcome
from podium.db.readings import Checked, Reading, ReadOfChange
from podium.drivers.base import Health


class Outage(Sql):
    """A database that is away while ``away`` is set."""

    away = True

    async def write(self, function: Callable[[sa.Connection], Any]) -> Any:
        if self.away:
            raise errors.DatabaseUnavailable("away")
        return await super().write(function)


async def outage_of(it: Pieces) -> Recorder:
    it.sql = Outage(it.database)
    it.recorder = Recorder(it.sql, it.fleet, HERE)
    await it.fleet.refresh(it.sql)
    return it.recorder


def reading(it: Pieces, name: str, state: str) -> Reading:
    row = it.node(name)
    return Reading(row.id, row.version, utcnow(), state)


def test_what_is_learned_while_the_database_is_away_is_written_when_it_is_back(tmp_path: Path) -> None:
    async def main() -> None:
        async with pieces(f"sqlite:///{tmp_path}/p", StillDriver()) as it:
            it.enrol({"name": "a", "driver": "still"})
            recorder = await outage_of(it)
            recorder.add_reading(reading(it, "a", "power on"))
            assert not await recorder.flush()
            recorder.add_reading(reading(it, "a", "power off"))
            recorder.add_health(it.node("a").uuid, Health("Critical", ("fan",)), 900.0)
            assert not await recorder.flush()
            it.sql.away = False  # type: ignore[attr-defined]
            assert await recorder.flush()
            row = it.node("a")
            assert row.power_state == "power off"
            assert row.health == {"status": "Critical", "reasons": ["fan"]}

    asyncio.run(main())


def test_the_end_of_a_power_change_is_not_lost_by_an_outage(tmp_path: Path) -> None:
    async def main() -> None:
        async with pieces(f"sqlite:///{tmp_path}/p", StillDriver()) as it:
            it.enrol({"name": "a", "driver": "still"})
            with it.database.write() as connection:
                power.ask(connection, [it.node("a")], "power on", who="me")
            request = it.node("a").power_request_id
            with it.database.write() as connection:
                beginning.begin(connection, [request], HERE, utcnow())
            recorder = await outage_of(it)
            recorder.add_outcomes([Outcome(it.node("a").id, request, HERE, utcnow(), "power on", None)])
            assert not await recorder.flush()
            it.sql.away = False  # type: ignore[attr-defined]
            assert await recorder.flush()
            row = it.node("a")
            assert (row.power_state, row.reservation, row.target_power_state) == ("power on", None, None)

    asyncio.run(main())


def test_the_last_read_of_a_change_that_ends_during_a_write_is_not_lost(tmp_path: Path) -> None:
    async def main() -> None:
        async with pieces(f"sqlite:///{tmp_path}/p", StillDriver()) as it:
            it.enrol({"name": "a", "driver": "still"})
            with it.database.write() as connection:
                power.ask(connection, [it.node("a")], "power on", who="me")
            node, request = it.node("a").id, it.node("a").power_request_id
            with it.database.write() as connection:
                beginning.begin(connection, [request], HERE, utcnow())
            await it.fleet.refresh(it.sql)
            it.recorder.add_read_of_change(ReadOfChange(node, 1, "no answer"))
            real, ended = it.sql.write, False

            async def end_meanwhile(function: Any) -> Any:
                nonlocal ended
                found = await real(function)
                if not ended:
                    ended = True
                    it.recorder.add_read_of_change(ReadOfChange(node, 2, "no answer"))
                    outcome = Outcome(node, request, HERE, utcnow(), None, "no answer")
                    it.recorder.add_outcomes([outcome])
                return found

            it.sql.write = end_meanwhile  # type: ignore[method-assign]
            await it.recorder.write_outcomes()
            await it.recorder.write_outcomes()
            row = it.node("a")
            assert (row.power_failures, row.reservation) == (2, None)

    asyncio.run(main())


def test_a_record_that_the_database_cannot_take_does_not_stop_the_others(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with pieces(f"sqlite:///{tmp_path}/p", StillDriver()) as it:
            it.enrol({"name": "a", "driver": "still"})
            await it.fleet.refresh(it.sql)
            it.recorder.add_reading(Reading(it.node("a").id, it.node("a").version, utcnow(), object()))  # type: ignore[arg-type]
            it.recorder.add_health(it.node("a").uuid, Health("OK"), 900.0)
            assert await it.recorder.flush()
            assert it.node("a").health == {"status": "OK", "reasons": []}

    asyncio.run(main())
    assert "1 records cannot be written" in caplog.text


def test_what_is_saved_while_a_write_fails_joins_what_it_was_to_write(tmp_path: Path) -> None:
    async def main() -> None:
        async with pieces(f"sqlite:///{tmp_path}/p", StillDriver()) as it:
            it.enrol({"name": "a", "driver": "still"})
            await it.fleet.refresh(it.sql)
            uuid, real = it.node("a").uuid, it.sql.write

            async def fail_while_more_comes(function: Any) -> Any:
                it.recorder.add_values(uuid, "properties", {"second": 2, "both": 2})
                raise errors.DatabaseUnavailable("away")

            it.recorder.add_values(uuid, "properties", {"first": 1, "both": 1})
            it.sql.write = fail_while_more_comes  # type: ignore[method-assign]
            assert not await it.recorder.flush()
            it.sql.write = real  # type: ignore[method-assign]
            assert await it.recorder.flush()
            assert it.node("a").properties == {"first": 1, "second": 2, "both": 2}

    asyncio.run(main())


def test_health_is_written_only_when_it_changed_and_its_time_at_each_report(tmp_path: Path) -> None:
    async def main() -> None:
        async with pieces(f"sqlite:///{tmp_path}/p", StillDriver()) as it:
            it.enrol({"name": "a", "driver": "still"})
            await it.fleet.refresh(it.sql)
            uuid = it.node("a").uuid
            it.recorder.add_health(uuid, Health("OK"), 900.0)
            await it.recorder.flush()
            first = it.node("a").health_checked_at
            with it.database.write() as connection:
                connection.execute(sa.text("UPDATE nodes SET health = NULL"))
            it.recorder.add_health(uuid, Health("OK"), 180.0)
            await it.recorder.flush()
            assert (it.node("a").health, it.node("a").health_lasts) == (None, 180.0)
            assert it.node("a").health_checked_at > first
            it.recorder.add_health(uuid, Health("Warning"), 900.0)
            await it.recorder.flush()
            assert it.node("a").health["status"] == "Warning"
            it.recorder.add_health(uuid, None, 900.0)
            await it.recorder.flush()
            assert it.node("a").health is None


def test_a_health_that_waited_for_the_database_is_as_old_as_it_is(tmp_path: Path) -> None:
    async def main() -> None:
        async with pieces(f"sqlite:///{tmp_path}/p", StillDriver()) as it:
            it.enrol({"name": "a", "driver": "still"})
            await it.fleet.refresh(it.sql)
            reported = it.sql.now()
            it.recorder.add_health(it.node("a").uuid, Health("OK"), 900.0)
            it.sql.now = lambda: reported + timedelta(hours=1)  # type: ignore[assignment,method-assign]
            await it.recorder.flush()
            assert it.node("a").health_checked_at - reported < timedelta(seconds=60)

    asyncio.run(main())


def test_many_reports_that_changed_nothing_are_one_statement(tmp_path: Path) -> None:
    async def main() -> None:
        async with pieces(f"sqlite:///{tmp_path}/p", StillDriver()) as it:
            it.enrol(*({"name": f"n{number}", "driver": "still"} for number in range(5, 505)))
            await it.fleet.refresh(it.sql)
            now = it.sql.now()
            it.sql.now = lambda: now  # type: ignore[assignment,method-assign]
            written: list[str] = []
            event.listen(it.database.engine, "before_cursor_execute", lambda *of: written.append(of[2]))
            for _ in range(2):
                written.clear()
                for entry in it.fleet.entries():
                    it.recorder.add_health(entry.node.uuid, Health("Warning", (entry.node.name,)), 900.0)
                await it.recorder.flush()
            assert len([text for text in written if text.startswith("UPDATE")]) == 1

    asyncio.run(main())


def test_nodes_that_were_found_as_they_were_are_remembered_through_an_outage(tmp_path: Path) -> None:
    async def main() -> None:
        async with pieces(f"sqlite:///{tmp_path}/p", StillDriver()) as it:
            it.enrol({"name": "a", "driver": "still"}, {"name": "b", "driver": "still"})
            recorder = await outage_of(it)
            first, last = utcnow(), utcnow() + timedelta(seconds=60)
            numbers = [it.node(name).id for name in "ab"]
            recorder.add_checked(Checked(first, it.fleet.seen, numbers))
            assert not await recorder.flush()
            recorder.add_checked(Checked(last, it.fleet.seen, numbers[:1]))
            it.sql.away = False  # type: ignore[attr-defined]
            assert await recorder.flush()
            assert [it.node(name).power_checked_at for name in "ab"] == [last, first]
            assert recorder.waiting["checked"] == 0

    asyncio.run(main())


def test_a_long_outage_costs_no_more_memory_than_the_fleet(tmp_path: Path) -> None:
    async def main() -> None:
        async with pieces(f"sqlite:///{tmp_path}/p", StillDriver()) as it:
            it.enrol({"name": "a", "driver": "still"}, {"name": "b", "driver": "still"})
            recorder = await outage_of(it)
            begin, numbers = utcnow(), [it.node(name).id for name in "ab"]
            for sweep in range(50):
                recorder.add_checked(Checked(begin + timedelta(minutes=sweep), it.fleet.seen, numbers))
                assert not await recorder.flush()
            assert recorder.waiting["checked"] <= 6

    asyncio.run(main())


def test_the_lag_is_the_age_of_the_oldest_reading_that_is_not_written(tmp_path: Path) -> None:
    async def main() -> None:
        async with pieces(f"sqlite:///{tmp_path}/p", StillDriver()) as it:
            it.enrol({"name": "a", "driver": "still"})
            recorder = await outage_of(it)
            assert recorder.lag == 0
            recorder.add_reading(reading(it, "a", "power on"))
            assert not await recorder.flush()
            waited = recorder.lag
            assert waited > 0
            assert not await recorder.flush()
            assert recorder.lag >= waited
            it.sql.away = False  # type: ignore[attr-defined]
            assert await recorder.flush()
            assert recorder.lag == 0

    asyncio.run(main())


def test_what_has_no_room_beside_what_was_saved_meanwhile_is_dropped_and_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with pieces(f"sqlite:///{tmp_path}/p", StillDriver()) as it:
            it.enrol({"name": "a", "driver": "still"}, {"name": "b", "driver": "still"})
            await it.fleet.refresh(it.sql)
            large, small = it.node("a"), it.node("b")
            there = {"one": "x" * 40_000}
            it.recorder.add_values(large.uuid, "driver_internal_info", {"two": "x" * 40_000})
            it.recorder.add_values(large.uuid, "properties", {"cpus": 2})
            it.recorder.add_values(small.uuid, "driver_internal_info", {"one": 1})
            with it.database.write() as connection:
                fleet.record_patches(connection, {large.id: {"driver_internal_info": there}})
            assert await it.recorder.flush()
            assert (it.node("a").driver_internal_info, it.node("a").properties) == (there, {"cpus": 2})
            assert it.node("b").driver_internal_info == {"one": 1}

    asyncio.run(main())
    (line,) = [record.getMessage() for record in caplog.records if "dropped" in record.getMessage()]
    assert line.startswith("a: what the driver still saved is dropped: driver_internal_info would have 800")


def test_what_waits_in_an_outage_counts_for_the_room_that_a_node_has(tmp_path: Path) -> None:
    async def main() -> None:
        async with pieces(f"sqlite:///{tmp_path}/p", StillDriver()) as it:
            it.enrol({"name": "a", "driver": "still"})
            recorder, uuid = await outage_of(it), it.node("a").uuid
            recorder.add_values(uuid, "driver_internal_info", {"one": "x" * 40_000})
            for _ in range(2):
                with pytest.raises(ValueError, match="^a: driver_internal_info would have 800"):
                    recorder.add_values(uuid, "driver_internal_info", {"two": "x" * 40_000})
                assert not await recorder.flush()
            it.sql.away = False  # type: ignore[attr-defined]
            assert await recorder.flush()
            recorder.add_values(uuid, "driver_internal_info", {"one": None})
            recorder.add_values(uuid, "driver_internal_info", {"two": "x" * 40_000})
            assert await recorder.flush()
            assert it.node("a").driver_internal_info.keys() == {"two"}

    asyncio.run(main())
