"""The time of the database, for what happens between two transactions.

The wall clock of a conductor's host is neither the database's nor that of other hosts, and it can be set
while the conductor runs. So the conductor asks the database for the time now and then, and counts on by
itself.
"""

from collections.abc import Callable
from datetime import datetime

import sqlalchemy as sa

from podium.clocks import boottime
from podium.db import clock
from podium.db.models import utcnow


class DatabaseClock:
    """The database's clock as this process knows it: a call returns the present moment. For any thread.

    :param start: the time until the database was asked first
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
        """Learn from the database what time it is.

        An answer that took long says no more than that it was right at some time meanwhile.
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
        """When that was, by ``seconds``; None for what lies ahead: the clock was set back since."""
        age = clock.age(moment, self())
        return None if age is None else self.seconds() - age
