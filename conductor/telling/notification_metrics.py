"""The metrics of notifications."""

from collections.abc import Iterator, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from podium.db.figures import SinkFigures


def of_notifications(sinks: Mapping[str, SinkFigures]) -> Iterator[Metric]:
    """Metrics of the sinks, by their names."""
    delivered = CounterMetricFamily("podium_notifications_delivered", "Events a sink took", labels=("sink",))
    left_out = CounterMetricFamily(
        "podium_notifications_left_out", "Events a sink is not to get", labels=("sink",)
    )
    pending = _by_sink("podium_notifications_pending", "Events that a sink has still to take")
    set_aside = _by_sink(
        "podium_notifications_set_aside", "Events that a sink refused for an hour, and does not get"
    )
    failing = _by_sink("podium_notifications_failing", "Whether a sink does not take events")
    for sink, figures in sinks.items():
        delivered.add_metric([sink], figures.delivered)
        left_out.add_metric([sink], figures.left_out)
        pending.add_metric([sink], figures.pending)
        set_aside.add_metric([sink], figures.set_aside)
        failing.add_metric([sink], figures.failing)
    yield from (delivered, left_out, pending, set_aside, failing)


def _by_sink(name: str, text: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, labels=("sink",))
