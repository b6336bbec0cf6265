"""What one process has seen of the leases of others: who may be ended.

Pure. A lease is a number that its holder raises. Its length is over for everybody once the number has been
seen to stand still for that long, by a clock of whoever looks. What was not looked at is not known: after an
outage of the database, or a pause of this process, all may have been kept from renewing, so the wait begins
anew.
"""

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

from podium.clocks import boottime


class _Standing(NamedTuple):
    number: int
    since: float


class Observed:
    """The leases of others, as they were at each look.

    :param interval: seconds from one look to the next
    """

    def __init__(self, interval: float, clock: Callable[[], float] = boottime) -> None:
        self._shortest = 3 * interval
        self._clock = clock
        self._standing: dict[int, _Standing] = {}
        self._last: float | None = None
        #: The moment from which on a lease may be over that is not yet, at the earliest.
        self.due = math.inf

    def restart(self) -> None:
        """Note that a look failed: what was seen before counts for nothing."""
        self._standing.clear()
        self._last = None
        self.due = math.inf

    def look(self, began: float, numbers: Mapping[int, int], lengths: Mapping[int, float]) -> dict[int, int]:
        """Note what was seen just now.

        :param began: a moment before the database was asked
        :param numbers: that of each lease, by its member
        :param lengths: seconds that each of them promised
        :returns: the numbers of those whose leases are over
        """
        now = self._clock()
        gap = 0.0 if self._last is None else now - self._last
        self._last = began
        standing = {}
        for member, number in numbers.items():
            known = self._standing.get(member)
            is_known = (
                known is not None and known.number == number and gap < self._length(lengths[member]) / 2
            )
            # What stood there when the answer came was so at least until it is asked for again.
            standing[member] = known if known is not None and is_known else _Standing(number, now)
        self._standing = standing
        ends = {member: one.since + self._length(lengths[member]) for member, one in standing.items()}
        self.due = min((end for end in ends.values() if end > began), default=math.inf)
        return {member: standing[member].number for member, end in ends.items() if end <= began}

    def has_moved(self, member: int, number: int) -> bool:
        """Whether a lease is not at the number at which it was seen first."""
        known = self._standing.get(member)
        return known is not None and known.number != number

    def _length(self, promised: float) -> float:
        """Whoever looks seldom waits longer than was promised: it could miss an outage of that length."""
        return max(promised, self._shortest)
