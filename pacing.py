"""How often something may happen: gaps that grow while it fails, and a rate that many share.

Pure: the time is an argument, in seconds of any clock that does not jump.
"""

from dataclasses import dataclass
from typing import Final

_LAG: Final = 60.0  # seconds by which a read may be late, and its result be written later
_ENOUGH: Final = 64  # steps, after which every sequence of gaps has reached its maximum


@dataclass(frozen=True, slots=True)
class Gaps:
    """A sequence of growing gaps that has no end: ``gaps[failures]``, or ``iter(gaps)``.

    :param first: the first gap, in any unit, unless ``longest`` is shorter
    :param longest: the maximum gap
    :param growth: the factor from each gap to the next
    """

    first: float
    longest: float
    growth: float = 2.0

    def __getitem__(self, place: int) -> float:
        """Return the gap at a place, counted from 0."""
        return min(self.first * self.growth ** min(place, _ENOUGH), self.longest)


class Allowance:
    """A token bucket, with a rate per second and a maximum burst after a pause.

    :param rate: per second
    :param most: the maximum burst; by default as many as in a second
    """

    __slots__ = ("_at", "_left", "_most", "_rate")

    def __init__(self, rate: float, most: float | None = None) -> None:
        self._rate = rate
        self._most = self._left = rate if most is None else most
        self._at: float | None = None

    def take(self, now: float) -> bool:
        """Count one more, if it is allowed now; return whether it is."""
        self._refill(now)
        if self._left < 1:
            return False
        self._left -= 1
        return True

    def take_all(self, now: float) -> int:
        """Count all that are allowed now; return how many."""
        self._refill(now)
        whole = int(self._left)
        self._left -= whole
        return whole

    def _refill(self, now: float) -> None:
        if self._at is not None:
            self._left = min(self._left + (now - self._at) * self._rate, self._most)
        self._at = now


def oldest_allowed(max_age: float, interval: float | None) -> float:
    """Return the age, in seconds, that the reading of a node should not exceed.

    :param max_age: the operator's setting
    :param interval: from one read of the node to the next, where its driver has its own. The next read may
        come at the end of it, and is left out if a report came shortly before.
    """
    return max_age if interval is None else max(max_age, 2 * interval + _LAG)
