"""Podium's goals, compared with the measured figures."""

from collections.abc import Sequence

import podium_rows as podium
import redfish_rows
import tools
from results import Found, Goal, Row, find

IPMIPOWER = "ipmipower"
IRONIC = "Ironic, ipmitool"
IRONIC_FAKE = "Ironic, fake-hardware"
IRONIC_REDFISH = "Ironic, redfish"


def ipmi(found: Found) -> list[Goal]:
    """Return each goal that has a figure, with the figure of the largest fleet."""
    return [*_speed(found.rows), *_against_others(found), *_cost(found)]


def redfish(found: Found) -> list[Goal]:
    """Return the goals for Redfish, for reads with and without ETags."""
    ironic = find(found.rows, IRONIC_REDFISH, database="sqlite")
    goals = []
    for what in (redfish_rows.HELD, redfish_rows.WITHOUT_ETAGS):
        row = find(found.rows, what, database="sqlite")
        one_core = row.nodes / max(row.seconds, row.cpu) if row else None
        goals.append(Goal(f"{what}: reads of one core", 2000, one_core, "/s"))
        for peer in (find(found.rows, tools.SUSHY_CLOSED), find(found.rows, tools.SUSHY_KEPT)):
            if row and peer:
                cpu = row.cpu_each / peer.cpu_each
                goals.append(Goal(f"{what}: CPU per read against {peer.what}", 0.333, cpu, "×", at_most=True))
        goals.append(Goal(f"{what}: reads against Ironic", 1000, _ratio(row, ironic), "×"))
    each = found.held[-1].each / 1024 if found.held else None
    nodes = f"{found.held[-1].nodes:,}" if found.held else "all"
    goals.append(Goal(f"memory for each held BMC, {nodes} nodes", 64, each, " KiB", at_most=True))
    return goals


def _speed(rows: Sequence[Row]) -> list[Goal]:
    sizes = sorted({row.nodes for row in rows if row.what == podium.HELD})[-2:]
    held = [find(rows, podium.HELD, nodes, "sqlite") for nodes in sizes]
    goals = [
        Goal(f"held sessions, {nodes:,} nodes, SQLite", 8000, row.rate if row else None, " nodes/s")
        for nodes, row in zip(sizes, held, strict=True)
    ]
    if len(held) == 2:
        goals.append(Goal(f"{sizes[1]:,} nodes against {sizes[0]:,}", 0.8, _ratio(held[1], held[0]), "×"))
    largest = held[-1] if held else None
    for kind in ("postgresql", "mariadb"):
        other = find(rows, podium.HELD, largest.nodes, kind) if largest else None
        goals.append(Goal(f"held sessions, {kind} against SQLite", 0.6, _ratio(other, largest), "×"))
    return goals


def _against_others(found: Found) -> list[Goal]:
    rows = found.rows
    held = find(rows, podium.HELD, database="sqlite")
    cold = find(rows, podium.COLD, database="sqlite")
    tool = find(rows, IPMIPOWER, held.nodes if held else None)
    fake = find(found.fake, podium.FAKE, database="sqlite")
    goals = [
        Goal(
            "held sessions against Ironic with ipmitool",
            250,
            _ratio(held, find(rows, IRONIC, database="sqlite")),
            "×",
        ),
        Goal("held sessions against ipmipower", 3, _ratio(held, tool), "×"),
        Goal("cold sessions against ipmipower", 1.2, _ratio(cold, tool), "×"),
    ]
    for row in rows:
        if row.what.startswith("pyghmi") and not row.failure:
            found_ratio = held.cpu_each / row.cpu_each if held else None
            goals.append(Goal(f"CPU per read against {row.what}", 0.2, found_ratio, "×", at_most=True))
    ironic_fake = find(found.fake, IRONIC_FAKE, database="sqlite")
    goals.append(Goal("fake driver", 25_000, fake.rate if fake else None, " nodes/s"))
    goals.append(Goal("fake driver against Ironic's fake-hardware", 100, _ratio(fake, ironic_fake), "×"))
    return goals


def _cost(found: Found) -> list[Goal]:
    goals = []
    starts = [start for start in found.starts if start.database == "sqlite" and start.workers == 1]
    if starts:
        start = max(starts, key=lambda start: start.nodes)
        goals += [
            _at_most("podium node import", 60, start.enrol, " s"),
            _at_most("start until ready", 10, start.ready, " s"),
            _at_most("memory, sessions held", 700, start.memory / 1e6, " MB"),
        ]
    paced = {row.what: row for row in found.steady}
    if usual := paced.get(podium.PACED):
        goals.append(_at_most("paced: greatest age", 60, usual.oldest, " s"))
        goals.append(_at_most("paced: CPU of one core", 70, usual.cpu * 100, " %"))
        if dead := paced.get(podium.PACED_DEAD):
            goals.append(_at_most("paced, 10 % dead: median age", 1.2, dead.median / usual.median, "×"))
            goals.append(_at_most("paced, 10 % dead: greatest age", 1.2, dead.oldest / usual.oldest, "×"))
    if lossy := paced.get(podium.PACED_LOSSY):
        goals.append(_at_most("paced, 5 % loss: nodes taken for dead", 0, lossy.failing, ""))
    return goals


def _at_most(what: str, target: float, found: float, unit: str) -> Goal:
    return Goal(what, target, found, unit, at_most=True)


def _ratio(row: Row | None, other: Row | None) -> float | None:
    return row.rate / other.rate if row and other else None
