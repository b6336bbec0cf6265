"""Which fleet a database is of: clients check that an address still leads to the one that they know."""

import sqlalchemy as sa

from podium.db.models import change_counter


def fleet_id(connection: sa.Connection) -> str:
    """Return the UUID that the database was given when it was made; a copy has the same."""
    found: str = connection.scalars(sa.select(change_counter.c.fleet_id)).one()
    return found
