"""Asks a BMC several questions within a short time, because power commands and reads of the same BMC wait."""

import time
from collections.abc import Callable
from typing import Final

from podium.drivers.base import Node
from podium.drivers.bmc.connections import Connections
from podium.drivers.ipmi.lan import packet
from podium.drivers.ipmi.lan.client import Connection
from podium.pacing import Allowance

_PATIENCE: Final = 3.0  # seconds for one command; health and sensors do not justify a longer wait


class Inquiry:
    """A task's commands to one BMC, one after another, until its time is over.

    :param seconds: after which it should stop; the next inquiry does the rest
    :param patience: seconds that one command may take
    :param allowance: shared by all inquiries
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
        """Whether the time is over."""
        return self._clock() >= self._end

    def more(self) -> bool:
        """Count one more record or sensor to read, if that is allowed; return whether it is."""
        return not self.late and self._allowance.take(self._clock())

    async def ask(
        self, command: tuple[int, int], data: bytes = b"", privilege: int = packet.PRIVILEGE_USER
    ) -> bytes:
        """As :meth:`podium.drivers.ipmi.lan.client.Connection.command`."""
        return await self.connection.command(command, data, privilege=privilege, patience=self.patience)


class Inquiries:
    """Begins the inquiries of all tasks with the BMCs of nodes.

    :param seconds: of each inquiry
    :param longest: maximum seconds of one command, whatever patience the task has
    :param allowance: records and sensors that all inquiries together may read
    """

    def __init__(
        self, connections: Connections[Connection], *, seconds: float, longest: float, allowance: Allowance
    ) -> None:
        self._connections = connections
        self._seconds = seconds
        self._longest = longest
        self._allowance = allowance

    def held(self, node: Node, patience: float = _PATIENCE) -> Inquiry | None:
        """Return an inquiry over the open session with the node's BMC; None if there is none."""
        connection = self._connections.find(node)
        if connection is None or not connection.has_session:
            return None
        return self.begin(connection, patience)

    def begin(self, connection: Connection, patience: float = _PATIENCE) -> Inquiry:
        """Return an inquiry over a connection, which opens a session if it has none."""
        return Inquiry(
            connection,
            seconds=self._seconds,
            patience=min(patience, self._longest),
            allowance=self._allowance,
        )
