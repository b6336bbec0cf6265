"""Sets a machine's boot device, alone or before a power change, inside the driver's room.

The hardware keeps a device chosen for the next boot until somebody starts the machine, even weeks later. So
if the machine is not restarted after all, the device is set back, or the result reports what is still set.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from podium import errors, states
from podium.conductor.power.insisting import make_so
from podium.conductor.power.sending import Failed, Sender
from podium.drivers import base
from podium.wording import line, safe_repr

#: Seconds for reading the boot device, and for setting it back.
_LOOK: Final = 10.0
_SET_BACK: Final = 30.0
#: Longest name that hardware gives a device, in characters.
_LONGEST: Final = 64


def boot_of(arguments: Mapping[str, Any]) -> base.BootDevice:
    """The requested boot device, from the arguments of an operation."""
    return base.BootDevice(**arguments["boot"])


class Booting:
    """The requested boot device of a machine. Only the loop of its room may use it.

    :param wanted: the requested boot device
    :param seconds: within which a read must show it
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
        """Set the boot device; return it in words, with the earlier choice that it replaces.

        :raises Failed: it was not set, for the reason in the message
        """
        self._before = await self._found(self._seconds)
        await self._set(self._wanted, self._seconds)
        self._is_chosen, before = True, self._before
        is_lost = before and before.device not in (None, "default") and not _is_so(before, self._wanted)
        return f"{self._wanted} (was {before})" if is_lost else str(self._wanted)

    async def take_back(self) -> str:
        """Set the boot device back to what it was; return in words what the machine boots from now.

        :returns: ``""`` if nothing of the choice is left
        """
        before, found = self._before, await self._found(_LOOK)
        if not self._is_chosen and found is None and before is None:
            return ""  # the error of the choice already reports that
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
        """Return in words what is set for the machine's next start; ``""`` if it is not what was chosen."""
        found = await self._found(_LOOK)
        return "" if found is not None and not _is_so(found, self._wanted) else self._from_next_start(found)

    def _from_next_start(self, found: base.BootDevice | None) -> str:
        words = f"it may boot {self._wanted}" if found is None else f"it boots {found}"
        return f"{words}, from its next start on"

    async def _found(self, seconds: float) -> base.BootDevice | None:
        """The machine's boot device; None if it cannot be read."""
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
        """The machine's boot device, with texts that can be shown.

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
    # Hardware that has only one mode need not report it.
    is_mode = wanted.mode is None or found.mode in (None, wanted.mode)
    return found.device == wanted.device and is_as_long and is_mode
