"""The daemons on a database and the state of their periodic tasks, as functions of an open connection."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from podium.db import clock
from podium.db.figures import Figures
from podium.db.models import columns, conductors, disabled_tasks, enforcement, leases, members
from podium.db.models import conductor_workers as figures_of_workers
from podium.db.models import periodic_tasks as tasks
from podium.db.worker import Worker
from podium.node_ranges import natural


def begin(connection: sa.Connection, hostname: str, workers: int) -> None:
    """Record that a daemon starts, and lock its row until this transaction ends.

    :param workers: its number of processes; tasks and figures of workers that it no longer has are deleted
    :raises oslo_db.exception.DBDuplicateEntry: when another transaction has just created the row
    """
    here = conductors.c.hostname == hostname
    values = {"workers": workers, "started_at": clock.now(connection)}
    if not connection.execute(sa.update(conductors).where(here).values(values)).rowcount:
        connection.execute(sa.insert(conductors).values(hostname=hostname, **values))
    for table in (tasks, figures_of_workers):
        gone = table.c.conductor == hostname, table.c.worker >= workers
        connection.execute(sa.delete(table).where(*gone))


class ConductorRecord(NamedTuple):
    """A daemon, see :data:`podium.db.models.conductors`, and its workers, see podium.db.members.

    :param drivers: of its workers, or of the last that ended
    :param groups: the groups that it serves, its own first, then those that it serves while no other
        conductor does
    :param online: whether any worker has not ended
    :param frozen_at: since when nothing is enforced in the whole fleet; ``frozen_reason`` is why
    :param heartbeat_at: the last heartbeat of any worker
    :param age: seconds since then when this was read, by the database's clock
    """

    hostname: str
    drivers: list[str]
    conductor_group: str
    workers: int
    online: bool
    started_at: datetime
    heartbeat_at: datetime
    frozen_at: datetime | None
    frozen_reason: str | None
    age: float
    groups: list[str]

    def serves(self, driver: str, group: str) -> bool:
        """Whether nodes with this driver in this conductor group may be owned by it."""
        return driver in self.drivers and group in self.groups

    def is_alive(self, heartbeat_timeout: float) -> bool:
        """Whether its last heartbeat is at most ``heartbeat_timeout`` seconds old and it has not left.

        For people to read: no decision depends on it.
        """
        return self.online and is_fresh(self.age, heartbeat_timeout)


def is_fresh(age: float, timeout: float) -> bool:
    """Whether something that is renewed every few seconds is up to date.

    A time that is further ahead was written before the database's clock was set back, and not renewed since.

    :param age: seconds, by the database's clock
    """
    return abs(age) < timeout


_CONDUCTORS: Final = sa.select(
    *columns(conductors, ("hostname", "workers", "started_at")),
    *columns(enforcement, ("frozen_at", "frozen_reason")),
).select_from(conductors.outerjoin(enforcement, sa.true()))
_LAST: Final = sa.select(sa.func.max(members.c.id)).group_by(members.c.host)
_WORKERS: Final = (
    sa.select(
        *columns(
            members, ("host", "drivers", "conductor_groups", "fallback_groups", "started_at", "ended_at")
        ),
        leases.c.renewed_at,
    )
    .select_from(members.outerjoin(leases, leases.c.member_id == members.c.id))
    .where(sa.or_(members.c.ended_at.is_(None), members.c.id.in_(_LAST)))
    .order_by(members.c.id)
)


def list_conductors(connection: sa.Connection) -> list[ConductorRecord]:
    """Every conductor that ever ran on this database, ordered by host name."""
    return sorted(_records(connection, _CONDUCTORS), key=lambda one: natural(one.hostname))


def find(connection: sa.Connection, hostname: str) -> ConductorRecord | None:
    """The conductor with this host name; None if it never ran on this database."""
    return next(iter(_records(connection, _CONDUCTORS.where(conductors.c.hostname == hostname))), None)


def _records(connection: sa.Connection, query: sa.Select[Any]) -> list[ConductorRecord]:
    by_host: dict[str, list[Any]] = defaultdict(list)
    for worker in connection.execute(_WORKERS):
        by_host[worker.host].append(worker)
    rows, now = connection.execute(query).all(), clock.now(connection)
    return [_record(row, by_host[row.hostname], now) for row in rows]


def _record(row: sa.Row[Any], its: Sequence[Any], now: datetime) -> ConductorRecord:
    """Make a record from a conductor's row and its workers that have not ended, or the last that ended."""
    unended = [worker for worker in its if worker.ended_at is None]
    heard = [worker.renewed_at or worker.ended_at or worker.started_at for worker in unended or its]
    heartbeat_at = max(heard, default=row.started_at)
    shown = (unended or its)[-1:]
    groups = [group for worker in shown for group in (*worker.conductor_groups, *worker.fallback_groups)]
    return ConductorRecord(
        drivers=[name for worker in shown for name in worker.drivers],
        conductor_group=groups[0] if groups else "",
        online=bool(unended),
        heartbeat_at=heartbeat_at,
        age=(now - heartbeat_at).total_seconds(),
        groups=groups,
        **row._mapping,
    )


def save_figures(connection: sa.Connection, worker: Worker, figures: Figures) -> None:
    """Replace the stored figures of one worker."""
    values = {"statistics": figures.to_json(), "updated_at": clock.now(connection)}
    mine = figures_of_workers.c.conductor == worker.host, figures_of_workers.c.worker == worker.index
    if not connection.execute(sa.update(figures_of_workers).where(*mine).values(values)).rowcount:
        connection.execute(
            sa.insert(figures_of_workers).values(conductor=worker.host, worker=worker.index, **values)
        )


class WorkerFigures(NamedTuple):
    """The figures that a worker last wrote.

    :param age: seconds since then when they were read, by the database's clock
    """

    worker: int
    figures: Figures
    updated_at: datetime
    age: float


def figures(connection: sa.Connection, conductor: str) -> list[WorkerFigures]:
    """The figures of each worker of a conductor, ordered by worker."""
    query = sa.select(*columns(figures_of_workers, ("worker", "statistics", "updated_at")))
    query = query.where(figures_of_workers.c.conductor == conductor).order_by(figures_of_workers.c.worker)
    rows, now = connection.execute(query).all(), clock.now(connection)
    return [
        WorkerFigures(worker, Figures.from_json(document), at, (now - at).total_seconds())
        for worker, document, at in rows
    ]


@dataclass(frozen=True, slots=True)
class TaskReport:
    """The state of a periodic task: seconds, and counts since it was first seen."""

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
    """The state of a periodic task in all workers of a conductor."""

    conductor: str
    switched_off: bool


_FIELDS: Final = TaskReport.__slots__

#: The states of a task, the most urgent first.
_WORST_FIRST: Final = ("late", "failing", "slowed", "running", "idle", "disabled")


def save_tasks(connection: sa.Connection, worker: Worker, reports: Sequence[TaskReport]) -> None:
    """Write the state of tasks in one worker, including new tasks."""
    for report in reports:
        values = {field: getattr(report, field) for field in _FIELDS}
        mine = _of_worker(worker) & (tasks.c.task == report.task)
        if not connection.execute(sa.update(tasks).where(mine).values(values)).rowcount:
            new = {"conductor": worker.host, "worker": worker.index, **values}
            connection.execute(sa.insert(tasks).values(new))


def forget_tasks(connection: sa.Connection, worker: Worker, names: Sequence[str]) -> None:
    """Delete the reports on a worker's tasks, except the named ones."""
    gone = _of_worker(worker) & tasks.c.task.not_in(names)
    connection.execute(sa.delete(tasks).where(gone))


def list_tasks(connection: sa.Connection) -> list[ConductorTask]:
    """The periodic tasks of all conductors, ordered by name; the workers of a conductor are combined."""
    its = sa.and_(leases.c.host == tasks.c.conductor, leases.c.worker == tasks.c.worker)
    query = sa.select(tasks, leases.c.member_id).select_from(tasks.outerjoin(leases, its))
    query = query.order_by(tasks.c.task, tasks.c.conductor, tasks.c.worker)
    off = set(map(tuple, connection.execute(sa.select(disabled_tasks))))
    by_task = groupby(connection.execute(query), lambda row: (row.task, row.conductor))
    return [
        _together(list(rows), not off.isdisjoint({(task, ""), (task, conductor)}))
        for (task, conductor), rows in by_task
    ]


def _together(rows: Sequence[sa.Row[Any]], switched_off: bool) -> ConductorTask:
    # Reports of ended workers are out of date.
    living = [row for row in rows if row.member_id is not None] or rows
    return ConductorTask(
        task=rows[0].task,
        conductor=rows[0].conductor,
        switched_off=switched_off,
        state=min((row.state for row in living), key=_urgency),
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
    """The reports on the tasks of a worker, by name."""
    rows = connection.execute(sa.select(tasks).where(_of_worker(worker)))
    return {row.task: TaskReport(**{field: getattr(row, field) for field in _FIELDS}) for row in rows}


def _of_worker(worker: Worker) -> sa.ColumnElement[bool]:
    return sa.and_(tasks.c.conductor == worker.host, tasks.c.worker == worker.index)
