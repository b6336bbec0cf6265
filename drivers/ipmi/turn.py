"""A task's time with one BMC. It is short, as power commands and reads of the same BMC wait meanwhile."""

import time
from collections.abc import Callable

from podium.drivers.ipmi import packet
from podium.drivers.ipmi.client import Connection


class Allowance:
    """What all turns together may do, so that a fleet of any size leaves the event loop to others.

    :param rate: how often per second; as much may be done at once after a pause
    """

    def __init__(self, rate: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = self._left = rate
        self._clock = clock
        self._at = clock()

    def take(self) -> bool:
        """Whether one more is allowed now, which is counted."""
        now = self._clock()
        self._left = min(self._left + (now - self._at) * self._rate, self._rate)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


class Turn:
    """What a task asks of a BMC, one command after the other, until its time is over.

    :param seconds: after which no more should be asked; what is not done by then goes on in the next turn
    :param patience: seconds that one command may take
    :param allowance: shared by all turns
    """

    def __init__(
        self,
        connection: Connection,
        *,
        seconds: float,
        patience: float,
        allowance: Allowance,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.connection = connection
        self.patience = patience
        self._allowance = allowance
        self._clock = clock
        self._end = clock() + seconds

    @property
    def late(self) -> bool:
        """Whether its time is up."""
        return self._clock() >= self._end

    def more(self) -> bool:
        """Whether one more record or sensor may be read, which is counted."""
        return not self.late and self._allowance.take()

    async def ask(
        self, command: tuple[int, int], data: bytes = b"", privilege: int = packet.PRIVILEGE_USER
    ) -> bytes:
        """As :meth:`podium.drivers.ipmi.client.Connection.command`."""
        return await self.connection.command(command, data, privilege=privilege, patience=self.patience)
