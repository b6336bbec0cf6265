"""The sections of the report: their measurements, each section on its own rack, and their tables."""

import argparse
import dataclasses
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Final

import goals
import ironic_rounds
import machine
import podium_rows as podium
import redfish_rows
import results
import tools
from extent import Extent
from rack import Rack
from results import Found, Held, Row, Start, Steady

PEERS: Final = ("ipmipower", "ipmitool", "pyghmi", "sushy", "ironic")


class Ended(BaseException):
    """A request to end the run. The figures so far are still reported."""


class Section(ABC):
    """One section: its measurements and its figures.

    :param options: those of the command
    :param folder: for the files of all programs
    """

    title: ClassVar[str]

    def __init__(self, options: argparse.Namespace, extent: Extent, folder: Path) -> None:
        self._options = options
        self._extent = extent
        self._folder = folder
        self._seconds = 0.0
        self.complete = True
        self.found = Found()

    def run(self) -> None:
        """Measure everything. A failure becomes a row with the reason."""
        started = time.monotonic()
        try:
            self._measure()
        except Ended:
            self.complete = False
        self._seconds = time.monotonic() - started

    def report(self) -> str:
        """Return all figures in Markdown."""
        command = " ".join(["python benchmarks/sweep.py", *sys.argv[1:]])
        return "\n\n".join(
            [
                f"## {self.title}",
                f"Measured on {datetime.now(UTC):%Y-%m-%d} in {self._seconds / 60:.0f} minutes by "
                f"`{command}`, on:",
                machine.description(),
                *([] if self.complete else ["This run was ended before all of it was measured."]),
                *self._tables(),
            ]
        )

    @abstractmethod
    def _measure(self) -> None: ...

    @abstractmethod
    def _tables(self) -> Sequence[str]: ...

    def _peer(
        self, what: str, nodes: int, measure: Callable[[], Iterable[Row]], rows: list[Row] | None = None
    ) -> None:
        if what.partition(",")[0].lower() in self._options.peers:
            self._attempt(self.found.rows if rows is None else rows, Row(what, nodes), measure)

    def _attempt(
        self, rows: list[Row], blank: Row, measure: Callable[[], Iterable[Row | Start | Steady | Held]]
    ) -> None:
        """Collect the rows of a part. An error ends only this part."""
        try:
            for row in measure():
                self._note(rows, row)
        except Exception as failure:
            reason = str(failure).partition("\n")[0][:200] or type(failure).__name__
            self._note(rows, dataclasses.replace(blank, failure=reason))

    def _note(self, rows: list[Row], row: Row | Start | Steady | Held) -> None:
        self.found.note(row, rows)
        figures = {name: value for name, value in dataclasses.asdict(row).items() if value not in ("", None)}
        words = (
            f"{name}={value:.6g}" if isinstance(value, float) else f"{name}={value}"
            for name, value in figures.items()
        )
        sys.stderr.write(f"{datetime.now(UTC):%H:%M:%S} {' '.join(words)}\n")


class IPMI(Section):
    """IPMI, and the cost of only the conductor."""

    title = "IPMI"

    def _measure(self) -> None:
        with Rack(self._folder, "ipmi", self._extent.sizes[-1], self._options.port) as rack:
            self._on(rack)

    def _on(self, rack: Rack) -> None:
        extent, sizes = self._extent, self._extent.sizes
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
                self._sweeps(rack, kind, nodes, more=kind == "sqlite" and nodes == sizes[-1])
            self._peer(goals.IPMIPOWER, nodes, partial(tools.ipmipower, rack, nodes))
        if "sqlite" in self._options.databases:
            self._sweeps(rack, "sqlite", sizes[-1], workers=2)

    def _sweeps(self, rack: Rack, kind: str, nodes: int, **options: Any) -> None:
        measure = partial(podium.sweeps, rack, kind, nodes, self._extent, **options)
        self._attempt(self.found.rows, Row("Podium", nodes, kind), measure)

    def _tables(self) -> Sequence[str]:
        found = self.found
        ironic = results.find(found.rows, goals.IRONIC, database="sqlite")
        fast = results.find(found.rows, goals.IPMIPOWER)
        fake_peer = results.find(found.fake, goals.IRONIC_FAKE, database="sqlite")
        return [
            "### Goals of IPMI",
            results.goal_table(goals.ipmi(found)),
            "### The same simulated BMCs for all",
            results.rows_table(found.rows, [("Ironic", ironic), ("ipmipower", fast)]),
            "### Without hardware: what the conductor itself takes",
            results.rows_table(found.fake, [("Ironic", fake_peer)]),
            "### Paced: ages in the database while the fleet is watched",
            results.steady_table(found.steady),
            "### Enrolment, start, memory",
            results.start_table(found.starts),
        ]


class Redfish(Section):
    """Redfish over TLS."""

    title = "Redfish"

    def _measure(self) -> None:
        with Rack(self._folder, "redfish", self._extent.redfish, self._options.port) as rack:
            extent, rows = self._extent, self.found.rows
            few = min(extent.redfish_few, extent.redfish)
            self._peer("sushy", few, partial(tools.sushy, rack, few, extent.seconds))
            self._attempt(
                rows, Row("Podium", extent.redfish, "sqlite"), partial(redfish_rows.sweeps, rack, extent)
            )
            self._peer(goals.IRONIC_REDFISH, few, partial(ironic_rounds.redfish, rack, few, extent))

    def _tables(self) -> Sequence[str]:
        found = self.found
        ironic = results.find(found.rows, goals.IRONIC_REDFISH, database="sqlite")
        kept = results.find(found.rows, tools.SUSHY_KEPT)
        return [
            "### Goals of Redfish",
            results.goal_table(goals.redfish(found)),
            "### The same simulated Redfish systems over TLS for all",
            results.requests_table(found.rows, [("Ironic", ironic), ("sushy, kept", kept)]),
            "### Held connections: resident memory",
            results.held_table(found.held),
            "### Paced: Redfish without and with events",
            results.steady_table(found.steady),
        ]


SECTIONS: Final[dict[str, type[Section]]] = {"ipmi": IPMI, "redfish": Redfish}
