"""A conductor is killed at each of its steps while it changes passwords, and another goes on.

Whatever the step, the database has the password that a BMC has, and nobody logs in with a wrong one but to
find out what a BMC has that may have been sent a password.
"""

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from fakes import PATIENCE, Pieces, all_slots, joined, until
from machines import Connection, Fuse
from podium import errors, states
from podium.conductor.power import credentials as power_credentials
from podium.conductor.power.actions import PowerActions
from podium.conductor.power.carrying import Timeouts
from podium.conductor.rooms import context as contexts
from podium.db import api, credentials, leftovers, members, operations
from podium.db.accounts import Account
from podium.db.engine import Database
from podium.db.models import credential_changes, nodes, power_requests
from podium.db.worker import Worker
from podium.drivers import base
from rounds import only_long
from templates import prepared

NODES = {"a": "b1", "b": "b2", "c": "b2", "d": "b3"}
LOGIN = base.Login("password")


class BMCs(base.Driver):
    """BMCs by their address, which outlive the process."""

    needs_api = (2, 1)
    properties = {"address": base.Property("address"), "password": base.Property("password", secret=True)}
    login = LOGIN

    def __init__(self, passwords: dict[str, str], wrong: list[str], fault: str | None, fuse: Fuse) -> None:
        super().__init__("bmcs", None)
        self._passwords = passwords
        self._wrong = wrong
        self._fault = fault
        self._fuse = fuse

    def endpoint(self, node: base.Node) -> str:
        return str(node.driver_info["address"])

    async def _log_in(self, node: base.Node) -> None:
        await self._fuse.step()
        if node.driver_info["password"] != self._passwords[self.endpoint(node)]:
            self._wrong.append(node.name)
            raise errors.AuthenticationRefused("wrong password")

    async def get_power_state(self, node: base.Node) -> base.states.PowerState:
        await self._log_in(node)
        return states.POWER_OFF

    async def set_power_state(self, node: base.Node, target: str) -> None:
        await self._log_in(node)

    async def check_login(self, node: base.Node) -> base.LoginReport:
        await self._log_in(node)
        await self._fuse.step()
        return base.LoginReport(None, None, states.POWER_OFF)

    async def set_password(self, node: base.Node, password: str) -> None:
        await self._log_in(node)
        if self._fault == "refuses":
            raise errors.PasswordRefused("too short")
        self._passwords[self.endpoint(node)] = password
        await self._fuse.step()
        if self._fault == "silent":
            raise errors.BMCUnreachable("no answer")


class Site:
    """A conductor, and the next one after it was killed."""

    def __init__(self, file: Path, fault: str | None) -> None:
        self._url = f"sqlite:///{file}"
        self.passwords = dict.fromkeys(NODES.values(), "old")
        self.wrong: list[str] = []
        self._fault = fault
        self._runner = asyncio.Runner()
        prepared(self._url).dispose()
        self._member = Worker("here", 0, 0)
        self.do(self.start())
        self.it.enrol(
            *(
                {
                    "name": name,
                    "driver": "bmcs",
                    "driver_info": {"address": address, "password": "old"},
                    "endpoint": address,
                }
                for name, address in NODES.items()
            )
        )

    def do(self, what: Coroutine[Any, Any, Any]) -> Any:
        return self._runner.run(what)

    async def start(self) -> None:
        self.fuse = Fuse()
        database = Database(self._url)
        self._sql = Connection(database, self.fuse)
        self._member = Worker("here", 0, self._member.incarnation + 1)
        driver = BMCs(self.passwords, self.wrong, self._fault, self.fuse)
        self.it = Pieces(database, [driver], self._sql, self._member)
        await asyncio.to_thread(self.it.rooms["bmcs"].open, PATIENCE)
        self._actions = PowerActions(
            self._sql,
            self.it.fleet,
            self.it.rooms,
            self.it.recorder,
            worker=self._member,
            timeouts=Timeouts(30.0, 30.0, 30.0),
            note_read=self.it.sync.take_of_change,
        )
        with database.write() as connection:
            for one in members.unended(connection):
                members.leave(connection, one.name)
        joined(database, self._member, drivers=["bmcs"])
        await self.it.fleet.begin(self._sql, all_slots("bmcs"))
        # Before anything else, as a daemon may come to it.
        await self.it.sync.sweep(30.0, contexts.new(), at_once=True)
        while await self._sql.write(leftovers.take_back):
            pass

    async def kill(self) -> None:
        self.fuse.left = 0
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert await asyncio.to_thread(self.it.rooms["bmcs"].close, PATIENCE)
        self._sql.close()

    def close(self) -> None:
        self.do(self.kill())
        self._runner.close()

    async def work(self) -> None:
        await self.it.fleet.refresh(self._sql)
        await self._actions.poll()
        await self._actions.drain(PATIENCE)
        await self.it.recorder.flush()
        await self.it.fleet.refresh(self._sql)
        await self.it.sync.sweep(30.0, contexts.new(), at_once=True)

    async def work_all(self) -> None:
        for _ in range(8):
            await self.work()
            if not self._rows(sa.select(power_requests.c.id).where(_GOING)):
                return
        raise AssertionError("it never ends")

    async def work_until(self, steps: int) -> bool:
        """Work for so many steps; return whether there were fewer."""
        self.fuse.left = steps
        work = asyncio.create_task(self.work_all())
        await until(lambda: work.done() or self.fuse.blown)
        return not self.fuse.blown

    def _rows(self, query: sa.Select[Any]) -> list[Any]:
        with self.it.database.read() as connection:
            return list(connection.execute(query))

    def check_known(self) -> None:
        """Each password that a BMC has is in the database."""
        kept = {row.node_id: (row.new, row.old) for row in self._rows(sa.select(credential_changes))}
        for row in self._rows(sa.select(nodes)):
            documents = [row.driver_info, *kept.get(row.id, ())]
            assert self.passwords[NODES[row.name]] in {one["password"] for one in documents}

    def check_in_force(self) -> None:
        """And at last it is that of the node."""
        for row in self._rows(sa.select(nodes)):
            assert row.driver_info["password"] == self.passwords[NODES[row.name]]
            assert (row.reservation, row.target_power_state) == (None, None)


_GOING = power_requests.c.state.in_(operations.UNFINISHED)


def kill_at(file: Path, steps: int, fault: str | None) -> bool:
    """Kill a conductor after so many steps; return whether it had ended before that."""
    site = Site(file, fault)
    with site.it.database.write() as connection:
        rows = api.find_nodes(connection, list(NODES))
        how = {
            "passwords": "new",
            "login": {"bmcs": Account("password")},
            "settable": ["bmcs"],
            "on_bmc": True,
        }
        credentials.ask(connection, rows, who="ann@desk", canaries=1, **how)  # type: ignore[arg-type]
    had_ended = bool(site.do(site.work_until(steps)))
    site.do(site.kill())
    site.do(site.start())
    site.check_known()
    site.do(site.work_all())
    site.check_known()
    site.check_in_force()
    # Of what was killed between the word of the database and the packet nobody knows what the BMC has.
    kept = {name for name, address in NODES.items() if site.passwords[address] == "old"}
    assert len(site.wrong) == len(set(site.wrong) & kept)
    site.close()
    return had_ended


def test_a_conductor_is_killed_while_it_changes_passwords(tmp_path: Path) -> None:
    kill_at(tmp_path / "p", 11, None)


@only_long
@pytest.mark.parametrize("fault", [None, "silent", "refuses"])
def test_a_conductor_is_killed_at_each_step(
    tmp_path: Path, fault: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(power_credentials, "_AGAIN", 0.01)
    steps = 1
    while not kill_at(tmp_path / f"p{steps}", steps, fault):
        steps += 1
    assert steps > 10
