"""A BMC network that one conductor cannot reach, while the other one can."""

import json
from pathlib import Path

from clusters import Cluster
from daemons import eventually
from podium.db import api
from rounds import only_long
from servers import Server

#: Machines in a network that is cut for the conductors whose name is in a file.
DRIVER = """
import os

from podium import errors
from podium.drivers import base

class Remote(base.Driver):
    def endpoint(self, node):
        return node.driver_info["address"]

    async def get_power_state(self, node):
        with open(os.environ["CUT_OFF"]) as file:
            if os.environ["MYSELF"] in file.read().split():
                raise errors.BMCUnreachable("no answer")
        return "power on"

    async def set_power_state(self, node, target):
        pass
"""
TEXT = """
[DEFAULT]
enabled_drivers = remote
[conductor]
sync_power_state_interval = 1
"""
NODES = 30


def write_plugin(folder: Path) -> None:
    package = folder / "remote-1.0.dist-info"
    package.mkdir(parents=True)
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: remote\nVersion: 1.0\n")
    (package / "entry_points.txt").write_text("[podium.drivers]\nremote = remote_driver:Remote\n")
    (folder / "remote_driver.py").write_text(DRIVER)


@only_long
def test_a_network_that_one_conductor_cannot_reach_is_told_and_taken_from_it_and_given_up_when_it_is_dead(
    tmp_path: Path, postgresql_server: Server
) -> None:
    write_plugin(tmp_path / "plugins")
    cut_off = tmp_path / "cut_off"
    cut_off.write_text("")
    with Cluster(tmp_path, postgresql_server, 0, TEXT) as cluster:
        for name in ("c1", "c2"):
            environment = {"PYTHONPATH": str(tmp_path / "plugins")}
            cluster.add(environment={**environment, "CUT_OFF": str(cut_off), "MYSELF": name})
        nodes = [
            {
                "name": f"n{n}",
                "driver": "remote",
                "driver_info": {"address": f"10.9.1.{n}"},
                "endpoint": f"10.9.1.{n}",
            }
            for n in range(NODES)
        ]
        with cluster.write() as connection:
            api.create_nodes(connection, nodes)
        cluster.start()
        eventually(lambda: all(node.power_state for node in cluster.nodes()), "all were read")

        cut_off.write_text("c1")
        c1, c2 = (host.daemon for host in cluster.hosts)
        told = "10.9.1.0/24: no node there answers this conductor, while c2 has read n"
        eventually(lambda: told in c1.text(), "it is told")
        assert "podium conductor avoid c1 10.9.1.0/24" in c1.text()
        warning = "warning: c1 cannot reach 10.9.1.0/24, while c2 has read n"
        eventually(lambda: warning in c1.podium("conductor", "list").stderr, "it is warned of")

        def shown() -> list[str]:
            found = json.loads(c1.podium("conductor", "show", "c1", "-f", "json").stdout)["out_of_reach"]
            return [one.partition(", while")[0] for one in found]

        eventually(lambda: shown() == ["c1 cannot reach 10.9.1.0/24"], "it is shown")
        eventually(cluster.is_at_rest, "no node is reserved any more")
        assert not any(node.maintenance for node in cluster.nodes())

        cluster.podium("conductor", "avoid", "c1", "10.9.1.0/24")
        eventually(lambda: cluster.owners() == {"c2": NODES}, "the other one has all of them")
        now = cluster.now()
        eventually(lambda: all(node.power_checked_at > now for node in cluster.nodes()), "it reads them")
        eventually(lambda: not c1.podium("conductor", "list").stderr, "there is nothing to tell any more")

        cluster.podium("conductor", "unavoid", "c1", "10.9.1.0/24")
        cut_off.write_text("c1 c2")
        eventually(lambda: all(node.maintenance for node in cluster.nodes()), "all are given up")
        reasons = {node.maintenance_reason.partition(", and ")[2] for node in cluster.nodes()}
        assert reasons == {f"{name} cannot read it either; last: no answer" for name in ("c1", "c2")}

        cut_off.write_text("")
        eventually(lambda: not any(node.maintenance for node in cluster.nodes()), "all are back")
        eventually(cluster.is_at_rest, "no node is reserved any more")
        assert all("Traceback" not in daemon.text() for daemon in (c1, c2))
