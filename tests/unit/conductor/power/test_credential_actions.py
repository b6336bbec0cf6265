"""Changes of credentials from the request to the end: what a conductor does, and what it leaves alone."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from fakes import HERE, PATIENCE, THERE, Pieces, all_slots, joined, pieces, until
from podium import errors, states
from podium.conductor.fleet.fleet import Fleet
from podium.conductor.power.actions import PowerActions
from podium.conductor.power.carrying import Timeouts
from podium.conductor.power.credentials import CredentialChange
from podium.conductor.recording.recorder import Recorder
from podium.conductor.rooms import context as contexts
from podium.conductor.sweep.power_sync import PowerSync
from podium.db import (
    api,
    beginning,
    clock,
    credential_changes,
    credential_sequels,
    credentials,
    members,
    models,
    operations,
)
from podium.db.accounts import Account
from podium.db.credential_changes import FAULT, UNKNOWN
from podium.db.credential_requests import Asked
from podium.db.models import utcnow
from podium.db.outcomes import Outcome
from podium.drivers import base

pytestmark = pytest.mark.mariadb_long


class BMCs(base.Driver):
    """A BMC for each address, with one password and one user."""

    needs_api = (2, 1)
    properties = {"address": base.Property("address"), "password": base.Property("password", secret=True)}
    login = base.Login("password")

    def __init__(self) -> None:
        super().__init__("bmcs", None)
        self.passwords: dict[str, str] = {}
        self.wrong: list[tuple[str, str]] = []
        self.reads: list[str] = []
        self.set: list[str] = []
        self.silent = asyncio.Event()  # whether a change is answered
        self.silent.set()
        self.noted: list[tuple[str, str, str]] = []

    def endpoint(self, node: base.Node) -> str:
        return str(node.driver_info["address"])

    def _log_in(self, node: base.Node) -> None:
        given = node.driver_info["password"]
        if given != self.passwords.setdefault(self.endpoint(node), "old"):
            self.wrong.append((node.name, given))
            raise errors.AuthenticationRefused("wrong password")

    async def get_power_state(self, node: base.Node) -> base.states.PowerState:
        self.reads.append(node.name)
        self._log_in(node)
        return states.POWER_OFF

    async def set_power_state(self, node: base.Node, target: str) -> None:
        self._log_in(node)

    async def check_login(self, node: base.Node) -> base.LoginReport:
        self._log_in(node)
        return base.LoginReport(None, None, states.POWER_OFF)

    async def set_password(self, node: base.Node, password: str) -> None:
        self._log_in(node)
        self.passwords[self.endpoint(node)] = password
        self.set.append(node.name)
        await self.silent.wait()

    async def node_added(self, node: base.Node) -> None:
        self.noted.append(("added", node.name, node.driver_info["password"]))

    async def node_removed(self, node: base.Node) -> None:
        self.noted.append(("removed", node.name, node.driver_info["password"]))


class Site:
    """A conductor with four nodes, two of which are behind one BMC."""

    def __init__(self, it: Pieces, driver: BMCs) -> None:
        self.it = it
        self.driver = driver
        self.make(HERE)

    def make(self, member: Any) -> None:
        self.actions = PowerActions(
            self.it.sql,
            self.it.fleet,
            self.it.rooms,
            self.it.recorder,
            worker=member,
            timeouts=Timeouts(PATIENCE, PATIENCE, PATIENCE),
            note_read=self.it.sync.take_of_change,
        )

    async def succeed(self) -> None:
        """Have another member take over."""
        with self.it.database.write() as connection:
            members.leave(connection, HERE)
        joined(self.it.database, THERE, drivers=["bmcs"])
        self.it.fleet = Fleet(THERE)
        self.it.recorder = Recorder(self.it.sql, self.it.fleet, THERE)
        self.it.sync = PowerSync(self.it.fleet, self.it.rooms, self.it.recorder)
        await self.it.fleet.begin(self.it.sql, all_slots("bmcs"))
        self.make(THERE)

    def ask(self, *names: str, **more: Any) -> Asked:
        with self.it.database.write() as connection:
            rows = api.find_nodes(connection, list(names))
            login = {"bmcs": Account("password")}
            how = {"passwords": "new", "settable": ["bmcs"], "on_bmc": True, **more}
            return credentials.ask(connection, rows, who="ann@desk", login=login, **how)

    async def begin(self) -> None:
        await self.it.fleet.refresh(self.it.sql)
        await self.actions.poll()

    async def done(self) -> None:
        await self.begin()
        await self.actions.drain(PATIENCE)
        assert await self.it.recorder.flush()
        await self.it.fleet.refresh(self.it.sql)

    async def sweep(self) -> list[str]:
        """The nodes that a sweep reads now."""
        self.driver.reads.clear()
        await self.it.sync.sweep(30.0, contexts.new(), at_once=True)
        return sorted(self.driver.reads)

    def states(self, asked: Asked) -> dict[str, str]:
        with self.it.database.read() as connection:
            rows = operations.requests_of(connection, asked.operation_id or 0)
        return {row.node_name: row.state for row in rows}

    def known(self, *names: str) -> list[str]:
        return [self.it.node(name).driver_info["password"] for name in names]


@asynccontextmanager
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    driver = BMCs()
    async with pieces(f"sqlite:///{tmp_path}/p", driver) as it:
        places = {"a": "b1", "b": "b2", "c": "b2", "d": "b4"}
        it.enrol(
            *(
                {
                    "name": name,
                    "driver": "bmcs",
                    "driver_info": {"address": place, "password": "old"},
                    "endpoint": place,
                }
                for name, place in places.items()
            )
        )
        await it.fleet.refresh(it.sql)
        yield Site(it, driver)


def test_passwords_change_on_each_bmc_once_and_are_known_afterwards(tmp_path: Path) -> None:
    async def main() -> None:
        async with site(tmp_path) as it:
            asked = it.ask("a", "b", "d")
            assert asked.also == ["c"]
            await it.done()
            assert set(it.states(asked).values()) == {"done"}
            assert it.known("a", "b", "c", "d") == ["new"] * 4
            assert len(it.driver.set) == 3
            assert await it.sweep() == ["a", "b", "c", "d"]
            assert it.driver.wrong == []
            assert len(it.it.fleet.taken) == 0

    asyncio.run(main())


def test_a_canary_with_a_wrong_password_is_the_only_wrong_login(tmp_path: Path) -> None:
    async def main() -> None:
        async with site(tmp_path) as it:
            asked = it.ask("a", "b", "d", on_bmc=False, canaries=1)
            await it.done()
            await it.done()
            assert it.states(asked) == {"a": "failed", "b": "cancelled", "c": "cancelled", "d": "cancelled"}
            assert it.driver.wrong == [("a", "new")]
            assert it.known("a", "b", "c", "d") == ["old"] * 4
            assert await it.sweep() == ["a", "b", "c", "d"]
            assert len(it.driver.wrong) == 1

    asyncio.run(main())


def test_the_others_follow_the_canary(tmp_path: Path) -> None:
    async def main() -> None:
        async with site(tmp_path) as it:
            asked = it.ask("a", "b", "d", canaries=1)
            await it.done()
            assert it.known("a", "b") == ["new", "old"]
            await it.done()
            assert set(it.states(asked).values()) == {"done"}
            assert (it.known("b", "c", "d"), it.driver.wrong) == (["new"] * 3, [])

    asyncio.run(main())


def test_nobody_reads_a_node_whose_password_is_being_changed(tmp_path: Path) -> None:
    async def main() -> None:
        async with site(tmp_path) as it:
            it.driver.silent.clear()
            it.ask("b")
            await it.begin()
            await until(lambda: it.driver.set != [])
            await it.it.fleet.refresh(it.it.sql)
            assert await it.sweep() == ["a", "d"]
            it.driver.silent._loop.call_soon_threadsafe(it.driver.silent.set)  # type: ignore[attr-defined]
            await it.done()
            assert await it.sweep() == ["a", "b", "c", "d"]
            assert it.driver.wrong == []

    asyncio.run(main())


def test_a_successor_reads_nothing_of_it_before_it_knows_which_password_is_right(tmp_path: Path) -> None:
    async def main() -> None:
        async with site(tmp_path) as it:
            asked = it.ask("b")
            with it.it.database.write() as connection:  # as the first conductor does, which is killed then
                numbers = [row.id for row in operations.requests_of(connection, asked.operation_id or 0)]
                beginning.begin(connection, numbers, HERE, utcnow())
                beginning.mark_sent(connection, numbers, HERE, utcnow())
            it.driver.passwords["b2"] = "new"
            await it.succeed()
            assert await it.sweep() == ["a", "d"]
            await it.done()
            assert (set(it.states(asked).values()), it.known("b", "c")) == ({"done"}, ["new"] * 2)
            assert await it.sweep() == ["a", "b", "c", "d"]
            assert it.driver.wrong == []

    asyncio.run(main())


def test_while_the_database_is_away_the_end_waits_and_nobody_reads_the_node(tmp_path: Path) -> None:
    async def main() -> None:
        async with site(tmp_path) as it:
            asked = it.ask("a")
            write, away = it.it.sql.write, False

            async def cut(work: Any) -> Any:
                if away:
                    raise errors.DatabaseUnavailable("away")
                return await write(work)

            it.it.sql.write = cut  # type: ignore[method-assign]
            set_password = it.driver.set_password

            async def and_then_it_is_away(node: base.Node, password: str) -> None:
                nonlocal away
                await set_password(node, password)
                away = True

            it.driver.set_password = and_then_it_is_away  # type: ignore[method-assign]
            await it.begin()
            await it.actions.drain(PATIENCE)
            assert "a" not in await it.sweep()
            assert it.known("a") == ["old"]
            away = False
            assert await it.it.recorder.flush()
            await it.it.fleet.refresh(it.it.sql)
            assert (it.states(asked), it.known("a")) == ({"a": "done"}, ["new"])
            assert "a" in await it.sweep()
            assert it.driver.wrong == []

    asyncio.run(main())


def test_a_node_with_an_unknown_password_is_read_again_when_that_is_settled(tmp_path: Path) -> None:
    async def main() -> None:
        async with site(tmp_path) as it:
            asked = it.ask("b")
            with it.it.database.write() as connection:
                numbers = [row.id for row in operations.requests_of(connection, asked.operation_id or 0)]
                beginning.begin(connection, numbers, HERE, utcnow())
            nodes = {row: it.it.node(name).id for row, name in zip(numbers, ("b", "c"), strict=True)}
            it.it.recorder.add_outcomes(
                Outcome(node, request, HERE, utcnow(), None, "silent", None, UNKNOWN)
                for request, node in nodes.items()
            )
            assert await it.it.recorder.flush()
            it.driver.passwords["b2"] = "new"
            await it.it.fleet.refresh(it.it.sql)
            assert it.it.node("c").fault == FAULT
            assert await it.sweep() == ["a", "d"]
            with it.it.database.write() as connection:
                found = api.find_nodes(connection, ["c"])
                assert credential_sequels.settle(
                    connection, found, "bob@desk", {"bmcs": Account("password")}
                ).also == ["b"]
            await it.done()
            assert it.known("b", "c") == ["new", "new"]
            assert await it.sweep() == ["a", "b", "c", "d"]
            assert it.driver.wrong == []

    asyncio.run(main())


def test_a_driver_closes_what_it_holds_open_before_the_password_changes(tmp_path: Path) -> None:
    async def main() -> None:
        async with site(tmp_path) as it:
            fleet, room = it.it.fleet, it.it.rooms["bmcs"]
            fleet.tell({"bmcs": room.following.note})
            for node in fleet.nodes("bmcs"):
                room.following.note(node, True)
            await until(lambda: len(it.driver.noted) == 4)
            it.driver.noted.clear()
            it.ask("a")
            await it.done()
            await until(lambda: len(it.driver.noted) == 2)
            assert it.driver.noted == [("removed", "a", "old"), ("added", "a", "new")]

    asyncio.run(main())


def test_a_node_whose_change_waits_is_read_as_ever(tmp_path: Path) -> None:
    async def main() -> None:
        async with site(tmp_path) as it:
            it.ask("a")
            await it.it.fleet.refresh(it.it.sql)
            assert await it.sweep() == ["a", "b", "c", "d"]
            with it.it.database.read() as connection:
                number = it.it.node("a").power_request_id
                assert credential_changes.of_requests(connection, [number])[number].state == "asked"

    asyncio.run(main())


def test_three_wrong_passwords_in_three_requests_are_two_wrong_logins(tmp_path: Path) -> None:
    """Whatever conductor carries them out: hardware locks accounts at the third."""

    async def main() -> None:
        async with site(tmp_path) as it:
            for number, typo in enumerate(("wrong-1", "wrong-2", "wrong-3")):
                asked = it.ask("b", passwords=typo, on_bmc=False)
                await it.done()
                assert set(it.states(asked).values()) == {"failed"}
                if number == 1:
                    await it.succeed()
            assert it.driver.wrong == [("b", "wrong-1"), ("b", "wrong-2")]
            assert "another one could lock the account" in (it.it.node("c").last_error or "")
            it.ask("b", on_bmc=True)
            await it.done()
            assert (it.known("b"), it.driver.set) == (["old"], [])

    asyncio.run(main())


def test_what_was_refused_long_ago_holds_up_nobody(tmp_path: Path) -> None:
    async def main() -> None:
        async with site(tmp_path) as it:
            for typo in ("wrong-1", "wrong-2"):
                it.ask("a", passwords=typo, on_bmc=False)
                await it.done()
            changes = models.credential_changes
            with it.it.database.write() as connection:
                before = clock.later(clock.now(connection), -credential_changes.PAUSE)
                connection.execute(sa.update(changes).values(refused_at=before))
            it.ask("a")
            await it.done()
            assert it.known("a") == ["new"]

    asyncio.run(main())


def test_settling_begins_with_what_the_change_before_it_had_refused(tmp_path: Path) -> None:
    async def main() -> None:
        async with site(tmp_path) as it:
            asked = it.ask("b")
            with it.it.database.write() as connection:
                numbers = [row.id for row in operations.requests_of(connection, asked.operation_id or 0)]
                beginning.begin(connection, numbers, HERE, utcnow())
                credential_changes.note_refused(connection, numbers, 2)
            nodes = {row: it.it.node(name).id for row, name in zip(numbers, ("b", "c"), strict=True)}
            it.it.recorder.add_outcomes(
                Outcome(node, request, HERE, utcnow(), None, "silent", None, UNKNOWN)
                for request, node in nodes.items()
            )
            assert await it.it.recorder.flush()
            with it.it.database.write() as connection:
                found, login = api.find_nodes(connection, ["c"]), {"bmcs": Account("password")}
                credential_sequels.settle(connection, found, "bob@desk", login, timeout=5)
            it.driver.passwords["b2"] = "a third one"
            await it.done()
            assert (it.it.node("b").fault, it.driver.wrong) == (FAULT, [])
            assert "no login for another" in (it.it.node("b").last_error or "")

    asyncio.run(main())


def test_a_change_that_is_damaged_ends_and_the_others_go_on(tmp_path: Path) -> None:
    """The key of another database stands for the damage."""

    async def main() -> None:
        async with site(tmp_path) as it:
            asked = it.ask("a", "d")
            changes, damage = models.credential_changes, '{"password": "fernet!0123456789ab!gAAAAA"}'
            with it.it.database.write() as connection:
                its = changes.c.node_id == it.it.node("a").id
                connection.execute(sa.update(changes).where(its).values(new=sa.literal_column(f"'{damage}'")))
            await it.done()
            assert it.states(asked) == {"a": "failed", "d": "done"}
            assert "cannot be read" in (it.it.node("a").last_error or "")
            assert it.it.node("a").target_power_state is None
            assert len(it.it.fleet.taken) == 0

    asyncio.run(main())


@pytest.mark.parametrize("sent", [False, True])
def test_whatever_fails_in_a_conductor_is_an_outcome(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sent: bool
) -> None:
    async def fail(change: Any) -> Any:
        if sent:
            await change._confirm()
        raise ZeroDivisionError

    monkeypatch.setattr(CredentialChange, "carry_out", fail)

    async def main() -> None:
        async with site(tmp_path) as it:
            asked = it.ask("a")
            await it.done()
            assert it.states(asked) == {"a": "failed"}
            node = it.it.node("a")
            assert node.last_error == "it cannot be carried out: ZeroDivisionError, see the log of here"
            assert node.fault == (FAULT if sent else None)
            assert len(it.it.fleet.taken) == 0

    asyncio.run(main())
