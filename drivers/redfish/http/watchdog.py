"""Gives up requests that take too long, at the cost of one timer for many connections."""

import asyncio
import math
from typing import Final

from podium.drivers.bmc.deadlines import Deadlines
from podium.drivers.redfish.http.connection import Answer, Connection, NoAnswer

_ROUNDING: Final = 0.001  # seconds


class Watchdog:
    """Gives up requests that take too long.

    :param silence: seconds without a byte from the peer
    """

    def __init__(self, silence: float) -> None:
        self._silence = silence
        self._loop = asyncio.get_running_loop()
        self._deadlines = Deadlines[Connection](self._look, self._loop)

    async def ask(self, connection: Connection, request: bytes, deadline: float) -> Answer:
        """Send one request and return its answer.

        :param deadline: in the loop's clock
        :raises NoAnswer: when no answer arrives in time, or none will arrive
        """
        answer = connection.ask(request, deadline)
        # A connection that is checked soon enough for an earlier request is not planned again.
        if connection.heard + self._silence < connection.look_at or deadline < connection.look_at:
            self._plan(connection)
        try:
            return await answer
        except asyncio.CancelledError:
            connection.give_up(NoAnswer("nobody waits for its answer any longer"))
            raise

    def close(self) -> None:
        """Stop watching."""
        self._deadlines.close()

    def _plan(self, connection: Connection) -> None:
        connection.look_at = min(connection.heard + self._silence, connection.deadline)
        self._deadlines.add(connection.look_at, connection)

    def _look(self, connection: Connection) -> None:
        now = self._loop.time()
        if connection.look_at > now + _ROUNDING:  # it was checked earlier than planned, and is planned again
            return
        connection.look_at = math.inf
        if not connection.is_asked:
            return
        if now - connection.heard >= self._silence:
            connection.give_up(NoAnswer(f"it has said nothing for {self._silence:g} s", silent=True))
        elif now >= connection.deadline:
            connection.give_up(NoAnswer("its answer was not whole in time", silent=True))
        else:
            self._plan(connection)
