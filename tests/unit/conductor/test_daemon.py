import asyncio
from pathlib import Path

from fakes import StillDriver, make_conf, until
from podium import errors, states
from podium.conductor.daemon import Conductor
from podium.db import api, power, schema
from podium.db.engine import Database


def test_an_outage_between_hearing_of_a_request_and_beginning_it_does_not_lose_it(tmp_path: Path) -> None:
    conf = make_conf(tmp_path)
    database = Database(f"sqlite:///{tmp_path}/p.sqlite")
    schema.upgrade(database)
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
