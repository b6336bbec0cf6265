"""The metrics of sweeps, enforcement and writing."""

from collections.abc import Iterator, Mapping
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from podium.db.figures import DriverFigures, EnforcementFigures, Figures

#: Gauges of a driver, by their field in DriverFigures.
_GAUGES: Final = {
    "reads_per_second": ("podium_power_reads_per_second", "Reads of the power a second, of late"),
    "sweep_duration": ("podium_sweep_duration_seconds", "How long the last sweep took"),
    "sweep_nodes": ("podium_sweep_nodes", "Nodes of the last sweep"),
    "in_flight": ("podium_reads_in_flight", "Reads under way that hold one of the driver's slots"),
    "lingering": ("podium_reads_lingering", "Reads of slow or dead nodes under way, which hold no slot"),
    "queued": ("podium_reads_queued", "Nodes that the sweep under way has still to read"),
    "retrying": ("podium_nodes_retrying", "Failing nodes, which are read at growing gaps"),
    "late": ("podium_sweep_late", "Whether the sweeps cannot keep their interval"),
}


def of_power(figures: Figures) -> Iterator[Metric]:
    """Metrics of freshness, sweeps and writing."""
    buckets = [("+Inf" if key == "inf" else key, count) for key, count in figures.age_buckets.items()]
    ages = HistogramMetricFamily(
        "podium_power_state_age_seconds", "Time since the power of each node was last read", labels=()
    )
    ages.add_metric([], buckets, figures.age_sum)
    yield ages
    yield GaugeMetricFamily(
        "podium_power_state_fresh_share",
        "Share of nodes whose reading is no older than [conductor] power_state_max_age",
        figures.fresh_share,
    )
    yield GaugeMetricFamily("podium_nodes_never_read", "Nodes whose power was never read", figures.never_read)
    yield from _of_drivers(figures.drivers)
    yield GaugeMetricFamily(
        "podium_nodes_unreadable",
        "Nodes in maintenance because their power cannot be read",
        figures.unreadable,
    )
    yield GaugeMetricFamily(
        "podium_networks_out_of_reach",
        "Networks in which this conductor can read nothing, while others can",
        figures.out_of_reach,
    )
    if figures.enforcement is not None:
        yield from _of_enforcement(figures.enforcement)
    queue = GaugeMetricFamily(
        "podium_recorder_queue", "Records that wait to be written to the database", labels=("kind",)
    )
    for kind, length in figures.queues.items():
        queue.add_metric([kind], length)
    yield queue
    yield GaugeMetricFamily(
        "podium_recorder_lag_seconds",
        "For how long the oldest reading has been waiting to be written",
        figures.write_lag,
    )
    load = GaugeMetricFamily("podium_load", "How busy the worker is: the part of what it has", labels=("of",))
    for of, part in figures.load.items():
        load.add_metric([of], part)
    yield load


def _of_enforcement(figures: EnforcementFigures) -> Iterator[Metric]:
    yield GaugeMetricFamily(
        "podium_enforcement_frozen",
        "Whether nothing is enforced, since too many nodes changed at once",
        figures.is_frozen,
    )
    yield CounterMetricFamily(
        "podium_enforced", "Nodes that were switched back to the wanted state", figures.enforced
    )
    waiting = GaugeMetricFamily(
        "podium_enforcement_nodes", "Nodes that differ and are left alone, by reason", labels=("reason",)
    )
    for reason in ("waiting", "unreachable", "frozen", "flapping", "dry_run"):
        waiting.add_metric([reason], getattr(figures, reason))
    yield waiting
    yield GaugeMetricFamily(
        "podium_nodes_disturbed",
        "Nodes that changed unasked or vanished within [conductor] enforce_correlated_window",
        figures.disturbed,
    )


def _of_drivers(drivers: Mapping[str, DriverFigures]) -> Iterator[Metric]:
    reads = CounterMetricFamily("podium_power_reads", "Reads of the power that ended", labels=("driver",))
    failures = CounterMetricFamily(
        "podium_power_read_failures", "Reads of the power that failed", labels=("driver", "kind")
    )
    own = GaugeMetricFamily("podium_driver_counter", "What a driver counts itself", labels=("driver", "name"))
    gauges = {key: GaugeMetricFamily(*words, labels=("driver",)) for key, words in _GAUGES.items()}
    for driver, figures in drivers.items():
        reads.add_metric([driver], figures.reads)
        for kind, count in figures.failures.items():
            failures.add_metric([driver, kind], count)
        for name, counter in figures.counters.items():
            own.add_metric([driver, name], counter)
        for key, family in gauges.items():
            if (value := getattr(figures, key)) is not None:
                family.add_metric([driver], value)
    yield from (reads, failures, own, *gauges.values())
