"""The daemons on a database and how their periodic tasks fare, as functions of an open connection."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from oslo_db.exception import DBDuplicateEntry

from podium import errors
from podium.db.models import conductors, utcnow
from podium.db.models import periodic_tasks as tasks


@dataclass(frozen=True, slots=True)
class Membership:
    """A daemon as the others see it.

    :param process: tells this run of the daemon from any other, see podium.conductor.membership
    """

    hostname: str
    process: str
    drivers: tuple[str, ...]
    conductor_group: str


def claim(
    connection: sa.Connection,
    member: Membership,
    heartbeat_timeout: float,
    is_dead: Callable[[str], bool],
) -> None:
    """Enter a daemon under its host name.

    :param heartbeat_timeout: seconds after which a daemon that is not heard of counts as gone
    :param is_dead: whether the process that a row names is known to have ended
    :raises podium.errors.ConductorAlreadyRunning: while another one has that name
    """
    now = utcnow()
    here = conductors.c.hostname == member.hostname
    values = {
        "process": member.process,
        "drivers": list(member.drivers),
        "conductor_group": member.conductor_group,
        "online": True,
        "started_at": now,
        "heartbeat_at": now,
    }
    row = connection.execute(sa.select(conductors).where(here).with_for_update()).first()
    if row is None:
        try:
            connection.execute(sa.insert(conductors).values(hostname=member.hostname, **values))
        except DBDuplicateEntry:
            raise errors.ConductorAlreadyRunning(
                f"a conductor with the host name {member.hostname} has entered this database just now; stop"
                " it, or give this one another [DEFAULT] host"
            ) from None
        return
    age = (now - row.heartbeat_at).total_seconds()
    if row.online and row.process != member.process and age < heartbeat_timeout and not is_dead(row.process):
        raise errors.ConductorAlreadyRunning(
            f"a conductor with the host name {member.hostname} is alive on this database (last heard of"
            f" {age:.0f} s ago); stop it, give this one another [DEFAULT] host, or, if it is gone, wait"
            f" {heartbeat_timeout - age:.0f} s"
        )
    connection.execute(sa.update(conductors).where(here).values(values))


def heartbeat(connection: sa.Connection, member: Membership) -> bool:
    """Say that a daemon is alive; False when another one has taken its host name."""
    mine = conductors.c.hostname == member.hostname, conductors.c.process == member.process
    alive = sa.update(conductors).where(*mine).values(heartbeat_at=utcnow(), online=True)
    return bool(connection.execute(alive).rowcount)


def leave(connection: sa.Connection, member: Membership) -> None:
    """Say that a daemon has ended."""
    mine = conductors.c.hostname == member.hostname, conductors.c.process == member.process
    connection.execute(sa.update(conductors).where(*mine).values(online=False))


def list_conductors(connection: sa.Connection) -> Sequence[sa.Row[Any]]:
    """Every conductor that ever ran on this database, in order of host name."""
    return connection.execute(sa.select(conductors).order_by(conductors.c.hostname)).all()


def is_alive(row: sa.Row[Any], heartbeat_timeout: float) -> bool:
    """Whether a conductor was heard of within ``heartbeat_timeout`` seconds and has not said goodbye."""
    return bool(row.online and utcnow() - row.heartbeat_at < timedelta(seconds=heartbeat_timeout))


@dataclass(frozen=True, slots=True)
class TaskReport:
    """How one periodic task fares; seconds, and counts since it was first seen."""

    task: str
    state: str
    spacing: float
    last_run: datetime | None
    duration: float | None
    runs: int
    failures: int
    skipped: int
    deadline_misses: int
    last_error: str | None


def save_tasks(connection: sa.Connection, conductor: str, reports: Sequence[TaskReport]) -> None:
    """Write down how tasks fare, new ones included."""
    for report in reports:
        values = {field: getattr(report, field) for field in TaskReport.__slots__}
        mine = tasks.c.conductor == conductor, tasks.c.task == report.task
        if connection.execute(sa.select(tasks.c.task).where(*mine)).first():
            connection.execute(sa.update(tasks).where(*mine).values(values))
        else:
            connection.execute(sa.insert(tasks).values(conductor=conductor, switched_off=False, **values))


def forget_tasks(connection: sa.Connection, conductor: str, names: Sequence[str]) -> None:
    """Drop what was written about tasks that a conductor no longer has."""
    gone = sa.delete(tasks).where(tasks.c.conductor == conductor, tasks.c.task.not_in(names))
    connection.execute(gone)


def list_tasks(connection: sa.Connection, conductor: str | None = None) -> Sequence[sa.Row[Any]]:
    """The periodic tasks of one conductor or of all, in order of name."""
    query = sa.select(tasks).order_by(tasks.c.task, tasks.c.conductor)
    if conductor is not None:
        query = query.where(tasks.c.conductor == conductor)
    return connection.execute(query).all()


def reports(connection: sa.Connection, conductor: str) -> dict[str, TaskReport]:
    """How the tasks of a conductor fared, by name."""
    fields = TaskReport.__slots__
    rows = list_tasks(connection, conductor)
    return {row.task: TaskReport(**{field: getattr(row, field) for field in fields}) for row in rows}
