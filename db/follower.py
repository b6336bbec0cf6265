"""Going through the ledger of power events without missing one."""

import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import sqlalchemy as sa

from podium.db.ledger import EVENT, Event
from podium.db.models import power_events as events

#: Seconds that a number passed over may still turn up: transactions do not commit in the order of numbers.
_AWAITED: Final = 30.0
_MOST_GAPS: Final = 200


@dataclass(frozen=True, slots=True)
class _Gap:
    """Numbers that were passed over, and when; infinity for that of an event which was read since then."""

    first: int
    last: int
    noted: float


class Follower:
    """Returns every event after a given one, each once, as they are committed.

    An event gets its number before its transaction commits, so a greater number may be seen first. Numbers
    that were passed over are looked for again for a while. Events of one node are never out of order: whoever
    writes them has the node's row locked.

    :param after: the number of the last event that is known already
    :param clock: seconds
    :param late: numbers up to that one that were passed over, each the first and the last of some
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
        """The greatest number that was passed."""
        return self._last

    @property
    def late(self) -> list[tuple[int, int]]:
        """The numbers that were passed over and may still turn up."""
        return [(gap.first, gap.last) for gap in self._gaps]

    @property
    def position(self) -> int:
        """Where another follower must begin to miss nothing; it may return some events again."""
        self._forget()
        return self._gaps[0].first - 1 if self._gaps else self._last

    def read(self, connection: sa.Connection, most: int = 500) -> list[Event]:
        """The next events; the same again until they are :meth:`passed`."""
        late = (events.c.id.between(gap.first, gap.last) for gap in self._gaps)
        query = sa.select(*EVENT).where(sa.or_(events.c.id > self._last, *late))
        found = list(map(Event._make, connection.execute(query.order_by(events.c.id).limit(most))))
        self._forget()
        self._keep(found, most)
        return found

    def passed(self, number: int) -> None:
        """Note that an event was dealt with, so that it does not come again."""
        if number > self._last:
            self._note_missing(number)
            self._last = number
            return
        self._gaps = [part for gap in self._gaps for part in _without(gap, number)]

    def _keep(self, found: Sequence[Event], most: int) -> None:
        """Await the numbers of the late events that were read until they are passed, or not read any more."""
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
        """The numbers after the last one and before this one that may still turn up."""
        return [(self._last + 1, number - 1)] if number > self._last + 1 else []

    def _forget(self) -> None:
        oldest = self._clock() - _AWAITED
        self._gaps = [gap for gap in self._gaps if gap.noted > oldest]


def _with(gap: _Gap, number: int) -> list[_Gap]:
    """What becomes of a gap in which a number turned up that is to be passed yet."""
    if not gap.first <= number <= gap.last:
        return [gap]
    before, after = replace(gap, last=number - 1), replace(gap, first=number + 1)
    return [part for part in (before, _Gap(number, number, math.inf), after) if part.first <= part.last]


def _without(gap: _Gap, number: int) -> list[_Gap]:
    """What is left of a gap in which a number turned up."""
    if not gap.first <= number <= gap.last:
        return [gap]
    parts = replace(gap, last=number - 1), replace(gap, first=number + 1)
    return [part for part in parts if part.first <= part.last]
