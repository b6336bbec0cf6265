"""The metrics of the whole fleet, which one member serves: see podium.conductor.telling.fleet_watch."""

from collections.abc import Iterator
from typing import Final

from prometheus_client.core import GaugeMetricFamily, Metric

from podium.conductor.telling.fleet_watch import Seen
from podium.db.fleet_figures import UNREAD_KINDS, FleetFigures
from podium.db.member_figures import MemberFigures

#: Figures of the fleet, by their field in FleetFigures.
_FLEET: Final = {
    "nodes": ("podium_fleet_nodes", "All nodes"),
    "in_maintenance": ("podium_fleet_nodes_in_maintenance", "All nodes in maintenance"),
    "unreadable": (
        "podium_fleet_nodes_unreadable",
        "All nodes in maintenance because their power cannot be read",
    ),
    "never_read": ("podium_fleet_nodes_never_read", "All nodes whose power was never read"),
    "failing": ("podium_fleet_nodes_failing", "All nodes whose last read of the power failed"),
    "unowned": ("podium_fleet_nodes_unowned", "Nodes that no living conductor owns"),
    "held_by_ended": (
        "podium_fleet_nodes_held_by_ended",
        "Nodes that a conductor which has ended has reserved",
    ),
    "fresh_share": (
        "podium_fleet_fresh_share",
        "Share of all nodes whose reading is no older than [conductor] power_state_max_age",
    ),
    "oldest": ("podium_fleet_oldest_reading_seconds", "Age of the oldest reading of a node that is read"),
}


def of_fleet(seen: Seen) -> Iterator[Metric]:
    """Metrics of all nodes and members."""
    yield from _of_nodes(seen.fleet)
    yield from _of_members(seen.members)
    short = GaugeMetricFamily(
        "podium_fleet_short",
        "Whether the conductors of a group could not carry its load without one of them",
        labels=("conductor_group",),
    )
    for one in seen.shortages:
        short.add_metric([one.group], 1)
    yield short


def _of_nodes(figures: FleetFigures) -> Iterator[Metric]:
    for field, (name, text) in _FLEET.items():
        value = getattr(figures, field)
        if value is not None:
            yield GaugeMetricFamily(name, text, value)
    unread = GaugeMetricFamily(
        "podium_fleet_nodes_unread",
        "Nodes that were not read for longer than [conductor] power_state_max_age, by reason",
        labels=("reason",),
    )
    for kind in UNREAD_KINDS:
        unread.add_metric([kind], sum(one.nodes for one in figures.unread if one.kind == kind))
    yield unread


def _of_members(figures: MemberFigures) -> Iterator[Metric]:
    members = GaugeMetricFamily("podium_fleet_members", "Workers that have not ended", labels=("host",))
    for host, count in figures.by_host.items():
        members.add_metric([host], count)
    yield members
    ages = GaugeMetricFamily(
        "podium_fleet_lease_age_seconds", "Time since the last heartbeat", labels=("host", "worker")
    )
    for worker, age in figures.lease_ages.items():
        ages.add_metric([worker.host, str(worker.index)], age)
    yield ages
    yield GaugeMetricFamily(
        "podium_fleet_members_evicted", "Workers that others ended within the last hour", figures.evicted
    )
    yield GaugeMetricFamily(
        "podium_fleet_generation", "How often nodes were given to other workers", figures.generation
    )
    yield GaugeMetricFamily(
        "podium_fleet_pending_acknowledgements",
        "Workers that have not given up yet what the newest generation takes from them",
        figures.pending,
    )
    differs = GaugeMetricFamily(
        "podium_fleet_differs", "Whether conductors differ in what they should share", labels=("what",)
    )
    for what, values in (("version", figures.versions), ("options", figures.fingerprints)):
        differs.add_metric([what], len({*values.values()}) > 1)
    yield differs
