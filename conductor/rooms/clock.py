"""The time of the database, for use between two transactions.

The wall clock of a conductor's host differs from the clocks of the database and of other hosts, and it can be
set while the conductor runs. So the conductor reads the database's time periodically, and counts from there
with a clock of its own.
"""

from collections.abc import Callable
from datetime import datetime

import sqlalchemy as sa

from podium.clocks import boottime
from podium.db import clock
from podium.db.models import utcnow


class DatabaseClock:
    """This process's estimate of the database's clock: a call returns the present time. For any thread.

    :param start: the time to assume before the database is first queried
    :param seconds: a clock that nobody sets
    """

    def __init__(
        self, start: Callable[[], datetime] = utcnow, seconds: Callable[[], float] = boottime
    ) -> None:
        self.seconds = seconds
        self._known = start(), seconds()

    def __call__(self) -> datetime:
        moment, since = self._known
        return clock.later(moment, self.seconds() - since)

    def ask(self, connection: sa.Connection) -> datetime:
        """Read the database's time.

        If the answer took long, it was correct at some unknown time in between.
        """
        before = self.seconds()
        now = clock.now(connection)
        after = self.seconds()
        moment, since = self._known
        known = clock.later(moment, after - since)
        if not now <= known <= clock.later(now, after - before):
            self._known = now, after
        return now

    def seconds_of(self, moment: datetime) -> float | None:
        """Convert a time to ``seconds``; None if it lies in the future because the clock was set back."""
        age = clock.age(moment, self())
        return None if age is None else self.seconds() - age
