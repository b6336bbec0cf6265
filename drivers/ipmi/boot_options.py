"""Reads and sets what a machine boots from, with Set and Get System Boot Options.

Section and table numbers are those of the IPMI v2.0 specification, revision 1.1.
"""

from typing import Final

from podium import errors
from podium.drivers import base
from podium.drivers.ipmi.lan import commands, packet
from podium.drivers.ipmi.lan.client import Connection

# Parameters, table 28-14.
_PROGRESS: Final = 0
_CLEARING: Final = 3
_ACKNOWLEDGED: Final = 4
_FLAGS: Final = 5

_BEGUN, _COMPLETE = b"\x01", b"\x00"
_FOR_BIOS: Final = b"\x01\x01"  # mask and bits: the BIOS has not read the flags yet
#: The flags stay valid if no Chassis Control follows within 60 s.
_NOT_AFTER_A_MINUTE: Final = 0x08

# The first byte of the boot flags.
_VALID: Final = 0x80
_PERSISTENT: Final = 0x40
_EFI: Final = 0x20

# Completion codes, tables 28-11 and 28-12.
_NO_SUCH_PARAMETER: Final = 0x80
_OTHERS_ARE_AT_IT: Final = 0x81
_READ_ONLY: Final = 0x82

#: Boot device selector: bits 5 to 2 of the second byte of the boot flags.
_SELECTORS: Final = {"default": 0, "pxe": 1, "disk": 2, "safe": 3, "cdrom": 5, "bios": 6}
_DEVICES: Final = {selector: device for device, selector in _SELECTORS.items()} | {
    4: "diagnostic",
    7: "remote floppy",
    8: "remote cdrom",
    9: "remote media",
    11: "remote disk",
    15: "floppy",
}


async def read(connection: Connection) -> base.Boot:
    """Return what the boot flags say; IPMI cannot list the devices of a machine.

    :raises podium.errors.Unsupported: the BMC does not have the flags
    :raises podium.errors.DriverError: as :meth:`Connection.command`
    """
    try:
        flags = await _get(connection, _FLAGS)
    except commands.CommandFailed as refused:
        if refused.code in commands.NEVER or refused.code == _NO_SUCH_PARAMETER:
            raise errors.Unsupported(f"{refused}; it does not say what the machine boots from") from None
        raise
    if len(flags) < 4:
        raise errors.DriverError(f"BMC {connection.target} gave too short an answer about its boot flags")
    return base.Boot(_chosen(flags), base.BOOT_DEVICES)


async def choose(connection: Connection, boot: base.BootDevice) -> None:
    """Set the boot flags, and prevent the BMC from clearing them and the BIOS from ignoring them.

    Only the flags themselves must be accepted: many BMCs do not have the other parameters.

    :param boot: without a mode, the flag for EFI is not changed
    :raises podium.errors.Unsupported: the BMC does not have the flags, or refuses device or mode
    :raises podium.errors.DriverError: as :meth:`Connection.command`
    """
    efi = _EFI * (boot.mode == "uefi") if boot.mode else await _first(connection, _FLAGS) & _EFI
    first = _VALID | _PERSISTENT * boot.persistent | efi
    flags = bytes((first, _SELECTORS[boot.device or "default"] << 2, 0, 0, 0))
    begun = await _attempt(connection, _PROGRESS, _BEGUN) in (0, _OTHERS_ARE_AT_IT)
    await _keep(connection)
    await _attempt(connection, _ACKNOWLEDGED, _FOR_BIOS)
    refused = None
    try:
        await _set(connection, _FLAGS, flags)
    except commands.CommandFailed as failure:
        refused = failure
    if begun:  # also if others have left it so
        await _attempt(connection, _PROGRESS, _COMPLETE)
    if refused is not None:
        raise _meaning(refused, boot)


def _chosen(flags: bytes) -> base.BootDevice:
    """Decode an answer whose parameter begins with its third byte (table 28-13)."""
    if flags[1] & 0x80 or not flags[2] & _VALID:
        return base.BootDevice("default")
    return base.BootDevice(
        _DEVICES.get(flags[3] >> 2 & 0x0F),
        bool(flags[2] & _PERSISTENT),
        "uefi" if flags[2] & _EFI else "bios",
    )


async def _keep(connection: Connection) -> None:
    """Keep the flags for longer than 60 s; the other bits of the parameter are not changed."""
    kept = await _first(connection, _CLEARING) & 0x1F
    if not kept & _NOT_AFTER_A_MINUTE:
        await _attempt(connection, _CLEARING, bytes((kept | _NOT_AFTER_A_MINUTE,)))


async def _first(connection: Connection, parameter: int) -> int:
    """Return the first byte of a parameter; 0 if the BMC has no such parameter to show."""
    try:
        answer = await _get(connection, parameter)
    except commands.CommandFailed as refused:
        if refused.code in commands.NOT_NOW:  # it exists: the next write keeps its value
            raise
        return 0
    return answer[2] if len(answer) > 2 else 0


async def _get(connection: Connection, parameter: int) -> bytes:
    """Return version, parameter and its data, section 28.13."""
    return await connection.command(
        packet.GET_SYSTEM_BOOT_OPTIONS, bytes((parameter, 0, 0)), privilege=packet.PRIVILEGE_OPERATOR
    )


async def _set(connection: Connection, parameter: int, data: bytes) -> None:
    """Section 28.12."""
    await connection.command(
        packet.SET_SYSTEM_BOOT_OPTIONS, bytes((parameter,)) + data, privilege=packet.PRIVILEGE_OPERATOR
    )


async def _attempt(connection: Connection, parameter: int, data: bytes) -> int:
    """Set a parameter that a BMC need not have; return the completion code."""
    try:
        await _set(connection, parameter, data)
    except commands.CommandFailed as refused:
        if refused.code == commands.INSUFFICIENT_PRIVILEGE or refused.code in commands.NOT_NOW:
            raise
        return refused.code
    return 0


def _meaning(refused: commands.CommandFailed, boot: base.BootDevice) -> errors.DriverError:
    if refused.code in commands.NEVER or refused.code in (_NO_SUCH_PARAMETER, _READ_ONLY):
        return errors.Unsupported(f"{refused}; it does not let others choose what the machine boots from")
    if refused.code in commands.NOT_FOR_THIS:
        often = "every time" if boot.persistent else "once"
        mode = f", {boot.mode}" if boot.mode else ""
        return errors.Unsupported(f"{refused}; asked for {boot.device}, {often}{mode}")
    return refused
