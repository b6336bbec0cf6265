"""One registered periodic task: what PeriodicTasks calls, and what it only starts elsewhere.

oslo.service runs due tasks one after another in the calling thread. A PeriodicJob returns at once: its run
goes on in the driver's room, and everything about it (no overlap, deadline, statistics) is kept here, in the
thread of the conductor's own loop, so that no lock is needed.
"""

import asyncio
import concurrent.futures
import contextlib
import traceback
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final, Protocol

from oslo_context.context import RequestContext
from oslo_log import log
from oslo_service import periodic_task

from podium import errors
from podium.conductor.rooms import context as contexts
from podium.conductor.rooms.mailbox import Mailbox
from podium.conductor.rooms.room import Run
from podium.db.conductors import TaskReport
from podium.db.models import utcnow
from podium.pacing import Gaps

LOG = log.getLogger(__name__)

_SHORTEST_DEADLINE: Final = 10.0
#: Failures in a row from which a task is slowed, and how many times its spacing it waits then.
_PATIENCE: Final = 3
_SLOWER: Final = Gaps(2, 10)


class Timers(Protocol):
    """What a job needs of the conductor's event loop."""

    def time(self) -> float: ...
    def call_later(self, delay: float, callback: Callable[[], Any]) -> asyncio.TimerHandle: ...
    def call_soon(self, callback: Callable[[], Any]) -> Any: ...
    def post(self, callback: Callable[[], Any]) -> Any: ...


class LoopTimers:
    """An event loop's; ``post`` alone may be called from other threads."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.time = loop.time
        self.call_later = loop.call_later
        self.call_soon = loop.call_soon
        self.post = Mailbox(loop).post


class PeriodicJob:
    """A periodic task as PeriodicTasks knows it: a callable with the attributes that it reads.

    :param name: ``<driver>.<task>`` or ``conductor.<task>``
    :param start: starts a run with the manager and a context, and returns it
    :param spacing: seconds from one start to the next
    :param deadline: seconds that a run may take; None for the spacing, but at least 10
    :param hears_cancel: whether a cancelled run can end by itself (async), or is left alone (plain)
    :param slows_down: whether a task that goes on failing is run less often
    :param partial: tells after a run what went wrong with parts of it
    :param on_spacing: called with the name and the seconds when the task is to run more or less often
    """

    _periodic_task = True
    _periodic_external_ok = False

    def __init__(
        self,
        name: str,
        start: Callable[[Any, RequestContext], Run],
        *,
        timers: Timers,
        spacing: float,
        deadline: float | None = None,
        run_immediately: bool = False,
        enabled: bool = True,
        hears_cancel: bool = True,
        slows_down: bool = False,
        partial: Callable[[], str | None] = lambda: None,
        on_spacing: Callable[[str, float], None] = lambda name, spacing: None,
        now: Callable[[], datetime] = utcnow,
    ) -> None:
        self._periodic_name = name
        # PeriodicTasks measures with this very clock; the decorator of oslo.service would have
        # taken the time of import.
        self._periodic_last_run = None if run_immediately else periodic_task.now()
        self.name = name
        self.declared_spacing = spacing
        self.declared_deadline = deadline
        self.declared_enabled = enabled
        self._slows_down = slows_down
        self._partial = partial
        self._on_spacing = on_spacing
        self._in_a_row = 0
        self._done: Callable[[str | None, float], None] | None = None
        self.configure(spacing=spacing, deadline=deadline, enabled=enabled)
        self._start = start
        self._timers = timers
        self._now = now
        self._hears_cancel = hears_cancel
        self._run: Run | None = None
        self._called = False
        self._request: RequestContext | None = None
        self._expiry: asyncio.TimerHandle | None = None
        self._started = 0.0
        self._missed = False
        self._complaint: object = None
        self._last_run: datetime | None = None
        self._duration: float | None = None
        self._runs = self._failures = self._skipped = self._misses = 0
        self._last_error: str | None = None

    def configure(self, *, spacing: float, deadline: float | None, enabled: bool) -> None:
        """Take over what the config file says; a run under way keeps the deadline that it began with."""
        self._periodic_spacing = spacing
        self._periodic_enabled = enabled
        self.deadline = deadline or max(spacing, _SHORTEST_DEADLINE)
        self._in_a_row = 0
        self.changed = True

    @property
    def slowed(self) -> int:
        """How many times its spacing the task waits, because it goes on failing: 1 when it does not."""
        if not self._slows_down or self._in_a_row < _PATIENCE:
            return 1
        return int(_SLOWER[self._in_a_row - _PATIENCE])

    def __call__(self, manager: Any, context: RequestContext) -> None:
        """Start a run, unless the last one is still under way; never raises."""
        if self._run is not None or self._called:
            self._skipped += 1
            self.changed = True
            return
        # Not before all that are due have been called: PeriodicTasks lets other threads run after each.
        self._called = True
        self._timers.call_soon(lambda: self._begin(manager, self._start))

    def run_now(
        self,
        manager: Any,
        done: Callable[[str | None, float], None],
        start: Callable[[Any, RequestContext], Run] | None = None,
    ) -> bool:
        """Start a run out of turn, which its context calls ``on_demand``; False when one is under way.

        :param done: called at its end with why it failed, or None, and the seconds that it took
        :param start: what starts it, if not the usual
        """
        if self._run is not None or self._called:
            return False
        self._done = done
        self._begin(manager, start or self._start, on_demand=True)
        return True

    def join(self, done: Callable[[str | None, float], None]) -> bool:
        """Take the run under way for one that begins now; False when there is none, or someone waits for it.

        :param done: as in :meth:`run_now`
        """
        if self._run is None or self._done is not None:
            return False
        self._done = done
        self._started, self._last_run = self._timers.time(), self._now()
        return True

    def _begin(
        self, manager: Any, start: Callable[[Any, RequestContext], Run], *, on_demand: bool = False
    ) -> None:
        self._called = False
        request = contexts.new(on_demand=on_demand)
        self._started, self._last_run, self._missed = self._timers.time(), self._now(), False
        self._request = request
        self.changed = True
        try:
            run = start(manager, request)
        except Exception as error:
            self._settle(error)
            return
        self._run = run
        limit = self.deadline
        self._expiry = self._timers.call_later(limit, lambda: self._expire(limit))
        run.future.add_done_callback(self._tell)

    def resume(self, report: TaskReport) -> None:
        """Go on counting where an earlier run of the daemon stopped."""
        self._runs, self._failures = report.runs, report.failures
        self._skipped, self._misses = report.skipped, report.deadline_misses
        self._last_run, self._duration, self._last_error = report.last_run, report.duration, report.last_error

    def report(self) -> TaskReport:
        """How the task fares."""
        return TaskReport(
            task=self.name,
            state=self.state,
            spacing=self._periodic_spacing,
            last_run=self._last_run,
            duration=self._duration,
            runs=self._runs,
            failures=self._failures,
            skipped=self._skipped,
            deadline_misses=self._misses,
            last_error=self._last_error,
        )

    @property
    def state(self) -> str:
        """``disabled``, ``running``, ``late`` (past its deadline), ``failing``, ``slowed`` or ``idle``."""
        if self._run is not None:
            return "late" if self._missed else "running"
        if not self._periodic_enabled:
            return "disabled"
        if self._complaint is None:
            return "idle"
        return "failing" if self.slowed == 1 else "slowed"

    def cancel(self) -> "concurrent.futures.Future[Any] | None":
        """Ask a run under way to end; what tells when it has."""
        if self._run is None:
            return None
        self._run.cancel()
        return self._run.future

    def _tell(self, future: "concurrent.futures.Future[Any]") -> None:
        with contextlib.suppress(RuntimeError):  # the conductor has ended
            self._timers.post(lambda: self._end(future))

    def _expire(self, limit: float) -> None:
        if self._run is None:
            return
        self._missed = True
        self._misses += 1
        self.changed = True
        done = "cancelled" if self._hears_cancel else "left alone in its thread until it ends"
        self._complain(TimeoutError(f"no end within {limit:g} s: {done}"), "deadline")
        self._run.cancel()

    def _end(self, future: "concurrent.futures.Future[Any]") -> None:
        self._run = None
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None
        self._settle(future.exception())

    def _settle(self, error: BaseException | None) -> None:
        self._runs += 1
        self._duration = self._timers.time() - self._started
        self.changed = True
        before = self.slowed
        self._judge(error)
        if self._done is not None:
            done, self._done = self._done, None
            done(self._last_error, self._duration)
        if self.slowed != before:
            self._on_spacing(self.name, self._periodic_spacing * self.slowed)
            if self.slowed > before:
                self._log(
                    LOG.warning,
                    "Periodic task %s failed %d times in a row and now runs every %g s",
                    self.name,
                    self._in_a_row,
                    self._periodic_spacing * self.slowed,
                )

    def _judge(self, error: BaseException | None) -> None:
        """Count how a run ended."""
        if self._missed:
            self._failures += 1
            self._in_a_row += 1
        elif isinstance(error, concurrent.futures.CancelledError):
            pass  # the daemon stops, or the task was taken off: no fault of the task
        elif error is not None:
            self._failures += 1
            self._in_a_row += 1
            place = traceback.extract_tb(error.__traceback__)[-1:]
            self._complain(error, (type(error), *((one.filename, one.lineno) for one in place)))
        else:
            self._in_a_row = 0
            self._last_error = self._partial()
            if self._complaint is not None:
                self._complaint = None
                self._log(LOG.info, "Periodic task %s succeeds again", self.name)

    def _complain(self, error: BaseException, kind: object) -> None:
        """Count an error; log it when it is another than the last run's."""
        self._last_error = errors.one_line(error)
        if kind == self._complaint:
            return
        self._complaint = kind
        trace = None if error.__traceback__ is None else (type(error), error, error.__traceback__)
        self._log(LOG.error, "Periodic task %s failed: %s", self.name, self._last_error, exc_info=trace)

    def _log(self, write: Callable[..., None], *args: Any, **kwargs: Any) -> None:
        if self._request is not None:
            contexts.carrying(self._request).run(write, *args, **kwargs)
