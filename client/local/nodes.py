"""Answers about nodes."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from podium import errors
from podium.client.calls.call import Nodes, Page, Where
from podium.client.calls.nodes import FIELDS, KEY, MAPPINGS, Filter, GetNode, Health, ListNodes, Node
from podium.client.local import choosing
from podium.client.local.backend import Answers, Backend
from podium.client.local.choosing import Named
from podium.client.records.node_columns import AGE, CONDUCTOR
from podium.db import clock, name_keys, node_list, roster
from podium.db.fleet import known_health
from podium.db.sealed import readable

#: Columns that show whether a health is still valid.
_HEALTH: Final = ("health", "health_checked_at", "health_lasts")

_EVERY: Final = Named()

#: Conditions that compare columns with values.
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


def list_nodes(backend: Backend, call: ListNodes) -> Page[Node]:
    """Return the nodes that meet the conditions; all of them if the call has no limit."""
    fields = fields_of(call.fields)
    needed = fields if call.limit is None or "name" in fields else [*fields, "name"]
    with backend.database.read() as connection:
        meant = choosing.named(connection, call.nodes)
        rows = select(backend, connection, call, needed, meant, call.limit, call.marker)
        shown = rows[: call.limit]
        last = shown[-1]["name"] if len(shown) < len(rows) else None
        marker = last if last is None or meant.names is not None else name_keys.place(connection, last)
    if needed is not fields:
        for row in shown:
            del row["name"]
    return Page(items=[Node(**row) for row in shown], next=marker)


def fields_of(given: Sequence[str]) -> Sequence[str]:
    """Return the fields to show.

    :raises podium.errors.BadRequest: naming those that do not exist
    """
    fields = [field for one in given for field in one.split(",")]
    if unknown := [field for field in fields if field not in FIELDS and not _is_entry(field)]:
        raise errors.BadRequest(
            f"nodes have no field {', '.join(unknown)[:200]}; there are {', '.join(FIELDS)}"
        )
    return fields or FIELDS


def _is_entry(field: str) -> bool:
    mapping, _, key = field.partition(".")
    return mapping in MAPPINGS and re.search(KEY, key) is not None


def _columns(fields: Sequence[str]) -> list[str]:
    """Return fields without the entries of mappings that are shown as a whole."""
    return [field for field in fields if "." not in field or field.partition(".")[0] not in fields]


def _put_entries(
    backend: Backend, dialect: sa.Dialect, rows: Sequence[dict[str, Any]], fields: Sequence[str]
) -> None:
    """Put single entries into mappings. Equal values of many nodes are read and masked once.

    A missing setting is None if the driver knows it.
    """
    entries = [(field, *field.split(".", 1)) for field in fields]
    shown: dict[tuple[str, str, str | None], Any] = {}
    for row in rows:
        row.update({mapping: {} for _, mapping, _ in entries})
        for field, mapping, key in entries:
            known = row["driver"], field, row.pop(field)
            if known not in shown:
                its = {
                    "driver": row["driver"],
                    mapping: _entry(backend, row["driver"], mapping, key, known[2]),
                }
                shown[known] = readable(dialect, backend.catalog.masked(its)[mapping])
            row[mapping] |= shown[known]


def _entry(backend: Backend, driver: str, mapping: str, key: str, text: str | None) -> dict[str, Any]:
    if text is not None:
        return {key: json.loads(text)}
    return {key: None} if mapping == "driver_info" and key in backend.catalog.open_names(driver) else {}


def select(
    backend: Backend,
    connection: sa.Connection,
    chosen: Filter,
    fields: Sequence[str],
    meant: Named = _EVERY,
    limit: int | None = None,
    after: str | None = None,
) -> list[dict[str, Any]]:
    """Return these fields of the nodes that meet conditions: one more than the limit if there are more.

    :param meant: the only nodes to look at
    :param after: only nodes after this place
    """
    if chosen.extra:
        given = {key: [text] for key, text in chosen.extra.items()}
        choosing.check_entries(backend, connection, "extra", given)
    if chosen.conductor is not None:
        roster.require(connection, chosen.conductor)
    now = clock.now(connection)
    read = _read(fields)
    rows = node_list.select_nodes(
        connection,
        read,
        wanted=meant.names,
        chosen=_condition(backend, connection, chosen, meant),
        failing=chosen.failing,
        fresh=None if chosen.stale is None else _fresh(chosen.stale, now),
        enforced_by_default=choosing.enforces_by_default(backend) if chosen.would_enforce else None,
        conductor=chosen.conductor,
        unserved=chosen.unserved,
        health=chosen.health,
        extra=chosen.extra,
        limit=None if limit is None else limit + 1,
        after=after,
        sealed=True,
        **_equal(chosen),
    )
    if not rows and after is None and not chosen.is_empty:
        from podium.client.local import unknown_values  # lists with nodes do not need it

        unknown_values.check(connection, chosen)
    if shown := {*fields}.intersection(MAPPINGS):
        rows = [backend.catalog.masked(row) for row in rows]
        for row in rows:
            row.update({name: readable(connection.dialect, row[name]) for name in shown})
    if entries := [name for name in read if "." in name]:
        _put_entries(backend, connection.dialect, rows, entries)
    owners = roster.names(connection) if CONDUCTOR in fields else {}
    steps, unwanted = _steps(fields, owners, now), [name for name in read if name not in fields]
    for row in rows:  # there may be 100,000
        for step in steps:
            step(row)
        for name in unwanted:
            del row[name]
    return rows


def _condition(
    backend: Backend, connection: sa.Connection, chosen: Filter, meant: Named
) -> sa.ColumnElement[bool] | None:
    if chosen.where is None and meant.pattern is None:
        return None
    from podium.client.local import conditions  # most commands do not need it

    return conditions.condition(backend, connection, chosen.where, meant.pattern)


def chosen_names(
    backend: Backend, connection: sa.Connection, nodes: Nodes | None, where: Filter | Where | None = None
) -> list[str] | None:
    """Return the names and UUIDs in a call, each once; None if it means all nodes.

    :param where: conditions that they meet
    :raises podium.errors.PodiumError: it cannot be understood, or names nodes that do not exist
    """
    meant = choosing.named(connection, nodes)
    chosen = Filter(where=where) if not isinstance(where, Filter | None) else where or Filter()
    if meant.pattern is None and chosen.is_empty:
        return None if meant.names is None else [*meant.names]
    return [row["name"] for row in select(backend, connection, chosen, ["name"], meant)]


def required_names(
    backend: Backend, connection: sa.Connection, nodes: Nodes | None, where: Filter | Where | None = None
) -> list[str]:
    """As :func:`chosen_names`, except that an empty request never means all nodes.

    :raises podium.errors.BadRequest: neither names nor conditions are given
    """
    found = chosen_names(backend, connection, nodes, where)
    if found is None:
        raise errors.BadRequest("nodes, or conditions in where, must say which nodes are meant")
    return found


def _read(fields: Sequence[str]) -> list[str]:
    """Return the columns to read for these fields; always the name, for the next page."""
    needed = dict.fromkeys(["name", "driver", *_columns(fields)])
    if "health" in needed:
        needed |= dict.fromkeys(_HEALTH)
    if AGE in needed:
        del needed[AGE]
        needed["power_checked_at"] = None
    return [*needed]


def _steps(
    fields: Sequence[str], owners: Mapping[int | None, Any], now: datetime
) -> list[Callable[[dict[str, Any]], None]]:
    """Return the functions that convert columns of a node to fields, in place."""

    def health(row: dict[str, Any]) -> None:
        known = row["health"] and known_health(
            row["health"], row["health_checked_at"], row["health_lasts"], now
        )
        row["health"] = Health(**known) if known else None

    def conductor(row: dict[str, Any]) -> None:
        row[CONDUCTOR] = _text(owners.get(row[CONDUCTOR]))

    def reservation(row: dict[str, Any]) -> None:
        row["reservation"] = _text(row["reservation"])

    def age(row: dict[str, Any]) -> None:
        row[AGE] = _age(row["power_checked_at"], now)

    steps = {"health": health, CONDUCTOR: conductor, "reservation": reservation, AGE: age}
    return [step for name, step in steps.items() if name in fields]


def _text(worker: object) -> str | None:
    return None if worker is None else str(worker)


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
    """Return the age of a reading, in seconds; None if it was made before the clock was set back."""
    age = None if checked_at is None else clock.age(checked_at, now)
    return None if age is None else round(age, 1)


def get_node(backend: Backend, call: GetNode) -> Node:
    """Return everything about a node."""
    with backend.database.read() as connection:
        (row,) = select(backend, connection, Filter(), FIELDS, Named([call.node]))
    return Node(**row)


ANSWERS: Final[Answers] = {ListNodes: list_nodes, GetNode: get_node}
