"""What a conductor reads of its nodes and writes down about them, as functions of an open connection."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from podium.db.api import chunks
from podium.db.models import nodes, task_commands, utcnow
from podium.db.models import power_events as events


@dataclass(frozen=True, slots=True)
class Reading:
    """What one read of one node's power told.

    :param version: the version of the node that was read
    :param state: ``power on``, ``power off`` or ``error``; None when the read failed
    :param failure: why the read failed, in one line
    """

    node_id: int
    version: int
    at: datetime
    state: str | None
    failure: str | None = None
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a requested power change ended.

    :param state: the last state that was read, None when there was none
    :param error: why it failed, in one line; None when the target was reached
    """

    node_id: int
    holder: str
    at: datetime
    state: str | None
    error: str | None
    request_id: str | None = None


def owned(group: str, drivers: Sequence[str]) -> sa.ColumnElement[bool]:
    """The condition for a node to belong to a conductor."""
    return sa.and_(nodes.c.conductor_group == group, nodes.c.driver.in_(drivers))


def pulse(connection: sa.Connection) -> tuple[int, int, int, int]:
    """Four numbers that are the same only while no person did anything: to nodes, or commanding a task.

    Versions only grow and numbers of rows are never given again: a deletion shows in the count, a creation
    in the highest number, and any other change in the sum of versions.
    """
    count, versions, newest = sa.func.count(), sa.func.sum(nodes.c.version), sa.func.max(nodes.c.id)
    commanded = sa.select(sa.func.max(task_commands.c.id)).scalar_subquery()
    row = connection.execute(sa.select(count, versions, newest, commanded)).one()
    return int(row[0]), int(row[1] or 0), int(row[2] or 0), int(row[3] or 0)


def versions(connection: sa.Connection, group: str, drivers: Sequence[str]) -> dict[int, int]:
    """Number and version of every node that belongs to a conductor."""
    query = sa.select(nodes.c.id, nodes.c.version).where(owned(group, drivers))
    return {row.id: row.version for row in connection.execute(query)}


def load(connection: sa.Connection, numbers: Sequence[int]) -> list[sa.Row[Any]]:
    """The rows with these numbers, those that were deleted left out."""
    rows: list[sa.Row[Any]] = []
    for chunk in chunks(numbers):
        rows += connection.execute(sa.select(nodes).where(nodes.c.id.in_(chunk)))
    return rows


def requested(
    connection: sa.Connection, group: str, drivers: Sequence[str], holder: str, limit: int
) -> Sequence[sa.Row[Any]]:
    """Nodes with a power change that was asked for and that nobody else has begun, the oldest first.

    Those that ``holder`` has reserved are among them: it may have reserved one without hearing of it, when
    the database went away in that moment.
    """
    query = (
        sa.select(nodes)
        .where(nodes.c.target_power_state.is_not(None), _free_for(holder), owned(group, drivers))
        .order_by(nodes.c.power_requested_at)
        .limit(limit)
    )
    return connection.execute(query).all()


def _free_for(holder: str) -> sa.ColumnElement[bool]:
    return sa.or_(nodes.c.reservation.is_(None), nodes.c.reservation == holder)


def reserve(connection: sa.Connection, node_id: int, version: int, holder: str) -> bool:
    """Take a node for a power change; False when it changed meanwhile or somebody else has it."""
    mine = sa.update(nodes).where(
        nodes.c.id == node_id,
        nodes.c.version == version,
        _free_for(holder),
        nodes.c.target_power_state.is_not(None),
    )
    done = connection.execute(mine.values(reservation=holder, version=nodes.c.version + 1))
    return bool(done.rowcount)


def release(connection: sa.Connection, holder: str) -> int:
    """Give up every reservation of a conductor; what was asked for stays asked for.

    :returns: how many there were
    """
    held = sa.update(nodes).where(nodes.c.reservation == holder)
    return connection.execute(held.values(reservation=None, version=nodes.c.version + 1)).rowcount


def record_outcomes(connection: sa.Connection, outcomes: Iterable[Outcome]) -> None:
    """Write down how power changes ended and release their nodes."""
    for outcome in outcomes:
        mine = nodes.c.id == outcome.node_id, nodes.c.reservation == outcome.holder
        row = connection.execute(sa.select(nodes).where(*mine).with_for_update()).first()
        if row is None:
            continue
        values: dict[str, Any] = {
            "target_power_state": None,
            "power_requested_by": None,
            "power_requested_at": None,
            "reservation": None,
            "last_error": outcome.error,
            "version": row.version + 1,
        }
        if outcome.state is not None:
            values |= {"power_checked_at": outcome.at, "power_state": outcome.state, "power_failures": 0}
        changed = outcome.state is not None and outcome.state != row.power_state
        if changed:
            values["power_changed_at"] = outcome.at
        connection.execute(sa.update(nodes).where(nodes.c.id == row.id).values(values))
        if changed or outcome.error is None:
            who, reason = row.power_requested_by, f"{row.target_power_state} asked for"
            connection.execute(sa.insert(events).values(_event(row, outcome, "request", who, reason)))


def record_readings(connection: sa.Connection, readings: Sequence[Reading]) -> set[int]:
    """Write down readings, each only while its node is as it was when it was read, and free.

    Nodes of which the same is to be written share a statement, and with it the oldest of their times, so
    that an age is never told too small; the events have each its own.

    :returns: the numbers of the nodes that were left alone because they had changed
    """
    left_alone: set[int] = set()
    for chunk in chunks(readings):
        rows = _free(connection, [one.node_id for one in chunk])
        failed: list[dict[str, Any]] = []
        learned: list[dict[str, Any]] = []
        alike: dict[_Effect, list[Reading]] = {}
        for reading in chunk:
            row = rows.get(reading.node_id)
            if row is None or row.version != reading.version:
                left_alone.add(reading.node_id)
            elif reading.state is None:
                failed.append({"number": row.id, "failure": reading.failure})
            else:
                effect = _Effect(reading.state, reading.state != row.power_state, row.power_failures > 0)
                alike.setdefault(effect, []).append(reading)
                if effect.changed:
                    cause = "first reading" if row.power_state is None else "out-of-band"
                    learned.append(_event(row, reading, cause))
        if failed:
            connection.execute(_COUNT_FAILURE, failed)
        for effect, members in alike.items():
            statement = sa.update(nodes).where(nodes.c.id.in_([one.node_id for one in members]))
            connection.execute(statement.values(effect.values(min(one.at for one in members))))
        if learned:
            connection.execute(sa.insert(events), learned)
    return left_alone


_COUNT_FAILURE = (
    sa.update(nodes)
    .where(nodes.c.id == sa.bindparam("number"))
    .values(power_failures=nodes.c.power_failures + 1, last_error=sa.bindparam("failure"))
)


@dataclass(frozen=True, slots=True)
class _Effect:
    """What a reading of ``state`` does to the row of its node."""

    state: str
    changed: bool
    recovered: bool

    def values(self, at: datetime) -> dict[str, Any]:
        values: dict[str, Any] = {"power_checked_at": at}
        if self.changed:
            values |= {"power_state": self.state, "power_changed_at": at}
        if self.recovered:
            values |= {"power_failures": 0, "last_error": None}
        return values


def _free(connection: sa.Connection, numbers: Sequence[int]) -> dict[int, sa.Row[Any]]:
    """The nodes of these numbers that nobody has reserved, locked until the end of the transaction."""
    names = ("id", "uuid", "name", "version", "power_state", "power_failures")
    columns = [nodes.c[name] for name in names]
    query = sa.select(*columns).where(nodes.c.id.in_(numbers), nodes.c.reservation.is_(None))
    return {row.id: row for row in connection.execute(query.with_for_update())}


def _event(
    row: sa.Row[Any],
    source: Reading | Outcome,
    cause: str,
    who: str | None = None,
    reason: str | None = None,
) -> dict[str, Any]:
    return {
        "node_uuid": row.uuid,
        "node_name": row.name,
        "at": source.at,
        "from_state": row.power_state,
        "to_state": source.state,
        "cause": cause,
        "who": who,
        "reason": reason,
        "request_id": source.request_id,
    }


def record_health(connection: sa.Connection, healths: Mapping[int, Mapping[str, Any]]) -> None:
    """Write down how nodes fare, by number."""
    for number, health in healths.items():
        connection.execute(sa.update(nodes).where(nodes.c.id == number).values(health=dict(health)))


def record_patches(
    connection: sa.Connection, patches: Mapping[int, Mapping[str, Mapping[str, Any]]]
) -> dict[int, dict[str, dict[str, Any]]]:
    """Put values into JSON columns beside those that are there; None takes one away.

    :param patches: by number and column
    :returns: what the columns hold now, by number and column
    """
    written: dict[int, dict[str, dict[str, Any]]] = {}
    for number, columns in patches.items():
        query = sa.select(*(nodes.c[column] for column in columns)).where(nodes.c.id == number)
        row = connection.execute(query.with_for_update()).first()
        if row is None:
            continue
        values = {}
        for column, patch in columns.items():
            merged = {**row._mapping[column], **patch}
            values[column] = {key: value for key, value in merged.items() if value is not None}
        connection.execute(sa.update(nodes).where(nodes.c.id == number).values(values))
        written[number] = values
    return written


def record_maintenance(connection: sa.Connection, wishes: Mapping[int, tuple[str, str | None]]) -> None:
    """Put nodes into maintenance or take them out.

    :param wishes: by number, who wishes it, which is noted as the fault, and the reason; None takes a node
        out, but only of a maintenance that the same one put it in
    """
    for number, (who, reason) in wishes.items():
        if reason is None:
            mine = nodes.c.maintenance.is_(True), nodes.c.fault == who
            values: dict[str, Any] = {"maintenance": False, "maintenance_reason": None, "fault": None}
        else:
            mine = nodes.c.maintenance.is_(False), sa.true()
            values = {"maintenance": True, "maintenance_reason": reason, "fault": who}
        changed = sa.update(nodes).where(nodes.c.id == number, *mine)
        connection.execute(changed.values(**values, version=nodes.c.version + 1, updated_at=utcnow()))


def hold(connection: sa.Connection, number: int, holder: str) -> bool:
    """Reserve a node without changing its power; False when somebody has it or it is asked to change."""
    free = nodes.c.id == number, nodes.c.reservation.is_(None), nodes.c.target_power_state.is_(None)
    done = connection.execute(
        sa.update(nodes).where(*free).values(reservation=holder, version=nodes.c.version + 1)
    )
    return bool(done.rowcount)


def let_go(connection: sa.Connection, numbers: Iterable[int], holder: str) -> None:
    """Give up single reservations that :func:`hold` made."""
    for chunk in chunks(list(numbers)):
        held = nodes.c.id.in_(chunk), nodes.c.reservation == holder
        connection.execute(
            sa.update(nodes).where(*held).values(reservation=None, version=nodes.c.version + 1)
        )


def prune_events(connection: sa.Connection, before: datetime) -> int:
    """Delete power events older than a moment; how many there were."""
    return connection.execute(sa.delete(events).where(events.c.at < before)).rowcount


def list_events(connection: sa.Connection, node_uuid: str) -> Sequence[sa.Row[Any]]:
    """The power events of a node, the oldest first."""
    return connection.execute(
        sa.select(events).where(events.c.node_uuid == node_uuid).order_by(events.c.id)
    ).all()
