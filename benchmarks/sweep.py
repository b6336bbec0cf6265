"""How fast Podium reads the power of a fleet, beside others that read the same BMCs.

    python benchmarks/sweep.py [--quick]

Starts a simulated rack, measures one thing after another on it, prints each row as it comes and a report at
the end, and writes the report to benchmarks/RESULTS.md with plots beside it. With --quick it takes two
minutes or so, to try the harness, and leaves RESULTS.md alone. What is not installed is left out, and said.
"""

import argparse
import dataclasses
import importlib.util
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

import goals
import ironic_rounds
import machine
import podium_rows as podium
import results
import tools
from extent import FULL, QUICK, Extent
from rack import Rack
from results import Found, Row, Start, Steady

HERE: Final = Path(__file__).parent
PEERS: Final = ("ipmipower", "ipmitool", "pyghmi", "ironic")


class Ended(BaseException):
    """The run was told to end; what was found until then is still reported."""


class Bench:
    """One run: what is to be measured, and what was found."""

    def __init__(self, options: argparse.Namespace, extent: Extent, rack: Rack) -> None:
        self._options = options
        self._extent = extent
        self._rack = rack
        self._started = time.monotonic()
        self._complete = True
        self.found = Found()

    def run(self) -> None:
        """Measure everything; what fails is a row that says why."""
        try:
            self._measure()
        except Ended:
            self._complete = False

    def _measure(self) -> None:
        rack, extent, sizes = self._rack, self._extent, self._extent.sizes
        few, sessions = min(extent.few, sizes[-1]), min(extent.sessions, sizes[-1])
        self._peer("ipmitool", few, partial(tools.ipmitool, rack, few))
        self._peer("pyghmi", sessions, partial(tools.pyghmi, rack, sessions, extent.seconds))
        self._peer(goals.IRONIC, few, partial(ironic_rounds.ipmi, rack, few, extent))
        fake = self.found.fake
        self._attempt(fake, Row(podium.FAKE, sizes[-1]), partial(podium.fake, rack.folder, sizes[-1], extent))
        # Four times as many, because they take less time.
        self._peer(
            goals.IRONIC_FAKE, few * 4, partial(ironic_rounds.fake, rack.folder, few * 4, extent), fake
        )
        for nodes in sizes:
            for kind in self._options.databases:
                self._sweeps(kind, nodes, more=kind == "sqlite" and nodes == sizes[-1])
            self._peer(goals.IPMIPOWER, nodes, partial(tools.ipmipower, rack, nodes))
        if "sqlite" in self._options.databases:
            self._sweeps("sqlite", sizes[-1], workers=2)

    def report(self) -> str:
        """Everything that was found, in Markdown."""
        ipmi, fake = self.found.ipmi, self.found.fake
        ironic = results.find(ipmi, goals.IRONIC, database="sqlite")
        fast = results.find(ipmi, goals.IPMIPOWER)
        fake_peer = results.find(fake, goals.IRONIC_FAKE, database="sqlite")
        taken = (time.monotonic() - self._started) / 60
        return "\n\n".join(
            [
                "# What a sweep takes",
                f"Measured on {datetime.now(UTC):%Y-%m-%d} in {taken:.0f} minutes by "
                f"`python benchmarks/sweep.py {' '.join(sys.argv[1:])}`".rstrip(" `")
                + "`, on:",
                machine.description(),
                "What was measured, and how, is said in [docs/performance.md](../docs/performance.md)."
                + ("" if self._complete else " This run was ended before all of it was measured."),
                "## Goals",
                results.goal_table(goals.goals(self.found)),
                "## IPMI: the same simulated BMCs for all",
                results.rows_table(ipmi, [("Ironic", ironic), ("ipmipower", fast)]),
                "## Without hardware: what the conductor itself takes",
                results.rows_table(fake, [("Ironic", fake_peer)]),
                "## Paced: ages in the database while the fleet is watched",
                results.steady_table(self.found.steady),
                "## Enrolment, start, memory",
                results.start_table(self.found.starts),
            ]
        )

    def _sweeps(self, kind: str, nodes: int, **options: Any) -> None:
        measure = partial(podium.sweeps, self._rack, kind, nodes, self._extent, **options)
        self._attempt(self.found.ipmi, Row("Podium", nodes, kind), measure)

    def _peer(
        self, what: str, nodes: int, measure: Callable[[], Iterable[Row]], rows: list[Row] | None = None
    ) -> None:
        if what.partition(",")[0].lower() in self._options.peers:
            self._attempt(self.found.ipmi if rows is None else rows, Row(what, nodes), measure)

    def _attempt(
        self, rows: list[Row], blank: Row, measure: Callable[[], Iterable[Row | Start | Steady]]
    ) -> None:
        """Take in what comes; whatever goes wrong ends this part alone."""
        try:
            for row in measure():
                self._note(rows, row)
        except Exception as failure:
            reason = str(failure).partition("\n")[0][:200] or type(failure).__name__
            self._note(rows, dataclasses.replace(blank, failure=reason))

    def _note(self, rows: list[Row], row: Row | Start | Steady) -> None:
        match row:
            case Start():
                self.found.starts.append(row)
            case Steady():
                self.found.steady.append(row)
            case _:
                rows.append(row)
        told = {name: value for name, value in dataclasses.asdict(row).items() if value not in ("", None)}
        words = (
            f"{name}={value:.6g}" if isinstance(value, float) else f"{name}={value}"
            for name, value in told.items()
        )
        sys.stderr.write(f"{datetime.now(UTC):%H:%M:%S} {' '.join(words)}\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--quick", action="store_true", help="1,000 BMCs, and as little as will do")
    parser.add_argument("--sizes", type=_numbers, help="BMCs (1000,10000,100000)")
    parser.add_argument(
        "--databases", type=_words("sqlite", "postgresql", "mariadb"), help="(sqlite,postgresql,mariadb)"
    )
    parser.add_argument("--peers", type=_words(*PEERS), help=f"({','.join(PEERS)}), or nothing for none")
    parser.add_argument("--port", type=int, default=6231, help="UDP port of the BMCs (%(default)s)")
    options = parser.parse_args()
    if options.databases is None:
        options.databases = ["sqlite", "postgresql", "mariadb"]
    if options.peers is None:
        options.peers = list(PEERS)
    return options


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(sorted(int(word) for word in text.split(",")))


def _words(*known: str) -> Callable[[str], list[str]]:
    def words(text: str) -> list[str]:
        given = text.split(",") if text else []
        if unknown := set(given) - set(known):
            raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: give some of {','.join(known)}")
        return given

    return words


def _end(*_: object) -> None:
    raise Ended


def main() -> None:
    options = _arguments()
    extent = QUICK if options.quick else FULL
    if not options.quick and importlib.util.find_spec("matplotlib") is None:
        sys.exit("matplotlib is not installed, which draws the plots: make bench, or pip install '.[bench]'")
    if options.sizes:
        extent = dataclasses.replace(extent, sizes=options.sizes)
    signal.signal(signal.SIGTERM, _end)  # so that a run that is ended leaves no daemons behind
    with tempfile.TemporaryDirectory(prefix="podium-bench-") as name:
        folder = Path(name)
        folder.chmod(0o711)  # database servers run under accounts of their own
        with Rack(folder, extent.sizes[-1], options.port) as rack:
            bench = Bench(options, extent, rack)
            bench.run()
    report = bench.report()
    sys.stdout.write(f"{report}\n")
    if not options.quick:
        import plots

        drawn = plots.draw(bench.found.ipmi, HERE)
        pictures = "\n\n".join(f"![]({file.name})" for file in drawn)
        (HERE / "RESULTS.md").write_text(f"{report}\n\n{pictures}\n")


if __name__ == "__main__":
    main()
