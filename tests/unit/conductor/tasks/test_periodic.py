import concurrent.futures
import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from fakes import Clock
from podium.conductor.rooms import context as contexts
from podium.conductor.rooms.places import NotAsked
from podium.conductor.rooms.run import Run
from podium.conductor.tasks.kinds import Kind
from podium.conductor.tasks.periodic import PeriodicJob
from podium.conductor.tasks.schedule import Schedule
from podium.db.conductors import TaskReport
from podium.drivers import base

NOW = datetime(2026, 1, 1, tzinfo=UTC)
NOTHING_SAID = Schedule(sync_interval=30, events_max_age=timedelta(days=1), events_max_count=1)


class Stage(Kind):
    """A task whose runs end when the test says so."""

    def __init__(self, spacing: float = 30, deadline: float | None = 20) -> None:
        task = base.PeriodicTask(
            name="check", spacing=spacing, run_immediately=False, deadline=deadline, enabled=True
        )
        super().__init__("acme", task, NOTHING_SAID)
        self.requests: list[Any] = []
        self.runs: list[concurrent.futures.Future[Any]] = []
        self.cancelled = 0

    def start(self, manager: object, request: Any, spacing: float) -> Run:
        future: concurrent.futures.Future[Any] = concurrent.futures.Future()
        self.requests.append(request)
        self.runs.append(future)
        return Run(future, self._cancel)

    def _cancel(self) -> None:
        self.cancelled += 1

    def end(self, error: Exception | None = None) -> None:
        if error is None:
            self.runs[-1].set_result(None)
            return
        try:
            raise error
        except Exception as raised:
            self.runs[-1].set_exception(raised)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.fixture
def job(clock: Clock, stage: Stage) -> PeriodicJob:
    return PeriodicJob(stage, clock, now=lambda: NOW)


def tick(job: PeriodicJob) -> None:
    job(object(), contexts.new())


def test_every_run_has_a_request_id_of_its_own(job: PeriodicJob, stage: Stage) -> None:
    tick(job)
    stage.end()
    tick(job)
    assert stage.requests[0].request_id != stage.requests[1].request_id


def test_a_tick_that_comes_during_a_run_is_skipped_and_counted(job: PeriodicJob, stage: Stage) -> None:
    tick(job)
    tick(job)
    tick(job)
    assert (len(stage.runs), job.report().skipped, job.state) == (1, 2, "running")


def test_the_report_tells_when_it_ran_for_how_long_and_how_often(
    job: PeriodicJob, stage: Stage, clock: Clock
) -> None:
    tick(job)
    clock.advance(3)
    stage.end()
    assert job.report() == TaskReport("acme.check", "idle", 30, NOW, 3.0, 1, 0, 0, 0, None)


def test_a_run_past_its_deadline_is_cancelled_and_counts_as_failed(
    job: PeriodicJob, stage: Stage, clock: Clock
) -> None:
    tick(job)
    clock.advance(21)
    assert (stage.cancelled, job.state) == (1, "late")
    stage.end(concurrent.futures.CancelledError())
    report = job.report()
    assert (report.state, report.failures, report.deadline_misses) == ("failing", 1, 1)
    assert report.last_error == "TimeoutError: no end within 20 s: cancelled"


def test_a_run_for_which_there_was_no_thread_until_its_deadline_is_told_as_not_asked(
    job: PeriodicJob, stage: Stage, clock: Clock
) -> None:
    tick(job)
    clock.advance(21)
    stage.end(NotAsked("driver acme had no thread for it"))
    report = job.report()
    assert (report.state, report.failures, report.deadline_misses) == ("failing", 1, 1)
    assert report.last_error == "not asked: driver acme had no thread for it"


def test_a_run_that_never_ends_is_not_started_a_second_time(
    job: PeriodicJob, stage: Stage, clock: Clock
) -> None:
    tick(job)
    clock.advance(1000)
    tick(job)
    assert (len(stage.runs), job.report().skipped) == (1, 1)


def test_a_run_that_ends_in_time_meets_no_deadline_later(
    job: PeriodicJob, stage: Stage, clock: Clock
) -> None:
    tick(job)
    stage.end()
    clock.advance(1000)
    assert (stage.cancelled, job.report().deadline_misses) == (0, 0)


def test_an_error_is_logged_with_its_traceback_once_and_once_more_when_it_is_gone(
    job: PeriodicJob, stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    for _ in range(3):
        tick(job)
        stage.end(ValueError("broken"))
    assert [(record.levelname, bool(record.exc_info)) for record in caplog.records] == [("ERROR", True)]
    assert (job.state, job.report().failures) == ("failing", 3)
    tick(job)
    stage.end()
    tick(job)
    stage.end()
    assert [record.getMessage() for record in caplog.records[1:]] == [
        "Periodic task acme.check succeeds again"
    ]
    assert (job.state, job.report().last_error) == ("idle", None)


def test_another_error_is_logged_again(
    job: PeriodicJob, stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    for error in (ValueError("one"), KeyError("two")):
        tick(job)
        stage.end(error)
    assert len(caplog.records) == 2


def test_a_task_that_cannot_even_start_has_failed_and_is_tried_again(clock: Clock) -> None:
    class Refused(Stage):
        def start(self, manager: object, request: Any, spacing: float) -> Run:
            raise RuntimeError("the room is not open")

    job = PeriodicJob(Refused(), clock)
    tick(job)
    tick(job)
    assert (job.report().failures, job.report().skipped) == (2, 0)


def test_a_run_cut_off_by_the_end_of_the_daemon_is_no_failure(job: PeriodicJob, stage: Stage) -> None:
    tick(job)
    job.cancel()
    stage.end(concurrent.futures.CancelledError())
    assert (stage.cancelled, job.state, job.report().failures) == (1, "idle", 0)


def test_counts_go_on_where_an_earlier_daemon_stopped(job: PeriodicJob, stage: Stage) -> None:
    job.resume(TaskReport("acme.check", "failing", 30, NOW, 1.0, 7, 3, 2, 1, "broken"))
    tick(job)
    stage.end()
    report = job.report()
    assert (report.runs, report.failures, report.skipped, report.deadline_misses) == (8, 3, 2, 1)


@pytest.mark.parametrize(("spacing", "deadline"), [(1, 10.0), (300, 300.0)])
def test_without_a_deadline_a_run_may_take_its_spacing_but_at_least_ten_seconds(
    spacing: float, deadline: float
) -> None:
    assert Stage(spacing, deadline=None).deadline == deadline
