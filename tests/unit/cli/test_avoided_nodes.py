"""What commands say of nodes whose subnet all conductors avoid: nothing happens to them."""

import subprocess
from collections.abc import Callable
from ipaddress import ip_network
from pathlib import Path

import pytest

from crews import enter, settle
from podium import conf
from podium.client.local.local import Local
from podium.client.waiting.owners import OwnersWatch
from podium.db import api, avoidances
from podium.db.engine import Database

Run = Callable[..., "subprocess.CompletedProcess[str]"]

FAR = ip_network("10.0.1.0/24")


@pytest.fixture
def avoided(database: Database, podium: Run) -> Database:
    """Two conductors, a node that both avoid, and one that neither does."""
    rows = [{"name": f"n{number}", "driver": "fake", "endpoint": f"10.0.{number}.1"} for number in (0, 1)]
    with database.write() as connection:
        api.create_nodes(connection, rows)
    settle(database, enter(database, "c1"), enter(database, "c2"))
    for host in ("c1", "c2"):
        avoidances.avoid(database, host, FAR)
    return database


@pytest.mark.usefixtures("avoided")
def test_a_request_for_a_node_that_all_avoid_warns(podium: Run) -> None:
    done = podium("node", "power", "off", "n[0-1]")
    assert (done.returncode, done.stderr) == (
        0,
        "podium: warning: all conductors avoid the subnet of n1, and nothing happens there;"
        " see: podium conductor avoided\n",
    )


def test_a_node_is_waited_for_while_one_conductor_may_have_it(
    avoided: Database, podium: Run, tmp_path: Path
) -> None:
    podium("node", "power", "off", "n1")
    with Local(conf.load(["--config-file", str(tmp_path / "podium.conf")], prog="podium")) as local:
        now = 1000.0
        watch = OwnersWatch(clock=lambda: now)
        now += 60.0
        watch.look(local.prospects(1))
        assert watch.verdict == (
            "no conductor with the driver fake that does not avoid the subnet (podium conductor avoided) has"
            " been heard of for 30 s (online: c1 with fake, c2 with fake)"
        )
        avoidances.unavoid(avoided, "c2", FAR)
        watch = OwnersWatch(clock=lambda: now)
        now += 60.0
        watch.look(local.prospects(1))
        assert watch.verdict is None


@pytest.mark.usefixtures("avoided")
def test_the_list_says_that_all_conductors_avoid_the_nodes(podium: Run) -> None:
    assert podium("conductor", "list").stderr == (
        "podium: warning: nobody serves 1 of the nodes with the driver fake: all conductors avoid their"
        " subnet; see: podium conductor avoided\n"
    )
