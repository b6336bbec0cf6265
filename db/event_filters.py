"""Selects the events of a sink, and goes through the ledger for these alone.

The database leaves out the others: of 100,000 events that a sink does not want, it counts the numbers, and
none is read.
"""

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from podium import errors
from podium.causes import SEVERITY
from podium.db.follower import Follower
from podium.db.ledger import EVENT, Event
from podium.db.models import nodes
from podium.db.models import power_events as events
from podium.db.selection.compiling import compiled
from podium.db.selection.fields import DRIVER_INFO
from podium.db.selection.parsing import parse
from podium.db.selection.tree import Tree, conditions

#: Events that one step goes through.
_WINDOW: Final = 10_000


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Selects the events of a sink.

    :param causes: of the events
    :param where: a condition that their nodes meet when the events are read
    :param enforced_by_default: whether nodes without a policy of their own are enforced
    """

    causes: frozenset[str] = frozenset(SEVERITY)
    where: Tree | None = None
    enforced_by_default: bool = False

    def conditions(self, connection: sa.Connection) -> list[sa.ColumnElement[bool]]:
        """Return the conditions that the events meet."""
        found: list[sa.ColumnElement[bool]] = []
        if not self.causes.issuperset(SEVERITY):
            found.append(events.c.cause.in_(sorted(self.causes)))
        if self.where is not None:
            meets = compiled(connection, self.where, enforced_by_default=self.enforced_by_default)
            its = sa.select(nodes.c.id).where(nodes.c.uuid == events.c.node_uuid, meets)
            found.append(its.correlate(events).exists())
        return found


def where(text: str | None) -> Tree | None:
    """Return the tree of a condition in a config file; None for none.

    :raises podium.errors.BadRequest: in one line
    """
    try:
        tree = parse(text) if text else None
    except errors.BadRequest as fault:
        raise errors.BadRequest(str(fault).partition("\n")[0].removeprefix("where: ")) from None
    if tree is not None and any(one.field.name == DRIVER_INFO for one in conditions(tree)):
        raise errors.BadRequest(f"notifications cannot be chosen by {DRIVER_INFO}")
    return tree


class FilteredFollower(Follower):
    """Returns each event that a filter selects once, and goes past all others.

    :param after: the number of the last event that is already known
    :param clock: seconds
    """

    def __init__(self, wanted: EventFilter, after: int, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(after, clock)
        self._wanted = wanted
        self._top = after
        self._holes: Collection[tuple[int, int]] = ()
        #: How many events the filter has left out.
        self.left_out = 0
        #: Whether there were already more events than the last read went through.
        self.has_more = False

    def read(self, connection: sa.Connection, most: int = 500) -> list[Event]:
        """The next events; the same ones again until they are :meth:`passed`.

        After all of them, :meth:`finish` goes past the events that were left out.
        """
        newer = sa.select(events.c.id).where(events.c.id > self._last).order_by(events.c.id).limit(_WINDOW)
        numbers = newer.subquery()
        count, top = connection.execute(sa.select(sa.func.count(), sa.func.max(numbers.c.id))).one()
        self._top = top or self._last
        # Checked before the events are read: each statement may see more than the one before.
        is_whole = count == self._top - self._last
        self._holes = () if is_whole else _holes(connection, self._last, self._top)
        late = (events.c.id.between(gap.first, gap.last) for gap in self._gaps)
        window = sa.or_(events.c.id.between(self._last + 1, self._top), *late)
        found: list[Event] = []
        if count or self._gaps:
            query = sa.select(*EVENT).where(window, *self._wanted.conditions(connection))
            rows = connection.execute(query.order_by(events.c.id).limit(most))
            found = list(map(Event._make, rows))
        self._forget()
        self._keep(found, most)
        if len(found) == most:
            self._top = max(found[-1].id, self._last)
        self.has_more = len(found) == most or count == _WINDOW
        return found

    def choose(self, wanted: EventFilter) -> None:
        """Use another filter from the next read on."""
        self._wanted = wanted

    def finish(self) -> None:
        """Note that all events of the last read were handled."""
        if self._top > self._last:
            self._note_missing(self._top + 1)
            self._last = self._top

    def _missing(self, number: int) -> list[tuple[int, int]]:
        below = [(first, min(last, number - 1)) for first, last in self._holes if first < number]
        self._holes = [(max(first, number + 1), last) for first, last in self._holes if last > number]
        self.left_out += number - self._last - 1 - sum(last - first + 1 for first, last in below)
        return below


def _holes(connection: sa.Connection, after: int, top: int) -> list[tuple[int, int]]:
    """The ranges of numbers between two numbers that no event has, each as first and last."""
    before = sa.func.lag(events.c.id).over(order_by=events.c.id)
    ordered = sa.select(events.c.id, sa.func.coalesce(before, after).label("before"))
    pairs = ordered.where(events.c.id.between(after + 1, top)).subquery()
    rows = connection.execute(sa.select(pairs).where(pairs.c.id - pairs.c.before > 1).order_by(pairs.c.id))
    return [(row.before + 1, row.id - 1) for row in rows]
