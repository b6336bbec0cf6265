"""Several daemons share BMCs: each BMC has one session, whoever joins, stops or is killed."""

from pathlib import Path

import sqlalchemy as sa

from clusters import Cluster
from daemons import Rack, eventually
from podium import states
from podium.db import api, models, power
from rounds import only_long
from servers import Server

BMCS = 60


def ask(cluster: Cluster, action: str) -> None:
    with cluster.write() as connection:
        asked = power.ask(connection, api.list_nodes(connection), action, who="ann@desk")
    assert len(asked.accepted) == BMCS


def sent(cluster: Cluster) -> int:
    query = sa.select(models.power_requests.c.id).where(models.power_requests.c.sent_at.is_not(None))
    return len(cluster.rows(query))


def sessions(rack: Rack) -> int:
    """How many sessions the BMCs have now, all together."""
    return sum(one["sessions"] for one in rack.log("100%").values())


def carried_out(cluster: Cluster, action: str) -> None:
    eventually(cluster.is_at_rest, f"every request for {action} has ended, and nothing is reserved")
    states_of = cluster.rows(sa.select(models.power_requests.c.state, models.power_requests.c.error))
    assert {tuple(row) for row in states_of} == {("done", None)}
    assert {node.power_state for node in cluster.nodes()} == {action}


def all_read_since(cluster: Cluster) -> None:
    """Wait until every node was read after this call."""
    now = cluster.now()
    eventually(
        lambda: all(node.power_checked_at and node.power_checked_at > now for node in cluster.nodes()),
        "every node has been read again",
    )


@only_long
def test_three_daemons_share_bmcs_when_one_is_killed_one_joins_and_one_stops(
    tmp_path: Path, postgresql_server: Server
) -> None:
    with (
        Rack(tmp_path, BMCS, "--fault", "slow=0.5:100%") as rack,
        Cluster(tmp_path, postgresql_server, 3) as cluster,
    ):
        cluster.podium("node", "import", str(rack.nodes))
        cluster.start()
        all_read_since(cluster)
        eventually(lambda: sessions(rack) == BMCS, "each BMC has one session")
        assert {one["most_sessions"] for one in rack.log("100%").values()} == {1}
        owners = cluster.owners()
        assert sum(owners.values()) == BMCS
        assert min(owners.values()) > BMCS / 3 - 5

        killed = cluster.hosts[0]
        ask(cluster, states.POWER_ON)
        eventually(lambda: sent(cluster) > BMCS / 4, "commands are being sent")
        killed.daemon.kill()
        eventually(lambda: cluster.is_settled(cluster.hosts[1:]), "two conductors have all slots")
        carried_out(cluster, states.POWER_ON)
        all_read_since(cluster)

        fourth = cluster.add().start()
        alive = [*cluster.hosts[1:3], fourth]
        eventually(lambda: cluster.is_settled(alive), "three conductors share the slots")
        all_read_since(cluster)

        stopped = alive.pop(0)
        ask(cluster, states.POWER_OFF)
        eventually(lambda: sent(cluster) > BMCS + BMCS / 4, "commands are being sent")
        assert stopped.daemon.stop() == 0
        eventually(lambda: cluster.is_settled(alive), "the others have acknowledged it")
        carried_out(cluster, states.POWER_OFF)
        all_read_since(cluster)
