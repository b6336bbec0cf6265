"""The API section: pages of complete nodes, and single nodes, beside Ironic's API over the same nodes."""

import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import api_power
import asking
import databases
import ironic_api
import podium_api
import results
import streams
from api_power import Latency
from databases import Database
from processes import Failed, Program
from rack import Rack
from results import Goal, Row
from sections import Section
from streams import Streams

IRONIC: Final = "Ironic"
FIRST: Final = "Podium, first"
AGAIN: Final = "Podium, again"
SINGLE: Final = "Podium"
ASKED: Final = "one POST"
REPLACED: Final = "one POST, replacing the requests before"
_KINDS: Final = ("sqlite", "postgresql")
#: The most nodes of one operation.
_OPERATION: Final = 10_000
#: Ironic takes this many times as long for each.
_FEWER: Final = 10
#: Seconds for which change streams are watched.
_SECONDS: Final = 10


@dataclass(frozen=True)
class Idle:
    """A server without requests.

    :param memory: bytes
    :param cpu: as a share of one core
    """

    what: str
    memory: float
    cpu: float


class API(Section):
    """Pages of complete nodes, and single nodes, from one process of each API."""

    title = "API"

    def _measure(self) -> None:
        self._single: list[Row] = []
        self._operations: list[Row] = []
        self._idle: list[Idle] = []
        self._latencies: list[Latency] = []
        self._streams: list[Streams] = []
        sizes = self._extent.api
        for kind in _KINDS:
            if kind not in self._options.databases:
                continue
            self._peer(IRONIC, sizes[0], partial(self._ironic, kind, sizes[0]))
            for nodes in sizes:
                self._attempt(self.found.rows, Row(FIRST, nodes, kind), partial(self._podium, kind, nodes))
        self._switch()
        self._stream()

    def _stream(self) -> None:
        for kind in self._options.databases:
            folder = self._folder / f"streams-{kind}"
            try:
                self._streams.append(
                    streams.measure(kind, folder, self._extent.api_streams, _SECONDS, enrolled(1000))
                )
            except Failed as failure:
                sys.stderr.write(f"streams of changes, {kind}: {failure}\n")

    def _switch(self) -> None:
        with Rack(self._folder, "ipmi", api_power.BMCS, self._options.port) as rack:
            for kind in self._options.databases:
                try:
                    found = api_power.measure(
                        rack, kind, self._folder / f"power-{kind}", self._extent.api_switches
                    )
                except Failed as failure:
                    sys.stderr.write(f"power requests, {kind}: {failure}\n")
                else:
                    self._latencies.append(found)

    def _ironic(self, kind: str, nodes: int) -> Iterator[Row]:
        with (
            databases.opened(kind, self._folder / f"ironic-{kind}-{nodes}") as database,
            ironic_api.served(self._folder / f"ironic-api-{kind}", database, enrolled(nodes)) as (api, port),
        ):
            self._begin(IRONIC, api, port)
            yield asking.pages(IRONIC, api, port, database, nodes)
            self._ask(IRONIC, api, port, database, nodes, self._extent.api_reads // _FEWER)

    def _podium(self, kind: str, nodes: int) -> Iterator[Row]:
        folder = self._folder / f"podium-api-{kind}-{nodes}"
        with (
            databases.opened(kind, self._folder / f"podium-{kind}-{nodes}") as database,
            podium_api.served(folder, database, enrolled(nodes)) as (api, port),
        ):
            self._begin(SINGLE, api, port)
            yield asking.pages(FIRST, api, port, database, nodes)
            yield asking.pages(AGAIN, api, port, database, nodes)
            self._ask(SINGLE, api, port, database, nodes, self._extent.api_reads)
            for what in (ASKED, REPLACED):
                found = asking.operation(
                    f"{what}, {nodes:,} nodes enrolled", api, port, database, min(nodes, _OPERATION)
                )
                self._note(self._operations, found)

    def _begin(self, what: str, api: Program, port: int) -> None:
        asking.wait_for(api, port)
        time.sleep(self._extent.seconds)
        before = api.cpu()
        time.sleep(self._extent.seconds)
        self._idle.append(Idle(what, api.memory(), (api.cpu() - before) / self._extent.seconds))
        asking.Connection(port).get("/v1/nodes?limit=1")  # triggers imports and compilation

    def _ask(self, what: str, api: Program, port: int, database: Database, nodes: int, reads: int) -> None:
        paths = [f"/v1/nodes/node-{number * 7919 % nodes}" for number in range(reads)]
        found = asking.single(f"{what}, {nodes:,} nodes", api, port, database, paths)
        self._note(self._single, found)

    def _tables(self) -> Sequence[str]:
        rows, peers = self.found.rows, self._peers(self.found.rows, IRONIC)
        single = self._peers(self._single, self._name(IRONIC))
        return [
            "### Goals of the API",
            results.goal_table(self._goals()),
            "### All nodes in pages of 1,000 whole nodes",
            results.rows_table(rows, peers),
            "### GET of one node over four connections; a node is a request",
            results.rows_table(self._single, single),
            "### POST of an operation for many nodes, until it is accepted",
            results.rows_table(self._operations, []),
            "### From PUT states/power to the packet at the BMC, idle",
            api_power.table(self._latencies),
            "### Streams of changes, and 100 changes a second: from a write until it is on every stream",
            streams.table(self._streams),
            "### Idle, one process that serves",
            results.table(
                ["what", "memory, MB", "CPU, % of a core"],
                [[one.what, f"{one.memory / 1e6:.0f}", f"{one.cpu * 100:.2f}"] for one in self._idle],
            ),
        ]

    def _name(self, what: str) -> str:
        return f"{what}, {self._extent.api[0]:,} nodes"

    def _peers(self, rows: Sequence[Row], what: str) -> list[tuple[str, Row | None]]:
        found = [(kind, results.find(rows, what, database=kind)) for kind in _KINDS]
        return [(f"Ironic, {kind}", row) for kind, row in found if row is not None]

    def _goals(self) -> list[Goal]:
        goals = []
        for kind in _KINDS:
            if kind not in self._options.databases:
                continue
            ironic = results.find(self.found.rows, IRONIC, database=kind)
            for nodes in self._extent.api:
                for what, target in ((FIRST, 10), (AGAIN, 30)):
                    row = results.find(self.found.rows, what, nodes, kind)
                    ratio = row.rate / ironic.rate if row and ironic else None
                    goals.append(Goal(f"{what}, {nodes:,} nodes, {kind}, against Ironic", target, ratio, "×"))
            other = results.find(self._single, self._name(IRONIC), database=kind)
            row = results.find(self._single, self._name(SINGLE), database=kind)
            ratio = _of_one_core(row) / _of_one_core(other) if row and other else None
            goals.append(Goal(f"GET of a node, {kind}, requests of one core against Ironic", 10, ratio, "×"))
        for row in self._operations:
            what = f"{row.what}, {row.nodes:,} of them, {row.database}"
            goals.append(Goal(what, 2, row.seconds, " s", at_most=True))
        for one in self._latencies:
            what = f"PUT states/power to the packet, {one.database}, median"
            goals.append(Goal(what, 300, one.median * 1000, " ms", at_most=True))
        for one in self._streams:
            what = f"{one.streams:,} streams, 100 changes a second, {one.database}"
            goals.append(Goal(f"{what}: each on all within", 1000, one.longest * 1000, " ms", at_most=True))
            goals.append(Goal(f"{what}: memory", 400, one.busy / 1e6, " MB", at_most=True))
        idle = [one for one in self._idle if one.what == SINGLE]
        if idle:
            goals.append(Goal("idle: memory", 75, max(one.memory for one in idle) / 1e6, " MB", True))
            goals.append(Goal("idle: CPU of one core", 0.5, max(one.cpu for one in idle) * 100, " %", True))
        return goals


def _of_one_core(row: Row) -> float:
    return row.nodes / max(row.seconds, row.cpu)


def enrolled(count: int) -> list[dict[str, Any]]:
    """Return nodes in the form for an import."""
    return [
        {
            "name": f"node-{number}",
            "driver": "ipmi",
            "driver_info": {
                "ipmi_address": f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}",
                "ipmi_username": "admin",
                "ipmi_password": "podium-sim",
                "ipmi_port": "623",
            },
            "properties": {"vendor": "unknown"},
        }
        for number in range(count)
    ]
