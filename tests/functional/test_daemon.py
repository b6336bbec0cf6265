"""The daemon as an operator meets it: real processes, a real database, simulated BMCs on the wire."""

import contextlib
import os
import re
import signal
import socket
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from daemons import PATIENCE, Daemon, Rack, eventually
from podium.db import ledger
from podium.db.engine import Database
from podium.db.models import nodes
from rounds import only_long, rest_is_long
from servers import RestartablePostgreSQL
from templates import prepared

#: Seconds for which another program holds the lock: some looks of the conductor, and writes.
LONG_LOCK = 3.0
FAST = "[conductor]\nsync_power_state_interval = 1\n"


def states(daemon: Daemon) -> dict[str, str | None]:
    return {name: row["power_state"] for name, row in daemon.nodes().items()}


def events(daemon: Daemon, uuid: str) -> list[tuple[Any, ...]]:
    database = Database(daemon.url)
    with database.read() as connection:
        rows = ledger.newest_events(connection, ledger.Chosen(frozenset({uuid})), limit=100)
    database.dispose()
    return [(row.from_state, row.to_state, row.cause) for row in rows]


def enrol_fakes(daemon: Daemon, **infos: str) -> None:
    """Enrol fake nodes; the values are driver_info as ``KEY=VALUE``."""
    for name, info in infos.items():
        daemon.podium("node", "create", "--driver", "fake", "--name", name, *_info(info))


def runs(daemon: Daemon) -> int:
    return int(daemon.rows("task", "list")["conductor.sync_power_status"]["runs"])


def set_info(daemon: Daemon, name: str, info: dict[str, Any]) -> None:
    """Set the driver_info of a node, though it is reserved; the daemon is not running."""
    database = Database(daemon.url)
    with database.write() as connection:
        connection.execute(sa.update(nodes).where(nodes.c.name == name).values(driver_info=info))
    database.dispose()


def has_begun(daemon: Daemon, name: str) -> bool:
    """Whether the change to power on is under way, or over already."""
    row = daemon.nodes()[name]
    return bool(row["reservation"]) or row["power_state"] == "power on"


def _info(text: str) -> list[str]:
    return [part for pair in text.split() for part in ("--driver-info", pair)]


@pytest.fixture
def rack(tmp_path: Path) -> Iterator[Rack]:
    with Rack(tmp_path, 8) as running:
        yield running


def test_a_rack_is_enrolled_read_switched_and_watched(tmp_path: Path, rack: Rack) -> None:
    with Daemon(tmp_path, f"{FAST}[periodic_tasks]\nspacing = ipmi.check_status:1\n") as daemon:
        daemon.podium("node", "import", str(rack.nodes))
        eventually(lambda: set(states(daemon).values()) == {"power off"}, "all eight states appear")

        done = daemon.podium("node", "power", "on", "r1n[01-04]", "--wait")
        assert "r1n[01-04]: power on" in done.stdout
        assert [state for _, state in sorted(states(daemon).items())] == ["power on"] * 4 + ["power off"] * 4

        rack.ctl("power", "off", "127.20.0.2")
        rack.ctl("fault", "cooling-fault", "127.20.0.3")
        rack.ctl("fault", "dead", "127.20.0.8")
        node = eventually(
            lambda: (row := daemon.nodes()["r1n02"])["power_state"] == "power off" and row,
            "the change behind its back is seen",
        )
        assert events(daemon, node["uuid"])[-1] == ("power on", "power off", "out-of-band")
        health = eventually(
            lambda: (found := daemon.nodes()["r1n03"]["health"]) and found["status"] != "OK" and found,
            "the broken fan shows",
        )
        assert "fan" in " ".join(health["reasons"])
        dead = eventually(
            lambda: (row := daemon.nodes()["r1n08"])["power_failures"] and row, "the silence is counted"
        )
        assert dead["power_state"] == "power off"

        assert daemon.stop() == 0
        eventually(
            lambda: re.search(r"^sessions: 1$", rack.ctl("status"), re.MULTILINE),
            "all sessions are closed but that of the BMC that went silent",
        )


def test_after_kill_9_a_restart_loses_nothing(tmp_path: Path) -> None:
    with Daemon(tmp_path, FAST) as daemon:
        enrol_fakes(daemon, quick="", slow="fake_refuse=true")
        eventually(lambda: set(states(daemon).values()) == {"power off"}, "the states appear")
        eventually(lambda: runs(daemon) > 0, "the reads are in the list of tasks")
        daemon.podium("node", "power", "on", "slow")
        eventually(lambda: daemon.nodes()["slow"]["reservation"], "the change has begun")
        daemon.kill()
        set_info(daemon, "slow", {})
        assert states(daemon) == {"quick": "power off", "slow": "power off"}
        daemon.podium("node", "power", "on", "quick")
        assert runs(daemon) > 0

        daemon.start()
        eventually(lambda: set(states(daemon).values()) == {"power on"}, "both requests are carried out")
        assert {row["reservation"] for row in daemon.nodes().values()} == {None}
        assert daemon.stop() == 0


def test_a_second_conductor_of_that_name_is_refused(tmp_path: Path) -> None:
    with Daemon(tmp_path) as first:
        (tmp_path / "second").mkdir()
        second = Daemon(tmp_path / "second", url=first.url)
        with pytest.raises(AssertionError):
            second.start()
        assert second.wait() == 1
        assert "a conductor with the host name here is alive on this database" in second.text()
        assert "Traceback" not in second.text()
        assert first.rows("conductor", "list")["here"]["online"] is True
        assert first.stop() == 0
        second.start()
        assert second.stop() == 0


def test_a_reload_changes_intervals_and_a_broken_file_changes_nothing(tmp_path: Path) -> None:
    with Daemon(tmp_path) as daemon:
        daemon.write("[periodic_tasks]\nspacing = fake.check_status:7\n")
        daemon.process.send_signal(signal.SIGHUP)  # type: ignore[union-attr]
        eventually(
            lambda: daemon.rows("task", "list").get("fake.check_status", {}).get("spacing") == 7,
            "the spacing changes",
        )
        daemon.write("[periodic_tasks]\nspacing = fake.check_status:often\n")
        daemon.process.send_signal(signal.SIGHUP)  # type: ignore[union-attr]
        eventually(lambda: "The configuration is not reloaded" in daemon.text(), "the fault is told")
        daemon.write("")
        assert daemon.rows("task", "list")["fake.check_status"]["spacing"] == 7
        assert daemon.stop() == 0
        assert "Traceback" not in daemon.text()


def test_a_reload_keeps_the_worker_and_its_sessions(tmp_path: Path, rack: Rack) -> None:
    with Daemon(tmp_path, FAST) as daemon:
        daemon.podium("node", "import", str(rack.nodes))
        eventually(lambda: "sessions: 8" in rack.ctl("status"), "sessions are held")
        daemon.write("[conductor]\nsync_power_state_interval = 2\n")
        daemon.process.send_signal(signal.SIGHUP)  # type: ignore[union-attr]
        eventually(
            lambda: daemon.rows("task", "list")["conductor.sync_power_status"]["spacing"] == 2,
            "the interval changes",
        )
        assert daemon.text().count(" owns ") == 1
        assert "sessions: 8" in rack.ctl("status")
        assert daemon.stop() == 0


@rest_is_long("number", [signal.SIGTERM, signal.SIGINT])
def test_the_daemon_ends_in_order_when_told_to(tmp_path: Path, number: signal.Signals) -> None:
    with Daemon(tmp_path) as daemon:
        enrol_fakes(daemon, slow="fake_latency=0.5")
        daemon.podium("node", "power", "on", "slow")
        eventually(lambda: has_begun(daemon, "slow"), "the change has begun")
        assert daemon.stop(number) == 0
        row = daemon.nodes()["slow"]
        assert (row["power_state"], row["reservation"]) == ("power on", None)
        assert daemon.rows("conductor", "list")["here"]["online"] is False
        assert "Traceback" not in daemon.text()


@only_long
def test_waiting_for_a_conductor_that_was_killed_ends_and_the_request_stays(tmp_path: Path) -> None:
    with Daemon(tmp_path) as daemon:
        enrol_fakes(daemon, web="")
        daemon.kill()
        daemon.write("[conductor]\nheartbeat_timeout = 2\n")
        done = daemon.podium("node", "power", "on", "web", "--wait", expect=1)
        assert "no conductor with the driver fake has been heard of for 2 s" in done.stderr
        assert daemon.nodes()["web"]["target_power_state"] == "power on"
        daemon.write("")
        daemon.start()
        assert daemon.podium("operation", "wait", "1").stdout == "web: power on\n"
        assert daemon.stop() == 0


@only_long
def test_another_programs_write_lock_is_one_outage_of_both_workers(tmp_path: Path) -> None:
    # Long enough that no process of Podium has the lock for so long, however busy the machine is.
    url = f"sqlite:///{tmp_path}/podium.sqlite?timeout=5"
    prepared(url).dispose()
    with Daemon(tmp_path, f"{FAST}workers = 2\n", url=url) as daemon:
        enrol_fakes(daemon, web="")
        eventually(lambda: daemon.nodes()["web"]["power_state"], "the state appears")
        with contextlib.closing(sqlite3.connect(tmp_path / "podium.sqlite")) as other:
            other.execute("BEGIN IMMEDIATE")
            eventually(
                lambda: "another program holds its write lock" in daemon.text(), "the lock is reported"
            )
            before = os.times().elapsed
            eventually(lambda: os.times().elapsed - before > LONG_LOCK, "many reads succeed meanwhile")
            assert "The database is back" not in daemon.text()
        eventually(lambda: "The database is back" in daemon.text(), "its end is told")
        daemon.podium("node", "power", "on", "web", "--wait")
        assert daemon.text().count("out of reach") == 1
        assert daemon.text().count("The database is back") == 1
        assert daemon.stop() == 0


def test_a_database_that_goes_away_is_waited_for_and_nothing_is_lost(
    tmp_path: Path, restartable_postgresql: RestartablePostgreSQL
) -> None:
    daemon = Daemon(tmp_path, FAST, url=restartable_postgresql.url)
    daemon.podium("db", "upgrade")
    with daemon:
        enrol_fakes(daemon, quick="", slow="fake_latency=1")
        eventually(lambda: set(states(daemon).values()) == {"power off"}, "the states appear")
        daemon.podium("node", "power", "on", "slow")
        eventually(lambda: has_begun(daemon, "slow"), "the change has begun")
        restartable_postgresql.stop()
        eventually(lambda: "out of reach" in daemon.text(), "the outage is told")
        restartable_postgresql.start()
        eventually(lambda: "The database is back" in daemon.text(), "its end is told")
        eventually(lambda: daemon.nodes()["slow"]["power_state"] == "power on", "the change is recorded")
        daemon.podium("node", "power", "on", "quick", "--wait")
        assert daemon.text().count("out of reach") == 1
        assert "Traceback" not in daemon.text()
        assert daemon.stop() == 0


@rest_is_long(
    ("default", "text", "words"),
    [
        (
            "enabled_drivers = fake, impi",
            "",
            "there is no driver impi, only fake, fake-hardware, ipmi, redfish; did you mean ipmi?",
        ),
        (
            "",
            "[conductor]\nsync_power_state_interval = soon\n",
            "[conductor] sync_power_state_interval = soon",
        ),
        ("", "[database]\nconnection = postgresql://u:hunter2@127.0.0.1:1/x\n", "[database] connection = "),
        ("", "[database]\nconnection = sqlite:////proc/podium/x.sqlite\n", "state_path"),
        ("", "[conductor\n", "podium.conf"),
    ],
)
def test_a_wrong_configuration_ends_the_daemon_with_one_line(
    tmp_path: Path, default: str, text: str, words: str
) -> None:
    daemon = Daemon(tmp_path, text, default=default)
    daemon.launch()
    assert daemon.wait() == 1
    assert words in daemon.text()
    assert "hunter2" not in daemon.text()
    assert len(daemon.text().splitlines()) == 1


def test_a_server_database_without_a_schema_stops_the_daemon_with_the_command_to_run(
    tmp_path: Path, restartable_postgresql: RestartablePostgreSQL
) -> None:
    daemon = Daemon(tmp_path, url=restartable_postgresql.url)
    daemon.launch()
    assert daemon.wait() == 1
    assert "no schema there yet; run: podium db upgrade" in daemon.text()


def test_systemd_hears_that_the_daemon_is_ready_and_not_before_it_is(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(PATIENCE)
        daemon = Daemon(tmp_path, url=f"sqlite:///{tmp_path}/new.sqlite")
        daemon.launch(NOTIFY_SOCKET=str(tmp_path / "notify"))
        try:
            assert systemd.recv(100) == b"READY=1"
            assert " owns 0 nodes" in daemon.text()
            assert daemon.rows("conductor", "list")["here"]["online"] is True
        finally:
            assert daemon.stop() == 0


def test_every_log_line_of_a_run_carries_its_request_id(tmp_path: Path) -> None:
    with Daemon(tmp_path, FAST) as daemon:
        enrol_fakes(daemon, broken="fake_failure_rate=1")
        line = eventually(
            lambda: re.search(r"^.*broken: power cannot be read.*$", daemon.text(), re.MULTILINE),
            "the failure is told",
        )
        assert re.search(r"\[req-[0-9a-f-]{36}\]", line.group())
        assert daemon.stop() == 0
