"""The rows for Podium."""

import contextlib
import statistics
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from databases import Database, opened
from extent import Extent
from podium_daemon import Daemon, Sweep
from rack import Rack
from results import Row, Start, Steady

COLD: Final = "Podium, cold sessions"
HELD: Final = "Podium, held sessions"
DEAD: Final = "Podium, held sessions, 10 % dead"
LOSSY: Final = "Podium, held sessions, 5 % loss"
FAKE: Final = "Podium, fake driver"
PACED: Final = "all BMCs answer"
PACED_DEAD: Final = "10 % of the BMCs are dead"
PACED_LOSSY: Final = "5 % of the datagrams are lost"
_SAMPLE: Final = 10.0
_DEAD_SHARE: Final = 0.1


def sweeps(
    rack: Rack, kind: str, nodes: int, extent: Extent, *, workers: int = 1, more: bool = False
) -> Iterator[Row | Start | Steady]:
    """Measure the first sweep and some later ones with one database.

    :param more: also measure full and paced sweeps with dead BMCs and with loss
    :raises Failed: if a sweep cannot be measured
    """
    folder = rack.folder / f"{kind}-{nodes}-{workers}"
    folder.mkdir(mode=0o711)
    by = f", {workers} workers" if workers > 1 else ""
    with opened(kind, folder / "data") as database:
        daemon = Daemon(folder / "podium", database, workers=workers)
        enrol = daemon.enrol(rack.nodes(nodes))
        with daemon:
            yield row(COLD + by, nodes, database, daemon.first_sweep())
            daemon.rest()
            yield row(HELD + by, nodes, database, several(daemon, extent))
            yield Start(nodes, kind, workers, enrol, daemon.ready_seconds, daemon.memory())
            if more:
                yield from _with_faults(rack, daemon, database, nodes)
                yield from _paced(rack, daemon, nodes, extent)


def fake(folder: Path, nodes: int, extent: Extent) -> Iterator[Row]:
    """Measure sweeps of the fake driver's nodes, whose only cost is the conductor itself.

    :raises Failed: if a sweep cannot be measured
    """
    folder /= "fake"
    folder.mkdir(mode=0o711)
    listed = [{"name": f"fake-{number}", "driver": "fake", "driver_info": {}} for number in range(nodes)]
    with opened("sqlite", folder / "data") as database:
        daemon = Daemon(folder / "podium", database, driver="fake")
        daemon.enrol(listed)
        with daemon:
            daemon.first_sweep()
            daemon.rest()
            yield row(FAKE, nodes, database, several(daemon, extent))


def several(daemon: Daemon, extent: Extent) -> Sweep:
    """Return the sweep with the median duration."""
    done = sorted((daemon.sweep() for _ in range(extent.sweeps)), key=lambda sweep: sweep.seconds)
    return done[len(done) // 2]


def _with_faults(rack: Rack, daemon: Daemon, database: Database, nodes: int) -> Iterator[Row]:
    for what, fault, share in ((DEAD, "dead", f"{_DEAD_SHARE:.0%}"), (LOSSY, "lossy=0.05", "100%")):
        with rack.faulty(fault, share):
            daemon.sweep(answering=True)  # this sweep discovers the dead BMCs
            left = nodes if what == LOSSY else nodes - round(nodes * _DEAD_SHARE)
            yield row(what, left, database, daemon.sweep(answering=True))


def _paced(rack: Rack, daemon: Daemon, nodes: int, extent: Extent) -> Iterator[Steady]:
    daemon.pace(extent.interval)
    for what, faults in (
        (PACED, contextlib.nullcontext()),
        (PACED_DEAD, rack.faulty("dead", f"{_DEAD_SHARE:.0%}")),
        (PACED_LOSSY, rack.faulty("lossy=0.05", "100%")),
    ):
        with faults:
            time.sleep(extent.settle)
            yield watch(what, daemon, nodes, extent)


def watch(what: str, daemon: Daemon, nodes: int, extent: Extent) -> Steady:
    """Sample the ages of readings in the database for a while."""
    started, cpu = time.monotonic(), daemon.cpu()
    medians, oldest, failing = [], 0.0, 0
    while time.monotonic() < started + extent.watch:
        time.sleep(min(_SAMPLE, extent.watch / 4))
        readings = daemon.reader.readings()
        now = datetime.now(UTC)
        medians.append((now - statistics.median_low(readings)).total_seconds())
        oldest = max(oldest, (now - min(readings)).total_seconds())
        failing = max(failing, daemon.reader.failing())
    used = (daemon.cpu() - cpu) / (time.monotonic() - started)
    average = statistics.fmean(medians)
    return Steady(what, nodes, extent.interval, average, oldest, used, daemon.memory(), failing)


def row(what: str, nodes: int, database: Database, sweep: Sweep, *, requests: int | None = None) -> Row:
    """Return the row of a sweep."""
    figures = sweep.seconds, sweep.cpu, sweep.database_cpu, sweep.lag
    return Row(what, nodes, database.kind, *figures, requests=requests)
