"""How long a fleet waits for a conductor that dies, leaves or joins, and what three idle ones cost.

    python benchmarks/failover.py [--row NAME ...] [--bmcs N] [--fake N] [--leaving N] [--write]

Prints a table, and with --write puts it into RESULTS.md. All runs on one machine, which the figures depend
on: three conductors, PostgreSQL and the simulated BMCs share it. Ages are those of the readings in the
database, by its clock.
"""

import argparse
import os
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import databases
import machine
import results_file
import sqlalchemy as sa
from podium_daemon import Daemon
from processes import Failed
from rack import Rack

from podium import states
from podium.db import api, clock, members, models, operations, power, slots
from podium.db.engine import Database
from podium.simulator import control

_TITLE: Final = "Conductors that die, leave and join"
_PORT: Final = 6260
_TIMEOUT: Final = 30
_INTERVAL: Final = 30
_OPTIONS: Final = f"[conductor]\nheartbeat_timeout = {_TIMEOUT}\npower_state_change_timeout = 60\n"
_LONG: Final = 600.0
_LOOK: Final = 0.1
_REST: Final = 60.0


class Fleet:
    """Conductors on separate hosts that share one database."""

    def __init__(self, folder: Path, database: databases.Database, driver: str, stack: ExitStack) -> None:
        self._folder = folder
        self._database = database
        self._driver = driver
        self._stack = stack
        self._engine = Database(database.url)
        stack.callback(self._engine.dispose)
        self.daemons: list[Daemon] = []

    def add(self, count: int = 1) -> list[Daemon]:
        """Create conductors without starting them."""
        made = []
        for _ in range(count):
            host = f"c{len(self.daemons) + 1}"
            daemon = Daemon(
                self._folder / host, self._database, driver=self._driver, options=_OPTIONS, host=host
            )
            made.append(daemon)
            self.daemons.append(daemon)
        return made

    def start(self, daemon: Daemon) -> None:
        """Start a conductor. It ends with the measurement."""
        self._stack.enter_context(daemon)
        daemon.pace(_INTERVAL)

    def settle(self, hosts: int) -> None:
        """Wait until this many conductors share all slots, and every node was read within two intervals.

        :raises Failed: if that does not happen
        """
        self.until(lambda: self.is_settled(hosts), "settled")
        self.until(lambda: (age := self.oldest()) is not None and age < _INTERVAL, "all read")

    def until(self, condition: Callable[[], bool], what: str, every: float = _LOOK) -> float:
        """Wait for a condition to be true, and return the seconds that it took.

        :raises Failed: if it does not become true
        """
        began = time.monotonic()
        while not condition():
            if time.monotonic() - began > _LONG:
                raise Failed(f"the fleet is not {what} within {_LONG:.0f} s")
            time.sleep(every)
        return time.monotonic() - began

    def is_settled(self, hosts: int) -> bool:
        """Return whether members of this many hosts share all slots, and all generations have settled."""
        with self._engine.read() as connection:
            there = members.unended(connection)
            newest = connection.scalars(sa.select(models.change_counter.c.generation)).one()
            owners = set(connection.scalars(sa.select(models.slots.c.owner).distinct()))
            return (
                len({member.host for member in there}) == hosts
                and owners == {member.id for member in there}
                and members.settled(connection) == newest
            )

    def oldest(self) -> float | None:
        """Return the age of the oldest reading in seconds, or None if a node has no reading."""
        with self._engine.read() as connection:
            never = sa.func.count() - sa.func.count(sa.column("checked_at"))
            query = sa.select(sa.func.min(sa.column("checked_at", models.UTCDateTime)), never)
            oldest, missing = connection.execute(query.select_from(sa.text("power_readings"))).one()
            now = clock.now(connection)
        return None if missing or oldest is None else (now - oldest).total_seconds()

    def is_at_rest(self) -> bool:
        """Return whether every request has ended and nothing is reserved."""
        requests, nodes = models.power_requests, models.nodes
        going = requests.c.state.in_((operations.WAITING, operations.BEGUN))
        with self._engine.read() as connection:
            return not (
                connection.execute(sa.select(requests.c.id).where(going).limit(1)).first()
                or connection.execute(
                    sa.select(nodes.c.id).where(nodes.c.reservation.is_not(None)).limit(1)
                ).first()
            )

    def ask(self, action: str) -> int:
        """Request a change of every node, and return how many accept it."""
        with self._engine.write() as connection:
            return len(power.ask(connection, api.list_nodes(connection), action, who="benchmark").accepted)

    def ended(self) -> Mapping[str, int]:
        """Return how many requests ended in each way."""
        requests = models.power_requests
        with self._engine.read() as connection:
            query = sa.select(requests.c.state, sa.func.count()).group_by(requests.c.state)
            return {row[0]: row[1] for row in connection.execute(query)}

    def has_left(self, host: str) -> bool:
        """Return whether a host has no slots left, and all members have acknowledged this."""
        with self._engine.read() as connection:
            its = [member.id for member in members.unended(connection) if member.host == host]
            slot = sa.select(models.slots.c.slot).where(models.slots.c.owner.in_(its)).limit(1)
            newest = connection.scalars(sa.select(models.change_counter.c.generation)).one()
            return not connection.execute(slot).first() and members.settled(connection) == newest

    def cpu(self) -> float:
        """Return the CPU seconds used so far by all conductors and the database."""
        return sum(daemon.cpu() for daemon in self.daemons) + self._database.cpu()

    def nodes_of(self, host: str) -> int:
        """Return how many nodes a host has."""
        joined = models.nodes.join(models.slots, slots.OF_NODE)
        joined = joined.join(models.members, models.members.c.id == models.slots.c.owner)
        query = sa.select(sa.func.count()).select_from(joined).where(models.members.c.host == host)
        with self._engine.read() as connection:
            return connection.scalar(query) or 0


def _fleet(
    folder: Path,
    stack: ExitStack,
    driver: str,
    nodes: list[dict[str, Any]],
    *,
    hosts: int = 3,
    kind: str = "postgresql",
) -> Fleet:
    """Return conductors that share nodes. All nodes have been read."""
    database = stack.enter_context(databases.opened(kind, folder / "data"))
    fleet = Fleet(folder, database, driver, stack)
    fleet.add(hosts)
    fleet.daemons[0].enrol(nodes)
    for daemon in fleet.daemons:
        fleet.start(daemon)
    fleet.settle(hosts)
    return fleet


def _kill(daemon: Daemon) -> None:
    os.killpg(daemon.process.pid, signal.SIGKILL)
    daemon.process.wait()


def _most_sessions(rack: Rack, count: int) -> Counter[int]:
    """Count the BMCs by their highest number of concurrent sessions."""
    bmcs = control.ask(str(rack.control), {"get": "log", "where": f"1-{count}"})["bmcs"]
    return Counter(bmc["most_sessions"] for bmc in bmcs.values())


def killed(folder: Path, stack: ExitStack, bmcs: int) -> Iterator[str]:
    """Measure kill -9 of one of three conductors of IPMI BMCs, with requests under way on all."""
    rack = stack.enter_context(Rack(folder, "ipmi", bmcs, _PORT))
    fleet = _fleet(folder, stack, "ipmi", rack.nodes(bmcs))
    accepted = fleet.ask(states.POWER_ON)
    time.sleep(1.0)  # some requests are done, some under way, some waiting
    of_dead = fleet.nodes_of("c2")
    _kill(fleet.daemons[1])
    resumed = fleet.until(fleet.is_at_rest, "at rest")
    read = resumed + fleet.until(
        lambda: (age := fleet.oldest()) is not None and age < 2 * _INTERVAL and fleet.is_settled(2),
        "all read",
    )
    what = f"kill -9 of one of three, {bmcs:,} BMCs, {accepted:,} requests under way"
    ends = ", ".join(f"{count} {state}" for state, count in sorted(fleet.ended().items()))
    yield _row(f"{what}: all ended ({ends}) after", f"{resumed:.1f} s", f"{_TIMEOUT + 5} s")
    yield _row(
        f"{what}: oldest reading ({of_dead:,} change hands) under two intervals",
        f"{read:.1f} s",
        f"{_TIMEOUT + 5} s",
    )
    sessions = _most_sessions(rack, bmcs)
    most = max(sessions)
    yield _row(f"{what}: most sessions of a BMC at one time", f"{most}, at {sessions[most]:,} BMCs", "2")


def fake(folder: Path, stack: ExitStack, count: int) -> Iterator[str]:
    """Measure kill -9 of one of three conductors of fake nodes."""
    nodes = [{"name": f"f{number:06}", "driver": "fake", "driver_info": {}} for number in range(count)]
    fleet = _fleet(folder, stack, "fake", nodes)
    of_dead = fleet.nodes_of("c2")
    _kill(fleet.daemons[1])
    settled = fleet.until(lambda: fleet.is_settled(2), "settled")
    read = settled + fleet.until(
        lambda: (age := fleet.oldest()) is not None and age < 2 * _INTERVAL, "all read"
    )
    what = f"kill -9 of one of three, {count:,} nodes of the fake driver, {of_dead:,} change hands"
    yield _row(f"{what}: owned again", f"{settled:.1f} s", f"{_TIMEOUT + 10} s")
    yield _row(f"{what}: oldest reading under two intervals", f"{read:.1f} s", f"{_TIMEOUT + 10} s")


def left(folder: Path, stack: ExitStack, bmcs: int) -> Iterator[str]:
    """Measure the orderly stop of one of three conductors, and the join of a fourth."""
    rack = stack.enter_context(Rack(folder, "ipmi", bmcs, _PORT))
    fleet = _fleet(folder, stack, "ipmi", rack.nodes(bmcs))
    (fourth,) = fleet.add()
    fleet.start(fourth)
    most = 0.0
    began = time.monotonic()

    def joined() -> bool:
        nonlocal most
        most = max(most, rack.count("sessions") / bmcs)
        return fleet.is_settled(4)

    fleet.until(joined, "settled with four")
    seconds = time.monotonic() - began
    end = time.monotonic() + 2 * _INTERVAL
    while time.monotonic() < end:
        joined()
        time.sleep(_LOOK)
    yield _row(f"join of a fourth, {bmcs:,} BMCs: sessions for each BMC, at most", f"{most:.3f}", "1.02")
    yield _row(f"join of a fourth, {bmcs:,} BMCs: settled after", f"{seconds:.1f} s", "")
    leaving = fleet.daemons[1]
    leaving.process.send_signal(signal.SIGTERM)
    handed = fleet.until(lambda: fleet.has_left("c2"), "handed over", 0.02)
    ages = []
    end = time.monotonic() + 2 * _INTERVAL
    while time.monotonic() < end:
        ages.append(fleet.oldest() or 0.0)
        time.sleep(_LOOK)
    yield _row(
        f"orderly stop of one of four, {bmcs:,} BMCs: last acknowledgement after", f"{handed:.2f} s", "3 s"
    )
    yield _row(
        f"orderly stop of one of four, {bmcs:,} BMCs: oldest reading, at most",
        f"{max(ages):.1f} s",
        f"{2 * _INTERVAL} s",
    )


def idle(folder: Path, stack: ExitStack, count: int) -> Iterator[str]:
    """Measure the cost of idle conductors."""
    rack = stack.enter_context(Rack(folder, "ipmi", count, _PORT))
    for kind, hosts in (("sqlite", 1), ("postgresql", 3)):
        with ExitStack() as inner:
            place = folder / kind
            place.mkdir()
            fleet = _fleet(place, inner, "ipmi", rack.nodes(count), hosts=hosts, kind=kind)
            time.sleep(5.0)
            spent = fleet.cpu()
            time.sleep(_REST)
            share = (fleet.cpu() - spent) / _REST
        who = "one conductor, SQLite" if hosts == 1 else f"{hosts} conductors and PostgreSQL"
        yield _row(f"idle, {count} BMCs every {_INTERVAL} s: {who}", f"{100 * share:.2f} % of a core", "3 %")


def _row(what: str, found: str, goal: str) -> str:
    return f"| {what} | {found} | {goal} |\n"


_ROWS: Final = {"killed": killed, "fake": fake, "left": left, "idle": idle}


def main(write: Callable[[str], object] = sys.stdout.write) -> int:
    """Run the benchmark and return its exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--row", action="append", choices=_ROWS, help="only this; repeatable")
    parser.add_argument(
        "--bmcs", type=int, default=3000, help="of which one conductor is killed (%(default)s)"
    )
    parser.add_argument("--fake", type=int, default=100_000, help="nodes of the fake driver (%(default)s)")
    parser.add_argument("--leaving", type=int, default=30_000, help="BMCs of stop and join (%(default)s)")
    parser.add_argument("--idle", type=int, default=48, help="BMCs of idle conductors (%(default)s)")
    parser.add_argument("--write", action="store_true", help="put the table into RESULTS.md")
    options = parser.parse_args()
    counts = {"killed": options.bmcs, "fake": options.fake, "left": options.leaving, "idle": options.idle}
    lines = ["| what | found | goal |\n|---|---|---|\n"]
    write(lines[0])
    status = 0
    for name in options.row or _ROWS:
        with tempfile.TemporaryDirectory(prefix="podium-failover-") as folder, ExitStack() as stack:
            Path(folder).chmod(0o755)  # for the account of the server
            try:
                for line in _ROWS[name](Path(folder), stack, counts[name]):
                    lines.append(line)
                    write(line)
                    sys.stdout.flush()
            except Failed as failure:
                write(f"| {name} | failed: {failure} | |\n")
                status = 1
    if options.write and not status:
        command = " ".join(["python benchmarks/failover.py", *sys.argv[1:]])
        report = f"## {_TITLE}\n\n`{command}`\n\n{machine.description()}\n\n{''.join(lines).strip()}"
        results_file.rewrite(Path(__file__).with_name("RESULTS.md"), [], {_TITLE: report})
    return status


if __name__ == "__main__":
    sys.exit(main())
