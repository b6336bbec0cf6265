"""How several conductors keep a large fleet on PostgreSQL: ages, CPU, memory, tables, generations.

    python benchmarks/million_nodes.py [--nodes 1000000] [--conductors 4] [--interval 60] [--minutes 10]

Enrols nodes of the fake driver in a private PostgreSQL server with its default settings, starts the
conductors, waits until each node was read once, and measures for some minutes. Then it measures what a new
generation of the shares takes: the transaction by itself, rolled back, and the stop of one conductor until
the others read its nodes. It prints a report in Markdown, and with --write puts it into RESULTS.md.
"""

import argparse
import contextlib
import json
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import databases
import machine
import results
import results_file
import sqlalchemy as sa
from processes import Failed, Program, run
from rack import BIN

from podium.db import members, slots
from podium.db.engine import Database as Podium

_TITLE: Final = "A large fleet of several conductors"
_HERE: Final = Path(__file__).parent
_AT_ONCE: Final = 100_000
_IMPORT: Final = 600.0
_SETTLED: Final = 900.0
_EVERY: Final = 10.0
_MAX_AGE: Final = 120

#: Readings by the server's clock: the total, the fresh ones, and the age of the oldest.
_AGES: Final = sa.text(
    "SELECT count(*), count(CASE WHEN age <= :limit THEN 1 END), max(age) FROM"
    " (SELECT EXTRACT(EPOCH FROM (clock_timestamp() AT TIME ZONE 'UTC') - checked_at) AS age"
    " FROM power_readings) AS readings"
)
_SIZES: Final = sa.text(
    "SELECT relname, pg_total_relation_size(oid) FROM pg_class WHERE relkind = 'r'"
    " AND relnamespace = 'public'::regnamespace ORDER BY 2 DESC LIMIT 6"
)


@dataclass
class Measured:
    """The cost of some minutes of sweeps, in seconds, bytes, and shares of one core."""

    seconds: float = 0.0
    least_share: float = 1.0
    oldest: float = 0.0
    cpu: dict[str, float] = field(default_factory=dict)
    memory: dict[str, float] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    log: float = 0.0


class Fleet:
    """The database, and the conductors that use it.

    :param folder: for the files of all programs
    """

    def __init__(self, options: argparse.Namespace, folder: Path, database: databases.Database) -> None:
        self._options = options
        self._folder = folder
        self._database = database
        self.engine = sa.create_engine(database.url, poolclass=sa.NullPool)
        self.conductors: dict[str, Program] = {}

    def config(self, host: str) -> Path:
        file = self._folder / f"{host}.conf"
        file.write_text(
            f"[DEFAULT]\nhost = {host}\nstate_path = {self._folder}\nenabled_drivers = fake\n"
            f"use_stderr = true\n[database]\nconnection = {self._database.url}\n"
            f"[conductor]\nsync_power_state_interval = {self._options.interval}\n"
            f"power_state_max_age = {_MAX_AGE}\n[periodic_tasks]\ndisabled = fake.check_status\n"
        )
        return file

    def enrol(self) -> float:
        """Import all nodes, and return the seconds that it took."""
        config = self.config("importer")
        run([BIN / "podium", "--config-file", config, "db", "upgrade"], _IMPORT)
        file, total = self._folder / "nodes.json", self._options.nodes
        started = time.monotonic()
        for first in range(0, total, _AT_ONCE):
            numbers = range(first, min(first + _AT_ONCE, total))
            rows: list[dict[str, Any]] = [{"name": f"n{number:07}", "driver": "fake"} for number in numbers]
            file.write_text(json.dumps({"nodes": rows}))
            run([BIN / "podium", "--config-file", config, "node", "import", file], _IMPORT)
        return time.monotonic() - started

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        with contextlib.ExitStack() as stack:
            for number in range(1, self._options.conductors + 1):
                host = f"c{number}"
                command = [BIN / "podium-conductor", "--config-file", self.config(host)]
                self.conductors[host] = Program(command, self._folder / f"{host}.log")
                stack.enter_context(self.conductors[host])
            yield

    def ages(self) -> tuple[float, float]:
        """Return the share of nodes with a fresh reading, and the age of the oldest; infinity for none."""
        with self.engine.connect() as connection:
            count, fresh, oldest = connection.execute(_AGES, {"limit": _MAX_AGE}).one()
            read = connection.scalar(sa.text("SELECT count(checked_at) FROM power_readings"))
        return fresh / count, float(oldest) if read == count else float("inf")

    def until(self, what: str, seconds: float = _SETTLED) -> float:
        """Wait until every reading is fresh, and return the seconds that it took."""
        started = time.monotonic()
        while self.ages()[1] > _MAX_AGE:
            for program in self.conductors.values():
                if program.process.poll() not in (None, 0):
                    raise Failed(f"{program.name} ended before {what}: {program.last_line()}")
            if time.monotonic() - started > seconds:
                raise Failed(f"not {what} within {seconds:.0f} s: {self.ages()}")
            time.sleep(2)
        return time.monotonic() - started

    def measure(self) -> Measured:
        """Observe the sweeps for some minutes."""
        assert self._database.server is not None
        programs = {"PostgreSQL": self._database.server, **self.conductors}
        found, started, log = Measured(), time.monotonic(), self._log()
        before = {name: program.cpu() for name, program in programs.items()}
        while time.monotonic() - started < self._options.minutes * 60:
            time.sleep(_EVERY)
            share, oldest = self.ages()
            found.least_share, found.oldest = min(found.least_share, share), max(found.oldest, oldest)
        found.seconds = time.monotonic() - started
        found.cpu = {n: (program.cpu() - before[n]) / found.seconds for n, program in programs.items()}
        found.memory = {name: program.memory() for name, program in programs.items()}
        found.log = (self._log() - log) / found.seconds
        with self.engine.connect() as connection:
            found.sizes = {row[0]: row[1] for row in connection.execute(_SIZES)}
        return found

    def _log(self) -> float:
        with self.engine.connect() as connection:
            return float(connection.execute(sa.text("SELECT pg_current_wal_lsn() - '0/0'")).scalar_one())

    def generation(self) -> tuple[float, int]:
        """Return the seconds and rows of a generation without one conductor, which is rolled back."""
        database = Podium(self._database.url)
        with database.engine.connect() as connection:
            gone = members.unended(connection)[-1].name
            members.announce_leave(connection, gone)
            started = time.monotonic()
            number = slots.make_generation(connection)
            seconds = time.monotonic() - started
            changed = sa.select(sa.func.count()).where(sa.column("generation") == number)
            rows = connection.scalar(changed.select_from(sa.table("slots"))) or 0
            connection.rollback()
        database.dispose()
        return seconds, rows

    def hand_over(self) -> tuple[float, float]:
        """Stop one conductor. Returns the seconds until it ended, and the age of the oldest reading."""
        _, last = self.conductors.popitem()
        started = time.monotonic()
        last.stop()
        ended = time.monotonic() - started
        oldest = 0.0
        while time.monotonic() - started < 2 * self._options.interval:
            oldest = max(oldest, self.ages()[1])
            time.sleep(2)
        return ended, oldest


def _report(
    options: argparse.Namespace,
    enrolled: float,
    first: float,
    found: Measured,
    generation: tuple[float, int],
    handed: tuple[float, float],
) -> str:
    lines = [
        ("nodes, conductors, interval", f"{options.nodes:,}, {options.conductors}, {options.interval} s"),
        ("podium node import", f"{enrolled:.0f} s"),
        ("each node read once, from the start", f"{first:.0f} s"),
        (f"share of readings under {_MAX_AGE} s, least in {found.seconds:.0f} s", f"{found.least_share:.4%}"),
        ("oldest reading", f"{found.oldest:.0f} s"),
        *((f"CPU of {name}, of a core", f"{share:.0%}") for name, share in found.cpu.items()),
        *((f"memory of {name}", f"{size / 1e6:,.0f} MB") for name, size in found.memory.items()),
        *((f"table {name}, with its indexes", f"{size / 1e6:,.0f} MB") for name, size in found.sizes.items()),
        ("write-ahead log", f"{found.log / 1e6:.2f} MB/s"),
        ("a generation, in one transaction", f"{generation[0]:.2f} s, {generation[1]:,} rows"),
        ("a conductor stopped in order, after", f"{handed[0]:.1f} s"),
        ("oldest reading in the two intervals after that", f"{handed[1]:.0f} s"),
    ]
    table = results.table(["what", "found"], lines)
    command = " ".join(["python benchmarks/million_nodes.py", *sys.argv[1:]])
    return f"## {_TITLE}\n\n`{command}`\n\n{machine.description()}\n\n{table}"


def _arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--nodes", type=int, default=1_000_000, help="(%(default)s)")
    parser.add_argument("--conductors", type=int, default=4, help="(%(default)s)")
    parser.add_argument("--interval", type=int, default=60, help="seconds of a sweep (%(default)s)")
    parser.add_argument("--minutes", type=float, default=10.0, help="to measure for (%(default)g)")
    parser.add_argument("--write", action="store_true", help="put the report into RESULTS.md")
    return parser.parse_args(words)


def main() -> None:
    options = _arguments()
    with tempfile.TemporaryDirectory(prefix="podium-bench-") as name:
        folder = Path(name)
        folder.chmod(0o711)  # the database server has its own account
        with databases.opened("postgresql", folder / "database") as database:
            fleet = Fleet(options, folder, database)
            enrolled = fleet.enrol()
            with fleet.running():
                first = fleet.until("each node read once")
                found = fleet.measure()
                generation = fleet.generation()
                handed = fleet.hand_over()
    report = _report(options, enrolled, first, found, generation, handed)
    sys.stdout.write(f"{report}\n")
    if options.write:
        results_file.rewrite(_HERE / "RESULTS.md", [], {_TITLE: report})


if __name__ == "__main__":
    main()
