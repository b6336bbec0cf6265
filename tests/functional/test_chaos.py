"""Conductors that share a fleet are killed, stopped, cut off, restarted and joined, in any order.

Meanwhile people ask for changes of hundreds of BMCs, some of them faulty. ``make test`` does two rounds, and
``make test-long ROUNDS=200`` as many.
"""

import functools
import random
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import pytest

from clusters import TIMEOUT, Cluster, Host
from daemons import Rack, eventually
from loads import Load
from rounds import ROUNDS, SEED
from servers import MariaDB, PostgreSQL, Server
from standbys import Standby

BMCS: Final = 60 if ROUNDS == 1 else 300
FAULTS: Final = ("slow=0.3:5%", "lossy=0.2:6-15", "stale=1:16-25", "refuses=1:26-35")
#: Those that lose answers or tell old states: who takes their requests over asks them for what is so already.
UNCLEAR: Final = slice(5, 25)
#: Rounds after which all is let come to its end and looked at.
LOOK: Final = 3
#: Conductors that are never fewer.
FEWEST: Final = 2
_APART: Final = ("SIGSTOP", "partition")


class OneServer:
    """A server that nothing can take the place of."""

    def __init__(self, stack: ExitStack) -> None:
        self.primary: Server = stack.enter_context(MariaDB("--innodb-flush-log-at-trx-commit=1"))

    def replicate(self) -> None:
        """Nobody follows it."""


class Servers:
    """A primary, and a standby that confirms each of its commits; once promoted, it gets one of its own."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self.primary = stack.enter_context(PostgreSQL(synchronous_commit="remote_apply"))

    def replicate(self) -> None:
        """Have the primary wait for a standby from now on."""
        self._standby = self._stack.enter_context(Standby(self.primary))
        self.primary.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
        self.primary.execute("SELECT pg_reload_conf()")

    def promote(self) -> None:
        """Kill the primary, and have its standby take over."""
        self.primary.kill()
        self._standby.promote()
        self.primary = self._standby


class Fate:
    """What befalls the conductors of a cluster, at random. Each thing ends as it should before the next."""

    def __init__(self, cluster: Cluster, servers: Servers | OneServer, load: Load) -> None:
        self._cluster = cluster
        self._servers = servers
        self._load = load
        self._random = random.Random(SEED)
        self._up = list(cluster.hosts)
        self.done: Counter[str] = Counter()
        self.turns: list[str] = []

    def strike(self) -> None:
        """Let one thing happen, under requests."""
        kinds: dict[str, Callable[[Host], None]] = {
            "kill -9": self._kill,
            "SIGSTOP": self._pause,
            "partition": self._cut,
            "database restart": self._restart_database,
            "orderly stop": self._stop,
        }
        if isinstance(self._servers, Servers):
            kinds["promotion"] = functools.partial(self._promote, self._servers)
        kind, host = self._random.choice(list(kinds)), self._random.choice(self._up)
        self.done[kind] += 1
        self._load.ask()
        kinds[kind](host)
        self._load.ask()
        if kind in _APART:  # who was apart goes on reading until it learns what became of it
            self._load.by_turns()
        elif turns := self._load.by_turns():
            self.turns.append(f"{kind}: {turns}")
        if len(self._up) <= FEWEST:
            self._join()

    def settle(self) -> None:
        eventually(lambda: self._cluster.is_settled(self._up), "those that are up share all slots")

    def _without(self, host: Host) -> None:
        left = [one for one in self._up if one is not host]
        eventually(lambda: self._cluster.is_settled(left), f"the others share what {host.name} had")

    def _kill(self, host: Host) -> None:
        host.daemon.kill()
        self._load.ask()
        self._without(host)
        self._up.remove(host)

    def _stop(self, host: Host) -> None:
        assert host.daemon.stop() == 0
        self._without(host)
        self._up.remove(host)

    def _pause(self, host: Host) -> None:
        host.stopped()
        if self._random.random() < 0.7:
            self._load.ask()
            self._without(host)
        host.resumed()
        self.settle()

    def _cut(self, host: Host) -> None:
        host.proxy.cut()
        if self._random.random() < 0.7:
            self._load.ask()
            self._without(host)
        host.proxy.mend()
        self.settle()

    def _restart_database(self, _: Host) -> None:
        self._servers.primary.stop()
        self._servers.primary.start()
        self.settle()

    def _promote(self, servers: Servers, _: Host) -> None:
        servers.promote()
        self._cluster.move_to(servers.primary)
        self.settle()
        servers.replicate()

    def _join(self) -> None:
        down = [host for host in self._cluster.hosts if host not in self._up]
        host = self._random.choice(down)
        host.start()
        self._up.append(host)
        self.done["join"] += 1
        self.settle()


@pytest.mark.long
@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(Servers, id="postgresql"),
        pytest.param(
            OneServer,
            id="mariadb",
            marks=pytest.mark.skipif(ROUNDS == 1, reason="make test-long does this one"),
        ),
    ],
)
def test_nothing_is_lost_or_done_twice_whatever_befalls_the_conductors(
    kind: type[Servers | OneServer], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rounds = max(ROUNDS, 2) if kind is Servers else max(ROUNDS // 4, 4)
    (tmp_path / "hosts").mkdir()
    placed = [word for fault in FAULTS for word in ("--fault", fault)]
    with (
        ExitStack() as stack,
        Rack(tmp_path, BMCS, "--sessions", "64", *placed) as rack,
        Cluster(tmp_path / "hosts", (servers := kind(stack)).primary, 3) as cluster,
    ):
        cluster.podium("node", "import", str(rack.nodes))
        servers.replicate()
        cluster.start()
        unclear = frozenset(sorted(node.name for node in cluster.nodes())[UNCLEAR])
        load = Load(cluster, rack, BMCS, SEED, unclear)
        fate = Fate(cluster, servers, load)
        for number in range(1, rounds + 1):
            fate.strike()
            if number % LOOK == 0 or number == rounds:
                fate.settle()
                load.look()
        happened = ", ".join(f"{count} x {kind}" for kind, count in sorted(fate.done.items()))
        with capsys.disabled():
            sys.stdout.write(
                f"{kind.__name__}: {rounds} rounds with leases of {TIMEOUT} s: {happened}; {load.report()}\n"
            )
        assert not load.needless_where_all_is_clear()
        assert not fate.turns, "two conductors spoke to a BMC by turns"
        texts = [host.daemon.text().partition("Traceback") for host in cluster.hosts]
        assert not [before[-300:] + found + after[:3000] for before, found, after in texts if found]
