"""Turns a tree into SQL: the same nodes for the same data in SQLite, PostgreSQL and MariaDB.

The logic has two values: a condition about a missing value is false, and ``not`` selects everything that was
not selected. Texts are compared exactly, even if the server's default ignores case or trailing spaces.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from operator import eq, ge, gt, le, lt
from types import MappingProxyType
from typing import Any, Final

import sqlalchemy as sa

from podium.db import clock, node_conditions
from podium.db.models import CHECKED_AT, members, nodes, power_readings
from podium.db.selection import texts
from podium.db.selection.entries import Entry
from podium.db.selection.fields import DRIVER_INFO, Kind, number
from podium.db.selection.tree import All, Condition, Not, Some, Tree, Value

_Found = sa.ColumnElement[bool]

_ORDERS: Final[Mapping[str, Callable[[Any, Any], Any]]] = {"=": eq, "<": lt, "<=": le, ">": gt, ">=": ge}
_UNHEALTHY: Final = ("warning", "critical")


def compiled(
    connection: sa.Connection,
    tree: Tree,
    *,
    enforced_by_default: bool,
    knowing: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> _Found:
    """Return the condition of a tree.

    :param enforced_by_default: whether nodes without a policy of their own are enforced
    :param knowing: by key of driver_info, the drivers for which it is not secret; nodes with other drivers
        are not compared
    """
    return _Compiler(connection, enforced_by_default, knowing).made(tree)


class _Compiler:
    """Holds what the conditions need besides the nodes: the time, and the living members."""

    def __init__(
        self, connection: sa.Connection, enforced_by_default: bool, knowing: Mapping[str, Sequence[str]]
    ) -> None:
        self._knowing = knowing
        self._connection = connection
        self._dialect = connection.dialect.name
        self._enforced_by_default = enforced_by_default

    @cached_property
    def _now(self) -> datetime:
        return clock.now(self._connection)

    @cached_property
    def _last(self) -> datetime:
        """The latest plausible time."""
        return clock.later(self._now, clock.AHEAD)

    def made(self, tree: Tree) -> _Found:
        match tree:
            case All(parts):
                return sa.and_(*map(self.made, parts))
            case Some(parts):
                return sa.or_(*map(self.made, parts))
            case Not(inner):
                return sa.not_(sa.func.coalesce(self.made(inner), sa.false()))
        return self._condition(tree)

    def _condition(self, condition: Condition) -> _Found:
        name, kind, operator = condition.field.name, condition.field.kind, condition.operator
        values = [value for value in condition.values if value is not None]
        found = [self._missing(condition)] if None in condition.values else []
        if values and kind is Kind.ENTRY:
            found.append(self._entry(condition, values))
        elif values and name == "conductor":
            found.append(node_conditions.has_owner(self._compared(members.c.host, operator, values)))
        elif values and name == CHECKED_AT:
            found.append(_read(self._compared(power_readings.c.checked_at, operator, values)))
        elif kind is Kind.TRUTH or kind is Kind.AGE or kind is Kind.STALE or name == "health":
            found += [self._special(condition, value) for value in values]
        elif values:
            found.append(self._compared(nodes.c[name], operator, values))
        if name == DRIVER_INFO:
            drivers = self._knowing.get(condition.key, ())
            return sa.and_(nodes.c.driver.in_(drivers), sa.or_(*found))
        return sa.or_(*found)

    def _missing(self, condition: Condition) -> _Found:
        name, kind = condition.field.name, condition.field.kind
        if kind is Kind.ENTRY:
            return Entry(self._dialect, nodes.c[name], condition.key).is_missing
        if kind is Kind.AGE:
            checked_at = power_readings.c.checked_at
            return _read(sa.or_(checked_at.is_(None), checked_at > self._last))
        match name:
            case "health":
                return node_conditions.has_health(self._connection, "none")
            case "conductor":
                return ~node_conditions.has_owner()
            case "power_checked_at":
                return _read(power_readings.c.checked_at.is_(None))
        column = nodes.c[name]
        is_text = kind in (Kind.TEXT, Kind.WORD)
        empty = [sa.type_coerce(column, sa.String) == ""] if is_text else []
        return sa.or_(column.is_(None), *empty)

    def _special(self, condition: Condition, value: Value) -> _Found:
        match condition.field.kind:
            case Kind.TRUTH:
                found = self._truth(condition.field.name)
                return found if value else sa.not_(sa.func.coalesce(found, sa.false()))
            case Kind.AGE:
                return self._age(condition.operator, _seconds(value))
            case Kind.STALE:
                fresh = clock.later(self._now, -_seconds(value)), self._last
                return sa.and_(nodes.c.maintenance.is_(False), node_conditions.is_stale(fresh))
        return node_conditions.has_health(self._connection, str(value))

    def _truth(self, name: str) -> _Found:
        match name:
            case "failing":
                return node_conditions.is_failing(self._connection)
            case "unserved":
                return node_conditions.is_unserved(self._connection)
            case "would_enforce":
                return node_conditions.to_be_enforced(self._enforced_by_default)
            case "unhealthy":
                return sa.or_(*(node_conditions.has_health(self._connection, one) for one in _UNHEALTHY))
        return nodes.c[name].is_(sa.true())

    def _age(self, operator: str, value: float) -> _Found:
        """Compare the seconds since the last reading, by the rule of :func:`podium.db.clock.age`."""
        checked_at, last = power_readings.c.checked_at, self._last
        since = clock.later(self._now, -value)
        if operator == ">":
            return _read(checked_at < since)
        if operator == ">=":
            return _read(checked_at <= (since if value else last))
        if operator == "<=":
            return _read(checked_at.between(since, last))
        return _read(sa.and_(checked_at > since, checked_at <= last)) if value else sa.false()

    def _entry(self, condition: Condition, values: Sequence[Value]) -> _Found:
        entry = Entry(self._dialect, nodes.c[condition.field.name], condition.key)
        if condition.operator == "~":
            # Otherwise a password in an address could be guessed letter by letter.
            is_open = sa.not_(entry.text.contains("://"))
            return sa.and_(is_open, self._compared(entry.text, "~", values))
        if condition.operator != "=":
            return self._compared(entry.amount, condition.operator, values)
        amounts = [amount for amount in map(number, map(str, values)) if amount is not None]
        is_text = self._compared(entry.text, "=", values)
        return sa.or_(is_text, entry.number.in_(amounts)) if amounts else is_text

    def _compared(self, column: sa.ColumnElement[Any], operator: str, values: Sequence[Value]) -> _Found:
        """Compare a column with values, one of which has to match."""
        if isinstance(values[0], str):
            column = sa.type_coerce(column, sa.String)
            if operator == "~":
                return sa.or_(*(texts.matches(self._dialect, column, str(value)) for value in values))
            return texts.equals(self._dialect, column, [str(value) for value in values])
        return sa.or_(*(_ORDERS[operator](column, value) for value in values))


def _seconds(value: Value) -> float:
    return value if isinstance(value, float) else 0.0


def _read(condition: _Found) -> _Found:
    return nodes.c.id.in_(sa.select(power_readings.c.node_id).where(condition))
