import asyncio
from pathlib import Path

import pytest

from fakes import PATIENCE, StillDriver, make_conf, until
from podium import errors, states
from podium.conductor.daemon import Conductor
from podium.db import api, conductors, power
from templates import prepared


def tasks_when_ready(tmp_path: Path) -> set[str]:
    """The tasks that the database has at the moment a conductor says that it is ready."""
    database = prepared(f"sqlite:///{tmp_path}/p.sqlite")

    async def main() -> set[str]:
        found: set[str] = set()

        def ready() -> None:
            with database.read() as connection:
                found.update(row.task for row in conductors.list_tasks(connection))
            conductor.stop()

        conductor = Conductor(make_conf(tmp_path), database, {"still": StillDriver()})
        await asyncio.wait_for(conductor.run(ready), PATIENCE)
        return found

    return asyncio.run(main())


def test_a_conductor_that_is_ready_has_written_down_its_tasks(tmp_path: Path) -> None:
    assert "conductor.sync_power_status" in tasks_when_ready(tmp_path)


def test_an_outage_just_before_it_is_ready_does_not_stop_a_conductor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise errors.DatabaseUnavailable("away")

    monkeypatch.setattr(conductors, "save_tasks", away)
    assert tasks_when_ready(tmp_path) == set()


def test_an_outage_between_hearing_of_a_request_and_beginning_it_does_not_lose_it(tmp_path: Path) -> None:
    conf = make_conf(tmp_path)
    database = prepared(f"sqlite:///{tmp_path}/p.sqlite")
    with database.write() as connection:
        api.create_nodes(connection, [{"name": "a", "driver": "still"}])
        (node,) = api.find_nodes(connection, ["a"])
    driver = StillDriver()

    async def main() -> None:
        ready = asyncio.Event()
        conductor = Conductor(conf, database, {"still": driver})
        running = asyncio.create_task(conductor.run(ready.set))
        await asyncio.wait_for(ready.wait(), 10)
        real, outages = conductor._commands.poll, []

        async def away_once() -> None:
            if not outages:
                outages.append("away")
                raise errors.DatabaseUnavailable("away")
            await real()

        conductor._commands.poll = away_once  # type: ignore[method-assign]
        with database.write() as connection:
            power.ask(connection, [node], states.POWER_ON, who="me")
        await until(lambda: driver.states == {"a": "power on"})
        assert outages
        conductor.stop()
        await asyncio.wait_for(running, 10)

    asyncio.run(main())
