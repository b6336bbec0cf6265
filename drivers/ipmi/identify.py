"""The LED by which people find a machine in its rack, with Chassis Identify (IPMI v2.0, section 28.5)."""

import math
from typing import Final

from podium import errors
from podium.drivers.ipmi.lan import commands, packet
from podium.drivers.ipmi.lan.client import Connection

_LONGEST: Final = 255  # seconds, as they are one byte
_UNTIL_ENDED: Final = b"\x00\x01"  # byte 2: force identify on, which IPMI v1.5 did not have


async def identify(connection: Connection, seconds: float | None) -> None:
    """Have the LED blink for so many seconds, rounded up; 0 ends it, None is until it is ended.

    :raises podium.errors.Unsupported: for more than 255 s, or a BMC without it
    """
    if seconds is not None and seconds > _LONGEST:
        raise errors.Unsupported(
            f"BMC {connection.target}: over IPMI a machine is identified for at most {_LONGEST} s, or until "
            "that is ended"
        )
    data = _UNTIL_ENDED if seconds is None else bytes((math.ceil(seconds),))
    try:
        await connection.command(packet.CHASSIS_IDENTIFY, data, privilege=packet.PRIVILEGE_OPERATOR)
    except commands.CommandFailed as refused:
        if refused.code in commands.NEVER:
            raise errors.Unsupported(f"{refused}; it has no LED that it can switch") from None
        if seconds is None and refused.code in commands.NOT_FOR_THIS:
            raise errors.Unsupported(
                f"{refused}; it identifies the machine only for a time, of at most {_LONGEST} s"
            ) from None
        raise
