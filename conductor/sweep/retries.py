"""Plans when nodes that could not be read are retried: at growing gaps, each a little different."""

import heapq
import random
from collections.abc import Callable, Set
from typing import Final

from podium.pacing import Gaps

#: The first gap, as a fraction of the interval of the sweeps.
_FIRST: Final = 1 / 16
_SHORTEST: Final = 1.0  # seconds
_JITTER: Final = 0.75  # a gap is between this part of it and all of it


class Retries:
    """Row numbers of failing nodes and when each is due, in seconds of one clock.

    :param uniform: random.uniform, or a replacement in tests
    """

    def __init__(self, uniform: Callable[[float, float], float] = random.uniform) -> None:
        self._uniform = uniform
        self._due: dict[int, float] = {}
        #: The nodes that wait, for frequent lookups.
        self.numbers: Set[int] = self._due.keys()
        self._order: list[tuple[float, int]] = []  # an entry that _due does not confirm is out of date

    def __contains__(self, number: int) -> bool:
        return number in self._due

    def __len__(self) -> int:
        return len(self._due)

    def add(self, number: int, failures: int, now: float, interval: float) -> None:
        """Plan the next retry of a node.

        :param failures: failures in a row, at least 1
        :param interval: seconds from one sweep to the next; no gap exceeds it, so that a node that answers
            again is noticed within the interval
        """
        gaps = Gaps(max(interval * _FIRST, _SHORTEST), longest=max(interval, _SHORTEST))
        self._due[number] = due = now + gaps[failures - 1] * self._uniform(_JITTER, 1.0)
        heapq.heappush(self._order, (due, number))

    def waits(self, number: int, now: float) -> bool:
        """Whether a node is to be retried later than now."""
        return self._due.get(number, now) > now

    def forget(self, number: int) -> None:
        """Cancel the retry of a node."""
        self._due.pop(number, None)

    def next_due(self) -> float | None:
        """Return when the next node is due, or an earlier time; None if there is none."""
        return self._order[0][0] if self._order else None

    def take_due(self, now: float, most: int | None = None) -> list[int]:
        """Take and return the nodes that are due, starting with the longest due.

        :param most: the most nodes to take; the others are left for later
        """
        found: list[int] = []
        while self._order and self._order[0][0] <= now and (most is None or len(found) < most):
            due, number = heapq.heappop(self._order)
            if self._due.get(number) == due:
                del self._due[number]
                found.append(number)
        return found
