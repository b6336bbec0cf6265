"""A stream of changes over kill -9 of podium-api and conductors, and restarts of the database: all, once."""

import contextlib
import random
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from daemons import eventually
from doors import Door
from peers import PATIENCE
from podium import errors, states
from podium.client.calls.changes import (
    Change,
    ConductorChange,
    EventChange,
    FollowChanges,
    NodeChange,
    OperationChange,
    Started,
)
from podium.client.remote.remote import Remote
from podium.client.remote.server import Server
from podium.db import api, ledger, operations, power, schema
from podium.db.engine import Database
from podium.db.news import Place
from rounds import ROUNDS, SEED, only_long
from servers import RestartablePostgreSQL

NODES: Final = 8


class _Over(Exception):
    pass


class Follower(threading.Thread):
    """Follows all changes over HTTP until it is told to end.

    :ivar seen: all of them
    """

    def __init__(self, url: str) -> None:
        super().__init__(name="follower", daemon=True)
        self.seen: list[Change] = []
        self.started = threading.Event()
        self.wrong: BaseException | None = None
        self._remote = Remote(Server(url=url), warn=lambda _: None, sleep=self._sleep)
        self._is_over = False

    def run(self) -> None:
        try:
            for change in self._remote.follow(FollowChanges()):
                self.seen.append(change)
                self.started.set()
        except _Over:
            pass
        except BaseException as error:
            self.wrong = error

    def _sleep(self, seconds: float) -> None:
        if self._is_over:
            raise _Over
        time.sleep(seconds)

    def end(self) -> None:
        """End when the server does."""
        self._is_over = True

    @property
    def events(self) -> list[int]:
        return [one.event.id for one in self.seen if isinstance(one, EventChange)]

    @property
    def nodes(self) -> dict[str, tuple[str | None, str | None]]:
        """What was seen last of each node."""
        return {
            one.node.name: (one.node.power_state, one.node.target_power_state)
            for one in self.seen
            if isinstance(one, NodeChange)
        }

    @property
    def operations(self) -> dict[int, int]:
        """How many nodes of each operation were still to do when it was seen last."""
        return {
            one.operation.id: one.operation.unfinished
            for one in self.seen
            if isinstance(one, OperationChange)
        }

    def has_seen(self, truth: "Truth") -> bool:
        seen = sorted(self.events), self.nodes, self.operations
        return seen == (truth.events(), truth.nodes(), truth.operations())

    @property
    def conductors(self) -> list[str]:
        """The states of the conductor."""
        return [
            one.conductor.state if one.conductor else ""
            for one in self.seen
            if isinstance(one, ConductorChange)
        ]


class Truth:
    """What is in the database, and what is asked of it."""

    def __init__(self, url: str) -> None:
        self._database = Database(url)

    def close(self) -> None:
        self._database.dispose()

    def enrol(self) -> None:
        rows = [{"driver": "fake", "name": f"n{number}"} for number in range(NODES)]
        with self._database.write() as connection:
            api.create_nodes(connection, rows)

    def switch(self, action: str) -> None:
        """Ask for all nodes, also while the database is away."""

        def ask() -> bool:
            with contextlib.suppress(errors.DatabaseUnavailable), self._database.write() as connection:
                power.ask(connection, api.list_nodes(connection), action, who="ada@desk")
                return True
            return False

        eventually(ask, "the database takes a request")

    def is_done(self) -> bool:
        with contextlib.suppress(errors.DatabaseUnavailable), self._database.read() as connection:
            return not any(one.unfinished for one in operations.list_operations(connection, None))
        return False

    def events(self) -> list[int]:
        with self._database.read() as connection:
            found = ledger.newest_events(connection, ledger.Chosen(), limit=10**6)
        return [one.id for one in found]

    def nodes(self) -> dict[str, tuple[str | None, str | None]]:
        with self._database.read() as connection:
            return {one.name: (one.power_state, one.target_power_state) for one in api.list_nodes(connection)}

    def operations(self) -> dict[int, int]:
        with self._database.read() as connection:
            return {one.id: one.unfinished for one in operations.list_operations(connection, None)}


def check(door: Door, disturb: Callable[[], None]) -> Follower:
    """Switch nodes to and fro, and disturb that; return who has followed it, until the server ends."""
    dice = random.Random(SEED)
    follower = Follower(door.url)
    follower.start()
    assert follower.started.wait(PATIENCE), follower.wrong
    assert isinstance(follower.seen[0], Started)
    with contextlib.closing(Truth(door.conductor.url)) as truth:
        truth.enrol()
        for number in range(2 * ROUNDS):
            truth.switch((states.POWER_ON, states.POWER_OFF)[number % 2])
            time.sleep(dice.random())  # at any moment of it
            disturb()
            eventually(truth.is_done, "the nodes are switched")
        eventually(lambda: follower.wrong or follower.has_seen(truth), "the follower has seen it all")
    assert follower.wrong is None
    places = [Place.parse(one.cursor) for one in follower.seen]
    assert places == sorted(set(places))
    assert len(follower.events) == len(set(follower.events)) > 0
    follower.end()
    return follower


@pytest.mark.long
def test_a_stream_goes_on_after_kill_9_of_podium_api(tmp_path: Path) -> None:
    with Door(tmp_path, "api_workers = 2") as door, door.conductor:

        def disturb() -> None:
            door.kill()
            door.start()

        follower = check(door, disturb)
    follower.join(PATIENCE)


@pytest.mark.parametrize("migrated_url", ["postgresql", "mariadb"], indirect=True)
@only_long
def test_a_stream_goes_on_after_kill_9_of_podium_api_on_servers(tmp_path: Path, migrated_url: str) -> None:
    with Door(tmp_path, "api_workers = 2", database=migrated_url) as door, door.conductor:

        def disturb() -> None:
            door.kill()
            door.start()

        follower = check(door, disturb)
    follower.join(PATIENCE)


@only_long
def test_a_stream_goes_on_after_kill_9_of_a_conductor(tmp_path: Path) -> None:
    with Door(tmp_path) as door, door.conductor:

        def disturb() -> None:
            door.conductor.kill()
            door.conductor.start()

        follower = check(door, disturb)
    follower.join(PATIENCE)
    assert follower.conductors.count("alive") >= ROUNDS  # what changes twice before it is read comes once


@only_long
def test_a_stream_goes_on_after_a_restart_of_the_database(
    tmp_path: Path, restartable_postgresql: RestartablePostgreSQL
) -> None:
    url = restartable_postgresql.url
    database = Database(url)
    schema.upgrade(database)
    database.dispose()
    with Door(tmp_path, database=url) as door, door.conductor:

        def disturb() -> None:
            restartable_postgresql.stop()
            restartable_postgresql.start()

        follower = check(door, disturb)
    follower.join(PATIENCE)
