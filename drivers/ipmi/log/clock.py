"""The clock of a BMC, which timestamps its log (IPMI v2.0 revision 1.1, sections 31.10, 31.11 and 37).

Its time is taken as UTC. The specification also has an offset from UTC, but most BMCs lack it, and some
report one although their time is UTC, so it is not read. If a BMC keeps local time, its clock and the times
of its log are off by whole hours; with the clock's offset, both can be corrected.
"""

import time
from datetime import UTC, datetime
from typing import Final

from podium import errors
from podium.drivers.ipmi.lan import commands, packet
from podium.drivers.ipmi.lan.inquiry import Inquiry

_ON_AVERAGE: Final = 0.5  # seconds that are cut off, because the time is in whole seconds
_EXACT: Final = 5.0  # seconds within which a clock is right
_UNKNOWN: Final = 0xFFFFFFFF
#: Lower times count seconds since the BMC started, because its clock was not set (section 37).
_BEFORE_SET: Final = 0x20000000


def moment(stamp: bytes) -> datetime | None:
    """Return the time of an entry, which is 4 bytes; None for an entry from before the clock was set."""
    seconds = int.from_bytes(stamp, "little")
    return None if seconds <= _BEFORE_SET or seconds == _UNKNOWN else datetime.fromtimestamp(seconds, UTC)


async def read(inquiry: Inquiry) -> datetime:
    """Return the time that the clock shows, to the second; near 1970 if it was never set.

    :raises podium.errors.Unsupported: the BMC has no clock
    :raises podium.errors.DriverError: it shows none, and as :meth:`Inquiry.ask`
    """
    try:
        answer = await inquiry.ask(packet.GET_SEL_TIME)
    except commands.CommandFailed as refused:
        if refused.code in commands.NEVER:
            raise errors.Unsupported(f"{refused}; it has no clock") from None
        raise
    seconds = int.from_bytes(answer[:4], "little")
    if len(answer) < 4 or seconds == _UNKNOWN:
        raise errors.DriverError(f"BMC {inquiry.connection.target} does not know the time")
    return datetime.fromtimestamp(seconds, UTC)


async def offset(inquiry: Inquiry) -> float | None:
    """Return how many seconds the clock is ahead of this host's; None if it cannot be read.

    :raises podium.errors.BMCUnreachable: no answer
    :raises podium.errors.AuthenticationRefused: the BMC refuses the login
    """
    before = time.time()
    try:
        shown = await read(inquiry)
    except (errors.BMCUnreachable, errors.AuthenticationRefused):
        raise
    except errors.DriverError:
        return None
    return shown.timestamp() + _ON_AVERAGE - (before + time.time()) / 2


async def set_to_now(inquiry: Inquiry) -> None:
    """Set the clock to the time of this host; a clock that cannot be set may be right already.

    :raises podium.errors.Unsupported: the BMC does not allow setting it
    :raises podium.errors.DriverError: as :meth:`Inquiry.ask`
    """
    now = round(time.time())
    try:
        await inquiry.ask(packet.SET_SEL_TIME, now.to_bytes(4, "little"), packet.PRIVILEGE_OPERATOR)
    except commands.CommandFailed as refused:
        if refused.code in commands.NEVER or refused.code in commands.NOT_FOR_THIS:
            shown = await read(inquiry)  # raises if there is no clock
            if abs(shown.timestamp() + _ON_AVERAGE - time.time()) <= _EXACT:
                return
            raise errors.Unsupported(
                f"{refused}; perhaps it takes the time from NTP, or from its machine: look at its settings"
            ) from None
        raise
