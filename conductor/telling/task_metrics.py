"""The metrics of periodic tasks."""

from collections.abc import Iterable, Iterator
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from podium.db.conductors import TaskReport

_TASK: Final = ("task", "driver")
_TASK_STATES: Final = ("idle", "running", "late", "failing", "slowed", "disabled")
_COUNTS: Final = {
    "runs": "Runs that ended",
    "failures": "Runs that failed or missed their deadline",
    "skipped": "Runs left out because the one before was still under way",
    "deadline_misses": "Runs that were past their deadline",
}


def of_tasks(reports: Iterable[TaskReport]) -> Iterator[Metric]:
    """Metrics of tasks, from their reports."""
    counts = {
        field: CounterMetricFamily(f"podium_task_{field}", text, labels=_TASK)
        for field, text in _COUNTS.items()
    }
    last_run = GaugeMetricFamily(
        "podium_task_last_run_timestamp_seconds", "When the last run began, in Unix time", labels=_TASK
    )
    duration = GaugeMetricFamily(
        "podium_task_last_duration_seconds", "How long the last run took", labels=_TASK
    )
    spacing = GaugeMetricFamily(
        "podium_task_spacing_seconds", "From one start to the next, as it is configured", labels=_TASK
    )
    state = GaugeMetricFamily(
        "podium_task_state", "1 for the state that the task is in", labels=(*_TASK, "state")
    )
    for report in reports:
        labels = [report.task, report.task.partition(".")[0]]
        for field, family in counts.items():
            family.add_metric(labels, getattr(report, field))
        if report.last_run is not None:
            last_run.add_metric(labels, report.last_run.timestamp())
        if report.duration is not None:
            duration.add_metric(labels, report.duration)
        spacing.add_metric(labels, report.spacing)
        for name in _TASK_STATES:
            state.add_metric([*labels, name], report.state == name)
    yield from (*counts.values(), last_run, duration, spacing, state)
