"""Identifies the fleet of a database: clients check that an address still leads to the same fleet."""

import sqlalchemy as sa

from podium.db.models import change_counter


def fleet_id(connection: sa.Connection) -> str:
    """Return the UUID that the database was given when it was created; copies have the same UUID."""
    found: str = connection.scalars(sa.select(change_counter.c.fleet_id)).one()
    return found
