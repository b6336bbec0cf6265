"""Plots of sweep time and CPU against the size of the fleet, as SVG."""

from collections.abc import Callable, Sequence
from pathlib import Path

import matplotlib
from results import Row

matplotlib.use("svg")
matplotlib.rcParams |= {"svg.hashsalt": "podium", "svg.fonttype": "none", "font.size": 9}

from matplotlib import pyplot  # noqa: E402  # the backend has to be chosen before


def draw(rows: Sequence[Row], folder: Path) -> list[Path]:
    """Write the plots and return their paths."""
    return [
        _draw(rows, folder / "sweep_time.svg", "seconds for all nodes", lambda row: row.seconds),
        _draw(rows, folder / "sweep_cpu.svg", "microseconds of CPU per node", lambda row: row.cpu_each),
    ]


def _draw(rows: Sequence[Row], file: Path, title: str, value: Callable[[Row], float]) -> Path:
    lines: dict[str, list[Row]] = {}
    for row in rows:
        if not row.failure:
            lines.setdefault(f"{row.what}, {row.database}" if row.database else row.what, []).append(row)
    figure, axes = pyplot.subplots(figsize=(9, 4.5), layout="constrained")
    axes.set_prop_cycle(color=list(pyplot.get_cmap("tab20")(range(20))))
    for name, some in lines.items():
        ordered = sorted(some, key=lambda row: row.nodes)
        axes.plot([row.nodes for row in ordered], [value(row) for row in ordered], marker="o", label=name)
    axes.set(xscale="log", yscale="log", xlabel="nodes", ylabel=title)
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=7, loc="center left", bbox_to_anchor=(1.0, 0.5))
    figure.savefig(file, metadata={"Date": None})
    pyplot.close(figure)
    return file
