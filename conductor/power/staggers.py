"""How far staggered operations have come, measured by a clock that nobody sets."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from podium.clocks import boottime
from podium.db.beginning import Reached, Stagger
from podium.db.clock import later


class Staggers:
    """The staggered operations that are not over.

    When the database's clock is set, an operation must neither stand still for an hour nor begin all at once.
    So the clock is asked once for each operation, and believed only as far as the requests show that time has
    passed.

    :param seconds: the clock
    """

    def __init__(self, seconds: Callable[[], float] = boottime) -> None:
        self._seconds = seconds
        self._begun: dict[int, float] = {}  # by operation, when it was asked for

    def reached(self, found: Iterable[Stagger], now: datetime) -> Reached:
        """Up to which ``not_before`` the requests of each operation are due.

        :param found: all operations of which something waits; others are forgotten
        :param now: by the database's clock
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
