"""The command's side of `podium task show`, `run`, `enable` and `disable`: whom it asks, and what it says."""

import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from types import SimpleNamespace

import pytest
import sqlalchemy as sa

import entries
from crews import settle
from podium.cli.tasks import Run as RunCommand
from podium.client.waiting.patience import Patience
from podium.db import api, clock, conductors, members, task_commands
from podium.db.engine import Database
from podium.db.models import task_commands as commands
from podium.db.models import utcnow
from podium.db.worker import Worker

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def go_online(database: Database, hostname: str, *names: str) -> Worker:
    reports = [
        conductors.TaskReport(name, "idle", 60.0, utcnow(), 0.25, 3, 1, 0, 2, "boom")
        for name in names or ("acme.poll",)
    ]
    with database.write() as connection:
        (member,) = entries.enter(connection, hostname, ("acme",))
        conductors.save_tasks(connection, Worker(hostname, 0), reports)
    return member


def asked(database: Database) -> list[tuple[str, str, str, str | None]]:
    with database.read() as connection:
        rows = connection.execute(sa.select(commands)).all()
    return [(row.conductor, row.task, row.action, row.node_uuid) for row in rows]


def answer(database: Database, host: str, error: str | None, duration: float) -> None:
    """Have a conductor answer the only command to it."""
    with database.write() as connection:
        (number,) = connection.scalars(sa.select(commands.c.id).where(commands.c.conductor == host))
        task_commands.answer(connection, number, error, duration)


@contextmanager
def answering(
    database: Database, error: str | dict[str, str] | None = None, duration: float | None = None
) -> Iterator[None]:
    """Conductors that answer every command that they find.

    :param error: of all, or by conductor
    """
    ended = threading.Event()

    def serve() -> None:
        while not ended.wait(0.02):
            with database.write() as connection:
                its = sa.select(commands.c.id, commands.c.conductor).where(commands.c.finished_at.is_(None))
                for number, host in connection.execute(its).all():
                    why = error.get(host) if isinstance(error, dict) else error
                    task_commands.answer(connection, number, why, duration)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def test_one_task_is_shown_with_every_column(podium: Run, database: Database) -> None:
    go_online(database, "head")
    done = podium("task", "show", "acme.poll", "-f", "json")
    shown = json.loads(done.stdout)
    assert shown.pop("last_run").endswith("Z")
    assert shown == {
        "task": "acme.poll",
        "driver": "acme",
        "conductor": "head",
        "state": "idle",
        "spacing": 60.0,
        "duration": 0.25,
        "runs": 3,
        "failures": 1,
        "skipped": 0,
        "deadline_misses": 2,
        "last_error": "boom",
    }


def test_of_two_conductors_the_one_that_is_named_is_shown(podium: Run, database: Database) -> None:
    go_online(database, "east")
    go_online(database, "west")
    done = podium("task", "show", "acme.poll", "--conductor", "west", "-f", "value", "-c", "conductor")
    assert done.stdout == "west\n"


def test_of_two_conductors_the_one_that_runs_is_shown(podium: Run, database: Database) -> None:
    go_online(database, "east")
    gone = go_online(database, "west")
    with database.write() as connection:
        members.leave(connection, gone)
    done = podium("task", "show", "acme.poll", "-f", "value", "-c", "conductor")
    assert done.stdout == "east\n"


def test_the_end_of_a_run_is_told(podium: Run, database: Database) -> None:
    go_online(database, "head")
    with answering(database, duration=0.31):
        done = podium("task", "run", "acme.poll")
    assert (done.returncode, done.stdout, done.stderr) == (0, "acme.poll: done in 0.3 s\n", "")


def test_a_run_that_failed_fails_the_command_with_its_reason(podium: Run, database: Database) -> None:
    go_online(database, "head")
    with answering(database, error="no answer", duration=0.31):
        done = podium("task", "run", "acme.poll")
    assert (done.returncode, done.stdout) == (1, "acme.poll: failed: no answer\n")


def test_a_run_is_asked_of_the_conductor_for_one_node(podium: Run, database: Database) -> None:
    """The owner alone is asked, whoever else has the task."""
    with database.write() as connection:
        api.create_nodes(connection, [{"name": "one", "driver": "acme"}])
        uuid = api.find_nodes(connection, ["one"])[0].uuid
    run = ("task", "run", "acme.poll", "--node", "one")
    owner = go_online(database, "head")
    assert refused(database, podium(*run)).startswith("podium: no conductor has one now; see: podium")
    settle(database, owner)
    go_online(database, "west")
    line = refused(database, podium(*run, "--conductor", "west"))
    assert line == "podium: one is owned by head, not by west"
    with answering(database, duration=0.1):
        podium(*run)
    assert asked(database) == [("head", "acme.poll", "run", uuid)]


def test_a_run_for_a_node_of_another_driver_is_refused(podium: Run, database: Database) -> None:
    go_online(database, "head")
    with database.write() as connection:
        api.create_nodes(connection, [{"name": "one", "driver": "other"}])
    done = podium("task", "run", "acme.poll", "--node", "one")
    assert (done.returncode, asked(database)) == (1, [])
    assert done.stderr == "podium: one has the driver other; acme.poll is for acme\n"


@pytest.mark.parametrize(
    ("state", "shown"),
    [("running", "running, disabled"), ("disabled", "disabled"), ("late", "late, disabled")],
)
def test_a_task_that_was_disabled_while_it_runs_shows_both(
    podium: Run, database: Database, state: str, shown: str
) -> None:
    go_online(database, "head")
    with database.write() as connection:
        report = conductors.TaskReport("acme.poll", state, 60.0, utcnow(), 0.25, 3, 1, 0, 2, None)
        conductors.save_tasks(connection, Worker("head", 0), [report])
        task_commands.switch(connection, None, "acme.poll", off=True)
    for command in (["list"], ["show", "acme.poll"]):
        assert podium("task", *command, "-f", "value", "-c", "state").stdout == f"{shown}\n"


def test_a_run_that_takes_longer_than_one_waits_goes_on(podium: Run, database: Database) -> None:
    go_online(database, "head")
    done = podium("task", "run", "acme.poll", "--timeout", "0")
    assert (done.returncode, done.stdout) == (1, "acme.poll: not finished after 0 s; head goes on with it\n")


def test_a_clock_that_is_set_does_not_end_the_wait_for_a_conductor_that_lives(
    podium: Run, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_online(database, "head")
    hours = iter([1, -1])

    def pause(_seconds: float) -> None:
        """Between two looks the clock is set an hour ahead, back by two, and then the conductor answers."""
        hour = next(hours, None)
        with database.write() as connection:
            if hour is None:
                task_commands.answer(connection, 1, None, 1.0)
            else:
                monkeypatch.setattr(clock, "now", lambda _connection: utcnow() + timedelta(hours=hour))
                (head,) = conductors.list_conductors(connection)
                assert not head.is_alive(60)

    monkeypatch.setattr("podium.client.waiting.steps.time", SimpleNamespace(sleep=pause))
    done = podium("task", "run", "acme.poll")
    assert (done.stdout, done.stderr) == ("acme.poll: done in 1.0 s\n", "")


def test_a_conductor_that_ends_meanwhile_is_not_waited_for(podium: Run, database: Database) -> None:
    member = go_online(database, "head")
    ended = threading.Event()

    def leave() -> None:
        while not ended.wait(0.02):
            if asked(database):
                with database.write() as connection:
                    members.leave(connection, member)
                return

    thread = threading.Thread(target=leave)
    thread.start()
    done = podium("task", "run", "acme.poll")
    ended.set()
    thread.join()
    assert done.stdout == "acme.poll: failed: the conductor head ended before it answered\n"


@pytest.mark.parametrize(
    ("error", "told"), [(None, "west: done in 0.3 s"), ("no answer", "west: failed: no answer")]
)
def test_where_one_conductor_is_silent_the_others_answers_are_waited_for_and_told(
    podium: Run, database: Database, monkeypatch: pytest.MonkeyPatch, error: str | None, told: str
) -> None:
    for host in ("east", "west"):
        go_online(database, host)
    with database.read() as connection:
        beats = {one.hostname: one.heartbeat_at for one in conductors.list_conductors(connection)}
    monkeypatch.setattr(Patience, "ends", lambda _, seen: seen == beats["east"])
    pauses = SimpleNamespace(sleep=lambda _: answer(database, "west", error, 0.31))
    monkeypatch.setattr("podium.client.waiting.steps.time", pauses)
    done = podium("task", "run", "acme.poll")
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        "acme.poll: east: failed: the conductor east has not been heard of for 30 s",
        f"acme.poll: {told}",
    ]


def test_of_conductors_that_take_longer_than_one_waits_the_others_answers_are_told(
    podium: Run, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    for host in ("east", "west"):
        go_online(database, host)
    now = [0.0]

    def pause(_seconds: float) -> None:
        """West answers, and then one waits for east for longer than one was to."""
        answer(database, "west", None, 1.0)
        now[0] += 100

    monkeypatch.setattr("podium.client.waiting.steps.time", SimpleNamespace(sleep=pause))
    monkeypatch.setattr(RunCommand, "clock", staticmethod(lambda: now[0]))
    done = podium("task", "run", "acme.poll", "--timeout", "50")
    told = "acme.poll: east: not finished after 50 s; east goes on with it\nacme.poll: west: done in 1.0 s\n"
    assert (done.returncode, done.stdout) == (1, told)


def test_a_conductor_that_is_silent_meanwhile_is_not_said_to_have_ended(
    podium: Run, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_online(database, "head")
    monkeypatch.setattr(Patience, "ends", lambda *_: True)
    done = podium("task", "run", "acme.poll")
    assert done.stdout == "acme.poll: failed: the conductor head has not been heard of for 30 s\n"


@pytest.mark.parametrize("action", ["enable", "disable"])
def test_a_task_is_switched_by_its_conductor(podium: Run, database: Database, action: str) -> None:
    go_online(database, "head")
    with answering(database):
        podium("task", "disable" if action == "enable" else "enable", "acme.poll")
        done = podium("task", action, "acme.poll")
        again = podium("task", action, "acme.poll")
    assert (done.returncode, done.stdout) == (0, f"acme.poll: {action}d\n")
    assert (again.returncode, again.stdout) == (0, f"acme.poll: {action}d already\n")
    assert asked(database)[1:] == [("head", "acme.poll", action, None)] * 2


def refused(database: Database, done: "subprocess.CompletedProcess[str]") -> str:
    """The only line of a command that asked nothing of anyone."""
    assert (done.returncode, done.stdout, asked(database)) == (1, "", [])
    (line,) = done.stderr.splitlines()
    return str(line)


def test_a_task_that_several_conductors_have_is_asked_of_the_one_that_is_named(
    podium: Run, database: Database
) -> None:
    go_online(database, "east")
    go_online(database, "west")
    with answering(database, duration=0.1):
        podium("task", "run", "acme.poll", "--conductor", "west")
    assert asked(database) == [("west", "acme.poll", "run", None)]


def test_a_run_is_asked_of_every_conductor_that_runs_and_their_answers_are_told_as_one(
    podium: Run, database: Database
) -> None:
    for host in ("east", "west"):
        go_online(database, host)
    gone = go_online(database, "north")
    with database.write() as connection:
        members.leave(connection, gone)
    with answering(database, duration=0.31):
        done = podium("task", "run", "acme.poll")
    assert (done.returncode, done.stdout) == (0, "acme.poll: done in 0.3 s by 2 conductors\n")
    assert asked(database) == [(host, "acme.poll", "run", None) for host in ("east", "west")]
    with answering(database, error="no answer", duration=0.31):
        done = podium("task", "run", "acme.poll")
    told = "acme.poll: east: failed: no answer\nacme.poll: west: failed: no answer\n"
    assert (done.returncode, done.stdout) == (1, told)


def test_of_a_run_that_some_conductors_failed_every_answer_is_told(podium: Run, database: Database) -> None:
    for host in ("east", "west"):
        go_online(database, host)
    with answering(database, error={"west": "no answer"}, duration=0.31):
        done = podium("task", "run", "acme.poll")
    told = "acme.poll: east: done in 0.3 s\nacme.poll: west: failed: no answer\n"
    assert (done.returncode, done.stdout) == (1, told)


def test_a_task_is_disabled_for_all_conductors_or_for_one(podium: Run, database: Database) -> None:
    def off(host: str) -> set[str]:
        with database.read() as connection:
            return task_commands.switched_off(connection, host)

    for host in ("east", "west"):
        go_online(database, host)
    with answering(database):
        podium("task", "disable", "acme.poll")
        assert [off(host) for host in ("east", "one that comes later")] == [{"acme.poll"}] * 2
        done = podium("task", "enable", "acme.poll", "--conductor", "west")
        assert (done.returncode, done.stderr) == (
            1,
            "podium: acme.poll is disabled for all conductors; enable it without --conductor\n",
        )
        podium("task", "enable", "acme.poll")
        assert [off(host) for host in ("east", "west")] == [set(), set()]
        podium("task", "disable", "acme.poll", "--conductor", "west")
        assert [off(host) for host in ("east", "west")] == [set(), {"acme.poll"}]
        podium("task", "enable", "acme.poll", "--conductor", "west")
        assert off("west") == set()


def test_what_a_worker_did_that_has_ended_is_not_shown_as_running(podium: Run, database: Database) -> None:
    with database.write() as connection:
        _, second = entries.enter(connection, "head", ("acme",), workers=2)
        for worker, state in ((0, "idle"), (1, "running")):
            report = conductors.TaskReport("acme.poll", state, 60.0, utcnow(), 0.25, 3, 1, 0, 2, None)
            conductors.save_tasks(connection, Worker("head", worker), [report])
    shown = ("task", "show", "acme.poll", "-f", "value", "-c", "state")
    assert podium(*shown).stdout == "running\n"
    with database.write() as connection:
        members.leave(connection, second)
    assert podium(*shown).stdout == "idle\n"


def test_nothing_is_asked_of_a_conductor_that_is_gone(podium: Run, database: Database) -> None:
    member = go_online(database, "head")
    with database.write() as connection:
        members.leave(connection, member)
    line = refused(database, podium("task", "run", "acme.poll"))
    assert line == "podium: no conductor with acme.poll is running, so nothing was requested; start head"


def test_a_task_that_there_is_not_is_answered_with_the_nearest(podium: Run, database: Database) -> None:
    go_online(database, "head", "acme.poll", "conductor.sync_power_status")
    line = refused(database, podium("task", "disable", "acme.pol"))
    assert "there is no task acme.pol; did you mean acme.poll" in line


def test_a_conductor_without_the_task_is_answered_with_the_ones_that_have_it(
    podium: Run, database: Database
) -> None:
    go_online(database, "head")
    line = refused(database, podium("task", "run", "acme.poll", "--conductor", "haed"))
    assert line == "podium: the conductor haed has no task acme.poll; there is one on head"


def test_nothing_is_asked_for_a_node_that_there_is_not(podium: Run, database: Database) -> None:
    go_online(database, "head")
    line = refused(database, podium("task", "run", "acme.poll", "--node", "nobody"))
    assert "nobody" in line
