"""Measures the time from a power request over HTTP to its packet, with podium-api and an idle conductor."""

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import asking
import databases
import podium_api
import results
from packets import Requests
from podium_daemon import Daemon
from rack import Rack

BMCS: Final = 48


@dataclass(frozen=True)
class Latency:
    """Seconds from the first byte of a request until the BMC has carried it out."""

    database: str
    requests: int
    median: float
    late: float
    longest: float


def measure(rack: Rack, kind: str, folder: Path, count: int) -> Latency:
    """Request one power change after another.

    :raises Failed: if a change is not carried out
    """
    folder.mkdir(mode=0o711)
    with databases.opened(kind, folder / "data") as database:
        daemon = Daemon(folder / "podium", database)
        daemon.enrol(rack.nodes(BMCS))
        with daemon, podium_api.served(folder / "api", database) as (api, port):
            daemon.first_sweep()
            asking.wait_for(api, port)
            connection = asking.Connection(port)

            def ask(node: dict[str, Any], action: str) -> float:
                since = time.monotonic()
                connection.change("PUT", f"/v1/nodes/{node['name']}/states/power", {"target": action})
                return since

            requests = Requests(rack, BMCS, ask)
            requests.latency()  # triggers imports and compilation
            found = sorted(requests.latency() for _ in range(count))
            connection.close()
    return Latency(kind, count, statistics.median(found), found[int(count * 0.95)], found[-1])


def table(found: Sequence[Latency]) -> str:
    """Return the latencies, in milliseconds."""
    return results.table(
        ["database", "requests", "median, ms", "95 %, ms", "longest, ms"],
        [
            [
                *(one.database, str(one.requests)),
                *(f"{value * 1000:.0f}" for value in (one.median, one.late, one.longest)),
            ]
            for one in found
        ],
    )
