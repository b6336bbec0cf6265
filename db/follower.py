"""Goes through the ledger of power events without missing any."""

import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import sqlalchemy as sa

from podium.db.ledger import EVENT, Event
from podium.db.models import power_events as events

#: Seconds for which a skipped number may still turn up: transactions do not commit in the order of numbers.
_AWAITED: Final = 30.0
_MOST_GAPS: Final = 200


@dataclass(frozen=True, slots=True)
class _Gap:
    """Numbers that were skipped, and when; infinity for an event that has been read since."""

    first: int
    last: int
    noted: float


class Follower:
    """Returns every event after a given one once, as they are committed.

    An event gets its number before its transaction commits, so a greater number may be seen first. Skipped
    numbers are looked up again for a while. Events of one node are never out of order: a transaction that
    writes them has locked the node's row.

    :param after: the number of the last event that is already known
    :param clock: seconds
    :param late: skipped numbers up to ``after``, as ranges of first and last
    """

    def __init__(
        self,
        after: int,
        clock: Callable[[], float] = time.monotonic,
        late: Iterable[tuple[int, int]] = (),
    ) -> None:
        self._last = after
        self._clock = clock
        self._gaps = [_Gap(first, last, clock()) for first, last in late]

    @property
    def last(self) -> int:
        """The greatest number that has been passed."""
        return self._last

    @property
    def late(self) -> list[tuple[int, int]]:
        """The skipped numbers that may still turn up."""
        return [(gap.first, gap.last) for gap in self._gaps]

    @property
    def position(self) -> int:
        """Where another follower must begin in order to miss nothing; it may return some events again."""
        self._forget()
        return self._gaps[0].first - 1 if self._gaps else self._last

    def read(self, connection: sa.Connection, most: int = 500) -> list[Event]:
        """The next events; the same ones again until they are :meth:`passed`."""
        late = (events.c.id.between(gap.first, gap.last) for gap in self._gaps)
        query = sa.select(*EVENT).where(sa.or_(events.c.id > self._last, *late))
        found = list(map(Event._make, connection.execute(query.order_by(events.c.id).limit(most))))
        self._forget()
        self._keep(found, most)
        return found

    def passed(self, number: int) -> None:
        """Note that an event was handled, so that it is not returned again."""
        if number > self._last:
            self._note_missing(number)
            self._last = number
            return
        self._gaps = [part for gap in self._gaps for part in _without(gap, number)]

    def _keep(self, found: Sequence[Event], most: int) -> None:
        """Keep waiting for the late events just read until they are passed or are no longer read."""
        reached = found[-1].id if len(found) == most else math.inf
        now = self._clock()
        self._gaps = [
            replace(gap, noted=now) if gap.noted == math.inf and gap.first <= reached else gap
            for gap in self._gaps
        ]
        for event in found:
            if event.id > self._last:
                return
            self._gaps = [part for gap in self._gaps for part in _with(gap, event.id)]

    def _note_missing(self, number: int) -> None:
        now = self._clock()
        self._gaps += [_Gap(first, last, now) for first, last in self._missing(number)]
        self._gaps = self._gaps[-_MOST_GAPS:]

    def _missing(self, number: int) -> list[tuple[int, int]]:
        """The numbers between the last one and this one, which may still turn up."""
        return [(self._last + 1, number - 1)] if number > self._last + 1 else []

    def _forget(self) -> None:
        oldest = self._clock() - _AWAITED
        self._gaps = [gap for gap in self._gaps if gap.noted > oldest]


def _with(gap: _Gap, number: int) -> list[_Gap]:
    """Split a gap in which a number turned up that is not passed yet."""
    if not gap.first <= number <= gap.last:
        return [gap]
    before, after = replace(gap, last=number - 1), replace(gap, first=number + 1)
    return [part for part in (before, _Gap(number, number, math.inf), after) if part.first <= part.last]


def _without(gap: _Gap, number: int) -> list[_Gap]:
    """Remove a number that turned up from a gap."""
    if not gap.first <= number <= gap.last:
        return [gap]
    parts = replace(gap, last=number - 1), replace(gap, first=number + 1)
    return [part for part in parts if part.first <= part.last]
