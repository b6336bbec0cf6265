"""What people do to the tasks of a running daemon, and what Prometheus reads of it."""

import re
import socket
import urllib.request
from pathlib import Path

import pytest
from prometheus_client import parser

from clusters import Cluster
from daemons import PATIENCE, Daemon, Rack, eventually
from peers import free_port, own_address
from rounds import only_long
from servers import Server

TASK = "fake.check_status"


def daily(task: str) -> str:
    """The configuration of a task that does not run by itself a second time in a test."""
    return f"[periodic_tasks]\nspacing = {task}:86400\n"


def state(daemon: Daemon, task: str) -> str:
    return str(daemon.podium("task", "show", task, "-f", "value", "-c", "state").stdout.strip())


@pytest.fixture
def daemon(tmp_path: Path) -> Daemon:
    return Daemon(tmp_path, daily(TASK), default="enabled_drivers = fake")


def known(daemon: Daemon) -> None:
    """Wait until the daemon has told of its tasks."""
    eventually(lambda: TASK in daemon.rows("task", "list"), "the tasks are listed")


def test_a_task_that_is_run_by_hand_prints_how_it_ended(daemon: Daemon) -> None:
    with daemon:
        known(daemon)
        assert daemon.rows("task", "list")[TASK]["runs"] == 0
        done = daemon.podium("task", "run", TASK)
        assert re.fullmatch(rf"{TASK}: done in \d+\.\d+ s\n", done.stdout)
        eventually(lambda: daemon.rows("task", "list")[TASK]["runs"] == 1, "the run is counted")
        assert daemon.stop() == 0


def test_a_task_that_cannot_be_run_for_one_node_says_so(daemon: Daemon) -> None:
    with daemon:
        known(daemon)
        daemon.podium("node", "create", "--driver", "fake", "--name", "one")
        done = daemon.podium("task", "run", TASK, "--node", "one", expect=1)
        assert done.stdout == f"{TASK}: failed: {TASK} does not run for single nodes; leave out --node\n"
        assert daemon.stop() == 0


@only_long
def test_a_task_that_is_disabled_stays_so_over_a_restart_until_it_is_enabled(daemon: Daemon) -> None:
    with daemon:
        known(daemon)
        assert daemon.podium("task", "disable", TASK).stdout == f"{TASK}: disabled\n"
        assert daemon.stop() == 0
        daemon.start()
        eventually(lambda: state(daemon, TASK) == "disabled", "it is disabled after the restart")
        assert daemon.podium("task", "enable", TASK).stdout == f"{TASK}: enabled\n"
        eventually(lambda: state(daemon, TASK) == "idle", "it is enabled again")
        assert daemon.stop() == 0


def test_the_health_of_nodes_that_are_enrolled_does_not_wait_for_the_next_run(tmp_path: Path) -> None:
    check = "ipmi.check_status"
    with (
        Rack(tmp_path, 3) as rack,
        Daemon(tmp_path, daily(check), default="enabled_drivers = ipmi") as daemon,
    ):
        eventually(lambda: daemon.rows("task", "list").get(check, {}).get("runs") == 1, "the first run ended")
        daemon.podium("node", "import", str(rack.nodes))
        eventually(lambda: all(row["health"] for row in daemon.nodes().values()), "each has a health")
        shown = daemon.rows("task", "list")[check]
        assert (shown["runs"], shown["state"], shown["last_error"]) == (1, "idle", None)
        assert daemon.stop() == 0


@only_long
def test_the_health_of_nodes_that_come_from_another_conductor_is_checked_soon(
    tmp_path: Path, postgresql_server: Server
) -> None:
    text = daily("ipmi.check_status")
    with Rack(tmp_path, 12) as rack, Cluster(tmp_path, postgresql_server, 2, text) as cluster:
        cluster.start().podium("node", "import", str(rack.nodes))
        eventually(lambda: all(node.health for node in cluster.nodes()), "each has a health")
        shares, before = cluster.owners(), cluster.now()
        cluster.podium("conductor", "drain", "c1", "--wait")

        def checked() -> int:
            return sum(node.health_checked_at > before for node in cluster.nodes())

        eventually(lambda: checked() == shares["c1"] > 0, "those that c1 had are checked")


def test_prometheus_reads_the_daemons_metrics(tmp_path: Path) -> None:
    place = f"{own_address()}:{free_port()}"
    with Daemon(tmp_path, f"[metrics]\nlisten = {place}\n") as daemon:
        with urllib.request.urlopen(f"http://{place}/metrics", timeout=PATIENCE) as answer:
            assert answer.headers.get_content_type() == "text/plain"
            families = list(parser.text_string_to_metric_families(answer.read().decode()))
        values = {
            (sample.name, sample.labels.get("task")): sample.value
            for family in families
            for sample in family.samples
        }
        assert values["podium_database_up", None] == 1
        assert values["podium_task_spacing_seconds", TASK] == 60
        assert values["process_resident_memory_bytes", None] > 0
        assert daemon.stop() == 0
        assert "Traceback" not in daemon.text()


def test_metrics_at_an_address_in_use_end_the_daemon_with_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        place = f"127.0.0.1:{taken.getsockname()[1]}"
        daemon = Daemon(tmp_path, f"[metrics]\nlisten = {place}\n")
        daemon.launch()
        assert daemon.wait() == 1
    assert f"[metrics] listen = {place} cannot be used: Address already in use" in daemon.text()
    assert "Traceback" not in daemon.text()
