"""Starts the runs of a periodic task when PeriodicTasks calls it, never two at once, and ends late runs.

oslo.service calls the due tasks one after another in one thread. A PeriodicJob returns at once: its run
continues elsewhere, such as in the driver's room. Only the thread of the conductor's loop uses the job, so it
needs no lock.
"""

import asyncio
import concurrent.futures
import contextlib
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, Protocol

from oslo_context.context import RequestContext
from oslo_log import log
from oslo_service import periodic_task

from podium import errors
from podium.conductor.fleet.entry import Entry
from podium.conductor.rooms import context as contexts
from podium.conductor.rooms.mailbox import Mailbox
from podium.conductor.rooms.run import Run
from podium.conductor.tasks.by_hand import ByHand, Done
from podium.conductor.tasks.history import TaskHistory
from podium.conductor.tasks.kinds import Kind, Start
from podium.conductor.tasks.schedule import Schedule
from podium.db.conductors import TaskReport
from podium.db.models import utcnow
from podium.drivers.context import RunContext
from podium.library_internals import OwnTask

LOG = log.getLogger(__name__)


class Timers(Protocol):
    """The part of the conductor's event loop that a job uses."""

    def time(self) -> float: ...
    def call_later(self, delay: float, callback: Callable[[], Any]) -> asyncio.TimerHandle: ...
    def call_soon(self, callback: Callable[[], Any]) -> Any: ...
    def post(self, callback: Callable[[], Any]) -> Any: ...


class LoopTimers:
    """The timers of an event loop. Only ``post`` may be called from other threads."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.time = loop.time
        self.call_later = loop.call_later
        self.call_soon = loop.call_soon
        self.post = Mailbox(loop).post


class PeriodicJob(OwnTask):
    """A periodic task for PeriodicTasks.

    :param kind: the task
    :param now: the database's clock
    :param manager: the manager that the task receives, by default the one that calls the job
    """

    def __init__(
        self,
        kind: Kind,
        timers: Timers,
        *,
        now: Callable[[], datetime] = utcnow,
        manager: object = None,
    ) -> None:
        self.kind = kind
        self.name = kind.name
        # PeriodicTasks uses this clock.
        self.first_run = None if kind.task.run_immediately else periodic_task.now()
        self._history = TaskHistory(kind.name, kind.scrubbed, slows_down=kind.slows_down)
        self._by_hand = ByHand(kind.name, timers, kind.scrubbed)
        self._timers = timers
        self._manager = manager
        self._now = now
        self._run: Run | None = None
        self._called = False
        self._request = contexts.new()
        self._expiry: asyncio.TimerHandle | None = None
        self._started = 0.0
        self._done: Done | None = None

    def configure(self, schedule: Schedule, *, switched_off: bool = False) -> None:
        """Apply new values of the config file.

        A run under way keeps its deadline.

        :param switched_off: whether a user disabled the task
        """
        self.kind.apply(schedule)
        self.kind.switched_off = switched_off
        self._history.reschedule()

    @property
    def enabled(self) -> bool:
        """Whether the task runs when it is due."""
        return self.kind.enabled

    @property
    def interval(self) -> float:
        """Seconds from one run to the next: the spacing, or more while the task keeps failing."""
        return self.kind.spacing * self._history.slowed

    def __call__(self, manager: Any, context: RequestContext) -> None:
        """Start a run, unless the last run is still under way; never raise."""
        if self._is_busy:
            self._history.skip()
            return
        # After all due tasks have been called: PeriodicTasks lets other threads run after each call.
        self._called = True
        self._timers.call_soon(lambda: self._begin(manager, self.kind.start))

    def run_now(self, manager: Any, done: Done, node: str | None = None) -> None:
        """Start a run outside the schedule, even if the task is disabled. Its context is ``on_demand``.

        :param done: called at the end of the run with its error (or None) and its duration in seconds
        :param node: the UUID of the only node to run for, beside a run under way
        :raises podium.errors.PodiumError: the task does not run for this node, or is already running
        """
        if node is not None:
            start = self.kind.for_node(node)
            request = self._new_request(on_demand=True)
            self._by_hand.start(node, lambda: start(self._manager or manager, request, self.interval), done)
            return
        if self._run is not None and self._done is None and self.kind.hurry():
            self._done = done
            self._started = self._timers.time()
            self._history.begin_anew(self._now())
            return
        if self._is_busy:
            hint = "; --node runs it for a single node meanwhile" if self.kind.task.per_node else ""
            raise errors.PodiumError(f"{self.name} is running already{hint}")
        self._done = done
        self._begin(manager, self.kind.by_hand(), on_demand=True)

    def note_new(self, manager: Any, entries: Iterable[Entry]) -> None:
        """Note that this conductor has gained nodes of the task's driver."""
        self.kind.note_new(entries, self._manager or manager, self.interval)

    @property
    def _is_busy(self) -> bool:
        return self._run is not None or self._called

    def _begin(self, manager: Any, start: Start, *, on_demand: bool = False) -> None:
        self._called = False
        self._request = request = self._new_request(on_demand=on_demand)
        self._started = self._timers.time()
        self._history.begin(self._now())
        try:
            run = start(self._manager or manager, request, self.interval)
        except Exception as error:
            self._settle(error)
            return
        self._run = run
        limit = self.kind.deadline
        self._expiry = self._timers.call_later(limit, lambda: self._expire(limit))
        run.future.add_done_callback(self._post_end)

    def _new_request(self, *, on_demand: bool) -> RunContext:
        return contexts.new(on_demand=on_demand, task=self.name, spacing=self.interval)

    def resume(self, report: TaskReport) -> None:
        """Continue the counts of an earlier run of the daemon."""
        self._history.resume(report)

    def report(self) -> TaskReport:
        """The state and counts of the task."""
        return self._history.report(self.state, self.kind.spacing)

    def take_change(self) -> TaskReport | None:
        """The report, if it changed since the last call."""
        if self.kind.take_news():
            self._history.note_partial(self.kind.partial())
        changed, self._history.changed = self._history.changed, False
        return self.report() if changed else None

    @property
    def state(self) -> str:
        """``disabled``, ``running``, ``late`` (past its deadline), ``failing``, ``slowed`` or ``idle``."""
        if self._run is not None:
            return "late" if self._history.late else "running"
        return self._history.state if self.kind.enabled else "disabled"

    def cancel(self) -> "list[concurrent.futures.Future[Any]]":
        """Cancel the runs under way; return the futures of their ends."""
        ends = self._by_hand.cancel()
        if self._run is not None:
            self._run.cancel()
            ends.append(self._run.future)
        return ends

    def _post_end(self, future: "concurrent.futures.Future[Any]") -> None:
        with contextlib.suppress(RuntimeError):  # the conductor has ended
            self._timers.post(lambda: self._end(future))

    def _expire(self, limit: float) -> None:
        if self._run is None:
            return
        outcome = "cancelled" if self.kind.hears_cancel else "left alone in its thread until it ends"
        self._within_run(self._history.miss, TimeoutError(f"no end within {limit:g} s: {outcome}"))
        self._run.cancel()

    def _end(self, future: "concurrent.futures.Future[Any]") -> None:
        self._run = None
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None
        self._settle(future.exception())

    def _settle(self, error: BaseException | None) -> None:
        seconds = self._timers.time() - self._started
        before = self._history.slowed
        self._within_run(self._history.end, error, seconds, self.kind.partial() if error is None else None)
        if self._done is not None:
            done, self._done = self._done, None
            done(self._history.last_error, seconds)
        if self._history.slowed > before:
            self._within_run(
                LOG.warning,
                "Periodic task %s failed %d times in a row and now runs every %g s",
                self.name,
                self._history.failures_in_a_row,
                self.interval,
            )

    def _within_run(self, call: Callable[..., None], *args: Any) -> None:
        """Call a function so that its log lines have the request id of the run."""
        contexts.carrying(self._request).run(call, *args)
