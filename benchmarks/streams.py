"""Measures when each of 100 changes a second has arrived on all of many streams of one podium-api."""

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import databases
import podium_api
import results
from processes import Failed

from podium.db import api as nodes_api
from podium.db.engine import Database

_RATE: Final = 100
_CLIENTS: Final = Path(__file__).with_name("stream_clients.py")
#: Seconds for all changes to arrive on all streams after the last one was written.
_PATIENCE: Final = 300.0


@dataclass(frozen=True)
class Streams:
    """The numbers of streams and changes, and the results.

    :param median: over the streams, of the seconds from the write of the slowest change to its arrival
    :param longest: the maximum of these seconds
    :param memory: bytes of the server while nothing changes; ``busy`` has the bytes afterwards
    :param cpu: of the server, as a share of one core, during the changes
    """

    database: str
    streams: int
    changes: int
    median: float
    longest: float
    memory: float
    busy: float
    cpu: float


def measure(kind: str, folder: Path, count: int, seconds: int, nodes: list[dict[str, Any]]) -> Streams:
    """Change one node after another while streams are open.

    :raises Failed: if a change does not arrive, or arrives twice
    """
    folder.mkdir()
    changes = seconds * _RATE
    with (
        databases.opened(kind, folder / "data") as database,
        podium_api.served(folder / "api", database, nodes) as (api, port),
    ):
        api.until(lambda: "Serving at" in api.log.read_text() or None, 60, "serving")
        command = [sys.executable, str(_CLIENTS), str(port), str(count), str(changes)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as clients:
            assert clients.stdout is not None
            if clients.stdout.readline().strip() != "ready":
                raise Failed(f"{count} streams cannot be opened")
            memory, before, since = api.memory(), api.cpu(), time.monotonic()
            _write(database.url, changes)
            cpu = (api.cpu() - before) / (time.monotonic() - since)
            answer = clients.stdout.readline()
            busy = api.memory()
            if clients.wait(_PATIENCE) or not answer:
                raise Failed("not all changes came")
    found = json.loads(answer)
    if found["most"] != changes:
        raise Failed(f"{found['most']} changes came of {changes}")
    return Streams(kind, count, changes, found["median"], found["longest"], memory, busy, cpu)


def _write(url: str, changes: int) -> None:
    database = Database(url)
    with database.read() as connection:
        nodes = nodes_api.list_nodes(connection)
    begin = time.monotonic()
    for number in range(changes):
        time.sleep(max(begin + number / _RATE - time.monotonic(), 0.0))
        with database.write() as connection:
            written = f"{time.monotonic():.6f}"
            nodes_api.update_node(connection, nodes[number % len(nodes)].id, {"description": written})
    database.dispose()


def table(found: Sequence[Streams]) -> str:
    """Return the times, in milliseconds."""
    heads = ["database", "streams", "changes", "slowest, median, ms", "slowest, ms", "memory, MB", "CPU, %"]
    return results.table(
        heads,
        [
            [
                one.database,
                f"{one.streams:,}",
                f"{one.changes:,}",
                f"{one.median * 1000:.0f}",
                f"{one.longest * 1000:.0f}",
                f"{one.memory / 1e6:.0f} to {one.busy / 1e6:.0f}",
                f"{one.cpu * 100:.0f}",
            ]
            for one in found
        ],
    )
