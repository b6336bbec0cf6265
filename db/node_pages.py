"""Columns of nodes, for one node or in pages: what many programs read often, for fleets of any size."""

import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import sqlalchemy as sa

from podium import errors
from podium.db import likely_names
from podium.db.models import members, nodes, slots
from podium.db.slots import OF_NODE

#: Columns whose JSON is returned as the database's text: most of it is shown unchanged.
JSON: Final = ("driver_info", "driver_internal_info", "properties", "extra", "record")
#: The columns by which pages may be sorted; ``id`` decides between equal values.
SORTABLE: Final = (
    "id",
    "uuid",
    "name",
    "driver",
    "power_state",
    "target_power_state",
    "health_checked_at",
    "health_lasts",
    "last_error",
    "maintenance",
    "maintenance_reason",
    "fault",
    "conductor_group",
    "provision_state",
    "provision_updated_at",
    "instance_uuid",
    "instance_name",
    "resource_class",
    "owner",
    "lessee",
    "shard",
    "parent_node",
    "chassis_uuid",
    "retired",
    "disable_power_off",
    "description",
    "created_at",
    "updated_at",
)
#: The host of the member that has the node.
CONDUCTOR: Final = "conductor"
_HOST: Final = (
    sa.select(members.c.host)
    .select_from(slots.join(members, members.c.id == slots.c.owner))
    .where(OF_NODE, members.c.ended_at.is_(None))
    .correlate(nodes)
    .scalar_subquery()
    .label(CONDUCTOR)
)

_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
#: Prepared statements that are kept, by what they select.
_MOST_STATEMENTS: Final = 32


@dataclass(frozen=True, slots=True)
class Wanted:
    """Conditions, all of which a node meets.

    :param equal: the values that columns have; None for a column that is empty
    :param among: columns that have one of some values
    :param filled: columns that are empty (False) or not (True)
    :param retired: whether it is retired
    :param contains: a part of its description, ignoring case
    :param project: its owner or lessee
    :param conductor: the host that has it
    """

    equal: Mapping[str, Any] = field(default_factory=dict)
    among: Mapping[str, Sequence[str]] = field(default_factory=dict)
    filled: Mapping[str, bool] = field(default_factory=dict)
    retired: bool | None = None
    contains: str | None = None
    project: str | None = None
    conductor: str | None = None

    def conditions(self) -> list[sa.ColumnElement[bool]]:
        """Return the conditions for a statement."""
        found = [nodes.c[name] == value for name, value in self.equal.items()]
        found += [nodes.c[name].in_(values) for name, values in self.among.items()]
        for name, is_filled in self.filled.items():
            found.append(nodes.c[name].is_not(None) if is_filled else nodes.c[name].is_(None))
        if self.retired is not None:
            found.append(sa.func.coalesce(nodes.c.retired, sa.false()).is_(self.retired))
        if self.contains is not None:
            found.append(nodes.c.description.icontains(self.contains, autoescape=True))
        if self.project is not None:
            found.append(sa.or_(nodes.c.owner == self.project, nodes.c.lessee == self.project))
        if self.conductor is not None:
            owned = slots.join(members, members.c.id == slots.c.owner)
            its = sa.select(slots.c.slot).select_from(owned).where(OF_NODE, members.c.ended_at.is_(None))
            found.append(its.where(members.c.host == self.conductor).correlate(nodes).exists())
        return found


@functools.lru_cache(_MOST_STATEMENTS)
def _selected(dialect: str, columns: tuple[str, ...]) -> sa.Select[Any]:
    # PostgreSQL's driver would parse JSON; the others return the text.
    text = sa.cast if dialect == "postgresql" else sa.type_coerce
    found: list[sa.ColumnElement[Any]] = []
    for name in columns:
        if name == CONDUCTOR:
            found.append(_HOST)
        else:
            column = nodes.c[name]
            found.append(text(column, sa.Text).label(name) if name in JSON else column)
    return sa.select(*found)


@functools.lru_cache(_MOST_STATEMENTS)
def _single(dialect: str, columns: tuple[str, ...], key: str) -> sa.Select[Any]:
    return _selected(dialect, columns).where(nodes.c[key] == sa.bindparam("ident"))


def one(connection: sa.Connection, ident: str, columns: tuple[str, ...]) -> tuple[Any, ...]:
    """Return columns of the node with this UUID or name.

    :param columns: of the table, or :data:`CONDUCTOR`; those of :data:`JSON` are returned as texts
    :raises podium.errors.NodeNotFound: there is none
    """
    keys = ("uuid", "name") if _UUID.fullmatch(ident) else ("name", "uuid")
    for key in keys:
        query = _single(connection.dialect.name, columns, key)
        if (row := connection.execute(query, {"ident": ident}).one_or_none()) is not None:
            return tuple(row)
    meant = likely_names.hint(connection, [ident[:255]])
    raise errors.NodeNotFound(f"no node has the name or UUID {ident[:255]}{meant}")


def page(
    connection: sa.Connection,
    wanted: Wanted,
    columns: tuple[str, ...],
    *,
    limit: int,
    marker: str | None = None,
    sort_key: str = "id",
    descending: bool = False,
) -> list[tuple[Any, ...]]:
    """Return columns of the first nodes that meet all conditions, one more than ``limit`` if there are more.

    :param columns: as for :func:`one`
    :param marker: the UUID of the node after which the page begins
    :param sort_key: one of :data:`SORTABLE`; names are in natural order, and empty values come last
    :raises podium.errors.NodeNotFound: there is no node with the UUID of the marker
    """
    query = _selected(connection.dialect.name, columns).where(*wanted.conditions())
    column = nodes.c.name_key if sort_key == "name" else nodes.c[sort_key]
    keys = [column.is_(None), column, nodes.c.id] if column.nullable else [column, nodes.c.id]
    if sort_key == "id":
        keys = [nodes.c.id]
    if marker is not None:
        place = connection.execute(sa.select(nodes.c.id, column.label("key")).where(nodes.c.uuid == marker))
        found = place.one_or_none()
        if found is None:
            raise errors.NodeNotFound(f"the marker {marker} is the UUID of no node")
        query = query.where(_after(column, found.key, found.id, descending))
    ordered = [key.desc() if descending and place else key for place, key in enumerate(keys)]
    if len(keys) < 3:
        ordered = [key.desc() if descending else key for key in keys]
    return [tuple(row) for row in connection.execute(query.order_by(*ordered).limit(limit + 1))]


def _after(column: sa.Column[Any], key: Any, number: int, descending: bool) -> sa.ColumnElement[bool]:
    later = nodes.c.id < number if descending else nodes.c.id > number
    if column.name == "id":
        return later
    if key is None:
        return sa.and_(column.is_(None), later)
    bound = sa.literal(key, column.type)  # SQLAlchemy compares nothing with a plain True
    beyond = column < bound if descending else column > bound
    found = sa.or_(beyond, sa.and_(column == bound, later))
    return sa.or_(found, column.is_(None)) if column.nullable else found
