"""Real daemons whose leases run out: paused, cut off from the database, or held up by a driver."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
import sqlalchemy as sa

from clusters import Cluster, Host
from daemons import Daemon, eventually
from podium.db import api, members, models, power
from podium.db.engine import Database
from proxies import Proxy
from rounds import only_long
from servers import Server
from templates import prepared

DRIVER: Final = """
import os, time
from podium.drivers import base


class Stuck(base.Driver):
    '''Switching a node takes until a file is there, and cannot be stopped.'''

    properties = {"file": base.Property("what shows that it is on")}

    def get_power_state(self, node):
        return "power on" if os.path.exists(node.driver_info["file"]) else "power off"

    def set_power_state(self, node, target):
        open(node.driver_info["file"] + ".begun", "a").close()
        while not os.path.exists(node.driver_info["file"]):
            time.sleep(0.05)
"""


def write_plugin(folder: Path) -> None:
    package = folder / "stuck-1.0.dist-info"
    package.mkdir(parents=True)
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: stuck\nVersion: 1.0\n")
    (package / "entry_points.txt").write_text("[podium.drivers]\nstuck = stuck_driver:Stuck\n")
    (folder / "stuck_driver.py").write_text(DRIVER)


def incarnations(cluster: Cluster) -> dict[str, int]:
    return {member.host: member.id for member in cluster.members()}


def ended(cluster: Cluster) -> list[tuple[str, str]]:
    """By whom each member was ended that was, and why."""
    rows = cluster.rows(sa.select(models.members).where(models.members.c.ended_at.is_not(None)))
    return [(str(row.ended_by), row.ended_why) for row in rows]


def pause(host: Host) -> None:
    host.stopped()


def cut(host: Host) -> None:
    host.proxy.cut()


@only_long
@pytest.mark.parametrize(("harm", "end"), [(pause, Host.resumed), (cut, lambda host: host.proxy.mend())])
def test_one_that_is_silent_for_longer_than_its_lease_is_ended_and_enters_anew_by_itself(
    tmp_path: Path,
    postgresql_server: Server,
    harm: Callable[[Host], object],
    end: Callable[[Host], object],
) -> None:
    with Cluster(tmp_path, postgresql_server, 2) as it:
        for host in it.hosts:
            host.start()
        before = incarnations(it)
        harm(it.hosts[1])
        eventually(lambda: incarnations(it).keys() == {"c1"}, "the silent one is ended")
        assert ended(it) == [(f"c1/0@{before['c1']}", "its lease ran out")]
        end(it.hosts[1])
        eventually(lambda: incarnations(it).keys() == {"c1", "c2"}, "it has entered again")
        assert incarnations(it)["c2"] > before["c2"]
        assert incarnations(it)["c1"] == before["c1"]
        text = it.hosts[1].daemon.text()
        assert f"the member c2/0@{before['c2']} was ended by c1/0@{before['c1']}: its lease ran out" in text
        assert [host.daemon.stop() for host in it.hosts] == [0, 0]
        assert "Traceback" not in text


@only_long
def test_an_outage_of_the_database_that_outlasts_all_leases_ends_nobody(
    tmp_path: Path, postgresql_server: Server
) -> None:
    with Cluster(tmp_path, postgresql_server, 2) as it:
        # Of both, so that neither is without the database for longer than the other one.
        cable = it.hosts[0].proxy
        it.hosts[1].proxy.upstream = cable.host, cable.port
        for host in it.hosts:
            host.start()
        before = incarnations(it)
        cable.cut()
        for host in it.hosts:
            eventually(lambda host=host: "switches no nodes until" in host.daemon.text(), "it knows")
        cable.mend()
        for host in it.hosts:
            eventually(lambda host=host: "switches nodes again" in host.daemon.text(), "it is back")
        assert (incarnations(it), ended(it)) == (before, [])


def test_a_restart_after_kill_9_on_the_same_host_waits_for_no_lease(tmp_path: Path) -> None:
    with Daemon(tmp_path, "[conductor]\nheartbeat_timeout = 3600\n") as daemon:
        daemon.kill()
        daemon.start()
        assert "its process has ended" in daemon.text()
        worker = min(daemon.children())
        os.kill(worker, signal.SIGKILL)
        eventually(lambda: daemon.text().count(" owns ") == 3, "another worker has taken its place")
        assert daemon.stop() == 0


@only_long
def test_a_daemon_whose_master_process_was_killed_starts_again_when_its_workers_have_ended(
    tmp_path: Path,
) -> None:
    with Daemon(tmp_path, "[conductor]\nworkers = 2\nheartbeat_timeout = 3600\n") as daemon:
        eventually(lambda: daemon.text().count(" owns ") == 2, "both workers are ready")
        assert daemon.process is not None
        daemon.process.kill()
        daemon.wait()
        daemon.start()
        eventually(lambda: daemon.text().count(" owns ") == 4, "both workers have entered again")
        assert daemon.stop() == 0


def test_a_stopped_member_whose_process_cannot_be_seen_is_waited_for_until_a_signal_ends_that(
    tmp_path: Path,
) -> None:
    daemon = Daemon(tmp_path, "[conductor]\nheartbeat_timeout = 3600\n")
    database = Database(daemon.url)
    service = members.Service("elsewhere:1:2", ("fake",), ("",), (), 3600.0, 0.1, "1", "")
    with database.write() as connection:
        members.enter(connection, "here", 0, service)
    database.dispose()
    process = daemon.launch()
    try:
        eventually(lambda: "waits to see whether the conductor" in daemon.text(), "it waits")
        process.terminate()
        assert daemon.wait() == 0
    finally:
        daemon.__exit__()


def test_a_worker_that_switches_a_node_when_its_lease_is_over_is_killed_and_started_again(
    tmp_path: Path, postgresql_server: Server
) -> None:
    write_plugin(tmp_path / "plugins")
    url = sa.make_url(postgresql_server.url(postgresql_server.create_migrated_database()))
    with Proxy((postgresql_server.host, postgresql_server.port)) as proxy:
        through = url.set(host=proxy.host, port=proxy.port).render_as_string(hide_password=False)
        daemon = Daemon(
            tmp_path,
            "[conductor]\nheartbeat_interval = 1\nheartbeat_timeout = 5\n",  # nobody else would end it
            default="enabled_drivers = stuck",
            url=through,
            environment={"PYTHONPATH": str(tmp_path / "plugins")},
        )
        with daemon:
            file = tmp_path / "switched"
            database = Database(url.render_as_string(hide_password=False))
            with database.write() as connection:
                node = {"name": "n1", "driver": "stuck", "driver_info": {"file": str(file)}}
                api.create_nodes(connection, [node])
                power.ask(connection, api.find_nodes(connection, ["n1"]), "power on", who="ann@desk")
            database.dispose()
            eventually((tmp_path / "switched.begun").exists, "the call is under way")
            proxy.cut()
            eventually(lambda: " is killed: its lease is over" in daemon.text(), "it is killed")
            file.touch()
            proxy.mend()
            eventually(lambda: daemon.nodes()["n1"]["power_state"] == "power on", "the node is read")
            eventually(lambda: daemon.nodes()["n1"]["reservation"] is None, "the change has ended")
            assert daemon.stop() == 0


def test_a_worker_that_is_stopped_is_ended_by_the_other_one_and_only_it_starts_again(tmp_path: Path) -> None:
    with Daemon(tmp_path, "[conductor]\nworkers = 2\nheartbeat_timeout = 8\n") as daemon:
        eventually(lambda: daemon.text().count(" owns ") == 2, "both workers are ready")
        children = daemon.children()
        stopped = min(children)
        with Database(
            daemon.url
        ).write():  # so that it stops without SQLite's lock, which would stop all others
            os.kill(stopped, signal.SIGSTOP)
        eventually(lambda: "because its lease ran out" in daemon.text(), "the other one has ended it")
        os.kill(stopped, signal.SIGCONT)
        eventually(lambda: daemon.text().count(" owns ") == 3, "it has entered again")
        assert daemon.children() & children == children - {stopped}
        assert daemon.stop() == 0
        assert "Traceback" not in daemon.text()


def test_a_conductor_whose_database_was_replaced_by_another_enters_that(tmp_path: Path) -> None:
    with Daemon(tmp_path) as daemon:
        prepared(f"sqlite:///{tmp_path}/other.sqlite").dispose()
        (tmp_path / "other.sqlite").rename(tmp_path / "podium.sqlite")
        for suffix in ("-wal", "-shm"):
            (tmp_path / f"podium.sqlite{suffix}").unlink(missing_ok=True)
        eventually(lambda: daemon.text().count(" owns ") == 2, "it has entered again")
        assert "the database does not know the member here/0@1: it was replaced" in daemon.text()
        daemon.podium("node", "create", "--driver", "fake", "--name", "n1")
        eventually(lambda: daemon.nodes()["n1"]["power_state"], "it is read")
        assert daemon.stop() == 0
