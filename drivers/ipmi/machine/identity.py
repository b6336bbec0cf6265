"""The inventory that a BMC reports about itself and its machine.

Section and table numbers are those of the IPMI v2.0 specification, revision 1.1.
"""

import hashlib
import sys
from typing import Final

from podium import errors
from podium.drivers.bmc.inventory import Inventory
from podium.drivers.ipmi.lan import commands, packet
from podium.drivers.ipmi.lan.inquiry import Inquiry
from podium.drivers.ipmi.machine import fru

_DEVICE_ID: Final = 11  # bytes; more of them are the maker's
_THIS_CHANNEL: Final = 0x0E
_MAC_ADDRESS: Final = 5  # LAN configuration parameter, table 23-4
_FIRMWARE_VERSION: Final = 1  # system info parameter, table 22-16c
_BLOCKS: Final = 4  # of text, at most
_ENCODINGS: Final = {0: "latin-1", 1: "utf-8", 2: "utf-16-le"}


async def device_id(inquiry: Inquiry) -> bytes:
    """Return the answer to Get Device ID, section 20.1.

    :raises podium.errors.DriverError: when it is too short
    """
    answer = await inquiry.ask(packet.GET_DEVICE_ID)
    if len(answer) < _DEVICE_ID:
        raise errors.DriverError(f"BMC {inquiry.connection.target} gave too short a device ID")
    return answer


def fingerprint(device: bytes, records: bytes | None) -> str:
    """Return a few characters that change with BMC, firmware or sensor records.

    :param records: the version of the sensor records, if there are any
    """
    digest = hashlib.blake2b(device + b"/" + (records or b""), digest_size=8).hexdigest()
    return sys.intern(digest)  # most machines of a fleet have the same


async def inventory(inquiry: Inquiry, device: bytes) -> Inventory:
    """Return everything that IPMI knows about a machine; what a BMC does not have is left out.

    :param device: the answer to Get Device ID
    """
    machine = await fru.identity(inquiry)
    return Inventory(
        manufacturer=machine.manufacturer,
        model=machine.name,
        serial_number=machine.serial,
        bmc_firmware_version=f"{device[2] & 0x7F}.{device[3]:02x}",  # the second is BCD
        bios_version=await _bios_version(inquiry),
        bmc_mac_address=await _mac_address(inquiry),
    )


async def _mac_address(inquiry: Inquiry) -> str | None:
    request = bytes((_THIS_CHANNEL, _MAC_ADDRESS, 0, 0))
    answer = await _optional(
        inquiry, packet.GET_LAN_CONFIGURATION_PARAMETERS, request, packet.PRIVILEGE_OPERATOR
    )
    return answer[1:7].hex(":") if len(answer) >= 7 and any(answer[1:7]) else None


async def _bios_version(inquiry: Inquiry) -> str | None:
    """Return the system firmware version, in blocks of 16 bytes; the first has encoding and length."""
    text, size, encoding = b"", 1, "latin-1"
    for block in range(_BLOCKS):
        request = bytes((0, _FIRMWARE_VERSION, block, 0))
        answer = await _optional(inquiry, packet.GET_SYSTEM_INFO_PARAMETERS, request)
        piece = answer[2:18]  # after parameter revision and number of the block
        if block == 0 and len(piece) >= 2:
            encoding, size = _ENCODINGS.get(piece[0] & 0x0F, "latin-1"), piece[1]
            piece = piece[2:]
        text += piece
        if not piece or len(text) >= size:
            break
    found = text[:size].decode(encoding, "replace").partition("\0")[0]
    return " ".join(found.split()) if found.isprintable() else None


async def _optional(
    inquiry: Inquiry, command: tuple[int, int], data: bytes, privilege: int = packet.PRIVILEGE_USER
) -> bytes:
    """Return an answer, or nothing if the BMC does not have the command, or not for this user.

    :raises podium.errors.DriverError: when the BMC does not answer, or cannot now
    """
    try:
        return await inquiry.ask(command, data, privilege)
    except errors.AuthenticationRefused:
        return b""
    except commands.CommandFailed as failure:
        if failure.code in commands.NOT_NOW:
            raise
        return b""
