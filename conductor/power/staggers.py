"""The progress of staggered operations, measured by a clock that nobody sets."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from podium.clocks import boottime
from podium.db.beginning import Reached, Stagger
from podium.db.clock import later


class Staggers:
    """The staggered operations that are not over.

    If the database's clock is set, an operation must neither stand still for an hour nor begin all at once.
    So the database's clock is read once for each operation, and trusted only as far as the requests show that
    time has passed.

    :param seconds: the monotonic clock
    """

    def __init__(self, seconds: Callable[[], float] = boottime) -> None:
        self._seconds = seconds
        self._begun: dict[int, float] = {}  # by operation, when it was requested

    def reached(self, found: Iterable[Stagger], now: datetime) -> Reached:
        """For each operation, the ``not_before`` up to which its requests are due.

        :param found: all operations with waiting requests; others are forgotten
        :param now: the time of the database's clock
        """
        moment = self._seconds()
        begun: dict[int, float] = {}
        reached: dict[int, datetime] = {}
        for number, asked_at, next_at in found:
            if (began := self._begun.get(number)) is None:
                passed = max(min(now, next_at) - asked_at, timedelta(0))
                began = moment - passed.total_seconds()
            begun[number] = began
            reached[number] = later(asked_at, moment - began)
        self._begun = begun
        return reached
