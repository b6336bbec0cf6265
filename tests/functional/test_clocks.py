"""Real programs whose clocks differ, are set while they run, and stand still while the machine sleeps."""

import os
import re
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import shifted_clock
from daemons import Daemon, Rack, eventually
from podium.db import api, conductors, ledger, operations
from podium.db.engine import Database
from podium.db.operations import PowerRequest
from rounds import only_long
from servers import PostgreSQL, Server
from shifted_clock import ShiftedClock
from templates import prepared

#: On a machine that is busy with more, a heartbeat may take its time.
FAST = "[conductor]\nsync_power_state_interval = 1\nheartbeat_timeout = 30\n"
HOUR = timedelta(hours=1)
BIRTH, LATE = datetime(1970, 1, 2, tzinfo=UTC), datetime(2036, 2, 3, tzinfo=UTC)


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shifted_clock.build(tmp_path_factory.mktemp("clock"))


def requests(database: Database) -> list[PowerRequest]:
    with database.read() as connection:
        (operation,) = operations.list_operations(connection, 1)
        return operations.requests_of(connection, operation.id)


def written(daemon: Daemon) -> list[datetime]:
    """When the nodes were read and the conductor was heard of."""
    database = Database(daemon.url)
    with database.read() as connection:
        heard = [one.heartbeat_at for one in conductors.list_conductors(connection)]
    database.dispose()
    return heard + [row["power_checked_at"] for row in daemon.nodes().values()]


@only_long
@pytest.mark.parametrize(
    ("of_conductor", "of_desk"),
    [
        pytest.param(timedelta(0), HOUR, id="desk ahead"),
        pytest.param(LATE - BIRTH, -20_000 * 24 * HOUR, id="decades apart"),
    ],
)
def test_no_host_needs_the_time_of_another(
    tmp_path: Path, library: Path, postgresql_server: Server, of_conductor: timedelta, of_desk: timedelta
) -> None:
    url = postgresql_server.url(postgresql_server.create_migrated_database())
    clocks = [ShiftedClock(library, tmp_path / name) for name in ("conductor", "desk")]
    clocks[0].shift(of_conductor)
    clocks[1].shift(of_desk)
    (tmp_path / "at the desk").mkdir()
    desk = Daemon(tmp_path / "at the desk", url=url, environment=clocks[1].environment)
    database = prepared(url)
    with database.write() as connection:
        api.create_nodes(connection, [{"name": name, "driver": "fake"} for name in ("n1", "n2", "n3")])
    with Daemon(tmp_path, FAST, url=url, environment=clocks[0].environment) as daemon:
        desk.podium("node", "power", "on", "n[1-3]", "--stagger", "1/0.5", "--wait", "--timeout", "30")
        waited = [
            (one.begun_at - one.requested_at).total_seconds() for one in requests(database) if one.begun_at
        ]
        # A little less, because the conductor counts on by itself between two heartbeats.
        assert [seconds > place * 0.5 - 0.25 for place, seconds in enumerate(waited)] == [True] * 3
        assert max(waited) < HOUR.total_seconds() / 2

        assert desk.rows("node", "list", "--stale", "60") == {}
        ages = [row["power_state_age"] for row in desk.rows("node", "list", "--long").values()]
        assert all(0 <= age < HOUR.total_seconds() / 2 for age in ages)
        assert desk.rows("conductor", "list")["here"]["online"] is True
        assert len(desk.rows("events", "--since", "5m")) >= 3
        desk.podium("task", "run", "fake.check_status")
        assert daemon.stop() == 0
        assert "Traceback" not in daemon.text()
    database.dispose()


class ShiftedServer(PostgreSQL):
    """A PostgreSQL server whose clock the test sets."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = ShiftedClock(shifted_clock.build(self.folder), self.folder / "clock")

    def _surroundings(self) -> dict[str, Any]:
        surroundings = super()._surroundings()
        return surroundings | {"env": surroundings["env"] | self.clock.environment}


@only_long
def test_the_clock_of_the_database_may_be_set_while_the_daemon_runs(tmp_path: Path) -> None:
    with ShiftedServer() as server:
        url = server.url(server.create_migrated_database())
        with Daemon(tmp_path, FAST, url=url) as daemon:
            for name in ("n1", "n2", "n3"):
                daemon.podium("node", "create", "--driver", "fake", "--name", name)
            eventually(lambda: all(row["power_state"] for row in daemon.nodes().values()), "all are read")
            for place, time in enumerate((HOUR, -HOUR, timedelta(0))):
                daemon.podium("node", "power", ("on", "off")[place % 2], "n[1-3]", "--stagger", "1/0.5")
                server.clock.shift(time)
                ((now,),) = server.execute("SELECT clock_timestamp()")
                assert abs(now - server.clock.now()) < timedelta(seconds=60)
                daemon.podium("operation", "wait", str(place + 1))
                eventually(lambda: daemon.rows("conductor", "list")["here"]["online"], "it is online")
                eventually(lambda: not daemon.rows("node", "list", "--stale", "60"), "all are fresh")
                daemon.podium("task", "run", "conductor.prune_power_events")
            assert len(daemon.rows("events", "--since", "2d")) == 3 + 3 * 3
            assert daemon.stop() == 0
            assert "Traceback" not in daemon.text()


@only_long
def test_a_clock_that_is_set_while_the_daemon_runs_does_no_harm(tmp_path: Path, library: Path) -> None:
    clock = ShiftedClock(library, tmp_path / "clock")
    clock.set(BIRTH)

    def is_now(moment: datetime) -> bool:
        return abs(clock.now() - moment) < timedelta(seconds=60)

    times = [HOUR, -HOUR, BIRTH, LATE, timedelta(0)]
    rack = Rack(tmp_path, 4, "--power-delay", "1")
    with rack, Daemon(tmp_path, FAST, environment=clock.environment) as daemon:
        daemon.podium("node", "import", str(rack.nodes))
        eventually(
            lambda: {row["power_state"] for row in daemon.nodes().values()} == {"power off"}, "all are read"
        )
        for place, time in enumerate(times):
            daemon.podium("node", "power", ("on", "off")[place % 2], "r1n01", "--timeout", "30")
            if isinstance(time, datetime):
                clock.set(time)
            else:
                clock.shift(time)
            daemon.podium("operation", "wait", str(place + 1))

            eventually(lambda: all(map(is_now, written(daemon))), "all are read, and it is heard of, since")
            if isinstance(time, datetime):
                daemon.podium("task", "run", "conductor.prune_power_events")
        daemon.podium("task", "run", "conductor.prune_power_events")
        assert {row["power_failures"] for row in daemon.nodes().values()} == {0}
        assert daemon.stop() == 0
        assert "Traceback" not in daemon.text()
    database = prepared(daemon.url)
    with database.read() as connection:
        events = ledger.newest_events(connection, ledger.Chosen(), limit=100)
        assert len(operations.list_operations(connection, 100)) == len(times)
    database.dispose()
    assert [event.cause for event in events] == ["first reading"] * 4 + ["request"] * len(times)


def test_after_minutes_of_sleep_the_sessions_are_gone_and_no_node_fails(
    tmp_path: Path, library: Path
) -> None:
    clock = ShiftedClock(library, tmp_path / "clock")
    with Rack(tmp_path, 8) as rack, Daemon(tmp_path, FAST, environment=clock.environment) as daemon:
        daemon.podium("node", "import", str(rack.nodes))
        eventually(lambda: all(row["power_state"] for row in daemon.nodes().values()), "all are read")
        eventually(lambda: "sessions: 8" in rack.ctl("status"), "there is a session with each")
        assert daemon.process is not None
        os.killpg(daemon.process.pid, signal.SIGSTOP)
        rack.kill()  # it forgets its sessions
        with rack:
            clock.sleep(timedelta(minutes=10))
            os.killpg(daemon.process.pid, signal.SIGCONT)
            slept = clock.now()
            eventually(
                lambda: all(row["power_checked_at"] > slept for row in daemon.nodes().values()),
                "all are read",
            )
            assert {row["power_failures"] for row in daemon.nodes().values()} == {0}
            assert daemon.rows("conductor", "list")["here"]["online"] is True
            assert daemon.stop() == 0
        for bad in ("Traceback", "does not answer", "out of reach"):
            assert bad not in daemon.text()
        # A machine that is busy with more may halt a loop for seconds, but not for the minutes of the sleep.
        assert not re.search(r"stalls its own event loop for \d{3,} s", daemon.text())
