"""The answer about the selection of nodes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeAlias

from podium import errors, states
from podium.client.calls.selection import CheckSelection, Comparison, Group, Reading, Selection
from podium.client.local import choosing, conditions
from podium.client.local.backend import Answers, Backend
from podium.db import roster
from podium.db.provision_states import ENROLL
from podium.db.selection import tree as trees
from podium.db.selection.fields import DRIVER_INFO, Kind
from podium.db.selection.tree import All, Condition, Not, Some, Tree, Value

_Meant: TypeAlias = Comparison | Group

#: Fields that depend on which conductors are running, or on which drivers are installed.
_CHANGING: Final = ("failing", "unserved", DRIVER_INFO)
_READINGS: Final[Mapping[Kind, Reading]] = {Kind.ENTRY: "entry", Kind.TIME: "time", Kind.AGE: "age"}


def check_selection(backend: Backend, call: CheckSelection) -> Selection:
    """Return the meaning of a selection, or why it cannot be understood."""
    try:
        names = [] if call.nodes is None else choosing.expanded(call.nodes)
        if call.where is None:
            return Selection(names=names)
        with backend.database.read() as connection:
            tree, knowing = conditions.understood(backend, connection, call.where)
            heard = sorted(map(str, roster.heard(connection).values()))
    except errors.NotUnderstood as fault:
        return Selection(fault=str(fault))
    meant = _Meaning(heard, choosing.enforces_by_default(backend), knowing).of(tree)
    return Selection(
        names=names,
        conditions=meant,
        columns=sorted({one.column for one in _comparisons(meant)}),
        changes=any(one.field.name in _CHANGING for one in trees.conditions(tree)),
    )


@dataclass(frozen=True, slots=True)
class _Meaning:
    """Expresses in columns of nodes what :mod:`podium.db.selection.compiling` expresses in SQL.

    :param heard: the names of all workers that have not ended and are not silent
    :param enforced_by_default: whether nodes without a policy of their own are enforced
    :param knowing: by keys of driver_info the drivers for which it is no secret
    """

    heard: Sequence[str]
    enforced_by_default: bool
    knowing: Mapping[str, Sequence[str]]

    def of(self, tree: Tree) -> _Meant:
        match tree:
            case All(parts):
                return _all(*map(self.of, parts))
            case Some(parts):
                return _some(*map(self.of, parts))
            case Not(inner):
                return _none(self.of(inner))
        return self._condition(tree)

    def _condition(self, one: Condition) -> _Meant:
        name, kind = one.field.name, one.field.kind
        if kind is Kind.TRUTH:
            truth = self._truth(name)
            return _some(*(truth if value else _none(truth) for value in one.values))
        if kind is Kind.STALE:
            old = [_compared("power_checked_at", "age", ">", one.values), _NO_AGE]
            return _all(_CONDUCTED, _is("maintenance", False), _some(*old))
        if name == "health":
            statuses = [value and states.HEALTHS[str(value)] for value in one.values]
            return _compared("health", "health", "=", statuses)
        reading: Reading = "host" if name == "conductor" else _READINGS.get(kind, "plain")
        column = "power_checked_at" if kind is Kind.AGE else one.name
        found = _compared(column, reading, one.operator, one.values)
        if name == DRIVER_INFO:
            return _all(_is("driver", *self.knowing.get(one.key, ())), found)
        return found

    def _truth(self, name: str) -> _Meant:
        unserved = _none(_is("conductor", *self.heard))
        match name:
            case "unserved":
                return _all(_CONDUCTED, unserved)
            case "failing":
                is_held = _none(_is("reservation", None, *self.heard))
                is_read = _all(_is("maintenance", False), _none(_is("power_policy", "ignore")))
                failed = _compared("power_failures", "plain", ">", [0.0])
                return _all(_CONDUCTED, _some(failed, _all(is_read, _some(is_held, unserved))))
            case "unhealthy":
                return _compared("health", "health", "=", ["Warning", "Critical"])
            case "would_enforce":
                policies = ["enforce", *([None] if self.enforced_by_default else [])]
                differs = (
                    _all(_is("power_state", one), _none(_is("wanted_power_state", one, None)))
                    for one in (states.POWER_ON, states.POWER_OFF)
                )
                enforced = _all(_is("maintenance", False), _is("power_policy", *policies), _some(*differs))
                return _some(_none(_is("enforcement", None)), enforced)
        return _is(name, True)


def _all(*parts: _Meant) -> Group:
    return Group(joined="all", parts=[*parts])


def _some(*parts: _Meant) -> Group:
    return Group(joined="some", parts=[*parts])


def _none(*parts: _Meant) -> Group:
    return Group(joined="none", parts=[*parts])


def _compared(column: str, reading: Reading, operator: str, values: Sequence[Value]) -> Comparison:
    given = [value.isoformat() if isinstance(value, datetime) else value for value in values]
    return Comparison(column=column, reading=reading, operator=operator, values=given)  # type: ignore[arg-type]


def _is(column: str, *values: Value) -> Comparison:
    return _compared(column, "plain", "=", values)


_CONDUCTED: Final = _none(_is("provision_state", ENROLL))
_NO_AGE: Final = _compared("power_checked_at", "age", "=", [None])


def _comparisons(meant: _Meant) -> Iterator[Comparison]:
    if isinstance(meant, Comparison):
        yield meant
    else:
        for part in meant.parts:
            yield from _comparisons(part)


ANSWERS: Final[Answers] = {CheckSelection: check_selection}
