"""The LED by which people find a machine in its rack, with Chassis Identify (IPMI v2.0, section 28.5).

A BMC has it blink for at most 255 s, or until that is ended. For a longer time the driver asks anew.
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
_AHEAD: Final = 75.0  # seconds that are left when it is renewed, for a BMC that is silent for a while
_GAP: Final = 15.0  # seconds before that is tried again


class Identifier:
    """The LEDs of machines, and what keeps those blinking that do so for longer than a BMC has them blink.

    :param find: the connection of a node that is in use
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
        """Have the LED blink for so many seconds, rounded up; 0 ends it, None is until it is ended.

        :raises podium.errors.Unsupported: the BMC has none; then all is as it was
        :raises podium.errors.DriverError: the BMC does not answer, or refuses
        """
        end = self._clock() + (seconds or 0.0)
        await _identify(connection, seconds)
        self.leave(node)
        if seconds is not None and seconds > _LONGEST:
            self._renewed[node.uuid] = asyncio.create_task(self._renew(node, end), name=f"LED of {node.name}")

    def leave(self, node: Node) -> None:
        """Renew it no more: it goes out within 255 s."""
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
