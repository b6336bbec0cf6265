"""Answers about the fleet as a whole."""

from typing import Final

from podium import __version__
from podium.client.calls.fleet import Fleet, GetFleet
from podium.client.local.backend import Answers, Backend
from podium.db.fleet_id import fleet_id


def get_fleet(backend: Backend, _: GetFleet) -> Fleet:
    """Return which fleet this is."""
    with backend.database.read() as connection:
        own = fleet_id(connection)
    timeout = float(backend.config.conductor.heartbeat_timeout)
    return Fleet(id=own, version=__version__, heartbeat_timeout=timeout)


ANSWERS: Final[Answers] = {GetFleet: get_fleet}
