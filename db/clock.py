"""The clock of the database, by which everything is dated that several hosts read.

A server has a clock of its own, and no other host's time is compared with it. SQLite has none: there the
clock is that of the only host that uses the file.
"""

from datetime import UTC, datetime, timedelta
from typing import Final

import sqlalchemy as sa

from podium.db import models

#: The present moment as naive UTC with microseconds; in PostgreSQL not that of the transaction's beginning.
_NOW: Final = {
    "postgresql": sa.text("SELECT clock_timestamp() AT TIME ZONE 'UTC'"),
    "mysql": sa.text("SELECT UTC_TIMESTAMP(6)"),
    "mariadb": sa.text("SELECT UTC_TIMESTAMP(6)"),
}

#: Seconds by which a time may lie ahead of the database's clock without being wrong: conductors learn the
#: clock every few seconds, and count on by themselves.
AHEAD: Final = 5.0


def now(connection: sa.Connection) -> datetime:
    """The present moment by the database's clock."""
    asked = _NOW.get(connection.dialect.name)
    if asked is None:
        return models.utcnow()
    found: datetime = connection.execute(asked).scalar_one()
    return found.replace(tzinfo=UTC)


def later(moment: datetime, seconds: float) -> datetime:
    """A moment so many seconds later, negative ones for earlier; at most the last that has a date."""
    try:
        return moment + timedelta(seconds=seconds)
    except OverflowError:
        return (datetime.max if seconds > 0 else datetime.min).replace(tzinfo=UTC)


def age(moment: datetime, now: datetime) -> float | None:
    """Seconds since a moment, never negative; None when it lies ahead: the clock was set back since."""
    passed = (now - moment).total_seconds()
    return None if passed < -AHEAD else max(passed, 0.0)
