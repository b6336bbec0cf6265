"""Several real conductors that share a fleet: they die, stop, are cut off, leave, and others join."""

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

import shifted_clock
from clusters import Cluster, Host
from daemons import Rack, eventually
from loads import Load
from podium.db.models import power_events, power_requests
from rounds import SEED, only_long
from servers import Server
from shifted_clock import ShiftedClock

BMCS = 60
CLEAR = frozenset[str]()


@pytest.fixture
def rack(tmp_path: Path) -> Iterator[Rack]:
    with Rack(tmp_path, BMCS, "--sessions", "4", "--fault", "slow=0.3:1-20") as rack:
        yield rack


@pytest.fixture
def cluster(tmp_path: Path, rack: Rack, postgresql_server: Server) -> Iterator[Cluster]:
    """Three conductors, each with a share of the rack."""
    (tmp_path / "hosts").mkdir()
    with Cluster(tmp_path / "hosts", postgresql_server, 3) as cluster:
        cluster.podium("node", "import", str(rack.nodes))
        yield cluster.start()


@pytest.fixture
def load(cluster: Cluster, rack: Rack) -> Load:
    return Load(cluster, rack, BMCS, SEED, CLEAR)


def all_read_again(cluster: Cluster) -> None:
    """Wait until every node was read after this moment."""
    now = cluster.now()
    eventually(
        lambda: all(one.power_checked_at and one.power_checked_at > now for one in cluster.nodes()),
        "every node is read again",
    )


def others(cluster: Cluster, host: Host) -> list[Host]:
    return [one for one in cluster.hosts if one is not host]


def all_is_well(cluster: Cluster, load: Load) -> None:
    """What was asked was done once, everything is read, and nothing is locked."""
    load.look()
    all_read_again(cluster)
    assert not load.needless_where_all_is_clear()
    for host in cluster.hosts:
        assert "Traceback" not in host.daemon.text()


@only_long
def test_each_bmc_has_one_reader_and_the_shares_are_even(cluster: Cluster, rack: Rack, load: Load) -> None:
    all_read_again(cluster)
    load.by_turns()
    before = {address: bmc["clients"][-1:] for address, bmc in rack.log(f"1-{BMCS}").items()}
    all_read_again(cluster)
    bmcs = rack.log(f"1-{BMCS}")
    assert {address: bmc["clients"][-1:] for address, bmc in bmcs.items()} == before
    # A slow BMC may keep one that was given up while it was being opened, until it is idle for a minute.
    assert max(bmc["most_sessions"] for bmc in bmcs.values()) <= 2
    assert sorted(cluster.owners().values()) == [20, 20, 20]


@only_long
def test_what_a_conductor_that_was_killed_had_is_taken_over(cluster: Cluster, load: Load) -> None:
    load.ask()
    load.ask()
    killed = cluster.hosts[1]
    killed.daemon.kill()
    load.ask()
    eventually(lambda: cluster.is_settled(others(cluster, killed)), "the others share what it had")
    load.look()
    all_read_again(cluster)
    assert not load.needless_where_all_is_clear()
    killed.start()
    eventually(cluster.is_settled, "it is there again")
    load.ask()
    all_is_well(cluster, load)


@only_long
def test_one_that_was_paused_for_longer_than_its_lease_comes_back_by_itself(
    cluster: Cluster, load: Load
) -> None:
    load.ask()
    paused = cluster.hosts[0]
    before = {member.id for member in cluster.members() if member.host == paused.name}
    paused.stopped()
    load.ask()
    eventually(lambda: cluster.is_settled(others(cluster, paused)), "the others share what it had")
    load.look()
    paused.resumed()
    eventually(cluster.is_settled, "it is there again")
    assert before.isdisjoint(member.id for member in cluster.members())
    load.ask()
    all_is_well(cluster, load)


@only_long
def test_one_that_cannot_reach_the_database_stops_switching_and_comes_back(
    cluster: Cluster, load: Load
) -> None:
    load.ask()
    lonely = cluster.hosts[2]
    lonely.proxy.cut()
    load.ask()
    eventually(lambda: cluster.is_settled(others(cluster, lonely)), "the others share what it had")
    load.look()
    lonely.proxy.mend()
    eventually(cluster.is_settled, "it is there again")
    load.by_turns()  # while it was cut off, it went on reading
    load.ask()
    all_is_well(cluster, load)
    assert not load.by_turns()


@only_long
def test_conductors_are_restarted_one_after_the_other_under_requests(cluster: Cluster, load: Load) -> None:
    for host in cluster.hosts:
        load.ask()
        assert host.daemon.stop() == 0
        eventually(lambda host=host: cluster.is_settled(others(cluster, host)), "it has handed over")
        load.ask()
        host.start()
        eventually(cluster.is_settled, "it has its share again")
    all_is_well(cluster, load)
    failed = sa.select(power_requests.c.error).where(power_requests.c.state == "failed")
    assert not cluster.rows(failed)
    assert not load.by_turns()


@only_long
def test_one_that_joins_gets_its_share(cluster: Cluster, load: Load) -> None:
    all_read_again(cluster)
    cluster.add().start()
    load.ask()
    eventually(cluster.is_settled, "it has its share")
    assert sorted(cluster.owners().values()) == [15, 15, 15, 15]
    all_is_well(cluster, load)
    assert not load.by_turns()


@only_long
def test_a_worker_that_is_killed_is_ended_when_it_comes_back(
    tmp_path: Path, rack: Rack, postgresql_server: Server
) -> None:
    (tmp_path / "hosts").mkdir()
    with Cluster(tmp_path / "hosts", postgresql_server, 2, "workers = 2\n") as cluster:
        cluster.podium("node", "import", str(rack.nodes))
        cluster.start()
        load = Load(cluster, rack, BMCS, SEED, CLEAR)
        assert sorted(cluster.owners().values()) == [30, 30]
        load.ask()
        before = {member.id for member in cluster.members()}
        os.kill(min(cluster.hosts[0].daemon.children()), signal.SIGKILL)
        load.ask()
        eventually(
            lambda: cluster.is_settled() and {one.id for one in cluster.members()} != before,
            "another worker has its share",
        )
        all_is_well(cluster, load)


@only_long
def test_hosts_whose_clocks_are_hours_apart_end_nobody(
    tmp_path: Path, rack: Rack, postgresql_server: Server
) -> None:
    library = shifted_clock.build(tmp_path)
    (tmp_path / "hosts").mkdir()
    with ExitStack() as stack:
        cluster = stack.enter_context(Cluster(tmp_path / "hosts", postgresql_server, 0))
        for name, hours in (("ahead", 1), ("behind", -1)):
            clock = ShiftedClock(library, tmp_path / name)
            clock.shift(timedelta(hours=hours))
            cluster.add(environment=clock.environment)
        cluster.podium("node", "import", str(rack.nodes))
        cluster.start()
        load = Load(cluster, rack, BMCS, SEED, CLEAR)
        members = {member.id for member in cluster.members()}
        load.ask()
        all_is_well(cluster, load)
        assert {member.id for member in cluster.members()} == members
        now = cluster.now()
        for event in cluster.rows(sa.select(power_events.c.at)):
            assert abs(event.at - now) < timedelta(minutes=10)
        killed = cluster.hosts[0]
        killed.daemon.kill()
        load.ask()
        eventually(lambda: cluster.is_settled(cluster.hosts[1:]), "the other has all")
        load.look()
