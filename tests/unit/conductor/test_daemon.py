import asyncio
import multiprocessing
import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from fakes import PATIENCE, StillDriver, make_conf, until
from podium import errors, states
from podium.conductor.daemon import Conductor
from podium.conductor.manager import ConductorManager
from podium.db import api, conductors, members, operations, power, schema
from podium.db.engine import Database
from podium.db.worker import Worker
from podium.drivers import base
from templates import prepared, upgrade_to


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
        await asyncio.wait_for(ready.wait(), PATIENCE)
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
        await asyncio.wait_for(running, PATIENCE)

    asyncio.run(main())


class Silent(StillDriver):
    """A machine that does not answer."""

    async def get_power_state(self, node: base.Node) -> str:
        raise errors.BMCUnreachable("no answer")


def test_a_conductor_gives_up_a_node_with_what_its_feeds_say(tmp_path: Path) -> None:
    text = "[conductor]\nsync_power_state_interval = 1\npower_state_sync_max_retries = 1\n"
    conf = make_conf(tmp_path, text)
    database = prepared(f"sqlite:///{tmp_path}/p.sqlite")
    with database.write() as connection:
        api.create_nodes(connection, [{"name": "a", "driver": "still", "extra": {"power_feeds": ["f9"]}}])

    def is_given_up() -> bool:
        with database.read() as connection:
            (node,) = api.find_nodes(connection, ["a"])
        return (node.maintenance_reason or "").endswith("last: no answer; its feed f9 is no node")

    async def main() -> None:
        conductor = Conductor(conf, database, {"still": Silent()})
        running = asyncio.create_task(conductor.run(lambda: None))
        await until(is_given_up)
        conductor.stop()
        await asyncio.wait_for(running, PATIENCE)

    asyncio.run(main())


#: A request that the conductor of this host had begun when it was stopped for the upgrade.
_BEGUN_BEFORE = (
    "INSERT INTO nodes (id, uuid, name, driver, driver_info, driver_internal_info, properties, extra,"
    " power_failures, maintenance, conductor_group, version, created_at, updated_at, power_state,"
    " target_power_state, power_request_id, power_requested_by, power_requested_at, reservation) VALUES"
    " (1, 'u1', 'a', 'still', '{}', '{}', '{}', '{}', 0, {false}, '', 7, '2020-05-01', '2020-05-01',"
    " 'power off', 'power on', 1, 'ada@desk', '2020-05-01', 'here')",
    "INSERT INTO operations (id, action, requested_by, requested_at, nodes, then_off) VALUES"
    " (1, 'power on', 'ada@desk', '2020-05-01', 1, {false})",
    "INSERT INTO power_requests (id, operation_id, node_id, node_uuid, node_name, action, state, not_before,"
    " then_off, requested_by, requested_at, holder, begun_at) VALUES (1, 1, 1, 'u1', 'a', 'power on',"
    " 'begun', '2020-05-01', {false}, 'ada@desk', '2020-05-01', 'here', '2020-05-01')",
)


def test_a_request_that_was_begun_before_an_upgrade_is_resumed_after_it(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/p.sqlite")
    upgrade_to(database, "0004", _BEGUN_BEFORE)
    schema.upgrade(database)
    driver = StillDriver()

    async def main() -> None:
        conductor = Conductor(make_conf(tmp_path), database, {"still": driver})
        running = asyncio.create_task(conductor.run(lambda: None))
        await until(lambda: driver.states == {"a": "power on"})
        conductor.stop()
        await asyncio.wait_for(running, PATIENCE)

    asyncio.run(main())
    with database.read() as connection:
        (request,) = operations.requests_of(connection, 1)
    database.dispose()
    assert (request.state, request.holder) == ("done", Worker("here", 0, 1))


def test_a_reload_in_the_moment_of_the_end_does_not_keep_a_conductor(tmp_path: Path) -> None:
    database = prepared(f"sqlite:///{tmp_path}/p.sqlite")

    async def main() -> None:
        conductor = Conductor(make_conf(tmp_path), database, {"still": StillDriver()})
        # The timer wakes up for the reload and is cancelled before it runs.
        real = conductor._stop.wait

        async def stop_with_a_reload() -> bool:
            await real()
            conductor._reloaded.set()
            return True

        conductor._stop.wait = stop_with_a_reload  # type: ignore[method-assign]
        await asyncio.wait_for(conductor.run(conductor.stop), PATIENCE)

    asyncio.run(main())


def test_a_conductor_that_finishes_its_changes_is_heard_of_until_then(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="podium")
    database = prepared(f"sqlite:///{tmp_path}/p.sqlite")
    with database.write() as connection:
        api.create_nodes(connection, [{"name": "a", "driver": "still"}])
        power.ask(connection, api.find_nodes(connection, ["a"]), states.POWER_ON, who="me")
    begun, over = threading.Event(), threading.Event()

    class Slow(StillDriver):
        async def set_power_state(self, node: base.Node, target: str) -> None:
            begun.set()
            await asyncio.to_thread(over.wait, PATIENCE)
            await super().set_power_state(node, target)

    def heard_of() -> datetime:
        with database.read() as connection:
            (one,) = conductors.list_conductors(connection)
        return one.heartbeat_at

    async def main() -> None:
        conf = make_conf(tmp_path, "[conductor]\nheartbeat_interval = 0.1\n")
        conductor = Conductor(conf, database, {"still": Slow()})
        running = asyncio.create_task(conductor.run(lambda: None))
        await until(begun.is_set)
        conductor.stop()
        await until(lambda: "Waiting up to" in caplog.text)
        before = heard_of()
        await until(lambda: heard_of() > before, step=0.05)
        over.set()
        await asyncio.wait_for(running, PATIENCE)

    asyncio.run(main())


def test_a_conductor_that_was_ended_drops_what_it_learned_and_ends_with_the_reason(tmp_path: Path) -> None:
    database = prepared(f"sqlite:///{tmp_path}/p.sqlite")
    driver = StillDriver()
    with database.write() as connection:
        api.create_nodes(connection, [{"name": "a", "driver": "still"}])

    async def main() -> None:
        conductor = Conductor(make_conf(tmp_path), database, {"still": driver})
        ready = asyncio.Event()
        running = asyncio.create_task(conductor.run(ready.set))
        await asyncio.wait_for(ready.wait(), PATIENCE)
        await until(lambda: read() == states.POWER_OFF)
        lease = conductor._membership.lease
        with database.write() as connection:
            members.end(connection, members.standing(connection), None, "forgotten")
            # In the same moment, so that nothing in between can be written.
            power.ask(connection, api.find_nodes(connection, ["a"]), states.POWER_ON, who="me")
        driver.states["a"] = states.POWER_ON
        with pytest.raises(errors.MemberEnded, match="here/0@1 was ended: forgotten"):
            await asyncio.wait_for(running, PATIENCE)
        assert (lease.ended, lease.is_safe()) == (True, False)

    def read() -> str | None:
        with database.read() as connection:
            return api.find_nodes(connection, ["a"])[0].power_state

    asyncio.run(main())
    assert read() == states.POWER_OFF
    with database.read() as connection:
        (request,) = operations.requests_of(connection, 1)
    assert request.state == operations.WAITING


class Following(StillDriver):
    """Notes what it hears of its nodes, and when."""

    def __init__(self, name: str = "still") -> None:
        super().__init__(name)
        self.heard: list[str] = []
        self.manager: base.Manager | None = None

    async def start(self, manager: base.Manager) -> None:
        self.manager = manager
        self.heard.append(f"started with {len(manager.nodes(self))} nodes")

    async def node_added(self, node: base.Node) -> None:
        self.heard.append(f"+{node.name}")

    async def node_removed(self, node: base.Node) -> None:
        self.heard.append(f"-{node.name}")


def test_a_driver_starts_without_nodes_and_is_told_of_them_as_they_come_and_go(tmp_path: Path) -> None:
    database = prepared(f"sqlite:///{tmp_path}/p.sqlite")
    driver = Following()

    def change(function: Callable[[sa.Connection], object]) -> None:
        with database.write() as connection:
            function(connection)

    def number(name: str) -> int:
        with database.read() as connection:
            return int(api.find_nodes(connection, [name])[0].id)

    change(lambda sql: api.create_nodes(sql, [{"name": "a", "driver": "still"}]))

    async def main() -> None:
        conductor = Conductor(make_conf(tmp_path), database, {"still": driver})
        ready = asyncio.Event()
        running = asyncio.create_task(conductor.run(ready.set))
        await asyncio.wait_for(ready.wait(), PATIENCE)
        await until(lambda: driver.heard == ["started with 0 nodes", "+a"])
        manager = driver.manager
        assert isinstance(manager, ConductorManager)
        change(lambda sql: api.create_nodes(sql, [{"name": "b", "driver": "still"}]))
        await until(lambda: driver.heard[2:] == ["+b"])
        assert manager.node("b") in manager.nodes(driver)
        # As after a promotion of another database server: all nodes are loaded anew.
        conductor._parts.fleet.doubt()
        change(lambda sql: api.delete_node(sql, number("a")))
        await until(lambda: driver.heard[3:] == ["-a"])
        assert manager.node("a") is None
        conductor.stop()
        await asyncio.wait_for(running, PATIENCE)
        assert driver.heard[4:] == []

    asyncio.run(main())


def test_the_tasks_of_a_driver_that_does_not_start_are_left_out(tmp_path: Path) -> None:
    class Failing(StillDriver):
        async def start(self) -> None:
            raise errors.DriverError("no controller")

        @base.driver_periodic_task()
        async def check(self, manager: base.Manager, context: object) -> None: ...

    class Working(StillDriver):
        @base.driver_periodic_task()
        async def check(self, manager: base.Manager, context: object) -> None: ...

    database = prepared(f"sqlite:///{tmp_path}/p.sqlite")
    found: set[str] = set()

    async def main() -> None:
        def ready() -> None:
            with database.read() as connection:
                found.update(row.task for row in conductors.list_tasks(connection))
            conductor.stop()

        conf = make_conf(tmp_path, "driver_startup_errors = skip\n")
        drivers = {"working": Working("working"), "failing": Failing("failing")}
        conductor = Conductor(conf, database, drivers)
        await asyncio.wait_for(conductor.run(ready), PATIENCE)

    asyncio.run(main())
    assert {name for name in found if not name.startswith("conductor.")} == {"working.check"}


def test_a_node_that_changes_hands_is_removed_and_released_before_it_is_added_elsewhere(
    tmp_path: Path,
) -> None:
    database = prepared(f"sqlite:///{tmp_path}/p.sqlite")
    names = [f"n{number}" for number in range(20)]
    with database.write() as connection:
        api.create_nodes(connection, [{"name": name, "driver": "still"} for name in names])
    told: list[tuple[str, str]] = []

    class Telling(StillDriver):
        """Notes what it hears in a list that all share."""

        def __init__(self, member: str) -> None:
            super().__init__()
            self.member = member

        async def node_added(self, node: base.Node) -> None:
            told.append((f"{self.member}+", node.name))

        async def node_removed(self, node: base.Node) -> None:
            told.append((f"{self.member}-", node.name))

        async def release(self, node: base.Node) -> None:
            told.append((f"{self.member} released", node.name))

    def those(what: str) -> set[str]:
        return {name for kind, name in told if kind == what}

    async def main() -> None:
        # Of an end it has a few seconds for what others are to have, a part of this.
        conf = make_conf(tmp_path, "graceful_shutdown_timeout = 600\n")
        away = multiprocessing.Array("b", 2)
        first = Conductor(conf, database, {"still": Telling("A")}, away=away)
        second = Conductor(conf, database, {"still": Telling("B")}, index=1, away=away)
        running = [asyncio.create_task(first.run(lambda: None))]
        await until(lambda: those("A+") == {*names})
        running.append(asyncio.create_task(second.run(lambda: None)))
        await until(lambda: bool(those("B+")) and those("B+") == those("A released"))
        assert 0 < len(those("B+")) < len(names)
        second.stop()
        await until(lambda: those("B released") == those("B+"))
        first.stop()
        await asyncio.wait_for(asyncio.gather(*running), PATIENCE)

    asyncio.run(main())
    for name in those("B+"):
        steps = [kind for kind, one in told if one == name]
        assert steps[:6] == ["A+", "A-", "A released", "B+", "B-", "B released"]
        assert steps[6:] in ([], ["A+"])
