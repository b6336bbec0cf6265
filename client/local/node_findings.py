"""Nodes that need attention: each kind is a condition of the language that selects nodes.

So the list that a finding names has exactly the nodes that it counts. Nodes in maintenance are left out where
somebody already looks after them.
"""

import shlex
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

import sqlalchemy as sa

from podium import node_ranges
from podium.client.calls.status import Finding
from podium.client.local.backend import Backend
from podium.client.local.choosing import enforces_by_default
from podium.db import clock, node_list
from podium.db.fleet_figures import FleetFigures
from podium.db.models import nodes
from podium.db.selection.compiling import compiled
from podium.db.selection.parsing import parse

#: Maximum nodes whose names are shown, and maximum characters of their ranges.
FEW: Final = 100
LONGEST: Final = 200


class _Kind(NamedTuple):
    """A kind of nodes that need attention.

    :ivar one: the text for one node, after ``1 node``
    :ivar several: the text for several, after their number and ``nodes``
    :ivar where: the condition that they meet
    :ivar command: the command that lists them; None for a list with the condition
    """

    name: str
    severity: str
    one: str
    several: str
    where: str
    command: str | None = None


_UNREADABLE: Final = 'fault="power failure"'
#: Kinds that are counted in the one pass through all nodes.
_COUNTED: Final = (
    _Kind(
        "unreadable",
        "critical",
        "is in maintenance, since it could not be read",
        "are in maintenance, since they could not be read",
        _UNREADABLE,
    ),
    _Kind(
        "power_error",
        "critical",
        "is in the power state error",
        "are in the power state error",
        "power_state=error and not maintenance",
    ),
    _Kind(
        "failing",
        "critical",
        "is failing: it could not be read the last time",
        "are failing: they could not be read the last time",
        "power_failures>0 and not maintenance",
    ),
)
#: Drivers name the option to check after a refused login, which concerns other people than a silent BMC.
_LOGIN: Final = 'last_error~"*_password*"'
_LOGIN_REFUSED: Final = _Kind(
    "login_refused",
    "critical",
    "cannot be read because of its user or password",
    "cannot be read because of their users or passwords",
    f"(power_failures>0 and not maintenance or {_UNREADABLE}) and {_LOGIN}",
)
#: The kinds that also have other reasons, by name, without the nodes whose login was refused.
_OTHERWISE: Final = {
    kind.name: kind._replace(where=f"{kind.where} and not {_LOGIN}")
    for kind in _COUNTED
    if kind.name in ("unreadable", "failing")
}
#: By the health of their nodes.
_HEALTHS: Final = {
    "critical": _Kind(
        "critical_health",
        "critical",
        "is in critical health",
        "are in critical health",
        "health=critical and not maintenance",
    ),
    "warning": _Kind(
        "health_warning",
        "warning",
        "has a health warning",
        "have a health warning",
        "health=warning and not maintenance",
    ),
}
_UNSERVED: Final = _Kind(
    "unserved",
    "critical",
    "is served by no conductor",
    "are served by no conductor",
    "unserved",
    "podium node list --unserved",
)
#: Kinds for which the language has no condition.
_DOUBTFUL: Final = _Kind(
    "password_unknown",
    "critical",
    "has a BMC of which it is unknown which password it has",
    "have BMCs of which it is unknown which password they have",
    "",
    "podium credential list --unknown",
)
_EXPIRED: Final = _Kind(
    "password_expired",
    "warning",
    "has a password that was to be changed by now",
    "have passwords that were to be changed by now",
    "",
    "podium credential list --expired",
)
#: Nodes that are not expected to be read; the condition excludes them if there are any.
_UNUSUAL: Final[Mapping[str, str]] = {
    "ignored": "power_policy!=ignore",
    "reserved": "reservation=none",
}
_NEW: Final = "new"


class Conditions:
    """The conditions of all kinds, compiled.

    :param now: by the database's clock
    :param max_age: seconds that the age of a reading should not exceed
    :ivar recently: nodes that were enrolled since then may not have been read yet
    :ivar counted: conditions that are counted in the one pass through all nodes, by name
    """

    def __init__(self, backend: Backend, connection: sa.Connection, now: datetime, max_age: float) -> None:
        self._connection = connection
        self.recently: Final = clock.later(now, -max_age)
        self._enforced_by_default = enforces_by_default(backend)
        self.counted: dict[str, sa.ColumnElement[bool]] = {
            **{kind.name: self.of(kind.where) for kind in (*_COUNTED, _LOGIN_REFUSED)},
            **{f"{name}_otherwise": self.of(kind.where) for name, kind in _OTHERWISE.items()},
            **{name: ~self.of(where) for name, where in _UNUSUAL.items()},
            _DOUBTFUL.name: nodes.c.credentials_in_doubt.is_(True),
            _EXPIRED.name: nodes.c.credentials_expire_at < now,
            _NEW: nodes.c.created_at >= self.recently,
        }

    def of(self, where: str) -> sa.ColumnElement[bool]:
        """Compile a condition, two-valued."""
        its = compiled(self._connection, parse(where), enforced_by_default=self._enforced_by_default)
        return sa.func.coalesce(its, sa.false())


def findings(
    connection: sa.Connection,
    conditions: Conditions,
    figures: FleetFigures,
    healths: Mapping[tuple[str, bool], int],
) -> list[Finding]:
    """Return which nodes need attention, in no order.

    :param healths: how many nodes have each health, in maintenance or not
    """
    its = [(kind, figures.further[kind.name]) for kind in (*_COUNTED, _LOGIN_REFUSED, _DOUBTFUL, _EXPIRED)]
    if figures.further[_LOGIN_REFUSED.name]:
        its = [_otherwise(kind, count, figures) for kind, count in its]
    its += [(_UNSERVED, figures.unowned), _stale(figures, conditions.recently)]
    its += [(kind, healths.get((health, False), 0)) for health, kind in _HEALTHS.items()]
    its = [(kind, count) for kind, count in its if count]
    few = {kind.name: kind for kind, count in its if count <= FEW}
    found = {
        name: conditions.of(kind.where) if kind.where else conditions.counted[name]
        for name, kind in few.items()
    }
    names = node_list.names_by(connection, found) if found else {}
    return [_finding(kind, count, names.get(kind.name, ())) for kind, count in its]


def _otherwise(kind: _Kind, count: int, figures: FleetFigures) -> tuple[_Kind, int]:
    """Return a kind, and its number of nodes, without those whose login was refused."""
    if (other := _OTHERWISE.get(kind.name)) is None:
        return kind, count
    return other, figures.further[f"{kind.name}_otherwise"]


def _stale(figures: FleetFigures, recently: datetime) -> tuple[_Kind, int]:
    """Return the finding for nodes that their owner has not read for long, without a failure."""
    age = f"{figures.max_age:g}"
    parts = [f"stale>{age}", "power_failures=0", "not unserved"]
    parts += [where for name, where in _UNUSUAL.items() if figures.further[name]]
    parts += [f'(driver!="{driver}" or stale>{limit:g})' for driver, limit in figures.max_ages.items()]
    if figures.further[_NEW]:
        parts.append(f'created_at<"{recently:%Y-%m-%dT%H:%M:%SZ}"')
    one = f"has not been read for {age} s"
    several = f"have not been read for {age} s"
    count = sum(unread.nodes for unread in figures.unread if unread.kind == "slow")
    return _Kind("stale", "critical", one, several, " and ".join(parts)), count


def _finding(kind: _Kind, count: int, names: Sequence[str]) -> Finding:
    words = f"1 node {kind.one}" if count == 1 else f"{count:,} nodes {kind.several}"
    folded = node_ranges.fold(names)
    return Finding(
        kind=kind.name,
        severity=kind.severity,
        text=words,
        nodes=count,
        names=folded if folded and len(folded) <= LONGEST else None,
        where=kind.where or None,
        command=kind.command or shlex.join(("podium", "node", "list", "--where", kind.where)),
    )
