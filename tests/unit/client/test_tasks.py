"""Periodic tasks, asked on the database and over HTTP."""

import asyncio
from collections.abc import Callable

import httpx
import pytest
import sqlalchemy as sa

import entries
from crews import settle
from podium import errors
from podium.api.callers import Role
from podium.client.calls.tasks import GetTaskCommands
from podium.client.podium import AsyncPodium, Podium
from podium.client.remote.server import Server
from podium.db import conductors, members, task_commands
from podium.db.api import NodeRecord
from podium.db.engine import Database
from podium.db.models import task_commands as commands
from podium.db.models import utcnow
from podium.db.worker import Worker
from served import Everybody

Enrol = Callable[..., list[NodeRecord]]


def go_online(database: Database, host: str) -> Worker:
    report = conductors.TaskReport("acme.poll", "idle", 60.0, utcnow(), 0.25, 3, 1, 0, 2, "boom")
    with database.write() as connection:
        (member,) = entries.enter(connection, host, ("acme",))
        conductors.save_tasks(connection, Worker(host, 0), [report])
    return member


def answer(database: Database, error: str | None = None) -> None:
    """Have every conductor answer what it was asked."""
    with database.write() as connection:
        for number in connection.scalars(sa.select(commands.c.id)).all():
            task_commands.answer(connection, number, error, 0.5)


def test_tasks_are_listed_and_shown_with_how_they_fare(podium: Podium, database: Database) -> None:
    member = go_online(database, "east")
    go_online(database, "west")
    with database.write() as connection:
        members.leave(connection, member)
    found = [(one.task, one.conductor, one.state) for one in podium.tasks()]
    assert found == [("acme.poll", "east", "offline"), ("acme.poll", "west", "idle")]
    shown = podium.task("acme.poll")
    assert (shown.conductor, shown.driver, shown.duration, shown.last_error) == ("west", "acme", 0.25, "boom")


def test_a_task_of_several_conductors_is_shown_for_the_one_that_is_named(
    podium: Podium, database: Database
) -> None:
    go_online(database, "east")
    go_online(database, "west")
    with pytest.raises(errors.BadRequest, match="several conductors have acme.poll: east, west; name one"):
        podium.task("acme.poll")
    assert podium.task("acme.poll", "west").conductor == "west"
    with pytest.raises(errors.NotFound, match="there is no task acme.pol; did you mean acme.poll"):
        podium.task("acme.pol")


def test_a_run_is_asked_of_every_conductor_and_its_answers_are_waited_for(
    podium: Podium, database: Database
) -> None:
    for host in ("east", "west"):
        go_online(database, host)
    asked = podium.run_task("acme.poll")
    assert {host: len(numbers) for host, numbers in asked.commands.items()} == {"east": 1, "west": 1}
    answer(database)
    found = podium.wait_for_task(asked)
    assert [one.duration for its in found.answers.values() for one in its] == [0.5, 0.5]
    assert found.missing == {}


def test_who_does_not_answer_in_time_goes_on_with_it(podium: Podium, database: Database) -> None:
    go_online(database, "head")
    found = podium.wait_for_task(podium.run_task("acme.poll"), timeout=0)
    assert found.missing == {"head": "not finished after 0 s; head goes on with it"}


def test_an_event_loop_waits_for_answers_too(
    async_podium: Callable[[], AsyncPodium], database: Database
) -> None:
    member = go_online(database, "head")

    async def ask() -> tuple[bool, int]:
        async with async_podium() as podium:
            asked = await podium.run_task("acme.poll")
            await asyncio.to_thread(answer, database)
            found = await podium.wait_for_task(asked)
            await podium.drain("head", force=True)
            return await podium.wait_for_drain("head", timeout=0), len(found.answers["head"])

    settle(database, member)
    assert asyncio.run(ask()) == (False, 1)


def test_a_run_for_one_node_is_asked_of_its_owner(podium: Podium, database: Database, enrol: Enrol) -> None:
    (node,) = enrol("one", driver="acme")
    owner = go_online(database, "head")
    with pytest.raises(errors.Conflict, match="no conductor has one now"):
        podium.run_task("acme.poll", node="one")
    settle(database, owner)
    go_online(database, "west")
    ((host, numbers),) = podium.run_task("acme.poll", node="one").commands.items()
    (command,) = podium.task_commands(numbers).commands
    assert (host, command.conductor, command.node_uuid) == ("head", "head", node.uuid)


def test_a_task_is_disabled_and_enabled_for_all_or_for_one(podium: Podium, database: Database) -> None:
    go_online(database, "head")
    assert podium.disable_task("acme.poll").changed
    assert not podium.disable_task("acme.poll").changed
    assert podium.task("acme.poll").state == "idle, disabled"
    with pytest.raises(errors.Conflict, match="acme.poll is disabled for all conductors; enable it without"):
        podium.enable_task("acme.poll", "head")
    assert podium.enable_task("acme.poll").changed
    assert not podium.enable_task("acme.poll").changed
    assert podium.task("acme.poll").state == "idle"


def test_nothing_is_asked_of_conductors_that_are_gone(podium: Podium, database: Database) -> None:
    member = go_online(database, "head")
    with database.write() as connection:
        members.leave(connection, member)
    with pytest.raises(errors.Conflict, match="no conductor with acme.poll is running, so nothing was"):
        podium.run_task("acme.poll")


def test_the_answers_to_very_many_commands_are_asked_for_in_a_body(
    podium: Podium, database: Database
) -> None:
    assert podium.ask(GetTaskCommands(list(range(1, 3000)))).commands == []


def test_a_run_that_was_sent_again_is_one(server: Server, database: Database) -> None:
    go_online(database, "head")
    with httpx.Client(transport=server.transport(), base_url="http://podium") as client:
        path, headers = "/podium/v1/tasks/acme.poll/run", {"Idempotency-Key": "k"}
        first, again = (client.post(path, json={}, headers=headers) for _ in range(2))
    assert (first.status_code, first.json()) == (202, again.json())
    with database.read() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(commands)) == 1


@pytest.mark.parametrize("podium", ["remote"], indirect=True)
def test_a_reader_runs_nothing_and_an_operator_switches_nothing(
    podium: Podium, database: Database, everybody: Everybody
) -> None:
    go_online(database, "head")
    everybody.role = Role.OPERATOR
    podium.run_task("acme.poll")
    for switch in (podium.enable_task, podium.disable_task):
        with pytest.raises(errors.NotAllowed, match="this needs admin"):
            switch("acme.poll")
    everybody.role = Role.READER
    with pytest.raises(errors.NotAllowed, match="this needs operator"):
        podium.run_task("acme.poll")
