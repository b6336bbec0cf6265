"""The daemons on a database and how their periodic tasks fare, as functions of an open connection."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from oslo_db.exception import DBDuplicateEntry

from podium import errors
from podium.db import clock
from podium.db.figures import Figures
from podium.db.models import columns, conductors
from podium.db.models import conductor_workers as workers
from podium.db.models import periodic_tasks as tasks
from podium.db.worker import Worker


@dataclass(frozen=True, slots=True)
class Membership:
    """A daemon as the others see it.

    :param process: distinguishes this run of the daemon from any other, see podium.conductor.fleet.membership
    :param workers: how many processes share its nodes, counted from 0
    """

    hostname: str
    process: str
    drivers: tuple[str, ...]
    conductor_group: str
    workers: int = 1


def claim(
    connection: sa.Connection,
    member: Membership,
    heartbeat_timeout: float,
    is_dead: Callable[[str], bool],
) -> None:
    """Enter a daemon under its host name, and forget the workers that it no longer has.

    :param heartbeat_timeout: seconds after which a daemon that is not heard of counts as gone
    :param is_dead: whether the process that a row names is known to have ended
    :raises podium.errors.ConductorAlreadyRunning: while another one has that name
    """
    now = clock.now(connection)
    here = conductors.c.hostname == member.hostname
    values = {
        "process": member.process,
        "drivers": list(member.drivers),
        "conductor_group": member.conductor_group,
        "workers": member.workers,
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
    is_another = row.online and row.process != member.process
    if is_another and is_fresh(age, heartbeat_timeout) and not is_dead(row.process):
        age = max(age, 0.0)
        raise errors.ConductorAlreadyRunning(
            f"a conductor with the host name {member.hostname} is alive on this database (last heard of"
            f" {age:.0f} s ago); stop it, give this one another [DEFAULT] host, or, if it is gone, wait"
            f" {heartbeat_timeout - age:.0f} s"
        )
    connection.execute(sa.update(conductors).where(here).values(values))
    for table in (tasks, workers):
        gone = table.c.conductor == member.hostname, table.c.worker >= member.workers
        connection.execute(sa.delete(table).where(*gone))


def heartbeat(connection: sa.Connection, member: Membership) -> bool:
    """Renew a daemon's heartbeat; False when another daemon has taken its host name."""
    mine = conductors.c.hostname == member.hostname, conductors.c.process == member.process
    alive = sa.update(conductors).where(*mine).values(heartbeat_at=clock.now(connection))
    return bool(connection.execute(alive).rowcount)


def leave(connection: sa.Connection, member: Membership) -> None:
    """Record that a daemon has ended."""
    mine = conductors.c.hostname == member.hostname, conductors.c.process == member.process
    connection.execute(sa.update(conductors).where(*mine).values(online=False))


def freeze(connection: sa.Connection, hostname: str, at: datetime, reason: str) -> None:
    """Record that a conductor enforces nothing for the time being, and why."""
    frozen = sa.update(conductors).where(conductors.c.hostname == hostname)
    connection.execute(frozen.values(frozen_at=at, frozen_reason=reason, thaw_requested_at=None))


def thaw(connection: sa.Connection, hostname: str) -> None:
    """Record that a conductor enforces again."""
    thawed = sa.update(conductors).where(conductors.c.hostname == hostname)
    connection.execute(thawed.values(frozen_at=None, frozen_reason=None, thaw_requested_at=None))


def ask_thaw(connection: sa.Connection, hostname: str, at: datetime) -> bool:
    """Ask a conductor that enforces nothing to do so again; False when it does or there is none."""
    frozen = conductors.c.hostname == hostname, conductors.c.frozen_at.is_not(None)
    asked = sa.update(conductors).where(*frozen).values(thaw_requested_at=at)
    return bool(connection.execute(asked).rowcount)


class ConductorRecord(NamedTuple):
    """A daemon, see :class:`podium.db.models.ConductorRow`.

    :param age: seconds since its last heartbeat when this was read, by the database's clock
    """

    hostname: str
    process: str
    drivers: list[str]
    conductor_group: str
    workers: int
    online: bool
    started_at: datetime
    heartbeat_at: datetime
    frozen_at: datetime | None
    frozen_reason: str | None
    thaw_requested_at: datetime | None
    age: float

    def is_alive(self, heartbeat_timeout: float) -> bool:
        """Whether it was heard of within ``heartbeat_timeout`` seconds and has not left."""
        return self.online and is_fresh(self.age, heartbeat_timeout)


def is_fresh(age: float, timeout: float) -> bool:
    """Whether what is renewed every few seconds is.

    What lies further ahead than that was written before the database's clock was set back, and not since.

    :param age: seconds, by the database's clock
    """
    return abs(age) < timeout


_CONDUCTORS: Final = sa.select(*columns(conductors, ConductorRecord._fields[:-1]))


def list_conductors(connection: sa.Connection) -> list[ConductorRecord]:
    """Every conductor that ever ran on this database, in order of host name."""
    return _records(connection, _CONDUCTORS.order_by(conductors.c.hostname))


def find(connection: sa.Connection, hostname: str) -> ConductorRecord | None:
    """The conductor with that host name, None when it never ran on this database."""
    return next(iter(_records(connection, _CONDUCTORS.where(conductors.c.hostname == hostname))), None)


def _records(connection: sa.Connection, query: sa.Select[Any]) -> list[ConductorRecord]:
    rows, now = connection.execute(query).all(), clock.now(connection)
    return [ConductorRecord._make((*row, (now - row.heartbeat_at).total_seconds())) for row in rows]


def save_figures(connection: sa.Connection, worker: Worker, figures: Figures) -> None:
    """Write down the figures of one worker, in the place of those before."""
    values = {"statistics": figures.to_json(), "updated_at": clock.now(connection)}
    mine = workers.c.conductor == worker.host, workers.c.worker == worker.index
    if not connection.execute(sa.update(workers).where(*mine).values(values)).rowcount:
        connection.execute(sa.insert(workers).values(conductor=worker.host, worker=worker.index, **values))


class WorkerFigures(NamedTuple):
    """The figures that one worker wrote down last.

    :param age: seconds since then when they were read, by the database's clock
    """

    worker: int
    figures: Figures
    updated_at: datetime
    age: float


def figures(connection: sa.Connection, conductor: str) -> list[WorkerFigures]:
    """The figures of each worker of a conductor, in order of worker."""
    query = sa.select(*columns(workers, ("worker", "statistics", "updated_at")))
    query = query.where(workers.c.conductor == conductor).order_by(workers.c.worker)
    rows, now = connection.execute(query).all(), clock.now(connection)
    return [
        WorkerFigures(worker, Figures.from_json(document), at, (now - at).total_seconds())
        for worker, document, at in rows
    ]


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


@dataclass(frozen=True, slots=True)
class ConductorTask(TaskReport):
    """How one periodic task fares in all workers of a conductor."""

    conductor: str
    switched_off: bool


_FIELDS: Final = TaskReport.__slots__

#: The states of a task, the one to look at first before the others.
_WORST_FIRST: Final = ("late", "failing", "slowed", "running", "idle", "disabled")


def save_tasks(connection: sa.Connection, worker: Worker, reports: Sequence[TaskReport]) -> None:
    """Write down how tasks fare in one worker, new ones included."""
    for report in reports:
        values = {field: getattr(report, field) for field in _FIELDS}
        mine = _of_worker(worker) & (tasks.c.task == report.task)
        if not connection.execute(sa.update(tasks).where(mine).values(values)).rowcount:
            new = {"conductor": worker.host, "worker": worker.index, "switched_off": False, **values}
            connection.execute(sa.insert(tasks).values(new))


def forget_tasks(connection: sa.Connection, worker: Worker, names: Sequence[str]) -> None:
    """Delete the reports on a worker's tasks, apart from the named ones."""
    gone = _of_worker(worker) & tasks.c.task.not_in(names)
    connection.execute(sa.delete(tasks).where(gone))


def list_tasks(connection: sa.Connection) -> list[ConductorTask]:
    """The periodic tasks of all conductors, each conductor's workers as one, in order of name."""
    query = sa.select(tasks).order_by(tasks.c.task, tasks.c.conductor, tasks.c.worker)
    by_task = groupby(connection.execute(query), lambda row: (row.task, row.conductor))
    return [_together(list(rows)) for _, rows in by_task]


def _together(rows: Sequence[sa.Row[Any]]) -> ConductorTask:
    return ConductorTask(
        task=rows[0].task,
        conductor=rows[0].conductor,
        switched_off=any(row.switched_off for row in rows),
        state=min((row.state for row in rows), key=_urgency),
        spacing=max(row.spacing for row in rows),
        last_run=_greatest(row.last_run for row in rows),
        duration=_greatest(row.duration for row in rows),
        runs=sum(row.runs for row in rows),
        failures=sum(row.failures for row in rows),
        skipped=sum(row.skipped for row in rows),
        deadline_misses=sum(row.deadline_misses for row in rows),
        last_error=next((row.last_error for row in rows if row.last_error is not None), None),
    )


def _urgency(state: str) -> int:
    return _WORST_FIRST.index(state) if state in _WORST_FIRST else len(_WORST_FIRST)


def _greatest(values: Iterable[Any]) -> Any:
    return max((value for value in values if value is not None), default=None)


def reports(connection: sa.Connection, worker: Worker) -> dict[str, TaskReport]:
    """How the tasks of a worker fared, by name."""
    rows = connection.execute(sa.select(tasks).where(_of_worker(worker)))
    return {row.task: TaskReport(**{field: getattr(row, field) for field in _FIELDS}) for row in rows}


def _of_worker(worker: Worker) -> sa.ColumnElement[bool]:
    return sa.and_(tasks.c.conductor == worker.host, tasks.c.worker == worker.index)
