"""The clock of the database, which dates everything that several hosts read.

A server has its own clock, and the time of no other host is compared with it. SQLite has none: there the
clock is that of the only host that uses the file.
"""

from datetime import UTC, datetime, timedelta
from typing import Final

import sqlalchemy as sa

from podium.db import models

#: The current time as naive UTC with microseconds; in PostgreSQL not the start of the transaction.
_NOW: Final = {
    "postgresql": sa.text("SELECT clock_timestamp() AT TIME ZONE 'UTC'"),
    "mysql": sa.text("SELECT UTC_TIMESTAMP(6)"),
    "mariadb": sa.text("SELECT UTC_TIMESTAMP(6)"),
}

#: Seconds by which a time may be ahead of the database's clock without being wrong: conductors learn the
#: clock every few seconds, and count on by themselves in between.
AHEAD: Final = 5.0


def now(connection: sa.Connection) -> datetime:
    """The current time by the database's clock."""
    asked = _NOW.get(connection.dialect.name)
    if asked is None:
        return models.utcnow()
    found: datetime = connection.execute(asked).scalar_one()
    return found.replace(tzinfo=UTC)


def later(moment: datetime, seconds: float) -> datetime:
    """A time this many seconds later (earlier if negative); at most the latest possible date."""
    try:
        return moment + timedelta(seconds=seconds)
    except OverflowError:
        return (datetime.max if seconds > 0 else datetime.min).replace(tzinfo=UTC)


def age(moment: datetime, now: datetime) -> float | None:
    """Seconds since a time, never negative; None if it is in the future because the clock was set back."""
    passed = (now - moment).total_seconds()
    return None if passed < -AHEAD else max(passed, 0.0)
