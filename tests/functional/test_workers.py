"""A daemon whose nodes are shared by several processes, and that is one conductor to everybody else."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemons import Daemon, eventually

NAMES = [f"n{number:02}" for number in range(1, 41)]


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    text = "workers = 2\nsync_power_state_interval = 1\n[periodic_tasks]\nspacing = fake.check_status:86400\n"
    with Daemon(tmp_path, text) as running:
        eventually(lambda: running.text().count(" owns ") == 2, "both workers are ready")
        lines = "".join(f'{{"name": "{name}", "driver": "fake"}},' for name in NAMES)
        file = tmp_path / "nodes.json"
        file.write_text(f'{{"nodes": [{lines[:-1]}]}}')
        running.podium("node", "import", str(file))
        eventually(lambda: all(row["power_state"] for row in running.nodes().values()), "all are read")
        yield running


def test_all_nodes_are_switched_whoever_has_them(daemon: Daemon) -> None:
    done = daemon.podium("node", "power", "on", "n[01-40]", "--wait")
    assert "n[01-40]: power on" in done.stdout


def test_they_are_one_conductor_and_every_task_is_one(daemon: Daemon) -> None:
    (conductor,) = daemon.rows("conductor", "list").values()
    assert (conductor["hostname"], conductor["online"], conductor["workers"]) == ("here", True, 2)
    assert "fake.check_status: " in daemon.podium("task", "run", "fake.check_status").stdout
    eventually(
        lambda: daemon.rows("task", "list")["fake.check_status"]["runs"] == 2, "each worker has run it once"
    )


def test_a_worker_that_is_killed_is_started_again_with_the_same_nodes(daemon: Daemon) -> None:
    os.kill(min(daemon.children()), signal.SIGKILL)
    eventually(lambda: daemon.text().count(" owns ") == 3, "another worker has taken its place")
    done = daemon.podium("node", "power", "on", "n[01-40]", "--wait")
    assert "n[01-40]: power on" in done.stdout


def test_they_end_together_and_the_conductor_is_offline_then(daemon: Daemon) -> None:
    assert daemon.stop() == 0
    (conductor,) = daemon.rows("conductor", "list").values()
    assert conductor["online"] is False
