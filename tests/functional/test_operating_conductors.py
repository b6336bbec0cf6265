"""Real conductors are drained, kept from a subnet, and forgotten by commands."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from clusters import Cluster
from daemons import eventually
from rounds import only_long
from servers import Server

NODES = 24


@pytest.fixture
def cluster(tmp_path: Path, postgresql_server: Server) -> Iterator[Cluster]:
    """Two conductors; half of the nodes are in 127.30.0.0/24, half in 127.30.1.0/24. No BMC answers."""
    file = tmp_path / "nodes.json"
    nodes = [
        {
            "name": f"n{number:02}",
            "driver": "ipmi",
            "driver_info": {"ipmi_address": f"127.30.{number % 2}.{number + 1}", "ipmi_port": 9},
        }
        for number in range(NODES)
    ]
    file.write_text(json.dumps({"nodes": nodes}))
    # Who gives no sign of life for a few heartbeats may be forgotten: no machine is that busy with more.
    with Cluster(tmp_path, postgresql_server, 2, "heartbeat_interval = 3\n") as cluster:
        cluster.podium("node", "import", str(file))
        yield cluster.start()


def states(cluster: Cluster) -> dict[str, tuple[str, int]]:
    listed = cluster.podium("conductor", "list", "-f", "json")
    return {one["hostname"]: (one["state"], one["nodes"]) for one in json.loads(listed.stdout)}


def test_nodes_follow_what_people_say_of_conductors(cluster: Cluster) -> None:
    found = states(cluster)
    assert {host: state for host, (state, _) in found.items()} == {"c1": "alive", "c2": "alive"}
    assert sum(nodes for _, nodes in found.values()) == NODES
    cluster.podium("conductor", "drain", "c1", "--wait")
    assert states(cluster) == {"c1": ("drained", 0), "c2": ("alive", NODES)}
    assert "nobody else serves" in cluster.podium("conductor", "drain", "c2", expect=1).stderr
    cluster.podium("conductor", "undrain", "c1")
    eventually(lambda: states(cluster)["c1"][1] > 0, "c1 has its share again")

    cluster.podium("conductor", "avoid", "c1", "127.30.1.0/24")
    listed = cluster.podium("node", "list", "--conductor", "c1", "-f", "json", "-c", "name")
    assert all(int(row["name"][1:]) % 2 == 0 for row in json.loads(listed.stdout))
    eventually(lambda: cluster.is_settled(), "what was avoided has been handed over")
    cluster.podium("conductor", "unavoid", "c1", "127.30.1.0/24")
    assert {node.slot < 1024 for node in cluster.nodes()} == {True}


@only_long
def test_a_conductor_is_forgotten_only_when_it_is_off(cluster: Cluster) -> None:
    done = cluster.podium("conductor", "forget", "c2", "--yes", expect=1)
    assert "c2 lives" in done.stderr
    assert states(cluster)["c2"][0] == "alive"
    for pid in cluster.hosts[1].pids():
        os.kill(pid, signal.SIGKILL)
    cluster.podium("conductor", "forget", "c2", "--yes")
    eventually(lambda: states(cluster)["c1"] == ("alive", NODES), "c1 has what c2 had")
    assert states(cluster)["c2"] == ("gone", 0)
    cluster.podium("conductor", "forget", "c2")
    assert states(cluster) == {"c1": ("alive", NODES)}
