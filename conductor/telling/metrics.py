"""What `podium task list` tells, and how the conductor itself fares, for Prometheus to read over HTTP.

prometheus-client writes the exposition format, with its rules for names, escapes and content types, and reads
the process's own figures. Its own server starts a thread for every connection, without a bound and without a
timeout; the one here answers one reader at a time, and compresses no harder than is worth the CPU time.
"""

import asyncio
import concurrent.futures
import contextlib
import socket
import threading
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, Self
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from oslo_log import log
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder, gzip_accepted
from prometheus_client.registry import Collector

from podium import errors, states
from podium.conductor.fleet.fleet import Fleet
from podium.conductor.rooms.room import DriverRoom
from podium.conductor.rooms.sql import Sql
from podium.conductor.telling.notifications import of_notifications
from podium.conductor.telling.power_metrics import of_power
from podium.conductor.telling.statistics import Statistics
from podium.db.conductors import TaskReport

LOG = log.getLogger(__name__)

#: Seconds that the conductor's loop may take to tell of its tasks.
_PATIENCE: Final = 5.0
#: Seconds that a reader has for its request and the answer.
_LONGEST_READ: Final = 5.0
_TASK: Final = ("task", "driver")
_TASK_STATES: Final = ("idle", "running", "late", "failing", "slowed", "disabled")
_COUNTS: Final = {
    "runs": "Runs that ended",
    "failures": "Runs that failed or missed their deadline",
    "skipped": "Runs left out because the one before was still under way",
    "deadline_misses": "Runs that were past their deadline",
}
#: A power state that was never read has no word of its own.
_UNKNOWN: Final = "unknown"
_HEALTHS: Final = ("OK", "Warning", "Critical", _UNKNOWN)
#: What ends a text in the OpenMetrics format.
_END: Final = b"# EOF\n"


class ConductorCollector(Collector):
    """Everything that one conductor tells, gathered when it is asked for, in the thread of whoever asks.

    :param loop: the conductor's own, in which the reports are asked for
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
        sql: Sql,
    ) -> None:
        self._loop = loop
        self._task_reports = reports
        self._fleet = fleet
        self._rooms = rooms
        self._statistics = statistics
        self._sql = sql

    def collect(self) -> Iterable[Metric]:
        """Every metric; those of tasks are missing, rather than old, when the conductor's loop is stuck."""
        with contextlib.suppress(TimeoutError, RuntimeError):  # RuntimeError: the loop has ended
            yield from _of_tasks(self._reports())
        yield from self._of_drivers()
        figures = self._statistics.figures()
        yield from of_power(figures)
        yield from of_notifications(figures.notifications)
        yield GaugeMetricFamily(
            "podium_database_up", "Whether the last statement reached the database", float(self._sql.up)
        )

    def _reports(self) -> list[TaskReport]:
        told: concurrent.futures.Future[list[TaskReport]] = concurrent.futures.Future()
        self._loop.call_soon_threadsafe(lambda: told.set_result(self._task_reports()))
        return told.result(_PATIENCE)

    def _of_drivers(self) -> Iterator[Metric]:
        count = GaugeMetricFamily(
            "podium_nodes",
            "Nodes of this conductor, by the power state read last",
            labels=("driver", "power_state"),
        )
        health = GaugeMetricFamily(
            "podium_node_health",
            "Nodes of this conductor, by the health reported last",
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
            fare = Counter((entry.health or {}).get("status") for entry in entries)
            for status in _HEALTHS[:-1]:
                health.add_metric([driver, status], fare.pop(status, 0))
            health.add_metric([driver, _UNKNOWN], fare.total())
            failing.add_metric([driver], sum(entry.reads.failures > 0 for entry in entries))
            lost.add_metric([driver], room.threads.lost)
            stalled.add_metric([driver], room.stalled)
        yield from (count, health, failing, lost, stalled)


def _by_driver(name: str, text: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, labels=("driver",))


def _of_tasks(reports: Iterable[TaskReport]) -> Iterator[Metric]:
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


class MetricsServer:
    """Serves what a collector gathers, and the process's own metrics, from a thread: ``async with``.

    :param host: a name or an address to listen at
    :param port: 0 for a free one, which ``port`` tells afterwards
    :param more: tells gauges in the text format that no collector gathers
    """

    def __init__(
        self, host: str, port: int, collector: Collector, more: Callable[[], Iterable[str]] = lambda: ()
    ) -> None:
        self.host = host
        self.port = port
        self._more = more
        # Not the global registry, which any library in this process may write to.
        self._registry = CollectorRegistry()
        self._registry.register(collector)
        ProcessCollector(registry=self._registry)

    async def __aenter__(self) -> Self:
        """:raises podium.errors.ConfigError: when it cannot listen there"""
        try:
            self._server = await asyncio.to_thread(_Server, self.host, self.port)
        except OSError as fault:
            place = f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"
            raise errors.ConfigError(
                f"[metrics] listen = {place} cannot be used: {fault.strerror}; name another address or port"
            ) from None
        self.port = self._server.server_port
        self._server.set_app(self._answer)
        self._thread = threading.Thread(target=self._server.serve_forever, name="metrics", daemon=True)
        self._thread.start()
        LOG.info("Metrics are served at %s port %d", self.host, self.port)
        return self

    def _answer(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] != "GET":
            start_response("405 Method Not Allowed", [("Allow", "GET")])
            return ()
        encode, kind = choose_encoder(environ.get("HTTP_ACCEPT", ""))
        headers, pieces = [("Content-Type", kind)], self._pieces(encode(self._registry))
        if gzip_accepted(environ.get("HTTP_ACCEPT_ENCODING", "")):
            headers.append(("Content-Encoding", "gzip"))
            pieces = _compressed(pieces)
        start_response("200 OK", headers)
        return pieces

    def _pieces(self, text: bytes) -> Iterator[bytes]:
        yield text.removesuffix(_END)
        for piece in self._more():
            yield piece.encode(errors="replace")  # BMCs name things as they like
        if text.endswith(_END):
            yield _END

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _compressed(pieces: Iterable[bytes]) -> Iterator[bytes]:
    stream = zlib.compressobj(1, wbits=zlib.MAX_WBITS | 16)  # with the head and the tail of gzip
    for piece in pieces:
        yield stream.compress(piece)
    yield stream.flush()


class _Handler(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """A line for every read would drown the log."""


class _Server(WSGIServer):
    def __init__(self, host: str, port: int) -> None:
        found: list[Any] = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        self.address_family, _, _, _, address = found[0]
        super().__init__(address, _Handler)

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Answer one reader, and break off one that is slow: the others wait meanwhile."""
        breaking_off = threading.Timer(_LONGEST_READ, _break_off, [request])
        breaking_off.daemon = True
        breaking_off.start()
        try:
            super().finish_request(request, client_address)
        finally:
            breaking_off.cancel()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A reader that goes away is nothing to tell of."""


def _break_off(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):  # it has ended already
        connection.shutdown(socket.SHUT_RDWR)
