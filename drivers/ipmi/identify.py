"""The LED by which people find a machine in its rack, with Chassis Identify (IPMI v2.0, section 28.5).

A BMC blinks it for at most 255 s, or until it is stopped. For a longer time the driver repeats the command.
"""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from typing import Final

from oslo_log import log

from podium import errors
from podium.drivers.base import Node
from podium.drivers.ipmi.lan import commands, packet
from podium.drivers.ipmi.lan.client import Connection

LOG = log.getLogger(__name__)

_LONGEST: Final = 255  # seconds, as they are one byte
_UNTIL_ENDED: Final = b"\x00\x01"  # byte 2: force identify on, which IPMI v1.5 did not have
_AHEAD: Final = 75.0  # seconds left when it is renewed, for a BMC that is silent for a while
_GAP: Final = 15.0  # seconds until a failed renewal is repeated


class Identifier:
    """The LEDs of machines; repeats the command for LEDs that blink longer than a BMC can make them.

    :param find: returns the connection of a node that is in use
    """

    def __init__(
        self,
        find: Callable[[Node], Connection | None],
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._find = find
        self._clock = clock
        self._pause = pause
        self._renewed: dict[str, asyncio.Task[None]] = {}  # by UUID

    async def identify(self, node: Node, connection: Connection, seconds: float | None) -> None:
        """Blink the LED for this many seconds, rounded up; 0 stops it, None blinks it until it is stopped.

        :raises podium.errors.Unsupported: the BMC has no LED; then nothing has changed
        :raises podium.errors.DriverError: the BMC does not answer, or refuses
        """
        end = self._clock() + (seconds or 0.0)
        await _identify(connection, seconds)
        self.leave(node)
        if seconds is not None and seconds > _LONGEST:
            self._renewed[node.uuid] = asyncio.create_task(self._renew(node, end), name=f"LED of {node.name}")

    def leave(self, node: Node) -> None:
        """Stop repeating: the LED goes out within 255 s."""
        if (task := self._renewed.pop(node.uuid, None)) is not None:
            task.cancel()

    async def close(self) -> None:
        """:meth:`leave` all nodes."""
        tasks = [*self._renewed.values()]
        self._renewed.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _renew(self, node: Node, end: float) -> None:
        pause, is_silent, left = _LONGEST - _AHEAD, False, math.inf
        while left > _LONGEST:
            await self._pause(pause)
            connection, left = self._find(node), end - self._clock()
            if connection is None or left <= 0:
                break
            try:
                await _identify(connection, left)
                pause, is_silent = _LONGEST - _AHEAD, False
            except errors.DriverError as failure:
                if not is_silent:
                    LOG.warning(
                        "the LED of node %s may go out before its time: %s",
                        node.name,
                        errors.one_line(failure),
                    )
                pause, is_silent, left = _GAP, True, math.inf
        self._renewed.pop(node.uuid, None)


async def _identify(connection: Connection, seconds: float | None) -> None:
    data = _UNTIL_ENDED if seconds is None else bytes((min(math.ceil(seconds), _LONGEST),))
    try:
        await connection.command(packet.CHASSIS_IDENTIFY, data, privilege=packet.PRIVILEGE_OPERATOR)
    except commands.CommandFailed as refused:
        if refused.code in commands.NEVER:
            raise errors.Unsupported(f"{refused}; it has no LED that it can switch") from None
        if seconds is None and refused.code in commands.NOT_FOR_THIS:
            raise errors.Unsupported(
                f"{refused}; it identifies the machine only for a time: ask for so many seconds"
            ) from None
        raise
