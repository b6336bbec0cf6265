"""Has a machine boot from something else, alone or before it is switched; inside of the driver's room.

What is chosen for the next boot waits in the hardware for whoever starts the machine, be it weeks later. So
where a machine is not restarted after all, it is set back to what it was, or the words say what waits.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from podium import errors, states
from podium.conductor.power.insisting import make_so
from podium.conductor.power.sending import Failed, Sender
from podium.drivers import base
from podium.wording import line, safe_repr

#: Seconds for a look at what a machine boots from, and for setting it back.
_LOOK: Final = 10.0
_SET_BACK: Final = 30.0
#: Characters of the hardware's own word for a device.
_LONGEST: Final = 64


def boot_of(arguments: Mapping[str, Any]) -> base.BootDevice:
    """What machines are to boot from, of the arguments of an operation."""
    return base.BootDevice(**arguments["boot"])


class Booting:
    """What a machine is to boot from. Used by the loop of its room alone.

    :param wanted: what it is to boot from
    :param seconds: until that must be read
    """

    def __init__(self, sender: Sender, wanted: base.BootDevice, seconds: float) -> None:
        self._sender = sender
        self._driver = sender.room.driver
        self._wanted = wanted
        self._seconds = seconds
        self._before: base.BootDevice | None = None
        self._is_chosen = False

    def __str__(self) -> str:
        return str(self._wanted)

    async def choose(self) -> str:
        """Have the machine boot from it; return that in words, with what is lost by it.

        :raises Failed: it was not, for the reason in the message
        """
        self._before = await self._found(self._seconds)
        await self._set(self._wanted, self._seconds)
        self._is_chosen, before = True, self._before
        is_lost = before and before.device not in (None, "default") and not _is_so(before, self._wanted)
        return f"{self._wanted} (was {before})" if is_lost else str(self._wanted)

    async def take_back(self) -> str:
        """Set the machine back to what it booted from before; return in words what it boots from now.

        :returns: ``""`` if nothing of what was chosen is left
        """
        before, found = self._before, await self._found(_LOOK)
        if not self._is_chosen and found is None and before is None:
            return ""  # the reason why it was not chosen says that
        if found is not None and before is not None and _is_so(found, before):
            return self._from_next_start(found) if _is_so(found, self._wanted) else ""
        if before is not None and before.device in base.BOOT_DEVICES:
            try:
                await self._set(before, min(self._seconds, _SET_BACK))
            except Failed:
                found = await self._found(_LOOK)
            else:
                return f"its boot device is {before} again"
        return self._from_next_start(found)

    async def left(self) -> str:
        """Return in words what waits for the machine's next start; ``""`` for nothing that was chosen."""
        found = await self._found(_LOOK)
        return "" if found is not None and not _is_so(found, self._wanted) else self._from_next_start(found)

    def _from_next_start(self, found: base.BootDevice | None) -> str:
        words = f"it may boot {self._wanted}" if found is None else f"it boots {found}"
        return f"{words}, from its next start on"

    async def _found(self, seconds: float) -> base.BootDevice | None:
        """What the machine boots from; None if that cannot be read."""
        try:
            return await self._read(self._sender.now() + min(seconds, _LOOK))
        except Exception:
            return None

    async def _set(self, boot: base.BootDevice, seconds: float) -> None:
        end = self._sender.now() + seconds

        async def look() -> str | None:
            found = await self._read(end)
            return None if _is_so(found, boot) else f"it is {found}"

        what, method = states.SET_BOOT_DEVICE, self._driver.set_boot_device
        await make_so(self._sender, what, seconds, method, boot, look=look)

    async def _read(self, end: float) -> base.BootDevice:
        """What the machine boots from, in words that can be shown.

        :raises Exception: whatever the driver raised
        """
        scrubbed = self._sender.scrubbed
        answer = await self._sender.read(end, self._driver.get_boot_device)
        found = answer.chosen if isinstance(answer, base.Boot) else None
        texts = (found.device, found.mode) if isinstance(found, base.BootDevice) else (0,)
        if not isinstance(found, base.BootDevice) or not all(isinstance(one, str | None) for one in texts):
            raise errors.DriverError(f"{safe_repr(answer, scrubbed)} says of no boot device")
        device, mode = (one and line(one, _LONGEST, scrubbed) for one in (found.device, found.mode))
        return replace(found, device=device or None, mode=mode or None)


def _is_so(found: base.BootDevice, wanted: base.BootDevice) -> bool:
    is_as_long = wanted.device == "default" or found.persistent == wanted.persistent
    # Hardware that knows one mode need not name it.
    is_mode = wanted.mode is None or found.mode in (None, wanted.mode)
    return found.device == wanted.device and is_as_long and is_mode
