"""A database server that dies, hangs, or is followed by its standby, with power changes under way."""

import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest
import sqlalchemy as sa

import shifted_clock
from daemons import Daemon, Rack, eventually
from podium.db.engine import Database
from podium.db.models import nodes, power_events, power_requests
from rounds import ROUNDS, only_long
from servers import MariaDB, PostgreSQL, Server
from standbys import Replicated, Standby

BMCS: Final = 30
LEASE: Final = 30
TIMES: Final = min(ROUNDS, 3)
CONFIG: Final = f"""
[conductor]
sync_power_state_interval = 2
heartbeat_interval = 1
heartbeat_timeout = {LEASE}
"""


class Site:
    """A conductor over a rack, and what is in its database."""

    def __init__(self, daemon: Daemon, rack: Rack) -> None:
        self.daemon = daemon
        self.rack = rack
        self.names = sorted(daemon.nodes())

    def all(self, query: sa.Executable, url: str | None = None) -> list[Any]:
        database = Database(url or self.daemon.url)
        try:
            with database.read() as connection:
                return list(connection.execute(query))
        finally:
            database.dispose()

    def reboot(self, *names: str) -> None:
        self.daemon.podium("node", "power", "reboot", "--yes", *names)

    def ends(self) -> Counter[str]:
        return Counter(row.state for row in self.all(sa.select(power_requests.c.state)))

    def resets(self) -> list[int]:
        return [bmc["log"].count("reset") for bmc in self.rack.log(f"1-{BMCS}").values()]

    def all_done(self, count: int) -> None:
        eventually(lambda: self.ends() == {"done": count}, "every request is done")
        assert not self.all(sa.select(nodes.c.name).where(nodes.c.reservation.is_not(None)))

    def log(self, words: str) -> Callable[[], bool]:
        return lambda: words in self.daemon.text()


@contextmanager
def site(tmp_path: Path, url: str, *faults: str) -> Iterator[Site]:
    with Rack(tmp_path, BMCS, *faults) as rack:
        daemon = Daemon(tmp_path, CONFIG, default="enabled_drivers = ipmi", url=url)
        daemon.podium("node", "import", str(rack.nodes))
        with daemon:
            it = Site(daemon, rack)
            daemon.podium("node", "power", "on", "--wait", "--yes", *it.names)
            yield it
            assert daemon.stop() == 0


@pytest.fixture
def an_hour_ahead(tmp_path: Path) -> Callable[[Standby], None]:
    library = shifted_clock.build(tmp_path)

    def prepare(standby: Standby) -> None:
        # Where the account of the server may read them.
        own = standby.folder / library.name
        own.write_bytes(library.read_bytes())
        clock = shifted_clock.ShiftedClock(own, standby.folder / "shift")
        clock.shift(timedelta(hours=1))
        standby.environment |= clock.environment

    return prepare


@only_long
def test_a_synchronous_standby_with_another_clock_takes_over_and_nothing_is_lost_or_done_twice(
    tmp_path: Path, an_hour_ahead: Callable[[Standby], None]
) -> None:
    with (
        Replicated(is_synchronous=True, prepare=an_hour_ahead) as servers,
        site(tmp_path, servers.url, "--fault", f"slow=0.2:1-{BMCS}") as it,
    ):
        it.reboot(*it.names[: BMCS // 2])
        eventually(lambda: sum(it.resets()) > 2, "changes are under way")
        it.reboot(*it.names[BMCS // 2 :])
        servers.fail_over()
        eventually(it.log("Another server of the database has taken over"), "the promotion is noticed")
        it.all_done(2 * BMCS)
        assert it.resets() == [1] * BMCS
        read = sa.select(sa.func.count()).where(power_events.c.cause == "out-of-band")
        assert it.all(read) == [(0,)]
        it.reboot(it.names[0])
        it.all_done(2 * BMCS + 1)


@only_long
def test_what_an_old_primary_that_lives_on_accepts_is_lost_but_for_what_conductors_know(
    tmp_path: Path,
) -> None:
    """As asynchronous replication loses what was committed last, only for longer."""
    with (
        Replicated(is_synchronous=False) as servers,
        site(tmp_path, servers.url, "--fault", "slow=0.5:1-1") as it,
    ):
        known, lost = it.names[:2]
        it.reboot(known)
        under_way = sa.select(power_requests.c.id).where(
            power_requests.c.state == "begun", power_requests.c.sent_at.is_not(None)
        )
        eventually(lambda: it.all(under_way), "it is under way")
        position = servers.primary.execute("SELECT pg_current_wal_lsn()")[0][0]
        replayed = f"SELECT pg_last_wal_replay_lsn() >= '{position}'"
        eventually(lambda: servers.standby.execute(replayed) == [(True,)], "the standby knows of it")
        servers.standby.cut_off()
        servers.standby.promote()
        # The conductor, and whoever has the same URL, go on with the server that is named first.
        it.daemon.podium("node", "power", "off", "--wait", "--yes", lost)
        it.all_done(BMCS + 2)
        servers.primary.kill()
        eventually(it.log("Another server of the database has taken over"), "the promotion is noticed")
        it.all_done(BMCS + 1)  # the request that only the old server knew is gone
        assert sum(it.resets()) == 1
        # The machine is off all the same, which looks as if somebody else had done that.
        told = sa.select(power_events.c.node_name, power_events.c.to_state).where(
            power_events.c.cause == "out-of-band"
        )
        eventually(lambda: it.all(told) == [(lost, "power off")], "the machine is read")


@pytest.fixture(params=["postgresql", "mariadb"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    kinds: dict[str, Callable[[], Server]] = {
        # What was committed is there after a kill.
        "postgresql": lambda: PostgreSQL(synchronous_commit="on"),
        "mariadb": lambda: MariaDB("--innodb-flush-log-at-trx-commit=1"),
    }
    with kinds[request.param]() as private:
        yield private


@pytest.mark.long
@pytest.mark.skipif(ROUNDS == 1, reason="it takes as long as a conductor waits; make test-long")
def test_a_server_that_hangs_is_given_up_and_used_again_once_it_answers(
    tmp_path: Path, server: Server
) -> None:
    with site(tmp_path, server.url(server.create_migrated_database())) as it:
        it.reboot(*it.names)
        server.send(signal.SIGSTOP)
        try:
            eventually(it.log("The database is out of reach"), "the server is given up")
        finally:
            server.send(signal.SIGCONT)
        eventually(it.log("The database is back"), "it is used again")
        it.all_done(2 * BMCS)
        assert it.resets() == [1] * BMCS


@only_long
def test_a_server_that_is_killed_and_started_again_is_used_again(tmp_path: Path, server: Server) -> None:
    url = server.url(server.create_migrated_database())
    with site(tmp_path, url) as it:
        for round in range(1, TIMES + 1):
            it.reboot(*it.names)
            server.kill()
            server.start()
            it.all_done((round + 1) * BMCS)
        assert it.resets() == [TIMES] * BMCS
