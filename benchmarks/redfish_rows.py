"""The rows for Podium over Redfish: first without events, so that every reading is a read."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from databases import Database, opened
from extent import Extent
from podium_daemon import Daemon
from podium_rows import row, several, watch
from rack import Rack
from results import Held, Row, Steady

COLD: Final = "Podium, cold connections"
HELD: Final = "Podium, held connections"
WITHOUT_ETAGS: Final = "Podium, held connections, no ETags"
POLLED: Final = "every node is read"
FOLLOWED: Final = "events report changes"
_STREAMS: Final = 300.0  # seconds for all streams to be open


def sweeps(rack: Rack, extent: Extent) -> Iterator[Row | Held | Steady]:
    """Measure sweeps, the memory of held connections, and a paced fleet without and with events.

    :raises Failed: if a sweep cannot be measured
    """
    folder = rack.folder / "redfish"
    folder.mkdir()
    nodes = extent.redfish
    few_memory = _memory(rack, folder, extent.redfish_base)
    with opened("sqlite", folder / "data") as database:
        daemon = _daemon(folder / "polling", database, events=False)
        daemon.enrol(rack.nodes(nodes))
        before = rack.count("requests")
        with daemon:
            first = daemon.first_sweep()
            yield row(COLD, nodes, database, first, requests=rack.count("requests") - before)
            daemon.rest()
            yield _held(HELD, rack, daemon, database, extent)
            yield Held(nodes, daemon.memory(), extent.redfish_base, few_memory)
            with rack.faulty("no-etags", "100%"):
                yield _held(WITHOUT_ETAGS, rack, daemon, database, extent)
            yield _paced(POLLED, daemon, extent)
        with _daemon(folder / "following", database, events=True) as daemon:
            daemon.until(
                lambda: rack.count("event_streams") >= nodes, _STREAMS, "following all events", every=0.5
            )
            yield _paced(FOLLOWED, daemon, extent)


def _daemon(folder: Path, database: Database, *, events: bool) -> Daemon:
    return Daemon(folder, database, driver="redfish", options=f"[redfish]\nevents = {events}\n")


def _memory(rack: Rack, folder: Path, nodes: int) -> float:
    with opened("sqlite", folder / "few-data") as database:
        daemon = _daemon(folder / "few", database, events=False)
        daemon.enrol(rack.nodes(nodes))
        with daemon:
            daemon.first_sweep()
            daemon.sweep()
            return daemon.memory()


def _held(what: str, rack: Rack, daemon: Daemon, database: Database, extent: Extent) -> Row:
    before = rack.count("requests")
    sweep = several(daemon, extent)
    requests = (rack.count("requests") - before) // extent.sweeps
    return row(what, extent.redfish, database, sweep, requests=requests)


def _paced(what: str, daemon: Daemon, extent: Extent) -> Steady:
    daemon.pace(extent.interval)
    time.sleep(extent.settle)
    return watch(what, daemon, extent.redfish, extent)
