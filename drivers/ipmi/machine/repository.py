"""Reads a BMC's sensor data records: one command for each if the BMC can, and some of them at a time.

Section and table numbers are those of the IPMI v2.0 specification, revision 1.1.
"""

from typing import Final

from podium import errors
from podium.drivers.ipmi.lan import commands, packet
from podium.drivers.ipmi.lan.inquiry import Inquiry
from podium.drivers.ipmi.machine import sdr

_WHOLE: Final = 0xFF  # bytes; as many as the record has
_SMALLER: Final = {_WHOLE: 32, 32: 16, 16: 8}  # bytes to request at once after a refusal
_FIRST, _LAST = 0x0000, 0xFFFF  # record IDs
_RECORDS: Final = 1024
_BYTES: Final = 65_536  # kept of one repository
_LARGEST: Final = 0xFF  # bytes of a record, as the offset of a part is one byte
_NONE: Final = b"\0\0"
_RESERVATIONS: Final = 16  # in one inquiry; others change the repository, or the BMC loses reservations

_INFO: Final = 14  # bytes


async def version(inquiry: Inquiry) -> bytes | None:
    """Return what changes with the records: their number, and when one was last added or erased (33.9).

    :returns: None for a BMC without a repository
    :raises podium.errors.DriverError: for an answer that is too short, and as :meth:`Inquiry.ask`
    """
    try:
        info = await inquiry.ask(packet.GET_SDR_REPOSITORY_INFO)
    except commands.CommandFailed as failure:
        if failure.code in commands.NOT_NOW:
            raise
        return None
    if len(info) < _INFO:
        raise errors.DriverError(f"BMC {inquiry.connection.target} gave too short a repository info")
    return info[:3] + info[5:13]


class Broken(errors.DriverError):
    """The records do not follow the specification; reading further makes no sense."""


class Walk:
    """Reads all records, in as many inquiries as needed."""

    __slots__ = ("_bytes", "_next", "_piece", "_records", "_reservation", "_reservations", "_seen", "version")

    def __init__(self, version: bytes) -> None:
        """:param version: what the repository reported about itself before"""
        self.version = version
        self._next = _FIRST
        self._piece = _WHOLE
        self._records: list[bytes] = []  # those of sensors
        self._bytes = 0
        self._seen: set[int] = set()
        self._reservation = _NONE  # which is sufficient for whole records, section 33.12
        self._reservations = 0

    async def go_on(self, inquiry: Inquiry) -> sdr.Repository | None:
        """Read at least one record; return the repository after the last one, None if time is up before.

        :raises Broken: for a repository that is broken or endless
        :raises podium.errors.DriverError: as :meth:`Inquiry.ask`
        """
        self._reservations = 0
        while True:
            try:
                following, record = await self._read(inquiry)
            except commands.CommandFailed as failure:
                if failure.code != commands.NOT_PRESENT:
                    raise
                if self._next != _FIRST:
                    raise self._broken(inquiry, f"does not have its record {self._next:04X}h") from None
                return sdr.repository(())
            self._seen.add(self._next)
            self._keep(inquiry, record)
            if following in (_LAST, _FIRST):  # some begin again
                return sdr.repository(self._records)
            if following in self._seen or len(self._seen) >= _RECORDS:
                raise self._broken(
                    inquiry, f"has no end: record {following:04X}h comes after {self._next:04X}h"
                )
            self._next = following
            if not inquiry.more():
                return None

    def _keep(self, inquiry: Inquiry, record: bytes) -> None:
        if sdr.is_of_sensor(record):
            self._bytes += len(record)
            if self._bytes > _BYTES:
                raise self._broken(inquiry, f"has more than {_BYTES} bytes of sensors")
            self._records.append(record)

    async def _read(self, inquiry: Inquiry) -> tuple[int, bytes]:
        """Return the ID of the record after the next one, and the next record."""
        following, record = await self._get(inquiry, 0, sdr.HEADER)
        if len(record) < sdr.HEADER:
            raise self._broken(inquiry, f"answers {len(record)} bytes for record {self._next:04X}h")
        size = min(sdr.HEADER + record[4], _LARGEST)
        while len(record) < size:
            _, more = await self._get(inquiry, len(record), size - len(record))
            if not more:
                raise self._broken(
                    inquiry, f"does not have the {size} bytes that record {self._next:04X}h states"
                )
            record += more
        return following, record[:size]

    async def _get(self, inquiry: Inquiry, offset: int, size: int) -> tuple[int, bytes]:
        """Get SDR (section 33.12): the whole record if read from the start, or else a part.

        A part needs a reservation; some BMCs refuse a part that goes past the end of a record.
        """
        while True:
            part = _WHOLE if self._piece == _WHOLE and not offset else min(size, self._piece)
            if part != _WHOLE and self._reservation == _NONE:
                await self._reserve(inquiry)
            request = self._reservation + self._next.to_bytes(2, "little") + bytes((offset, part))
            try:
                answer = await inquiry.ask(packet.GET_SDR, request)
            except errors.BMCUnreachable:
                if part == _WHOLE:  # some do not answer this
                    self._piece = _SMALLER[_WHOLE]
                raise
            except commands.CommandFailed as failure:
                if failure.code in commands.TOO_MANY_BYTES and self._piece in _SMALLER:
                    self._piece = _SMALLER[self._piece]
                elif failure.code == commands.RESERVATION_LOST:
                    await self._reserve(inquiry)
                else:
                    raise
                continue
            return int.from_bytes(answer[:2], "little"), answer[2:]

    async def _reserve(self, inquiry: Inquiry) -> None:
        """Reserve SDR Repository, section 33.11."""
        self._reservations += 1
        if self._reservations > _RESERVATIONS:
            raise self._broken(inquiry, "cancels every reservation")
        answer = await inquiry.ask(packet.RESERVE_SDR_REPOSITORY)
        if len(answer) < 2:
            raise self._broken(inquiry, "gave too short a reservation")
        self._reservation = answer[:2]

    def _broken(self, inquiry: Inquiry, how: str) -> Broken:
        return Broken(f"BMC {inquiry.connection.target}: its sensor record repository {how}")
