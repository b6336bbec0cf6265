"""Determines how far the past may be deleted, although clocks are sometimes wrong.

Deleted data stays deleted when a clock is corrected. Therefore the time used here advances no faster than a
conductor measures, in :mod:`podium.conductor.tasks.own`, and each conductor records how far it has come; the
first one begins with the time at which it enters. Data recorded after something that must be kept is kept
too, whatever its date.
"""

from datetime import datetime

import sqlalchemy as sa

from podium.db import clock
from podium.db.models import conductors


def reached(connection: sa.Connection) -> datetime | None:
    """The latest time that a conductor has recorded; None if none has."""
    moment: datetime | None = connection.scalar(sa.select(sa.func.max(conductors.c.retention_at)))
    return moment


def reach(connection: sa.Connection, hostname: str, moment: datetime) -> None:
    """Record how far a conductor has come."""
    mine = sa.update(conductors).where(conductors.c.hostname == hostname)
    connection.execute(mine.values(retention_at=moment))


def is_old(
    connection: sa.Connection, number: sa.Column[int], at: sa.Column[datetime], before: datetime
) -> sa.ColumnElement[bool]:
    """The condition that a row is from before a moment, and from before every row that is not.

    :param number: the column of the ascending numbers
    :param at: the column of the dates
    """
    # Not the column itself: with its index a database would read everything that is kept.
    dated = sa.func.coalesce(at, at).between(before, clock.now(connection))
    first = connection.scalar(sa.select(number).where(dated).order_by(number).limit(1))
    return at < before if first is None else sa.and_(at < before, number < first)
