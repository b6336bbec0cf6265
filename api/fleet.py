"""The fleet that a process of podium-api serves."""

import math
import time
from collections.abc import Callable
from typing import Final

from podium.api.sql import Sql
from podium.db.fleet_id import fleet_id

#: Seconds after which the database is asked again, since it may have been replaced.
_FRESH: Final = 5.0


class OwnFleet:
    """The fleet of one process; used in its event loop.

    :param clock: seconds, monotonic
    """

    def __init__(self, sql: Sql, clock: Callable[[], float] = time.monotonic) -> None:
        self._sql = sql
        self._clock = clock
        self._id = ""
        self._asked_at = -math.inf

    async def id(self) -> str:
        """Return its UUID.

        :raises podium.errors.DatabaseError: the database does not answer
        """
        now = self._clock()
        if now - self._asked_at >= _FRESH:
            self._id = await self._sql.read(fleet_id)
            self._asked_at = now
        return self._id
