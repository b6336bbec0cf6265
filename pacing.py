"""How often something may happen: gaps that grow while it fails, and a rate that many share.

Pure: the time is an argument, in seconds of any clock that does not jump.
"""

from dataclasses import dataclass
from typing import Final

_LAG: Final = 60.0  # seconds by which a read may be late, and its result written later
_ENOUGH: Final = 64  # steps, after which every sequence of gaps has reached its longest


@dataclass(frozen=True, slots=True)
class Gaps:
    """A sequence of growing gaps that has no end: ``gaps[failures]``, or ``iter(gaps)``.

    :param first: the first gap, in any unit, unless ``longest`` is shorter
    :param longest: the gap that no other exceeds
    :param growth: how many times as long as the gap before each gap is
    """

    first: float
    longest: float
    growth: float = 2.0

    def __getitem__(self, place: int) -> float:
        """The gap at a place, counted from 0."""
        return min(self.first * self.growth ** min(place, _ENOUGH), self.longest)


class Allowance:
    """A token bucket: what may be done in a second, and at the most at once after a pause.

    :param rate: per second
    :param most: at once; by default as many as in a second
    """

    __slots__ = ("_at", "_left", "_most", "_rate")

    def __init__(self, rate: float, most: float | None = None) -> None:
        self._rate = rate
        self._most = self._left = rate if most is None else most
        self._at: float | None = None

    def take(self, now: float) -> bool:
        """Count one more, if it is allowed now; returns whether it is."""
        self._refill(now)
        if self._left < 1:
            return False
        self._left -= 1
        return True

    def take_all(self, now: float) -> int:
        """Count all that are allowed now; returns how many."""
        self._refill(now)
        whole = int(self._left)
        self._left -= whole
        return whole

    def _refill(self, now: float) -> None:
        if self._at is not None:
            self._left = min(self._left + (now - self._at) * self._rate, self._most)
        self._at = now


def oldest_allowed(max_age: float, interval: float | None) -> float:
    """The age that the reading of a node should not exceed, in seconds.

    :param max_age: what the operator wants
    :param interval: from one read of the node to the next, where its driver has its own. The next one may
        come at the end of it, and is left out where a report came shortly before.
    """
    return max_age if interval is None else max(max_age, 2 * interval + _LAG)
