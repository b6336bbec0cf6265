"""`podium conductor drain`, `undrain` and `forget`."""

import io
import subprocess
import sys
from collections.abc import Callable, Sequence
from ipaddress import ip_network
from itertools import count
from types import SimpleNamespace

import pytest
import sqlalchemy as sa

from crews import enter, settle
from podium.cli.drains import Drain
from podium.db import (
    api,
    avoidances,
    conductors,
    drains,
    members,
    notifications,
    roster,
    subnets,
    task_commands,
)
from podium.db.conductors import TaskReport
from podium.db.engine import Database
from podium.db.figures import Figures
from podium.db.models import members as members_table
from podium.db.models import notification_sinks

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def enrol(database: Database, *names: str, driver: str = "fake") -> None:
    with database.write() as connection:
        api.create_nodes(connection, [{"name": name, "driver": driver} for name in names])


@pytest.fixture
def two(database: Database, podium: Run) -> Database:
    """Two conductors that share four nodes."""
    enrol(database, "n1", "n2", "n3", "n4")
    settle(database, enter(database, "c1"), enter(database, "c2"))
    return database


def test_a_drain_is_told_and_its_repetition_too(podium: Run, two: Database) -> None:
    for words in ("drained from now on", "drained already"):
        done = podium("conductor", "drain", "c1")
        assert (done.returncode, done.stdout, done.stderr) == (0, f"c1: {words}\n", "")
    for words in ("in service again", "in service already"):
        assert podium("conductor", "undrain", "c1").stdout == f"c1: {words}\n"


def test_a_drain_is_refused_where_nobody_else_serves_the_nodes(podium: Run, database: Database) -> None:
    enrol(database, "n1")
    settle(database, enter(database, "c1"))
    done = podium("conductor", "drain", "c1")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "podium: c1 is not drained: nobody else serves the nodes with the driver fake; start a conductor that"
        " does, or use --force\n"
    )
    done = podium("conductor", "drain", "c1", "--force")
    assert (done.returncode, done.stdout) == (0, "c1: drained from now on\n")
    assert "nobody else serves the nodes with the driver fake, which stay with c1" in done.stderr


def test_an_unknown_conductor_is_not_drained_undrained_or_forgotten(podium: Run, two: Database) -> None:
    for command in ("drain", "undrain", "forget"):
        done = podium("conductor", command, "c9")
        assert (done.returncode, done.stderr) == (1, "podium: there is no conductor c9; there are: c1, c2\n")


def test_a_drain_is_waited_for_until_nothing_is_left(
    podium: Run, two: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with two.read() as connection:
        one, other = (member.name for member in members.unended(connection))

    def hand_over(_seconds: float) -> None:
        settle(two, one, other)

    monkeypatch.setattr("podium.client.waiting.steps.time", SimpleNamespace(sleep=hand_over))
    done = podium("conductor", "drain", "c1", "--wait")
    assert (done.returncode, done.stdout) == (0, "c1: drained from now on\nc1: nothing is left with it\n")


def test_a_drain_that_takes_too_long_is_no_longer_waited_for(podium: Run, two: Database) -> None:
    done = podium("conductor", "drain", "c1", "--wait", "--timeout", "0")
    assert done.returncode == 1
    assert "c1 still has nodes after 0 s; see: podium conductor list" in done.stderr


def test_what_nobody_else_serves_is_not_waited_for(podium: Run, database: Database) -> None:
    enrol(database, "n1")
    settle(database, enter(database, "c1"))
    done = podium("conductor", "drain", "c1", "--force", "--wait")
    assert done.returncode == 1
    assert done.stderr.endswith("c1 is not waited for: it keeps nodes until somebody else serves them\n")


def test_while_a_drain_is_waited_for_the_nodes_that_are_left_are_counted(
    podium: Run, two: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with two.read() as connection:
        one, other = (member.name for member in members.unended(connection))
        owned = next(crew.nodes for crew in roster.roster(connection).crews if crew.hostname == "c1")
    seconds = iter(range(1000))
    waits = iter(range(1000))

    def hand_over(_seconds: float) -> None:
        if next(waits) == 25:
            settle(two, one, other)

    monkeypatch.setattr(Drain, "clock", staticmethod(lambda: float(next(seconds))))
    monkeypatch.setattr("podium.client.waiting.steps.time", SimpleNamespace(sleep=hand_over))
    done = podium("conductor", "drain", "c1", "--wait")
    assert (done.returncode, done.stderr) == (0, f"podium: c1: {owned} nodes are left with it\n" * 2)


def test_that_a_drained_conductor_is_gone_is_said(podium: Run, two: Database) -> None:
    with two.read() as connection:
        one = members.unended(connection)[0].name
    with two.write() as connection:
        members.leave(connection, one)
    done = podium("conductor", "drain", "c1")
    assert (done.returncode, done.stdout) == (0, "c1: drained from now on\n")
    assert done.stderr == "podium: warning: c1 is gone; when it starts again, it stays out of service\n"


# Forgotten conductors


def hurry(database: Database) -> None:
    """Heartbeats every few milliseconds, so that the silence of two and a half is short."""
    with database.write() as connection:
        connection.execute(sa.update(members_table).values(interval=0.05))


def test_the_workers_of_a_silent_conductor_are_ended(podium: Run, two: Database) -> None:
    enter(two, "c1", 1)
    hurry(two)
    done = podium("conductor", "forget", "c1", "--yes")
    assert (done.returncode, done.stdout, done.stderr) == (0, "c1: forgotten; workers ended: 2\n", "")
    with two.read() as connection:
        assert [one.host for one in members.unended(connection)] == ["c2"]
        why = connection.scalars(sa.select(members_table.c.ended_why).where(members_table.c.host == "c1"))
        assert all(text.startswith("forgotten by ") for text in why)


def test_a_conductor_that_is_gone_leaves_the_lists(podium: Run, two: Database) -> None:
    with two.write() as connection:
        one = members.unended(connection)[0].name
        notifications.declare(connection, "c1", ["url"])
        conductors.save_figures(connection, one, Figures(nodes=2))
        report = TaskReport("fake.x", "idle", 1.0, None, None, 0, 0, 0, 0, None)
        conductors.save_tasks(connection, one, [report])
        drains.drain(connection, "c1")
        task_commands.switch(connection, "c1", "fake.x", off=True)
    avoidances.avoid(two, "c1", ip_network("10.0.1.0/24"))
    with two.write() as connection:
        members.leave(connection, one)
    done = podium("conductor", "forget", "c1")
    assert (done.returncode, done.stdout, done.stderr) == (0, "c1: removed from the lists\n", "")
    assert podium("conductor", "forget", "c1").stderr == "podium: there is no conductor c1; there are: c2\n"
    with two.read() as connection:
        assert [one.hostname for one in conductors.list_conductors(connection)] == ["c2"]
        assert [crew.hostname for crew in roster.roster(connection).crews] == ["c2"]
        assert conductors.list_tasks(connection) == []
        assert conductors.figures(connection, "c1") == []
        assert subnets.listed(connection) == []
        assert task_commands.switched_off(connection, "c1") == set()
        assert connection.scalars(sa.select(notification_sinks.c.hostname)).all() == []
    enter(two, "c1")
    with two.read() as connection:
        assert [crew.state for crew in roster.roster(connection).crews] == ["alive", "alive"]


def test_a_conductor_that_lives_is_not_forgotten(
    podium: Run, two: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with two.read() as connection:
        one = members.unended(connection)[0].name

    hurry(two)
    observe, beats = drains.observe, count(2)

    def beat(connection: sa.Connection, numbers: Sequence[int]) -> dict[int, int]:
        members.renew(connection, one, next(beats))
        return observe(connection, numbers)

    monkeypatch.setattr(drains, "observe", beat)
    done = podium("conductor", "forget", "c1")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "podium: c1 lives: it gave a sign of life just now, and nothing was changed; to take it out of"
        " service: podium conductor drain c1 --wait, then stop it\n"
    )
    with two.read() as connection:
        assert len(members.unended(connection)) == 2


def test_a_program_must_say_that_the_machine_is_off(podium: Run, two: Database) -> None:
    hurry(two)
    done = podium("conductor", "forget", "c1")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "podium: to forget c1 needs --yes, which says that its machine is off; nothing was changed\n"
    )


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("answer", "status", "told"), [("y\n", 0, "c1: forgotten; workers ended: 1\n"), ("n\n", 1, "")]
)
def test_a_person_is_asked_whether_the_machine_is_off(
    podium: Run, two: Database, monkeypatch: pytest.MonkeyPatch, answer: str, status: int, told: str
) -> None:
    hurry(two)
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    done = podium("conductor", "forget", "c1")
    assert (done.returncode, done.stdout) == (status, told)
    assert done.stderr.startswith(
        "c1 gives no sign of life; is its machine off, and is it to be forgotten? [y/N]"
    )
    assert done.stderr.endswith("nothing was changed\n") is bool(status)
