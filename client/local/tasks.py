"""Answers about periodic tasks.

A task is run, enabled and disabled by the conductors that have it: a command is stored in the database, and
each of them stores its result.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

import sqlalchemy as sa

from podium import errors
from podium.client.calls.call import Page
from podium.client.calls.tasks import (
    DisableTask,
    EnableTask,
    GetTask,
    GetTaskCommands,
    ListTasks,
    RunTask,
    Task,
    TaskAsked,
    TaskCommand,
    TaskCommands,
    TaskConductor,
)
from podium.client.local.backend import Answers, Backend
from podium.client.local.pages import page
from podium.conf.periodic_tasks import no_such_task
from podium.db import api, conductors, slots, task_commands
from podium.db.conductors import ConductorTask


def _timeout(backend: Backend) -> float:
    return float(backend.config.conductor.heartbeat_timeout)


def list_tasks(backend: Backend, call: ListTasks) -> Page[Task]:
    """Return the tasks of all conductors."""
    with backend.database.read() as connection:
        rows = conductors.list_tasks(connection)
        alive = _alive(connection, _timeout(backend))
    shown = [_shown(row, alive) for row in rows]
    return page(shown, lambda one: f"{one.task} {one.conductor}", call.limit, call.marker)


def get_task(backend: Backend, call: GetTask) -> Task:
    """Return a task of the named conductor, or of the only one that has it."""
    with backend.database.read() as connection:
        rows = _rows(connection, call.task, call.conductor)
        alive = _alive(connection, _timeout(backend))
    if len(rows) > 1:
        rows = [row for row in rows if row.conductor in alive] or rows
    if len(rows) > 1:
        raise errors.BadRequest(
            f"several conductors have {call.task}: {_names(rows)}; name one with --conductor"
        )
    return _shown(rows[0], alive)


def _rows(connection: sa.Connection, task: str, host: str | None) -> list[ConductorTask]:
    """Return a task on each conductor that has it, or on the named conductor.

    :raises podium.errors.NotFound: if there is none
    """
    every = conductors.list_tasks(connection)
    if not every:
        raise errors.NotFound("no conductor has run on this database yet; start one: podium-conductor")
    having = [row for row in every if row.task == task]
    if not having:
        raise errors.NotFound(no_such_task(task, {row.task for row in every}))
    if host is None:
        return having
    chosen = [row for row in having if row.conductor == host]
    if not chosen:
        raise errors.NotFound(f"the conductor {host} has no task {task}; there is one on {_names(having)}")
    return chosen


def _names(rows: Iterable[ConductorTask]) -> str:
    return ", ".join(row.conductor for row in rows)


def _alive(connection: sa.Connection, timeout: float) -> set[str]:
    return {one.hostname for one in conductors.list_conductors(connection) if one.is_alive(timeout)}


def _shown(row: ConductorTask, alive: set[str]) -> Task:
    state = row.state
    if row.conductor not in alive:
        state = "offline"
    elif row.switched_off and row.state != "disabled":
        state = f"{row.state}, disabled"
    values = {name: getattr(row, name) for name in Task.__struct_fields__ if name not in ("driver", "state")}
    return Task(**values, driver=row.task.partition(".")[0], state=state)


def run_task(backend: Backend, call: RunTask) -> TaskAsked:
    """Request a run, from all conductors or from the owner of a node."""

    def work(connection: sa.Connection) -> TaskAsked:
        running = _running(backend, connection, call.task, call.conductor)
        if call.node is None:
            return _asked(backend, connection, call.task, "run", running)
        return _asked_for_node(backend, connection, call, call.node)

    return backend.write(call, work)


def _running(backend: Backend, connection: sa.Connection, task: str, host: str | None) -> list[str]:
    """Return the conductors that have a task and are alive.

    :raises podium.errors.Conflict: there is none
    """
    rows = _rows(connection, task, host)
    alive = _alive(connection, _timeout(backend))
    found = [row.conductor for row in rows if row.conductor in alive]
    if not found:
        raise errors.Conflict(
            f"no conductor with {task} is running, so nothing was requested; start {_names(rows)}"
        )
    return found


def _asked(
    backend: Backend, connection: sa.Connection, task: str, action: str, hosts: Sequence[str]
) -> TaskAsked:
    return TaskAsked(
        commands={host: task_commands.ask(connection, host, task, action, backend.who) for host in hosts}
    )


def _asked_for_node(backend: Backend, connection: sa.Connection, call: RunTask, name: str) -> TaskAsked:
    (node,) = api.find_keys(connection, [name])
    driver = call.task.partition(".")[0]
    if driver not in (node.driver, "conductor"):
        raise errors.BadRequest(f"{node.name} has the driver {node.driver}; {call.task} is for {driver}")
    owner = slots.owner_of(connection, node.uuid)
    if owner is None:
        raise errors.Conflict(f"no conductor has {node.name} now; see: podium conductor list")
    if call.conductor not in (None, owner.host):
        raise errors.Conflict(f"{node.name} is owned by {owner.host}, not by {call.conductor}")
    numbers = task_commands.ask(connection, owner.host, call.task, "run", backend.who, node.uuid, owner.index)
    return TaskAsked(commands={owner.host: numbers})


def _switch(action: str) -> Callable[[Backend, EnableTask | DisableTask], TaskAsked]:
    """Return the function that enables or disables a task, for all conductors or for one."""

    def switch(backend: Backend, call: EnableTask | DisableTask) -> TaskAsked:
        def work(connection: sa.Connection) -> TaskAsked:
            running = _running(backend, connection, call.task, call.conductor)
            changed = task_commands.switch(connection, call.conductor, call.task, off=action == "disable")
            asked = _asked(backend, connection, call.task, action, running)
            return TaskAsked(commands=asked.commands, changed=changed)

        return backend.write(call, work)

    return switch


def get_task_commands(backend: Backend, call: GetTaskCommands) -> TaskCommands:
    """Return the results of commands, and whether the conductors that received them are alive."""
    with backend.database.read() as connection:
        commands = task_commands.find(connection, call.numbers)
        hosts = {one.conductor for one in commands}
        known = [one for one in conductors.list_conductors(connection) if one.hostname in hosts]
    return TaskCommands(
        commands=[TaskCommand(**one._asdict()) for one in commands],
        conductors=[
            TaskConductor(hostname=one.hostname, online=one.online, heartbeat_at=one.heartbeat_at)
            for one in known
        ],
        heartbeat_timeout=_timeout(backend),
    )


ANSWERS: Final[Answers] = {
    ListTasks: list_tasks,
    GetTask: get_task,
    RunTask: run_task,
    EnableTask: _switch("enable"),
    DisableTask: _switch("disable"),
    GetTaskCommands: get_task_commands,
}
