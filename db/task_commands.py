"""People's commands to the periodic tasks of running daemons, as functions of an open connection."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple

import sqlalchemy as sa

from podium import errors
from podium.db import clock, retention
from podium.db.changes import announce
from podium.db.models import columns, conductors, task_commands
from podium.db.models import disabled_tasks as disabled
from podium.db.worker import Worker

#: Replaces a conductor's name.
_ALL: Final = ""


def ask(
    connection: sa.Connection,
    conductor: str,
    task: str,
    action: str,
    who: str,
    node_uuid: str | None = None,
    only: int | None = None,
) -> list[int]:
    """Command a conductor to ``run``, ``enable`` or ``disable`` a task.

    :param only: the index of the only worker to command
    :returns: the numbers of the commands, one for each of its workers
    """
    here = conductors.c.hostname == conductor
    workers = range(connection.scalar(sa.select(conductors.c.workers).where(here)) or 1)
    values = {"conductor": conductor, "task": task, "action": action, "node_uuid": node_uuid}
    now = clock.now(connection)
    numbers = []
    for worker in workers if only is None else [only]:
        asked = sa.insert(task_commands).values(**values, worker=worker, requested_by=who)
        (number,) = connection.execute(asked.values(requested_at=now)).inserted_primary_key or (0,)
        numbers.append(int(number))
    announce(connection)
    return numbers


class TaskCommand(NamedTuple):
    """A command to one worker, see :data:`podium.db.models.task_commands`."""

    id: int
    conductor: str
    worker: int
    task: str
    action: str
    node_uuid: str | None
    requested_by: str | None
    finished_at: datetime | None
    duration: float | None
    error: str | None


_COMMANDS: Final = sa.select(*columns(task_commands, TaskCommand._fields)).order_by(task_commands.c.id)


def unanswered(connection: sa.Connection, worker: Worker, after: int) -> list[TaskCommand]:
    """The commands above a number that a worker has not answered, oldest first."""
    query = _COMMANDS.where(_left_to(worker), task_commands.c.id > after)
    return list(map(TaskCommand._make, connection.execute(query)))


def _left_to(worker: Worker) -> sa.ColumnElement[bool]:
    mine = task_commands.c.conductor == worker.host, task_commands.c.worker == worker.index
    return sa.and_(*mine, task_commands.c.finished_at.is_(None))


def answer(connection: sa.Connection, number: int, error: str | None, duration: float | None = None) -> None:
    """Record how a command ended: why it failed, or None, and how many seconds a run took."""
    answered = sa.update(task_commands).where(task_commands.c.id == number)
    connection.execute(answered.values(finished_at=clock.now(connection), error=error, duration=duration))


def find(connection: sa.Connection, numbers: Sequence[int]) -> list[TaskCommand]:
    """The commands with these numbers, in order; commands deleted meanwhile are left out."""
    found = connection.execute(_COMMANDS.where(task_commands.c.id.in_(numbers)))
    return list(map(TaskCommand._make, found))


def abandon(connection: sa.Connection, worker: Worker) -> None:
    """Answer the commands to a worker that its previous run left unanswered."""
    left = sa.update(task_commands).where(_left_to(worker))
    connection.execute(
        left.values(finished_at=clock.now(connection), error="the conductor was restarted; ask again")
    )


def leave_unanswered(connection: sa.Connection, worker: Worker) -> None:
    """Answer the commands to a worker that has ended."""
    error = f"the conductor {worker.host} ended before it answered"
    left = sa.update(task_commands).where(_left_to(worker))
    connection.execute(left.values(finished_at=clock.now(connection), error=error))


def prune(connection: sa.Connection, before: datetime) -> None:
    """Delete commands from before a moment."""
    old = retention.is_old(connection, task_commands.c.id, task_commands.c.requested_at, before)
    connection.execute(sa.delete(task_commands).where(old))


def switch(connection: sa.Connection, conductor: str | None, task: str, off: bool) -> bool:
    """Record whether people have disabled a task; return whether that is new.

    :param conductor: for which; None for all, including later ones
    :raises podium.errors.Conflict: when one conductor should run what is disabled for all
    """
    its = [disabled.c.task == task, *([] if conductor is None else [disabled.c.conductor == conductor])]
    before = {*connection.scalars(sa.select(disabled.c.conductor).where(*its))}
    connection.execute(sa.delete(disabled).where(*its))
    if off:
        connection.execute(sa.insert(disabled).values(task=task, conductor=conductor or _ALL))
    elif conductor is not None and task in switched_off(connection, conductor):
        raise errors.Conflict(f"{task} is disabled for all conductors; enable it without --conductor")
    return before != ({conductor or _ALL} if off else set())


def switched_off(connection: sa.Connection, conductor: str) -> set[str]:
    """The tasks that people have disabled for a conductor."""
    mine = disabled.c.conductor.in_((_ALL, conductor))
    return set(connection.scalars(sa.select(disabled.c.task).where(mine)))
