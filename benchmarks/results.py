"""The measured figures, row by row, and the Markdown tables that show them."""

import dataclasses
from collections.abc import Sequence
from typing import Final

_DASH: Final = "–"


@dataclasses.dataclass(frozen=True)
class Row:
    """Nodes that were read, and the cost of reading them.

    :param what: the reading program, and its method
    :param database: where the readings were written, if anywhere
    :param seconds: the duration
    :param cpu: CPU seconds of the reading program and its children
    :param database_cpu: CPU seconds of the database server
    :param lag: seconds from the end until the last reading was visible in the database
    :param requests: requests that the BMCs answered meanwhile, if they count them
    :param failure: why there are no figures
    """

    what: str
    nodes: int
    database: str = ""
    seconds: float = 0.0
    cpu: float = 0.0
    database_cpu: float = 0.0
    lag: float | None = None
    requests: int | None = None
    failure: str = ""

    @property
    def rate(self) -> float:
        """Return the nodes per second."""
        return self.nodes / self.seconds if self.seconds else 0.0

    @property
    def cpu_each(self) -> float:
        """Return the microseconds of CPU per node."""
        return self.cpu / self.nodes * 1e6 if self.nodes else 0.0

    @property
    def cores(self) -> float:
        """Return how many cores were busy, on average."""
        return self.cpu / self.seconds if self.seconds else 0.0


@dataclasses.dataclass(frozen=True)
class Steady:
    """A paced fleet over some minutes. Ages are in seconds, of nodes that answer.

    :param median: the median age, averaged over the samples
    :param oldest: the greatest age in any sample
    :param cpu: of the daemon, as a share of one core
    :param memory: resident memory of all processes of the daemon, in bytes
    :param failing: the most nodes in any sample that failed to answer
    """

    what: str
    nodes: int
    interval: int
    median: float
    oldest: float
    cpu: float
    memory: float
    failing: int


@dataclasses.dataclass(frozen=True)
class Start:
    """The work before the first sweep in seconds, and the bytes once all sessions are held."""

    nodes: int
    database: str
    workers: int
    enrol: float
    ready: float
    memory: float


@dataclasses.dataclass(frozen=True)
class Held:
    """The resident memory of a daemon with a connection to each BMC, and of one with few connections.

    :param memory: bytes
    :param few: nodes of the second daemon
    :param few_memory: bytes of the second daemon
    """

    nodes: int
    memory: float
    few: int
    few_memory: float

    @property
    def each(self) -> float:
        """Return the bytes for each additional node, including its connection and session."""
        return (self.memory - self.few_memory) / (self.nodes - self.few)


@dataclasses.dataclass
class Found:
    """The rows of one section so far.

    :param rows: with BMCs
    :param fake: rows without hardware
    """

    rows: list[Row] = dataclasses.field(default_factory=list)
    fake: list[Row] = dataclasses.field(default_factory=list)
    steady: list[Steady] = dataclasses.field(default_factory=list)
    starts: list[Start] = dataclasses.field(default_factory=list)
    held: list[Held] = dataclasses.field(default_factory=list)

    def note(self, found: Row | Start | Steady | Held, rows: list[Row]) -> None:
        """Add a row."""
        match found:
            case Start():
                self.starts.append(found)
            case Steady():
                self.steady.append(found)
            case Held():
                self.held.append(found)
            case _:
                rows.append(found)


@dataclasses.dataclass(frozen=True)
class Goal:
    """A target figure.

    :param found: None if a required row is missing
    """

    what: str
    target: float
    found: float | None
    unit: str = ""
    at_most: bool = False

    @property
    def verdict(self) -> str:
        """Return whether the goal was reached."""
        if self.found is None:
            return "not measured"
        reached = self.found <= self.target if self.at_most else self.found >= self.target
        return "yes" if reached else "no"


def find(rows: Sequence[Row], what: str, nodes: int | None = None, database: str = "") -> Row | None:
    """Return the row of that kind with figures; without ``nodes``, the largest."""
    fitting = [row for row in rows if row.what == what and row.database == database and not row.failure]
    fitting = [row for row in fitting if nodes in (None, row.nodes)]
    return max(fitting, key=lambda row: row.nodes, default=None)


def rows_table(rows: Sequence[Row], peers: Sequence[tuple[str, Row | None]]) -> str:
    """Return the sweeps and reads, with the ratio of nodes per second to that of some rows."""
    titles = ["what", "nodes", "database", "seconds", "nodes/s", "CPU, us/node", "database CPU, us/node"]
    titles += ["in the database after, s", *(f"× {name}" for name, _ in peers)]
    lines = []
    for row in rows:
        head = [row.what, f"{row.nodes:,}", row.database or _DASH]
        if row.failure:
            lines.append([*head, row.failure])
            continue
        figures = [_figure(row.seconds), f"{row.rate:,.0f}", f"{row.cpu_each:,.0f}"]
        figures.append(f"{row.database_cpu / row.nodes * 1e6:,.0f}" if row.database_cpu else _DASH)
        figures.append(_DASH if row.lag is None else f"{row.lag:.1f}")
        figures += [_figure(row.rate / peer.rate) if peer else _DASH for _, peer in peers]
        lines.append(head + figures)
    return table(titles, lines)


def requests_table(rows: Sequence[Row], peers: Sequence[tuple[str, Row | None]]) -> str:
    """Return the reads, with the requests of each and the ratio of reads per second."""
    titles = ["what", "reads", "seconds", "reads/s", "CPU, us/read", "CPU, % of a core", "requests/read"]
    titles += [f"× {name}" for name, _ in peers]
    lines = []
    for row in rows:
        head = [row.what, f"{row.nodes:,}"]
        if row.failure:
            lines.append([*head, row.failure])
            continue
        figures = [_figure(row.seconds), _figure(row.rate), f"{row.cpu_each:,.0f}", f"{row.cores * 100:.0f}"]
        figures.append(_DASH if row.requests is None else _figure(row.requests / row.nodes))
        figures += [_figure(row.rate / peer.rate) if peer else _DASH for _, peer in peers]
        lines.append(head + figures)
    return table(titles, lines)


def held_table(rows: Sequence[Held]) -> str:
    """Return the memory of a held connection."""
    titles = ["nodes", "memory, MB", "nodes of the other", "memory of the other, MB", "KiB/node"]
    return table(
        titles,
        [
            [
                *(f"{row.nodes:,}", f"{row.memory / 1e6:.0f}", f"{row.few:,}", f"{row.few_memory / 1e6:.0f}"),
                f"{row.each / 1024:.1f}",
            ]
            for row in rows
        ],
    )


def steady_table(rows: Sequence[Steady]) -> str:
    """Return the paced fleets."""
    titles = ["what", "nodes", "interval, s", "median age, s", "greatest age, s", "CPU, % of a core"]
    titles += ["memory, MB", "failing nodes, at most"]
    lines = []
    for row in rows:
        head = [row.what, f"{row.nodes:,}", str(row.interval)]
        figures = [f"{row.median:.1f}", f"{row.oldest:.1f}", f"{row.cpu * 100:.0f}"]
        figures += [f"{row.memory / 1e6:.0f}", f"{row.failing:,}"]
        lines.append(head + figures)
    return table(titles, lines)


def start_table(rows: Sequence[Start]) -> str:
    """Return enrolment, start and memory."""
    titles = [
        "nodes",
        "database",
        "workers",
        "podium node import, s",
        "ready after, s",
        "memory, MB",
        "KB/node",
    ]
    return table(
        titles,
        [
            [
                *(f"{row.nodes:,}", row.database, str(row.workers), f"{row.enrol:.1f}", f"{row.ready:.1f}"),
                *(f"{row.memory / 1e6:.0f}", f"{row.memory / row.nodes / 1e3:.1f}"),
            ]
            for row in rows
        ],
    )


def goal_table(goals: Sequence[Goal]) -> str:
    """Return the goals with the measured figures."""
    return table(
        ["goal", "target", "found", "reached"],
        [
            [
                goal.what,
                f"{'at most' if goal.at_most else 'at least'} {goal.target:,g}{goal.unit}",
                _DASH if goal.found is None else f"{_figure(goal.found)}{goal.unit}",
                goal.verdict,
            ]
            for goal in goals
        ],
    )


def table(titles: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table with aligned columns. The last cell of a short line extends to the end."""
    full = [[*line, *[""] * (len(titles) - len(line))] for line in lines]
    whole = [line for line in lines if len(line) == len(titles)]
    widths = [max(len(line[place]) for line in (titles, *whole)) for place in range(len(titles))]
    ruled = [titles, ["-" * width for width in widths], *full]
    return "\n".join(
        f"| {' | '.join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))} |"
        for line in ruled
    )


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
