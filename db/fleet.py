"""What a conductor reads of its nodes and writes down about them, as functions of an open connection."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from podium.db.api import chunks
from podium.db.changes import next_change
from podium.db.models import nodes, utcnow
from podium.db.models import power_events as events
from podium.db.readings import AMONG, AT_ONCE, event
from podium.db.readings import Checked as Checked
from podium.db.readings import Reading as Reading
from podium.db.readings import record_checked as record_checked
from podium.db.readings import record_readings as record_readings


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


def changed(connection: sa.Connection, since: int) -> Sequence[sa.Row[Any]]:
    """The nodes of which a change has a higher number: id, uuid, driver, conductor_group and version."""
    columns = [nodes.c[name] for name in ("id", "uuid", "driver", "conductor_group", "version")]
    return connection.execute(sa.select(*columns).where(nodes.c.version > since).order_by(nodes.c.id)).all()


def numbers(connection: sa.Connection) -> set[int]:
    """The numbers of all nodes that there are."""
    return set(connection.scalars(sa.select(nodes.c.id)))


#: Columns for people to read, of no use to a conductor: a quarter of the time to load 100,000 rows.
_FOR_PEOPLE: Final = {
    *("power_requested_at", "power_changed_at", "last_error", "maintenance_reason", "fault"),
    *("reservation", "created_at", "updated_at"),
}
_LOAD: Final = sa.select(*(column for column in nodes.columns if column.name not in _FOR_PEOPLE)).where(AMONG)


def load(connection: sa.Connection, numbers: Sequence[int]) -> list[sa.Row[Any]]:
    """What conductors work with of the nodes with these numbers, in any order; deleted ones are left out."""
    rows: list[sa.Row[Any]] = []
    for chunk in chunks(numbers, AT_ONCE):
        rows += connection.execute(_LOAD, {"numbers": chunk})
    return rows


def requested(
    connection: sa.Connection, group: str, drivers: Sequence[str], holder: str
) -> Sequence[sa.Row[Any]]:
    """Number and UUID of the nodes with a power change asked for that nobody else has begun, oldest first.

    Those that ``holder`` has reserved are among them: it may have reserved one without hearing of it, when
    the database went away in that moment.
    """
    query = (
        sa.select(*(nodes.c[name] for name in ("id", "uuid")))
        .where(nodes.c.target_power_state.is_not(None), _free_for(holder))
        .where(nodes.c.conductor_group == group, nodes.c.driver.in_(drivers))
        .order_by(nodes.c.power_requested_at, nodes.c.id)
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
    done = connection.execute(mine.values(reservation=holder, version=next_change(connection)))
    return bool(done.rowcount)


def release(connection: sa.Connection, holders: Sequence[str]) -> int:
    """Give up every reservation of a conductor's workers; what was asked for stays asked for.

    :returns: how many there were
    """
    held = sa.update(nodes).where(nodes.c.reservation.in_(holders))
    return connection.execute(held.values(reservation=None, version=next_change(connection))).rowcount


def record_outcomes(connection: sa.Connection, outcomes: Iterable[Outcome]) -> None:
    """Write down how power changes ended and release their nodes."""
    for outcome in outcomes:
        version = next_change(connection)
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
            "version": version,
        }
        if outcome.state is not None:
            values |= {"power_checked_at": outcome.at, "power_state": outcome.state, "power_failures": 0}
        changed = outcome.state is not None and outcome.state != row.power_state
        if changed:
            values["power_changed_at"] = outcome.at
        connection.execute(sa.update(nodes).where(nodes.c.id == row.id).values(values))
        if changed or outcome.error is None:
            who, reason = row.power_requested_by, f"{row.target_power_state} asked for"
            told = event(row, outcome.at, outcome.state, "request", outcome.request_id)
            connection.execute(sa.insert(events).values({**told, "who": who, "reason": reason}))


def record_health(connection: sa.Connection, healths: Mapping[int, Mapping[str, Any]]) -> None:
    """Write down how nodes fare, by number."""
    alike: dict[str, list[int]] = {}
    for number, health in healths.items():
        alike.setdefault(json.dumps(health), []).append(number)
    for members in alike.values():
        written = sa.update(nodes).where(AMONG).values(health=dict(healths[members[0]]))
        for chunk in chunks(sorted(members), AT_ONCE):
            connection.execute(written, {"numbers": chunk})


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
    alike: dict[tuple[str, str | None], list[int]] = {}
    for number, wish in wishes.items():
        alike.setdefault(wish, []).append(number)
    for (who, reason), members in alike.items():
        if reason is None:
            mine = sa.and_(AMONG, nodes.c.maintenance.is_(True), nodes.c.fault == who)
            values: dict[str, Any] = {"maintenance": False, "maintenance_reason": None, "fault": None}
        else:
            mine = sa.and_(AMONG, nodes.c.maintenance.is_(False))
            values = {"maintenance": True, "maintenance_reason": reason, "fault": who}
        for chunk in chunks(sorted(members), AT_ONCE):
            # Drivers wish the same again and again, which is no change and takes no number.
            if connection.execute(sa.select(nodes.c.id).where(mine).limit(1), {"numbers": chunk}).first():
                values |= {"version": next_change(connection), "updated_at": utcnow()}
                connection.execute(sa.update(nodes).where(mine).values(values), {"numbers": chunk})


def hold(connection: sa.Connection, number: int, holder: str) -> bool:
    """Reserve a node without changing its power; False when somebody has it or it is asked to change."""
    free = nodes.c.id == number, nodes.c.reservation.is_(None), nodes.c.target_power_state.is_(None)
    held = sa.update(nodes).where(*free).values(reservation=holder, version=next_change(connection))
    return bool(connection.execute(held).rowcount)


def let_go(connection: sa.Connection, numbers: Iterable[int], holder: str) -> None:
    """Give up single reservations that :func:`hold` made."""
    freed = sa.update(nodes).where(AMONG, nodes.c.reservation == holder)
    freed = freed.values(reservation=None, version=next_change(connection))
    for chunk in chunks(sorted(numbers), AT_ONCE):
        connection.execute(freed, {"numbers": chunk})


def prune_events(connection: sa.Connection, before: datetime) -> int:
    """Delete power events older than a moment; how many there were."""
    return connection.execute(sa.delete(events).where(events.c.at < before)).rowcount


def list_events(connection: sa.Connection, node_uuid: str) -> Sequence[sa.Row[Any]]:
    """The power events of a node, the oldest first."""
    return connection.execute(
        sa.select(events).where(events.c.node_uuid == node_uuid).order_by(events.c.id)
    ).all()
