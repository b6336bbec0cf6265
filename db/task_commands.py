"""What people ask of the periodic tasks of running daemons, as functions of an open connection."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from podium.db.models import conductors, periodic_tasks, task_commands, utcnow


def ask(
    connection: sa.Connection,
    conductor: str,
    task: str,
    action: str,
    who: str,
    node_uuid: str | None = None,
) -> list[int]:
    """Ask a conductor to ``run``, ``enable`` or ``disable`` a task.

    :returns: the numbers of the commands, one to each of its workers
    """
    here = conductors.c.hostname == conductor
    workers = connection.scalar(sa.select(conductors.c.workers).where(here)) or 1
    values = {"conductor": conductor, "task": task, "action": action, "node_uuid": node_uuid}
    numbers = []
    for worker in range(workers):
        asked = sa.insert(task_commands).values(**values, worker=worker, requested_by=who)
        (number,) = connection.execute(asked.values(requested_at=utcnow())).inserted_primary_key or (0,)
        numbers.append(int(number))
    return numbers


def unanswered(
    connection: sa.Connection, conductor: str, after: int, worker: int = 0
) -> Sequence[sa.Row[Any]]:
    """Commands to a worker of a conductor that it has not answered, above a number, the oldest first."""
    columns = task_commands.c
    query = sa.select(task_commands).where(
        columns.conductor == conductor,
        columns.worker == worker,
        columns.finished_at.is_(None),
        columns.id > after,
    )
    return connection.execute(query.order_by(columns.id)).all()


def answer(connection: sa.Connection, number: int, error: str | None, duration: float | None = None) -> None:
    """Say how a command ended: why it failed, or None, and the seconds of a run."""
    answered = sa.update(task_commands).where(task_commands.c.id == number)
    connection.execute(answered.values(finished_at=utcnow(), error=error, duration=duration))


def find(connection: sa.Connection, numbers: Sequence[int]) -> Sequence[sa.Row[Any]]:
    """The commands with these numbers, in order, those that were deleted meanwhile left out."""
    found = sa.select(task_commands).where(task_commands.c.id.in_(numbers))
    return connection.execute(found.order_by(task_commands.c.id)).all()


def abandon(connection: sa.Connection, conductor: str, worker: int = 0) -> None:
    """Answer the commands to a worker of a conductor that an earlier run of it left unanswered."""
    left = sa.update(task_commands).where(
        task_commands.c.conductor == conductor,
        task_commands.c.worker == worker,
        task_commands.c.finished_at.is_(None),
    )
    connection.execute(left.values(finished_at=utcnow(), error="the conductor was restarted; ask again"))


def prune(connection: sa.Connection, before: datetime) -> None:
    """Delete commands from before a moment."""
    connection.execute(sa.delete(task_commands).where(task_commands.c.requested_at < before))


def switch(connection: sa.Connection, conductor: str, task: str, off: bool) -> None:
    """Remember whether people have disabled a task."""
    mine = periodic_tasks.c.conductor == conductor, periodic_tasks.c.task == task
    connection.execute(sa.update(periodic_tasks).where(*mine).values(switched_off=off))


def switched_off(connection: sa.Connection, conductor: str) -> set[str]:
    """The tasks of a conductor that people have disabled."""
    columns = periodic_tasks.c
    query = sa.select(columns.task).where(columns.conductor == conductor, columns.switched_off.is_(True))
    return set(connection.scalars(query))
