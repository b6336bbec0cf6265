import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from fakes import Pieces, StillDriver, pieces
from podium import errors, states
from podium.conductor import context as contexts
from podium.conductor.power_action import PowerActions
from podium.db import api, fleet
from podium.drivers import base


class Asked:
    def __init__(self, it: Pieces, timeout: float) -> None:
        self.it = it
        self.actions = PowerActions(it.sql, it.fleet, it.rooms, it.recorder, holder="here", timeout=timeout)

    def ask(self, name: str, target: str) -> None:
        with self.it.database.write() as connection:
            api.request_power(connection, self.it.node(name).id, target, "ann@desk")

    async def done(self) -> None:
        await self.it.fleet.refresh(self.it.sql)
        await self.actions.poll()
        await self.actions.drain(10)
        assert await self.it.recorder.flush()


@asynccontextmanager
async def asked(url: str, driver: base.Driver, timeout: float = 5.0) -> AsyncIterator[Asked]:
    async with pieces(url, driver) as it:
        it.enrol({"name": "a", "driver": driver.name, "driver_info": {}})
        yield Asked(it, timeout)


@pytest.mark.parametrize(
    ("target", "state"), [("power on", "power on"), ("power off", "power off"), ("rebooting", "power on")]
)
def test_a_request_is_carried_out_and_recorded_with_who_asked(
    database_url: str, target: str, state: str
) -> None:
    async def main() -> None:
        async with asked(database_url, driver := StillDriver()) as it:
            it.ask("a", target)
            await it.done()
            row = it.it.node("a")
            assert driver.states == {"a": state}
            assert (row.power_state, row.target_power_state, row.reservation) == (state, None, None)
            with it.it.database.read() as connection:
                event = fleet.list_events(connection, row.uuid)[-1]
            assert (event.to_state, event.cause, event.who) == (state, "request", "ann@desk")

    asyncio.run(main())


class Liar(StillDriver):
    async def get_power_state(self, node: base.Node) -> str:
        return states.POWER_OFF


class Refusing(StillDriver):
    properties = {"password": base.Property("secret", secret=True)}

    async def set_power_state(self, node: base.Node, target: str) -> None:
        raise errors.DriverError("the BMC says no")


class Faulty(StillDriver):
    def set_power_state(self, node: base.Node, target: str) -> None:  # type: ignore[override]
        raise KeyError("chassis")


class Cancelling(StillDriver):
    async def set_power_state(self, node: base.Node, target: str) -> None:
        raise asyncio.CancelledError


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
            row = it.it.node("a")
            assert words in row.last_error
            assert (row.target_power_state, row.reservation, row.power_requested_by) == (None, None, None)

    asyncio.run(main())


def test_a_request_that_was_withdrawn_meanwhile_is_not_carried_out(tmp_path: Path) -> None:
    async def main() -> None:
        async with asked(f"sqlite:///{tmp_path}/p", driver := StillDriver()) as it:
            it.ask("a", "power on")
            real = it.it.sql.write

            async def delete_first(function: Any) -> Any:
                with it.it.database.write() as connection:
                    connection.execute(api.nodes.delete())
                return await real(function)

            it.it.sql.write = delete_first  # type: ignore[method-assign]
            await it.done()
            assert driver.states == {}

    asyncio.run(main())


def test_a_node_under_change_is_not_swept_and_not_begun_twice(tmp_path: Path) -> None:
    began = asyncio.Event()

    class Slow(StillDriver):
        reads = sets = 0

        async def get_power_state(self, node: base.Node) -> str:
            self.reads += 1
            return await super().get_power_state(node)

        async def set_power_state(self, node: base.Node, target: str) -> None:
            self.sets += 1
            loop.call_soon_threadsafe(began.set)
            while not let_go:
                await asyncio.sleep(0.001)
            await super().set_power_state(node, target)

    let_go: list[bool] = []
    driver = Slow()

    async def main() -> None:
        global loop
        loop = asyncio.get_running_loop()
        async with asked(f"sqlite:///{tmp_path}/p", driver) as it:
            await it.it.fleet.refresh(it.it.sql)
            it.ask("a", "power on")
            await it.actions.poll()
            await asyncio.wait_for(began.wait(), 10)
            await it.actions.poll()
            await it.it.sync.sweep(30.0, contexts.new(), at_once=True)
            assert driver.reads == 0
            let_go.append(True)
            await it.done()
            assert driver.sets == 1

    asyncio.run(main())


loop: asyncio.AbstractEventLoop


def test_a_reservation_that_the_conductor_never_heard_of_does_not_lose_the_request(tmp_path: Path) -> None:
    async def main() -> None:
        async with asked(f"sqlite:///{tmp_path}/p", driver := StillDriver()) as it:
            it.ask("a", "power on")
            real = it.it.sql.write

            async def commit_unheard(function: Any) -> Any:
                it.it.sql.write = real  # type: ignore[method-assign]
                await real(function)
                raise errors.DatabaseUnavailable("the connection broke after the commit")

            it.it.sql.write = commit_unheard  # type: ignore[method-assign]
            await it.done()
            assert (driver.states, it.it.node("a").reservation) == ({}, "here")
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

            async def away_after_the_first(function: Any) -> Any:
                writes.append(function)
                if len(writes) > 1:
                    raise errors.DatabaseUnavailable("away")
                return await real(function)

            it.it.sql.write = away_after_the_first  # type: ignore[method-assign]
            await it.actions.poll()
            await it.actions.drain(10)
            await it.actions.poll()
            await it.actions.drain(10)
            it.it.sql.write = real  # type: ignore[method-assign]
            await it.done()
            assert driver.sets == 1
            assert it.it.node("a").target_power_state is None

    asyncio.run(main())


def test_a_change_cut_off_by_the_end_of_the_daemon_stays_asked_for(tmp_path: Path) -> None:
    class Endless(StillDriver):
        async def set_power_state(self, node: base.Node, target: str) -> None:
            await asyncio.Event().wait()

    async def main() -> None:
        async with asked(f"sqlite:///{tmp_path}/p", Endless()) as it:
            it.ask("a", "power on")
            await it.actions.poll()
            async with asyncio.timeout(10):
                while it.it.node("a").reservation is None:
                    await asyncio.sleep(0.001)
            await it.actions.drain(0.01)
            await it.it.sql.write(lambda connection: fleet.release(connection, ["here"]))
            row = it.it.node("a")
            assert (row.target_power_state, row.reservation) == ("power on", None)

    asyncio.run(main())
