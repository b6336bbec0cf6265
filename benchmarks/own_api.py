"""The section of Podium's own API: all nodes as lines, and lists from the database without HTTP."""

import http.client
import sys
import time
from collections.abc import Iterator, Sequence
from functools import partial
from statistics import median
from typing import Any, Final

import asking
import databases
import podium_api
import results
from api import enrolled
from databases import Database
from processes import Failed, Program, run
from results import Goal, Row
from sections import Section

LINES: Final = "all nodes in lines"
LOCAL: Final = "podium.client on the database"
PLAIN: Final = "the query alone, as dictionaries"
_KINDS: Final = ("sqlite", "postgresql")
_PATH: Final = "/podium/v1/nodes?fields=uuid,name,power_state"
_LIST: Final = 5000
_TIMES: Final = 5
_PATIENCE: Final = 300.0
#: Prints the seconds of each attempt: of the client's list, and of its query.
_PROGRAM: Final = """
import sys, time
from podium import conf
from podium.client.local.local import Local
from podium.db import node_list
from podium.db.engine import Database

def timed(work):
    started = time.process_time()
    assert len(work()) == int(sys.argv[3])
    return time.process_time() - started

columns = ["name", "driver", "power_state", "power_checked_at", "maintenance", "last_error"]
database = Database(sys.argv[2])

def plain():
    with database.read() as connection:
        return node_list.select_nodes(connection, columns)

with Local(conf.load(["--config-file", sys.argv[1]], prog="podium")) as podium:
    for _ in range(20):
        print(timed(lambda: list(podium.nodes(fields=columns))), timed(plain))
"""


class OwnAPI(Section):
    """Lists of many nodes, with and without HTTP."""

    title = "Podium's own API"

    def _measure(self) -> None:
        self._memory: dict[Row, float] = {}
        for kind in _KINDS:
            if kind in self._options.databases:
                for nodes in self._extent.api:
                    self._attempt(self.found.rows, Row(LINES, nodes, kind), partial(self._lines, kind, nodes))
        self._attempt(self.found.rows, Row(LOCAL, _LIST, "sqlite"), self._local)

    def _lines(self, kind: str, nodes: int) -> Iterator[Row]:
        folder = self._folder / f"own-api-{kind}-{nodes}"
        with (
            databases.opened(kind, self._folder / f"own-{kind}-{nodes}") as database,
            podium_api.served(folder, database, enrolled(nodes)) as (api, port),
        ):
            asking.wait_for(api, port)
            _read(port, _PATH.replace("?", "?nodes=node-0&"), 1)  # triggers imports
            before = api.memory()
            rows = [_asked(api, port, database, nodes) for _ in range(_TIMES)]
            row = sorted(rows, key=lambda one: one.seconds)[len(rows) // 2]
            self._memory[row] = api.memory() - before
            yield row

    def _local(self) -> Iterator[Row]:
        folder = self._folder / "own-local"
        with databases.opened("sqlite", folder) as database:
            config = folder / "podium.conf"
            config.write_text(f"[DEFAULT]\nstate_path = {folder}\n[database]\nconnection = {database.url}\n")
            podium_api.fill(config, folder, enrolled(_LIST))
            printed = run([sys.executable, "-c", _PROGRAM, config, database.url, str(_LIST)], _PATIENCE)
        pairs = [line.split() for line in printed.splitlines()]
        for what, place in ((LOCAL, 0), (PLAIN, 1)):
            seconds = median(float(pair[place]) for pair in pairs)
            yield Row(what, _LIST, "sqlite", seconds, seconds)

    def _tables(self) -> Sequence[str]:
        plain = results.find(self.found.rows, PLAIN, database="sqlite")
        return [
            "### Goals of Podium's own API",
            results.goal_table(self._goals()),
            "### Lists: uuid, name and power state of all nodes over HTTP, and a page of a terminal without",
            results.rows_table(self.found.rows, [("the query", plain)]),
        ]

    def _goals(self) -> list[Goal]:
        goals = []
        for row, grown in self._memory.items():
            what = f"{row.what}, {row.nodes:,}, {row.database}"
            goals.append(Goal(f"{what}: seconds", 2, row.seconds, " s", at_most=True))
            goals.append(Goal(f"{what}: memory that the server takes for it", 50, grown / 1e6, " MB", True))
        local = results.find(self.found.rows, LOCAL, database="sqlite")
        plain = results.find(self.found.rows, PLAIN, database="sqlite")
        ratio = local.seconds / plain.seconds if local and plain else None
        goals.append(Goal("podium.client on the database, against the query", 1.5, ratio, "×", at_most=True))
        return goals


def _asked(api: Program, port: int, database: Database, nodes: int) -> Row:
    before = api.cpu(), database.cpu()
    started = time.monotonic()
    _read(port, _PATH, nodes)
    seconds = time.monotonic() - started
    return Row(LINES, nodes, database.kind, seconds, api.cpu() - before[0], database.cpu() - before[1])


def _read(port: int, path: str, nodes: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_PATIENCE)
    try:
        connection.request("GET", path, headers={"Accept": "application/x-ndjson"})
        answer: Any = connection.getresponse()
        found = 0
        while part := answer.read(65_536):
            found += part.count(b"\n")
    finally:
        connection.close()
    if (answer.status, found) != (200, nodes):
        raise Failed(f"{path}: {answer.status}, {found:,} of {nodes:,} nodes")
