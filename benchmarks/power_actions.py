"""How long power requests take: a thousand nodes with --wait, and from the commit of a request to its packet.

    python benchmarks/power_actions.py [--nodes N] [--requests N]

Prints a table. The time to the packet is measured from the commit of the request's transaction, as the
command makes it, until the simulated BMC has carried out the command, which its control socket shows.
"""

import argparse
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from databases import opened
from packets import Requests
from podium_daemon import Daemon
from processes import Failed
from rack import Rack

from podium.db import api, power
from podium.db.engine import Database

_PORT: Final = 6240
_MANY: Final = 1000
_COMMAND: Final = 120.0
_SWEEP: Final = 300.0
_GOALS: Final = {"idle": 0.2, "sweep": 1.0, "many": 5.0}


def asker(database: Database) -> Callable[[dict[str, Any], str], float]:
    """Return a function that requests changes like the command. It returns the time of the commit."""

    def ask(node: dict[str, Any], action: str) -> float:
        with database.write() as connection:
            power.ask(connection, api.find_nodes(connection, [node["name"]]), action, who="benchmark")
        return time.monotonic()

    return ask


def row(what: str, found: list[float], goal: float) -> str:
    """Return a row of the table, with times in milliseconds."""
    ordered = sorted(found)
    late = ordered[int(len(ordered) * 0.95)]
    figures = (f"{1000 * value:,.0f} ms" for value in (statistics.median(ordered), late, ordered[-1], goal))
    return f"| {what} | {len(found)} | {' | '.join(figures)} |\n"


def sweeping(daemon: Daemon, requests: Requests) -> list[float]:
    """Measure latencies while one sweep of all nodes runs at full speed."""
    command = "task", "run", "conductor.sync_power_status", "--timeout", str(_SWEEP)
    sweep = threading.Thread(target=lambda: daemon.podium(*command, timeout=_SWEEP + 30))
    sweep.start()
    time.sleep(1.0)  # until the command has started a sweep
    found = []
    while sweep.is_alive():
        found.append(requests.latency())
    sweep.join()
    return found


def switched(daemon: Daemon, rack: Rack) -> float:
    """Return the seconds for switching on a thousand nodes, including the start of the command."""
    names = [node["name"] for node in rack.nodes(_MANY)]
    daemon.podium("node", "power", "off", "--wait", "--yes", *names, timeout=_COMMAND)
    started = time.monotonic()
    daemon.podium("node", "power", "on", "--wait", "--yes", *names, timeout=_COMMAND)
    return time.monotonic() - started


def measure(folder: Path, nodes: int, count: int) -> Iterator[str]:
    """Yield the lines of the report as they become ready.

    :raises Failed: if something cannot be measured
    """
    with Rack(folder, "ipmi", nodes, _PORT) as rack, opened("sqlite", folder / "data") as database:
        daemon = Daemon(folder / "podium", database)
        daemon.enrol(rack.nodes(nodes))
        with daemon:
            daemon.first_sweep()
            daemon.rest()
            asked = Database(database.url)
            requests = Requests(rack, nodes, asker(asked))
            try:
                yield "| from commit to packet | requests | median | 95 % | longest | goal (median) |\n"
                yield "|---|---|---|---|---|---|\n"
                yield row("idle daemon", [requests.latency() for _ in range(count)], _GOALS["idle"])
                yield row(f"sweep of {nodes:,} nodes", sweeping(daemon, requests), _GOALS["sweep"])
            finally:
                asked.dispose()
            seconds = switched(daemon, rack)
            yield f"\n{_MANY:,} nodes on with --wait: {seconds:.2f} s (goal: {_GOALS['many']:.0f} s)\n"


def main(write: Callable[[str], object] = sys.stdout.write) -> int:
    """Run the benchmark and return its exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--nodes", type=int, default=100_000, help="in the fleet that is swept (%(default)s)")
    parser.add_argument("--requests", type=int, default=100, help="to an idle daemon (%(default)s)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="podium-power-") as folder:
        try:
            for line in measure(Path(folder), options.nodes, options.requests):
                write(line)
                sys.stdout.flush()
        except Failed as failure:
            write(f"failed: {failure}\n")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
