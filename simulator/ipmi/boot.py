"""The system boot options of one simulated BMC, and its machine's last boot device.

Section and table numbers are those of the IPMI v2.0 specification, revision 1.1.
"""

from collections.abc import Callable
from typing import Final

from podium.simulator.faults import Faults
from podium.simulator.ipmi import codes

# Parameters, table 28-14.
_SET_IN_PROGRESS: Final = 0
_CLEARING: Final = 3
_ACKNOWLEDGE: Final = 4
_FLAGS: Final = 5
#: The initial values of the parameters from 0 on. Includes service partition (1, 2) and initiator.
_INITIAL: Final = (*[bytes(1)] * 4, bytes(2), bytes(5), bytes(9))

_NO_SUCH_PARAMETER: Final = 0x80
_ALREADY_IN_PROGRESS: Final = 0x81
_VERSION: Final = 1
_COMPLETE, _IN_PROGRESS, _RESERVED = 0, 1, 3

# Of the first byte of the boot flags.
_VALID: Final = 0x80
_PERSISTENT: Final = 0x40
_UEFI: Final = 0x20
# Of parameter 3: when the valid bit is kept.
_KEPT_AT_THE_BUTTON: Final = 0x01
_KEPT_FOR_LONGER: Final = 0x08
_NEVER: Final = float("inf")
_VALID_SECONDS: Final = 60.0  # section 28.12

#: By the selector in the second byte of the boot flags.
_DEVICES: Final = {
    0: "default", 1: "pxe", 2: "disk", 3: "safe", 4: "diagnostic", 5: "cdrom", 6: "bios",
    7: "remote floppy", 8: "remote cdrom", 9: "remote media", 11: "remote disk", 15: "floppy",
}  # fmt: skip


class BootOptions:
    """The parameters. Commands set them; time and boots clear them.

    :param clock: seconds, monotonic
    """

    __slots__ = ("_clock", "_locked", "_until", "_values", "booted", "boots")

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._values = _INITIAL
        self._locked = 0  # bits of the parameters marked as invalid
        self._until = _NEVER  # when the flags become invalid, on the clock
        self.booted: str | None = None  #: device and mode of the last boot: ``pxe, uefi``
        self.boots = 0  #: the number of boots

    def set(self, data: bytes, faults: Faults) -> codes.Answer:
        """Carry out Set System Boot Options, section 28.12."""
        if not data:
            return codes.WRONG_LENGTH, b""
        parameter, value = data[0] & 0x7F, data[1:]
        if not _has(parameter, faults):
            return _NO_SUCH_PARAMETER, b""
        if value and len(value) != len(_INITIAL[parameter]):
            return codes.WRONG_LENGTH, b""
        if value and (code := self._write(parameter, value, faults)):
            return code, b""
        self._locked = self._locked & ~(1 << parameter) | (data[0] >> 7) << parameter
        return codes.OK, b""

    def _write(self, parameter: int, value: bytes, faults: Faults) -> int:
        if parameter == _SET_IN_PROGRESS:
            state = value[0] & 0x03
            if state == _RESERVED:
                return codes.INVALID_FIELD
            if state == self._values[parameter][0] == _IN_PROGRESS:
                return _ALREADY_IN_PROGRESS
            # There is no rollback: a write takes effect at once, and a commit completes it.
            value = bytes((_IN_PROGRESS if state == _IN_PROGRESS else _COMPLETE,))
        elif parameter == _ACKNOWLEDGE:
            mask, before = value[0], self._values[parameter][1]
            value = bytes((0, before & ~mask | value[1] & mask))
        elif parameter == _FLAGS:
            if value[1] >> 2 & 0x0F not in _DEVICES:
                return codes.INVALID_FIELD
            if faults.boot_lies:
                return codes.OK
            ignored = faults.boot_once * _PERSISTENT | faults.boot_bios * _UEFI
            value = bytes((value[0] & ~ignored,)) + value[1:]
            self._until = self._clock() + _VALID_SECONDS
        self._put(parameter, value)
        return codes.OK

    def get(self, data: bytes, faults: Faults) -> codes.Answer:
        """Carry out Get System Boot Options, section 28.13."""
        if len(data) != 3:
            return codes.WRONG_LENGTH, b""
        parameter = data[0] & 0x7F
        if not _has(parameter, faults):
            return _NO_SUCH_PARAMETER, b""
        self._settle()
        marked = (self._locked >> parameter & 1) << 7 | parameter
        return codes.OK, bytes((_VERSION, marked)) + self._values[parameter]

    @property
    def chosen(self) -> str:
        """The device of the next boot, in words: ``pxe, once, uefi``; ``default`` if no flags are valid."""
        self._settle()
        first, second, *_ = self._values[_FLAGS]
        if not first & _VALID:
            return _DEVICES[0]
        lasting = "persistent" if first & _PERSISTENT else "once"
        return f"{_DEVICES[second >> 2 & 0x0F]}, {lasting}, {_mode(first)}"

    def commanded(self, *, boots: bool) -> None:
        """Note a chassis control: the flags stay valid until the boot, or for another minute without one."""
        self._settle()
        self._until = _NEVER if boots else self._clock() + _VALID_SECONDS

    def boot(self, *, pressed: bool) -> None:
        """Boot the machine because of its button or a chassis control."""
        self._settle()
        if pressed and not self._values[_CLEARING][0] & _KEPT_AT_THE_BUTTON:
            self._clear()
        first, second, *_ = self._values[_FLAGS]
        valid = bool(first & _VALID)
        self.booted = f"{_DEVICES[second >> 2 & 0x0F]}, {_mode(first)}" if valid else _DEVICES[0]
        self.boots += 1
        self._clear()

    def _put(self, parameter: int, value: bytes) -> None:
        self._values = (*self._values[:parameter], value, *self._values[parameter + 1 :])

    def _settle(self) -> None:
        if self._clock() >= self._until and not self._values[_CLEARING][0] & _KEPT_FOR_LONGER:
            self._clear()

    def _clear(self) -> None:
        """Clear the valid bit, unless the flags are persistent."""
        flags = self._values[_FLAGS]
        if flags[0] & (_VALID | _PERSISTENT) == _VALID:
            self._put(_FLAGS, bytes((flags[0] & ~_VALID,)) + flags[1:])
        self._until = _NEVER


def _has(parameter: int, faults: Faults) -> bool:
    return parameter < len(_INITIAL) and parameter not in faults.no_boot_parameters


def _mode(first: int) -> str:
    return "uefi" if first & _UEFI else "bios"
