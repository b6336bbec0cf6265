"""What needs attention besides nodes: conductors, enforcement, operations, tasks, notifications."""

import shlex
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

import sqlalchemy as sa

from podium import node_ranges
from podium.client.calls.status import Finding
from podium.client.local.backend import Backend
from podium.client.local.node_findings import FEW, LONGEST
from podium.db import clock, conductors, cross_checks, roster, under_way
from podium.db.enforcement import Standing
from podium.db.figures import Figures
from podium.db.member_figures import shortages
from podium.db.roster import Roster

#: Seconds for which a failed operation needs attention, unless something is requested of its nodes again.
_LATELY: Final = 86_400.0
#: How many of the failing operations or tasks are named individually.
_MOST: Final = 3
_ILL: Final = ("failing", "slowed", "late")
#: The task that reads the power of all nodes.
_READS: Final = "conductor.sync_power_status"
_CONDUCTORS: Final = "podium conductor list"


def findings(
    backend: Backend, connection: sa.Connection, present: Roster, standing: Standing, now: datetime
) -> list[Finding]:
    """Return what needs attention besides nodes, in no order."""
    alive = [crew.hostname for crew in present.crews if not crew.state.startswith(roster.GONE)]
    heard = [
        crew.hostname for crew in present.crews if crew.hostname in alive and crew.state != roster.SILENT
    ]
    timeout = float(backend.config.conductor.heartbeat_timeout)
    return [
        *_of_conductors(present, alive, now),
        *_of_enforcement(standing),
        *_of_operations(connection, clock.later(now, -_LATELY)),
        *_of_tasks(connection, heard),
        *_of_figures(connection, heard, timeout),
        *(
            Finding(
                kind="out_of_reach", severity="warning", text=f"{one}", since=one.since, command=_CONDUCTORS
            )
            for one in cross_checks.out_of_reach(connection)
        ),
        *(
            Finding(kind="shortage", severity="warning", text=f"{one}", command=_CONDUCTORS)
            for one in shortages(connection)
        ),
    ]


def _of_conductors(present: Roster, alive: Sequence[str], now: datetime) -> Iterable[Finding]:
    unserved = sum(present.unserved.values()) + sum(present.avoided.values())
    if not alive and (unserved or present.crews):
        yield Finding(
            kind="no_conductor",
            severity="critical",
            text="no conductor is running",
            nodes=unserved,
            where="unserved",
            command=_CONDUCTORS,
        )
        return
    silent = [crew for crew in present.crews if crew.state == roster.SILENT]
    gone = [crew for crew in present.crews if crew.state == roster.GONE]
    if silent:
        yield Finding(
            kind="conductor_silent",
            severity="critical",
            text=f"{_conductors([crew.hostname for crew in silent], 'gives', 'give')} no sign of life",
            since=clock.later(now, -max(crew.lease_age or 0.0 for crew in silent)),
            nodes=sum(crew.nodes for crew in silent),
            where=" or ".join(f'conductor="{crew.hostname}"' for crew in silent),
            command=_CONDUCTORS,
        )
    if gone:
        yield Finding(
            kind="conductor_gone",
            severity="warning",
            text=f"{_conductors([crew.hostname for crew in gone], 'is', 'are')} gone",
            since=max((crew.gone_since for crew in gone if crew.gone_since is not None), default=None),
            command=_CONDUCTORS,
        )


def _conductors(hosts: Sequence[str], does: str, do: str) -> str:
    return f"{_named(hosts)} {do if hosts[1:] else does}"


def _named(hosts: Sequence[str]) -> str:
    return f"the conductor{'s' if hosts[1:] else ''} {node_ranges.fold_for_log(hosts)}"


def _of_enforcement(standing: Standing) -> Iterable[Finding]:
    if standing.frozen_at is not None:
        yield Finding(
            kind="enforcement_frozen",
            severity="critical",
            text=f"no power state is restored: {standing.frozen_reason}",
            since=standing.frozen_at,
            where="would_enforce",
            command="podium node list --would-enforce",
        )


def _of_operations(connection: sa.Connection, since: datetime) -> Iterable[Finding]:
    failed = under_way.failed(connection, since)
    few = [one.operation for one in failed[:_MOST] if one.nodes <= FEW]
    names = under_way.failed_names(connection, few, FEW * _MOST) if few else {}
    for one in failed[:_MOST]:
        folded = node_ranges.fold(names.get(one.operation, ()))
        yield Finding(
            kind="operation_failed",
            severity="warning",
            text=f"{one.action} failed for {_nodes(one.nodes)}",
            since=one.requested_at,
            nodes=one.nodes,
            names=folded if folded and len(folded) <= LONGEST else None,
            command=f"podium operation show {one.operation}",
        )
    if rest := failed[_MOST:]:
        count = sum(one.nodes for one in rest)
        numbers = node_ranges.fold_numbers([one.operation for one in rest])
        yield Finding(
            kind="operation_failed",
            severity="warning",
            text=f"older operations failed for {_nodes(count)}: {numbers}",
            since=rest[0].requested_at,
            nodes=count,
            command=f"podium operation show {rest[0].operation}",
        )


def _nodes(count: int) -> str:
    return "1 node" if count == 1 else f"{count:,} nodes"


def _of_tasks(connection: sa.Connection, alive: Sequence[str]) -> Iterable[Finding]:
    ill: dict[str, list[conductors.ConductorTask]] = {}
    known = [one for one in conductors.list_tasks(connection) if one.conductor in alive]
    for one in known:
        if one.state in _ILL and not one.switched_off:
            ill.setdefault(one.task, []).append(one)
    if off := [one.conductor for one in known if one.task == _READS and one.switched_off]:
        yield Finding(
            kind="reads_disabled",
            severity="critical",
            text=f"no power is read by {_named(off)}: the task {_READS} is disabled",
            command="podium task list",
        )
    for task, its in ill.items():
        on = ", ".join(one.conductor for one in its)
        is_late = all(one.state == "late" for one in its)
        error = next((one.last_error for one in its if one.last_error), None)
        why = f": {error}" if error and not is_late else ""
        command = shlex.join(("podium", "task", "show", task, "--conductor", its[0].conductor))
        yield Finding(
            kind="task_failing",
            severity="warning",
            text=f"the task {task} {'is late' if is_late else 'fails'} on {on}{why}",
            command=command if len(its) == 1 else "podium task list",
        )


def _of_figures(connection: sa.Connection, alive: Sequence[str], timeout: float) -> Iterable[Finding]:
    written = {host: conductors.figures(connection, host) for host in alive}
    old = [
        host for host, its in written.items() if not all(conductors.is_fresh(one.age, timeout) for one in its)
    ]
    if old:
        yield Finding(
            kind="no_figures",
            severity="warning",
            text=f"{_conductors(old, 'has', 'have')} written no new figures for {timeout:g} s",
            command=_CONDUCTORS if old[1:] else shlex.join(("podium", "conductor", "show", old[0])),
        )
    fresh = [one.figures for host, its in written.items() if host not in old for one in its]
    merged = Figures.merged(fresh) if fresh else Figures()
    for sink, its in sorted(merged.notifications.items()):
        if its.failing:
            why = f": {its.last_error}" if its.last_error else ""
            yield Finding(
                kind="notifications_failing",
                severity="warning",
                text=f"{sink} does not take notifications{why}",
                since=its.failing_since,
                command="podium conductor show",
            )
    for driver, reads in sorted(merged.drivers.items()):
        if reads.late:
            yield Finding(
                kind="reads_late",
                severity="warning",
                text=f"reading all nodes of the driver {driver} takes longer than its interval",
                command="podium conductor show",
            )
