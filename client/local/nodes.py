"""Answers about nodes."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from podium import errors, node_ranges
from podium.client.calls.call import Nodes, Page
from podium.client.calls.nodes import FIELDS, KEY, Filter, GetNode, Health, ListNodes, Node
from podium.client.catalog import MAPPINGS
from podium.client.local.backend import Answers, Backend
from podium.client.node_columns import AGE, CONDUCTOR
from podium.db import clock, node_list, roster
from podium.db.fleet import known_health

#: What is needed to see whether a health is still true.
_HEALTH: Final = ("health", "health_checked_at", "health_lasts")

#: The conditions that are values of columns.
_COLUMNS: Final = (
    "driver",
    "power_state",
    "maintenance",
    "conductor_group",
    "provision_state",
    "resource_class",
    "owner",
    "instance_uuid",
)


def names(nodes: Nodes) -> list[str]:
    """Return the names and UUIDs that are meant, each once.

    :raises podium.errors.BadRequest: for a range that cannot be understood
    """
    return node_ranges.expand([nodes] if isinstance(nodes, str) else nodes)


def list_nodes(backend: Backend, call: ListNodes) -> Page[Node]:
    """Return the nodes that meet the conditions; all of them where the call has no limit."""
    fields = fields_of(call.fields)
    with backend.database.read() as connection:
        rows = select(backend, connection, call, fields, names(call.nodes), call.limit, call.marker)
    items = [Node(**row) for row in rows[: call.limit]]
    more = call.limit is not None and len(rows) > call.limit
    return Page(items=items, next=rows[len(items) - 1]["name"] if more else None)


def fields_of(given: Sequence[str]) -> Sequence[str]:
    """Return the fields to show.

    :raises podium.errors.BadRequest: naming those that do not exist
    """
    fields = [field for one in given for field in one.split(",")]
    if unknown := [field for field in fields if field not in FIELDS]:
        raise errors.BadRequest(
            f"nodes have no field {', '.join(unknown)[:200]}; there are {', '.join(FIELDS)}"
        )
    return fields or FIELDS


def select(
    backend: Backend,
    connection: sa.Connection,
    chosen: Filter,
    fields: Sequence[str],
    wanted: Sequence[str] = (),
    limit: int | None = None,
    after: str | None = None,
) -> Sequence[Mapping[str, Any]]:
    """Return these fields of the nodes that meet conditions: one more than the limit where there are more.

    :param after: only nodes that come after the one of this name
    """
    if bad := [key for key in chosen.extra if not re.search(KEY, key)]:
        raise errors.BadRequest(f"nodes cannot be found by the entry {bad[0][:80]!r} of extra")
    if chosen.conductor is not None:
        roster.require(connection, chosen.conductor)
    now = clock.now(connection)
    rows: Iterable[dict[str, Any]] = node_list.select_nodes(
        connection,
        _read(fields),
        wanted=wanted,
        failing=chosen.failing,
        fresh=None if chosen.stale is None else _fresh(chosen.stale, now),
        enforced_by_default=_by_default(backend) if chosen.would_enforce else None,
        conductor=chosen.conductor,
        unserved=chosen.unserved,
        health=chosen.health,
        extra=chosen.extra,
        limit=None if limit is None else limit + 1,
        after=after,
        **_equal(chosen),
    )
    if not {*fields}.isdisjoint(MAPPINGS):
        rows = map(backend.catalog.masked, rows)
    owners = roster.names(connection) if CONDUCTOR in fields else {}
    return [_shown(row, fields, owners, now) for row in rows]


def _read(fields: Sequence[str]) -> list[str]:
    """Return the columns that are read for these fields; the name always, for the next page."""
    needed = dict.fromkeys(["name", "driver", *fields])
    if "health" in needed:
        needed |= dict.fromkeys(_HEALTH)
    if AGE in needed:
        del needed[AGE]
        needed["power_checked_at"] = None
    return [*needed]


def _shown(
    row: dict[str, Any], fields: Sequence[str], owners: Mapping[int | None, Any], now: datetime
) -> Mapping[str, Any]:
    if "health" in row:
        health = known_health(row["health"], row["health_checked_at"], row["health_lasts"], now)
        row["health"] = None if health is None else Health(**health)
    if CONDUCTOR in row:
        row[CONDUCTOR] = _text(owners.get(row[CONDUCTOR]))
    if "reservation" in row:
        row["reservation"] = _text(row["reservation"])
    if AGE in fields:
        row[AGE] = _age(row["power_checked_at"], now)
    return {field: row[field] for field in fields}


def _text(worker: object) -> str | None:
    return None if worker is None else str(worker)


def _by_default(backend: Backend) -> bool:
    """Return whether nodes without a policy of their own are enforced."""
    return bool(backend.config.conductor.force_power_state_during_sync)


def _equal(chosen: Filter) -> dict[str, Any]:
    """Return the values that columns must have."""
    given = {name: getattr(chosen, name) for name in _COLUMNS}
    equal: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    if chosen.power_state == "none":
        equal["power_state"] = None
    if chosen.stale is not None:
        equal.setdefault("maintenance", False)
    return equal


def _fresh(stale: float, now: datetime) -> tuple[datetime, datetime]:
    return clock.later(now, -stale), clock.later(now, clock.AHEAD)


def _age(checked_at: datetime | None, now: datetime) -> float | None:
    """Return how old a reading is, in seconds; None if it was made before the clock was set back."""
    age = None if checked_at is None else clock.age(checked_at, now)
    return None if age is None else round(age, 1)


def get_node(backend: Backend, call: GetNode) -> Node:
    """Return everything about a node."""
    with backend.database.read() as connection:
        (row,) = select(backend, connection, Filter(), FIELDS, [call.node])
    return Node(**row)


ANSWERS: Final[Answers] = {ListNodes: list_nodes, GetNode: get_node}
