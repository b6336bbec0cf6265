"""A database that goes back in time learns again what was sent, and nothing is done twice because of it."""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import sqlalchemy as sa

from fakes import HERE, Pieces, StillDriver, pieces, until
from podium.conductor.fleet.lease import Lease
from podium.conductor.power.actions import PowerActions
from podium.conductor.power.carrying import Timeouts
from podium.conductor.recording.recorder import Recorder
from podium.db import api, power
from podium.db.models import metadata, nodes, power_events, power_requests
from podium.drivers import base

pytestmark = pytest.mark.mariadb_long

LEASE = 30.0


class Held(StillDriver):
    """Goes on with a switch when it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.began, self.let_go = threading.Event(), threading.Event()
        self.sent: list[str] = []

    async def set_power_state(self, node: base.Node, target: str) -> None:
        self.sent.append(f"{node.name} {target}")
        await super().set_power_state(node, target)
        self.began.set()
        while not self.let_go.is_set():
            await asyncio.sleep(0.001)


class Standby:
    """A conductor, its database, and what the database was like some time ago."""

    def __init__(self, it: Pieces, driver: Held) -> None:
        self.it, self.driver, self.now = it, driver, 0.0
        self.recorder = Recorder(it.sql, it.fleet, HERE, LEASE)
        self.actions = PowerActions(
            it.sql,
            it.fleet,
            it.rooms,
            self.recorder,
            worker=HERE,
            timeouts=Timeouts(60, 60),
            note_read=it.sync.take_of_change,
            lease=Lease(HERE, LEASE, 0.0, clock=lambda: 0.0),
            clock=lambda: self.now,
        )
        it.sql.history._clock = lambda: self.now

    def ask(self, name: str) -> None:
        with self.it.database.write() as connection:
            power.ask(connection, api.find_nodes(connection, [name]), "power on", who="ann@desk")

    async def follow(self) -> None:
        await self.it.fleet.refresh(self.it.sql)
        await self.actions.poll()

    def rows(self) -> dict[str, list[dict[str, Any]]]:
        with self.it.database.read() as connection:
            return {
                table.name: list(map(dict, connection.execute(sa.select(table)).mappings()))
                for table in metadata.sorted_tables
            }

    def go_back(self, rows: dict[str, list[dict[str, Any]]]) -> None:
        """Have the database lose what came after these rows."""
        with self.it.database.write() as connection:
            for table in reversed(metadata.sorted_tables):
                connection.execute(sa.delete(table))
            for table in metadata.sorted_tables:
                if rows[table.name]:
                    connection.execute(sa.insert(table), rows[table.name])
        self.it.sql.history.note_change()

    def request(self, name: str) -> Any:
        with self.it.database.read() as connection:
            query = sa.select(power_requests, nodes.c.reservation, nodes.c.power_state.label("now"))
            query = query.join(nodes, nodes.c.id == power_requests.c.node_id).where(nodes.c.name == name)
            return connection.execute(query).one()


@asynccontextmanager
async def standby(url: str) -> AsyncIterator[Standby]:
    driver = Held()
    async with pieces(url, driver) as it:
        it.enrol(*({"name": name, "driver": driver.name} for name in ("a", "b", "c")))
        yield Standby(it, driver)


def test_what_was_sent_and_lost_is_claimed_again_and_done_once(
    migrated_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with standby(migrated_url) as it:
            it.ask("a")
            before = it.rows()
            await it.follow()
            await until(it.driver.began.is_set)
            it.go_back(before)
            assert it.request("a").state == "waiting"
            await it.follow()
            lost = it.request("a")
            assert (lost.state, lost.holder, lost.reservation) == ("begun", HERE, HERE)
            assert lost.sent_at is not None
            it.driver.let_go.set()
            await it.actions.drain(30)
            await it.recorder.flush()
            assert (it.request("a").state, it.request("a").reservation) == ("done", None)
            assert it.driver.sent == ["a power on"]

    with caplog.at_level(logging.WARNING):
        asyncio.run(main())
    assert [line for line in caplog.messages if "has taken over" in line] == [
        "Another server of the database has taken over, which may lack what was written last: 1 power"
        " changes were written again, all nodes are loaded anew, and nothing begins for 30 s"
    ]


def test_an_outcome_that_was_lost_is_written_again_with_its_event(migrated_url: str) -> None:
    async def main() -> None:
        async with standby(migrated_url) as it:
            it.driver.let_go.set()
            it.ask("a")
            before = it.rows()
            await it.follow()
            await it.actions.drain(30)
            assert it.request("a").state == "done"
            it.go_back(before)
            await it.follow()
            again = it.request("a")
            assert (again.state, again.now, again.reservation) == ("done", "power on", None)
            with it.it.database.read() as connection:
                assert len(connection.execute(power_events.select()).all()) == 1
            await it.follow()  # shows the fleet the end
            assert len(it.it.fleet.taken) == 0
            assert it.driver.sent == ["a power on"]

    asyncio.run(main())


def test_nothing_begins_for_the_length_of_a_lease_and_then_everything_does(migrated_url: str) -> None:
    async def main() -> None:
        async with standby(migrated_url) as it:
            it.driver.let_go.set()
            await it.follow()
            it.go_back(it.rows())
            it.ask("b")
            it.now = LEASE - 0.1
            await it.follow()
            assert (it.driver.sent, it.actions.unfinished) == ([], True)
            it.now = LEASE
            await it.follow()
            await it.actions.drain(30)
            assert it.driver.sent == ["b power on"]

    asyncio.run(main())


def test_all_nodes_are_loaded_anew_also_those_whose_version_was_given_again(migrated_url: str) -> None:
    async def main() -> None:
        async with standby(migrated_url) as it:
            await it.follow()
            before = it.rows()
            with it.it.database.write() as connection:
                api.update_node(connection, it.it.node("a").id, {"extra": {"rack": "lost"}})
            await it.follow()
            it.go_back(before)
            with it.it.database.write() as connection:
                api.update_node(connection, it.it.node("a").id, {"extra": {"rack": "found"}})
            await it.follow()
            await it.follow()
            entry = it.it.fleet.get(it.it.node("a").id)
            assert entry is not None
            assert entry.node.extra == {"rack": "found"}

    asyncio.run(main())


def test_a_number_that_another_request_has_by_now_is_left_alone(migrated_url: str) -> None:
    async def main() -> None:
        async with standby(migrated_url) as it:
            before = it.rows()
            it.ask("a")
            await it.follow()
            await until(it.driver.began.is_set)
            number = it.request("a").id
            it.go_back(before)
            it.ask("c")
            with it.it.database.write() as connection:  # as a sequence that was lost, too, gives it
                connection.execute(sa.update(power_requests).values(id=number))
                connection.execute(
                    sa.update(nodes).where(nodes.c.name == "c").values(power_request_id=number)
                )
            await it.follow()
            assert (it.request("c").state, it.request("c").holder) == ("waiting", None)
            it.driver.let_go.set()
            await it.actions.drain(30)

    asyncio.run(main())
