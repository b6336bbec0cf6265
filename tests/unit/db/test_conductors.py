"""Daemons on one database: who is online, and what is kept of their tasks."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

import entries
from podium.db import conductors, members, models, task_commands
from podium.db.conductors import ConductorRecord, TaskReport
from podium.db.engine import Database
from podium.db.figures import Figures
from podium.db.worker import Worker

pytestmark = pytest.mark.mariadb_long

Contend = Callable[..., BaseException | None]

C1 = Worker("c1", 0)
TIMEOUT = 60.0
RUN = TaskReport(
    task="ipmi.check_status",
    state="waiting",
    spacing=0.1,
    last_run=datetime(2030, 5, 1, 12, 0, 0, 123456, tzinfo=UTC),
    duration=1.5,
    runs=7,
    failures=2,
    skipped=1,
    deadline_misses=0,
    last_error="no answer \U0001f4a4",
)


def enter(database: Database, workers: int = 1) -> list[Worker]:
    with database.write() as connection:
        return entries.enter(connection, "c1", ("fake", "ipmi"), "east", workers)


def only(database: Database) -> ConductorRecord:
    with database.read() as connection:
        (row,) = conductors.list_conductors(connection)
    return row


def let_pass(database: Database, seconds: float) -> None:
    """Make every heartbeat this much older."""
    then = models.utcnow() - timedelta(seconds=seconds)
    with database.write() as connection:
        connection.execute(sa.update(models.leases).values(renewed_at=then))


def test_a_conductor_is_shown_with_what_its_workers_serve(database: Database) -> None:
    enter(database)
    row = only(database)
    assert (row.hostname, row.drivers, row.conductor_group) == ("c1", ["fake", "ipmi"], "east")
    assert row.online is True


def test_times_come_back_as_they_went_on_every_database(database: Database) -> None:
    before = models.utcnow()
    enter(database)
    row = only(database)
    assert before <= row.heartbeat_at <= models.utcnow()
    assert row.heartbeat_at.tzinfo is UTC


def test_a_conductor_that_has_no_worker_yet_is_not_online(database: Database) -> None:
    with database.write() as connection:
        conductors.begin(connection, "c1", 2)
    row = only(database)
    assert (row.online, row.drivers, row.workers, row.heartbeat_at) == (False, [], 2, row.started_at)


def test_of_two_workers_that_enter_at_once_the_second_waits_for_the_first(
    database: Database, contend: Contend
) -> None:
    def begin(connection: sa.Connection) -> None:
        conductors.begin(connection, "c1", 1)

    with database.write() as connection:
        begin(connection)
    assert contend(begin, begin) is None


def test_another_host_name_is_another_conductor(database: Database) -> None:
    enter(database)
    with database.write() as connection:
        entries.enter(connection, "C1")
    with database.read() as connection:
        assert [row.hostname for row in conductors.list_conductors(connection)] == ["C1", "c1"]


def test_a_conductor_was_heard_of_when_the_last_of_its_workers_was(database: Database) -> None:
    one, two = enter(database, workers=2)
    let_pass(database, TIMEOUT + 1)
    assert not only(database).is_alive(TIMEOUT)
    with database.write() as connection:
        members.renew(connection, two, 2)
    assert only(database).is_alive(TIMEOUT)
    with database.write() as connection:
        members.leave(connection, two)
    assert (only(database).online, only(database).is_alive(TIMEOUT)) == (True, False)
    with database.write() as connection:
        members.leave(connection, one)
    assert only(database).online is False


def test_what_a_conductor_that_is_offline_served_last_is_shown(database: Database) -> None:
    (one,) = enter(database)
    with database.write() as connection:
        members.leave(connection, one)
    row = only(database)
    assert (row.drivers, row.conductor_group, row.is_alive(TIMEOUT)) == (["fake", "ipmi"], "east", False)


def test_a_report_of_a_task_comes_back_as_it_went(database: Database) -> None:
    never_ran = replace(RUN, task="fake.check_status", last_run=None, duration=None, last_error=None)
    with database.write() as connection:
        conductors.save_tasks(connection, C1, [RUN, never_ran])
    with database.read() as connection:
        assert conductors.reports(connection, C1) == {RUN.task: RUN, never_ran.task: never_ran}


def test_a_later_report_takes_the_place_of_the_earlier(database: Database) -> None:
    later = replace(RUN, runs=8, last_error=None)
    with database.write() as connection:
        conductors.save_tasks(connection, C1, [RUN])
        conductors.save_tasks(connection, C1, [later])
        assert conductors.reports(connection, C1) == {RUN.task: later}


def test_two_conductors_report_on_their_own_runs_of_one_task(database: Database) -> None:
    with database.write() as connection:
        conductors.save_tasks(connection, Worker("c2", 0), [replace(RUN, runs=1)])
        conductors.save_tasks(connection, C1, [RUN])
        found = conductors.list_tasks(connection)
    assert [(row.conductor, row.runs) for row in found] == [("c1", 7), ("c2", 1)]


@pytest.mark.parametrize(("kept", "left"), [(["a"], ["a", "c2.b"]), ([], ["c2.b"])])
def test_tasks_that_a_conductor_no_longer_has_are_forgotten(
    database: Database, kept: list[str], left: list[str]
) -> None:
    with database.write() as connection:
        conductors.save_tasks(connection, C1, [replace(RUN, task="a"), replace(RUN, task="b")])
        conductors.save_tasks(connection, Worker("c2", 0), [replace(RUN, task="c2.b")])
        conductors.forget_tasks(connection, C1, kept)
        assert [row.task for row in conductors.list_tasks(connection)] == left


def test_what_workers_report_of_one_task_is_told_as_one(database: Database) -> None:
    other = replace(RUN, state="late", spacing=0.2, last_run=None, duration=2.5, runs=1, last_error="lost")
    with database.write() as connection:
        conductors.save_tasks(connection, C1, [replace(RUN, state="idle", last_error=None)])
        conductors.save_tasks(connection, Worker("c1", 1), [other])
        (found,) = conductors.list_tasks(connection)
    assert (found.state, found.spacing, found.last_run, found.duration) == ("late", 0.2, RUN.last_run, 2.5)
    assert (found.runs, found.failures, found.skipped, found.last_error) == (8, 4, 2, "lost")


def test_each_worker_finds_its_own_reports(database: Database) -> None:
    with database.write() as connection:
        conductors.save_tasks(connection, C1, [RUN])
        conductors.save_tasks(connection, Worker("c1", 1), [replace(RUN, runs=1)])
        assert conductors.reports(connection, Worker("c1", 1))[RUN.task].runs == 1
        assert conductors.reports(connection, C1)[RUN.task].runs == RUN.runs


def test_one_worker_does_not_forget_the_tasks_of_another(database: Database) -> None:
    with database.write() as connection:
        conductors.save_tasks(connection, Worker("c1", 1), [RUN])
        conductors.forget_tasks(connection, C1, [])
        assert conductors.reports(connection, Worker("c1", 1)) == {RUN.task: RUN}


def test_figures_of_workers_come_back_in_order_and_the_newest_only(database: Database) -> None:
    with database.write() as connection:
        conductors.save_figures(connection, Worker("c1", 1), Figures(nodes=2))
        conductors.save_figures(connection, C1, Figures(nodes=1))
        conductors.save_figures(connection, C1, Figures(nodes=3, max_age=0.5))
        conductors.save_figures(connection, Worker("c2", 0), Figures())
        found = conductors.figures(connection, "c1")
    assert [(one.worker, one.figures) for one in found] == [
        (0, Figures(nodes=3, max_age=0.5)),
        (1, Figures(nodes=2)),
    ]


def test_a_conductor_that_returns_with_fewer_workers_forgets_the_others(database: Database) -> None:
    for member in enter(database, workers=2):
        with database.write() as connection:
            members.leave(connection, member)
    with database.write() as connection:
        for index in range(2):
            conductors.save_tasks(connection, Worker("c1", index), [RUN])
            conductors.save_figures(connection, Worker("c1", index), Figures(nodes=1))
    enter(database)
    with database.read() as connection:
        assert [one.worker for one in conductors.figures(connection, "c1")] == [0]
        assert [task.runs for task in conductors.list_tasks(connection)] == [RUN.runs]
    assert only(database).workers == 1


def test_a_command_goes_to_each_worker_of_its_conductor(database: Database) -> None:
    enter(database, workers=2)
    with database.write() as connection:
        numbers = task_commands.ask(connection, "c1", RUN.task, "run", "ada@desk")
        got = [task_commands.unanswered(connection, Worker("c1", index), 0) for index in range(2)]
        assert [[row.id for row in rows] for rows in got] == [[number] for number in numbers]
        assert [row.worker for row in task_commands.find(connection, numbers)] == [0, 1]
