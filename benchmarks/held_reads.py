"""CPU that a held IPMI read takes of the whole daemon, beside the same of another version of Podium.

    python benchmarks/held_reads.py --beside OTHER/.venv/bin [--nodes 10000] [--rounds 9]

Both daemons run at once on one simulated rack, with sessions of their own, and sweep in turns, so that
whatever else the machine does meets both.
"""

import argparse
import contextlib
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import rack
from databases import opened
from podium_daemon import Daemon


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--beside", type=Path, required=True, help="folder with the other podium-conductor")
    parser.add_argument("--nodes", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--sweeps", type=int, default=3, help="sweeps of each in one round")
    parser.add_argument("--port", type=int, default=6251)
    return parser.parse_args()


def main() -> None:
    options = _arguments()
    with tempfile.TemporaryDirectory(prefix="podium-held-") as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        machines = stack.enter_context(rack.Rack(folder, "ipmi", options.nodes, options.port))
        daemons = []
        for place, programs in enumerate((options.beside, rack.BIN)):
            database = stack.enter_context(opened("sqlite", folder / f"data-{place}"))
            daemon = Daemon(folder / f"podium-{place}", database, programs=programs)
            daemon.enrol(machines.nodes(options.nodes))
            stack.enter_context(daemon)
            daemon.first_sweep()
            daemon.rest()
            daemons.append(daemon)
        taken: list[list[float]] = [[], []]
        for _ in range(options.rounds):
            for daemon, costs in zip(daemons, taken, strict=True):
                used = statistics.fmean(daemon.sweep().cpu for _ in range(options.sweeps))
                costs.append(used / options.nodes * 1e6)
        for what, daemon, costs in zip(("the other", "this one"), daemons, taken, strict=True):
            sys.stdout.write(f"{what:<12}{_spread(costs)}, {daemon.memory() / 1e6:.0f} MB\n")
        gains = [1 - this / other for other, this in zip(*taken, strict=True)]
        sys.stdout.write(
            f"{'gain':<12}{statistics.median(gains):.1%} ({min(gains):.1%} to {max(gains):.1%})\n"
        )


def _spread(costs: Sequence[float]) -> str:
    return f"{statistics.median(costs):.1f} us of CPU a read ({min(costs):.1f} to {max(costs):.1f})"


if __name__ == "__main__":
    main()
