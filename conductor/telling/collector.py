"""Collects the metrics of a worker, and those of its nodes by driver."""

import asyncio
import concurrent.futures
import contextlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from podium import states
from podium.clocks import boottime
from podium.conductor.fleet.fleet import Fleet
from podium.conductor.rooms.room import DriverRoom
from podium.conductor.rooms.sql import Sql
from podium.conductor.telling.fleet_metrics import of_fleet
from podium.conductor.telling.fleet_watch import FleetWatch
from podium.conductor.telling.notification_metrics import of_notifications
from podium.conductor.telling.power_metrics import of_power
from podium.conductor.telling.statistics import Statistics
from podium.conductor.telling.task_metrics import of_tasks
from podium.db.conductors import TaskReport

#: Seconds that the conductor's loop may take to report its tasks.
_PATIENCE: Final = 5.0
#: The label for a power state that was never read.
_UNKNOWN: Final = "unknown"
_HEALTHS: Final = ("OK", "Warning", "Critical", _UNKNOWN)


class ConductorCollector(Collector):
    """Collects all metrics of one worker whenever they are read, in the reader's thread.

    :param loop: the conductor's loop, in which ``reports`` is called
    :param reports: returns the reports of the periodic tasks
    """

    def __init__(
        self,
        *,
        loop: asyncio.AbstractEventLoop,
        reports: Callable[[], list[TaskReport]],
        fleet: Fleet,
        rooms: Mapping[str, DriverRoom],
        statistics: Statistics,
        fleet_watch: FleetWatch,
        sql: Sql,
        now: Callable[[], float] = boottime,
    ) -> None:
        self._loop = loop
        self._task_reports = reports
        self._fleet = fleet
        self._rooms = rooms
        self._statistics = statistics
        self._fleet_watch = fleet_watch
        self._sql = sql
        self._now = now

    def collect(self) -> Iterable[Metric]:
        """All metrics. Those of tasks are missing, rather than old, if the conductor's loop is blocked."""
        with contextlib.suppress(TimeoutError, RuntimeError):  # RuntimeError: the loop has ended
            yield from of_tasks(self._reports())
        yield from self._of_drivers()
        figures = self._statistics.figures()
        yield from of_power(figures)
        yield from of_notifications(figures.notifications)
        seen = self._fleet_watch.seen
        if seen is not None:
            yield from of_fleet(seen)
        yield GaugeMetricFamily(
            "podium_database_up", "Whether the last statement reached the database", float(self._sql.up)
        )

    def _reports(self) -> list[TaskReport]:
        reports: concurrent.futures.Future[list[TaskReport]] = concurrent.futures.Future()
        self._loop.call_soon_threadsafe(lambda: reports.set_result(self._task_reports()))
        return reports.result(_PATIENCE)

    def _of_drivers(self) -> Iterator[Metric]:
        count = GaugeMetricFamily(
            "podium_nodes",
            "Nodes of this conductor, by the power state read last",
            labels=("driver", "power_state"),
        )
        health = GaugeMetricFamily(
            "podium_node_health",
            "Nodes of this conductor, by their health as long as its report is not outdated",
            labels=("driver", "status"),
        )
        failing = _by_driver("podium_nodes_failing", "Nodes whose last read of the power failed")
        lost = _by_driver("podium_driver_lost_threads", "Calls of plain methods given up that did not return")
        stalled = _by_driver("podium_driver_stalled", "Whether one step holds up the driver's event loop")
        for driver, room in self._rooms.items():
            entries = self._fleet.entries(driver)
            found = Counter(entry.node.power_state or _UNKNOWN for entry in entries)
            for state in sorted({*found, *states.READINGS, _UNKNOWN}):
                count.add_metric([driver, state], found[state])
            now = self._now()
            fare = Counter((entry.fare.at(now) or {}).get("status") for entry in entries)
            for status in _HEALTHS[:-1]:
                health.add_metric([driver, status], fare.pop(status, 0))
            health.add_metric([driver, _UNKNOWN], fare.total())
            failing.add_metric([driver], sum(entry.reads.failures > 0 for entry in entries))
            lost.add_metric([driver], room.lost)
            stalled.add_metric([driver], room.stalled)
        yield from (count, health, failing, lost, stalled)


def _by_driver(name: str, text: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, labels=("driver",))
