"""The history of a periodic task's runs: counts, the last error, and how far a failing task is slowed down.

An error is logged when it is new, and once more when the task succeeds again.
"""

import concurrent.futures
import traceback
from collections.abc import Callable
from datetime import datetime
from typing import Final

from oslo_log import log

from podium import errors, masking
from podium.conductor.rooms.places import NotAsked
from podium.db.conductors import TaskReport
from podium.pacing import Gaps

LOG = log.getLogger(__name__)

#: The number of consecutive failures after which a task is slowed down, and the factors for its spacing.
_PATIENCE: Final = 3
_SLOWER: Final = Gaps(2, 10)


class LoggedBefore(errors.PodiumError):
    """An error whose parts were logged where they happened."""


class TaskHistory:
    """The history of one task, kept by the thread of the conductor's loop.

    :param scrubbed: returns the text of an error without secrets
    :param slows_down: whether the task runs less often while it keeps failing
    """

    def __init__(self, name: str, scrubbed: Callable[[str], str], *, slows_down: bool) -> None:
        self._name = name
        self._scrubbed = scrubbed
        self._slows_down = slows_down
        #: Whether the report differs from the last one written.
        self.changed = True
        #: Whether the run under way is past its deadline.
        self.late = False
        self.failures_in_a_row = 0
        self.last_error: str | None = None
        self._complaint: object = None
        self._is_logged = False  # whether a complaint was logged since the last success
        self._last_run: datetime | None = None
        self._duration: float | None = None
        self._runs = self._failures = self._skipped = self._misses = 0

    @property
    def slowed(self) -> int:
        """The factor by which the task's spacing is extended: 1 unless it keeps failing."""
        if not self._slows_down or self.failures_in_a_row < _PATIENCE:
            return 1
        return int(_SLOWER[self.failures_in_a_row - _PATIENCE])

    @property
    def state(self) -> str:
        """``failing``, ``slowed`` (failing and run less often) or ``idle``, between two runs."""
        if self._complaint is None:
            return "idle"
        return "failing" if self.slowed == 1 else "slowed"

    def resume(self, report: TaskReport) -> None:
        """Continue the counts of an earlier run of the daemon."""
        self._runs, self._failures = report.runs, report.failures
        self._skipped, self._misses = report.skipped, report.deadline_misses
        self._last_run, self._duration, self.last_error = report.last_run, report.duration, report.last_error

    def report(self, state: str, spacing: float) -> TaskReport:
        """The task's row for the database, with its present state and spacing."""
        return TaskReport(
            task=self._name,
            state=state,
            spacing=spacing,
            last_run=self._last_run,
            duration=self._duration,
            runs=self._runs,
            failures=self._failures,
            skipped=self._skipped,
            deadline_misses=self._misses,
            last_error=self.last_error,
        )

    def reschedule(self) -> None:
        """Note that the task's schedule was set again: a slowed task returns to its spacing."""
        self.failures_in_a_row = 0
        self.changed = True

    def skip(self) -> None:
        """Count a run that was due while the last one was under way."""
        self._skipped += 1
        self.changed = True

    def begin(self, at: datetime) -> None:
        """Note that a run begins."""
        self._last_run, self.late = at, False
        self.changed = True

    def begin_anew(self, at: datetime) -> None:
        """Note that the run under way counts as a new run from now on."""
        self._last_run = at

    def miss(self, error: TimeoutError) -> None:
        """Count a run that is past its deadline."""
        self.late = True
        self._misses += 1
        self.changed = True
        self._complain(error, "deadline")

    def end(self, error: BaseException | None, seconds: float, partial: str | None) -> None:
        """Count a run that has ended.

        :param seconds: how long it took
        :param partial: the error to show for a run that succeeded, but not in all its parts
        """
        self._runs += 1
        self._duration = seconds
        self.changed = True
        if self.late:
            self._fail()
            if isinstance(error, NotAsked):  # not known yet at the deadline
                self._complain(error, NotAsked)
        elif isinstance(error, concurrent.futures.CancelledError):
            pass  # the daemon is stopping: not a failure of the task
        elif error is not None:
            self._fail()
            place = traceback.extract_tb(error.__traceback__)[-1:]
            self._complain(error, (type(error), *((one.filename, one.lineno) for one in place)))
        else:
            self.failures_in_a_row = 0
            self.last_error = partial
            self._complaint = None
            if self._is_logged:
                self._is_logged = False
                LOG.info("Periodic task %s succeeds again", self._name)

    def note_partial(self, partial: str | None) -> None:
        """Note how calls outside a run have changed the partial error of a successful run."""
        if self._complaint is None:
            self.last_error = partial
            self.changed = True

    def _fail(self) -> None:
        self._failures += 1
        self.failures_in_a_row += 1

    def _complain(self, error: BaseException, kind: object) -> None:
        """Keep an error, and log it unless the previous error was of the same kind."""
        self.last_error = errors.one_line(error, self._scrubbed)
        if kind == self._complaint:
            return
        self._complaint = kind
        if isinstance(error, LoggedBefore):
            return
        self._is_logged = True
        trace = None if error.__traceback__ is None else masking.for_log(error, self._scrubbed)
        LOG.error("Periodic task %s failed: %s", self._name, self.last_error, exc_info=trace)
