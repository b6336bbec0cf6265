"""The identity of a machine: the FRU (field replaceable unit) data of its BMC.

Sources: Platform Management FRU Information Storage Definition v1.0, sections 8 to 13; IPMI v2.0 revision
1.1, section 34.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from oslo_log import log

from podium import errors
from podium.drivers.ipmi.lan import commands, packet
from podium.drivers.ipmi.lan.inquiry import Inquiry
from podium.drivers.ipmi.machine import strings

LOG = log.getLogger(__name__)

_DEVICE: Final = b"\0"  # the machine itself
_HEADER: Final = 8  # bytes
_BOARD, _PRODUCT = 3, 4  # bytes of the header with the areas' offsets
_PIECE: Final = 32  # bytes asked for at once
_SMALLER: Final = {_PIECE: 16, 16: 8}  # after a refusal
_END_OF_FIELDS: Final = 0xC1
_IN_USE: Final = 0x81  # completion code of Read FRU Data, section 34.2
_UNITS: Final = 8  # bytes, in which offsets and lengths are counted
#: What makers leave in unused fields, in lower case.
_BLANK: Final = frozenset(
    {
        "",
        "-",
        ".",
        "default string",
        "n/a",
        "na",
        "none",
        "not specified",
        "to be filled by o.e.m.",
        "unknown",
    }
)


@dataclass(frozen=True, slots=True)
class Identity:
    """Maker, model and numbers of a thing; None for what is not known."""

    manufacturer: str | None = None
    name: str | None = None
    serial: str | None = None

    def or_else(self, other: "Identity") -> "Identity":
        """Return this identity, with missing values from the other."""
        return Identity(
            self.manufacturer or other.manufacturer, self.name or other.name, self.serial or other.serial
        )


def product(area: bytes) -> Identity:
    """Return the identity in a product area (section 12); empty when the area is not intact."""
    found = list(_fields(area, 3))
    return Identity(_word(found, 0), _word(found, 1), _word(found, 4))


def board(area: bytes) -> Identity:
    """Return the identity in a board area (section 11); empty when the area is not intact."""
    found = list(_fields(area, 6))
    return Identity(_word(found, 0), _word(found, 1), _word(found, 2))


def _word(found: list[str], place: int) -> str | None:
    word = found[place] if place < len(found) else ""
    return None if word.lower() in _BLANK else word


def _fields(area: bytes, start: int) -> Iterator[str]:
    """Yield the fields of an area from an offset on, if its version and checksum are right."""
    if len(area) < _UNITS or area[0] & 0x0F != 1 or sum(area) & 0xFF:
        return
    area = area[:-1]
    while start < len(area) and area[start] != _END_OF_FIELDS:
        size = area[start] & 0x3F
        yield strings.decode(area[start] >> 6, area[start + 1 : start + 1 + size])
        start += 1 + size


async def identity(inquiry: Inquiry) -> Identity:
    """Return the machine's identity as a product and, where that is not known, as a board.

    FRU data that is missing or not intact counts as empty.

    :raises podium.errors.DriverError: when the BMC does not answer, or cannot now
    """
    try:
        memory = await _Memory.open(inquiry)
        header = await memory.read(0, _HEADER)
        if header[0] & 0x0F != 1 or sum(header) & 0xFF:
            raise memory.broken("do not begin with a header")
        found = product(await memory.area(header[_PRODUCT]))
        return found.or_else(board(await memory.area(header[_BOARD])))
    except _Broken as broken:
        LOG.debug("%s", broken)
    except commands.CommandFailed as failure:
        if failure.code in commands.NOT_NOW or failure.code == _IN_USE:
            raise
    return Identity()


class _Broken(errors.DriverError):
    """FRU data that do not follow the specification."""


class _Memory:
    """The bytes of one FRU device, of which few are needed."""

    def __init__(self, inquiry: Inquiry, size: int, unit: int) -> None:
        """:param unit: bytes in which offsets and counts are given"""
        self._inquiry = inquiry
        self._size = size
        self._unit = unit
        self._piece = _PIECE

    @classmethod
    async def open(cls, inquiry: Inquiry) -> "_Memory":
        """Get FRU Inventory Area Info, section 34.1."""
        answer = await inquiry.ask(packet.GET_FRU_INVENTORY_AREA_INFO, _DEVICE)
        if len(answer) < 3:
            raise _Broken(f"BMC {inquiry.connection.target} gave too short a FRU info")
        return cls(inquiry, int.from_bytes(answer[:2], "little"), 2 if answer[2] & 1 else 1)

    async def area(self, place: int) -> bytes:
        """Return the area at a place that the header names; empty if there is none, or not all of it."""
        start = place * _UNITS
        if not start:
            return b""
        try:
            begin = await self.read(start, _UNITS)
            return begin + await self.read(start + _UNITS, (begin[1] - 1) * _UNITS)  # byte 1 is the length
        except _Broken as broken:
            LOG.debug("%s", broken)
            return b""

    async def read(self, offset: int, size: int) -> bytes:
        """Read this many bytes.

        :raises _Broken: when there are fewer
        """
        found = b""
        while len(found) < size:
            wanted = min(size - len(found), self._piece)
            if offset + len(found) + wanted > self._size:
                raise self.broken(f"are {self._size} bytes, and tell of more")
            found += await self._part(offset + len(found), wanted)
        return found[:size]

    async def _part(self, offset: int, size: int) -> bytes:
        """Read FRU Data, section 34.2."""
        place, count = offset // self._unit, -(-size // self._unit)
        request = _DEVICE + place.to_bytes(2, "little") + bytes((count,))
        try:
            answer = await self._inquiry.ask(packet.READ_FRU_DATA, request)
        except commands.CommandFailed as failure:
            if failure.code not in commands.TOO_MANY_BYTES or self._piece not in _SMALLER:
                raise
            self._piece = _SMALLER[self._piece]
            return await self._part(offset, min(size, self._piece))
        if len(answer) < 2 or not answer[0]:
            raise self.broken("end before they should")
        return answer[1 : 1 + answer[0] * self._unit]

    def broken(self, how: str) -> _Broken:
        """Return the error to raise."""
        return _Broken(f"BMC {self._inquiry.connection.target}: its FRU data {how}")
