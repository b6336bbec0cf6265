"""The leases of others as one process has seen them: decides who may be ended.

Pure. A lease is a number that its holder raises. The lease is over once an observer has seen the number
unchanged for the length of the lease, by the observer's own clock. Time without observations does not count:
during an outage of the database or a pause of this process, members may have been unable to renew, so the
wait starts again.
"""

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

from podium.clocks import boottime


class _Standing(NamedTuple):
    number: int
    since: float


class Observed:
    """The leases of others, as they were at each check.

    :param interval: seconds from one check to the next
    """

    def __init__(self, interval: float, clock: Callable[[], float] = boottime) -> None:
        self._shortest = 3 * interval
        self._clock = clock
        self._standing: dict[int, _Standing] = {}
        self._last: float | None = None
        #: The earliest time at which another lease may be over.
        self.due = math.inf

    def restart(self) -> None:
        """Note that a check failed: earlier observations no longer count."""
        self._standing.clear()
        self._last = None
        self.due = math.inf

    def look(self, began: float, numbers: Mapping[int, int], lengths: Mapping[int, float]) -> dict[int, int]:
        """Note the present leases.

        :param began: a time before the database was queried
        :param numbers: the number of each lease, by its member
        :param lengths: the length of each lease in seconds
        :returns: the numbers of the leases that are over
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
            # A number that was there when the answer came counts from the answer, not from the query.
            standing[member] = known if known is not None and is_known else _Standing(number, now)
        self._standing = standing
        ends = {member: one.since + self._length(lengths[member]) for member, one in standing.items()}
        self.due = min((end for end in ends.values() if end > began), default=math.inf)
        return {member: standing[member].number for member, end in ends.items() if end <= began}

    def has_moved(self, member: int, number: int) -> bool:
        """Whether a lease has another number than when it was first seen."""
        known = self._standing.get(member)
        return known is not None and known.number != number

    def _length(self, promised: float) -> float:
        """Rare checks wait longer than the lease: they could miss an outage of that length."""
        return max(promised, self._shortest)
