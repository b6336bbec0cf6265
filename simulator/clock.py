"""The clock of one simulated BMC of either protocol. It dates the log entries."""

from collections.abc import Callable
from typing import Final

from podium.simulator.faults import Faults

_HOUR: Final = 3600.0
_LAST: Final = 0xFFFFFFFE  # FFFFFFFFh means no time, section 37 of the IPMI v2.0 specification


class Clock:
    """A clock that follows the host's clock until it is set or has a fault.

    :param monotonic: seconds
    :param wall: seconds since 1970
    """

    __slots__ = ("_ahead", "_monotonic", "_since", "_wall")

    def __init__(self, monotonic: Callable[[], float], wall: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._wall = wall
        self._ahead = 0.0
        self._since = monotonic()

    def ahead(self, faults: Faults) -> float:
        """Return how many seconds this clock is ahead of the host's."""
        return self._ahead + (self._monotonic() - self._since) * faults.clock_drifts / _HOUR

    def now(self, faults: Faults) -> int:
        """Return the time in whole seconds since 1970."""
        return min(max(int(self._wall() + self.ahead(faults)), 0), _LAST)

    def set(self, time: float) -> None:
        """Set the clock to a number of seconds since 1970."""
        self._put(time - self._wall())

    def change(self, before: Faults, after: Faults) -> None:
        """Apply a change of the faults. A clock that loses a fault is right again."""
        ahead = self.ahead(before)
        if (before.clock_off, before.clock_unset) != (after.clock_off, after.clock_unset):
            ahead = -self._wall() if after.clock_unset else after.clock_off
        self._put(ahead)

    def _put(self, ahead: float) -> None:
        self._ahead, self._since = ahead, self._monotonic()
