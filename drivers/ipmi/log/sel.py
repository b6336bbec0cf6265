"""Reads a BMC's log: newest first if its records are numbered in a row, or else in its own order.

IPMI has no way to go back: each record names the next one. If records are numbered in a row, as in nearly all
BMCs, the previous record is requested by its number; that it names the known record as the next one proves
that none was left out. Otherwise all records are walked through once, to learn their order.

Section and table numbers are those of the IPMI v2.0 specification, revision 1.1.
"""

import asyncio
import time
from array import array
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from podium import errors
from podium.drivers.ipmi.lan import commands, packet
from podium.drivers.ipmi.lan.inquiry import Inquiry
from podium.drivers.ipmi.log import records

FIRST, LAST = 0x0000, 0xFFFF  # in place of a record ID
_WHOLE: Final = 0xFF
_NONE: Final = b"\0\0"
_INFO: Final = 14  # bytes
_RECORDS: Final = 0xFFFE
_ERASING: Final = 0x81  # completion code of Get SEL Info and Get SEL Entry
_AGAIN: Final = 3  # times that a log is read again that changed meanwhile


class Info(NamedTuple):
    """What a log reports about itself, section 31.2."""

    entries: int
    erased: bytes


class Record(NamedTuple):
    """A record, and the ID of the next one, which is :data:`LAST` after the newest."""

    number: int
    data: bytes
    following: int


class Page(NamedTuple):
    """Consecutive records, newest first, and whether there are older ones that are wanted.

    :param total: maximum number of all records that can be read; None if not determined
    """

    found: Sequence[Record]
    more: bool
    total: int | None = None


class Order:
    """The order in which a BMC keeps its records, as far as known: two bytes for each.

    Hold :attr:`lock` to read or clear the log: nodes may share a BMC.
    """

    __slots__ = ("erased", "lock", "numbers")

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.erased = b""
        self.numbers = array("H")


async def info(inquiry: Inquiry) -> Info:
    """Get SEL Info.

    :raises podium.errors.Unsupported: the BMC keeps no log
    :raises podium.errors.DriverError: as :meth:`Inquiry.ask`
    """
    try:
        answer = await inquiry.ask(packet.GET_SEL_INFO)
    except commands.CommandFailed as refused:
        if refused.code in commands.NEVER:
            raise errors.Unsupported(f"{refused}; it keeps no log") from None
        raise _meaning(refused) from None
    if len(answer) < _INFO:
        raise errors.DriverError(f"BMC {inquiry.connection.target} gave too short a description of its log")
    return Info(int.from_bytes(answer[1:3], "little"), answer[9:13])


class Reader:
    """Reads records of one log, for as long as its time allows.

    :param order: the known order of the log, which is extended
    :param seconds: after which it stops
    :param reservation: the reservation to read with; whole records need none, section 31.5, but some BMCs do
    """

    def __init__(
        self,
        inquiry: Inquiry,
        order: Order,
        seconds: float,
        clock: Callable[[], float] = time.monotonic,
        *,
        reservation: bytes = _NONE,
    ) -> None:
        self._inquiry = inquiry
        self._order = order
        self._clock = clock
        self._end = clock() + seconds
        self._size = _WHOLE
        self.reservation = reservation  #: another one, if the BMC wanted that

    async def read(self, about: Info, before: int | None, after: int | None, limit: int) -> Page:
        """Return the newest records; fewer than wanted if time is short, but at least one.

        Without ``after``, a log is never reported to end if the BMC says that it has more than can be read.

        :param before: an existing record: only older ones
        :param after: only newer ones
        :raises podium.errors.DriverError: the order is not known yet, the log changes all the time, there is
            nothing but what cannot be read, and as :meth:`Inquiry.ask`
        """
        if not about.entries:
            return Page((), False)
        page = await self._by_number(before, after, limit)
        for _ in range(_AGAIN):
            if page is not None:
                break
            page = await self._by_order(about, before, after, limit)
        if page is None:
            raise errors.DriverError(
                f"BMC {self._inquiry.connection.target}: its log changes while it is read"
            )
        if not page.more and after is None and (lack := await self._lack(about, page)):
            if not page.found:
                raise lack
            page = page._replace(more=True)
        return page

    async def newest(self, about: Info) -> Record | None:
        """Return the newest record of a log that can be read as a whole; None for an empty one.

        :raises podium.errors.Unsupported: not all of it can be read
        :raises podium.errors.DriverError: as :meth:`read`
        """
        page = await self.read(about, None, None, 1)
        if lack := await self._lack(about, page):
            last = await self.get(LAST)
            if last is not None and page.found and last.number != page.found[0].number:
                return last  # a record was added meanwhile, and replaced the oldest
            raise errors.Unsupported(f"{lack}; so that none is lost, clear the log at the BMC itself")
        return page.found[0] if page.found else None

    async def _lack(self, about: Info, page: Page) -> errors.DriverError | None:
        """Return the error if the BMC has more records than can be read."""
        if page.total is None or page.total >= about.entries:
            return None
        again = await info(self._inquiry)
        if again != about and page.total >= again.entries:  # the oldest were replaced, or it was cleared
            return None
        return errors.DriverError(
            f"BMC {self._inquiry.connection.target}: of the {again.entries} entries that its log has, only "
            f"{page.total} can be read"
        )

    async def _by_number(self, before: int | None, after: int | None, limit: int) -> Page | None:
        """As :meth:`read`; None if records are not numbered in a row, or some have vanished meanwhile."""
        start = None if before is None else await self.get(before)
        newest = start or await self.get(LAST)
        if newest is None or newest.number in (FIRST, LAST):
            return None
        if newest.number == after:
            return Page((), False)
        first = await self.get(FIRST)
        if first is None or first.number > newest.number:
            return None
        if start is None and not _ends(newest, first):
            return None
        if start is None and before is not None and before < first.number:
            return Page((), False)  # it was replaced, and so were those before it
        found, upper = ([] if start else [newest]), newest.number
        while first.number != upper != (after or 0) + 1 and len(found) < limit:
            if found and self._clock() >= self._end:
                break
            record = await self.get(upper - 1) if upper - 1 > FIRST else None
            if record is None:
                first = await self.get(FIRST)
                if first is None or first.number < upper:
                    return None
                break  # the oldest were replaced meanwhile
            if record.following != upper:
                return None
            found.append(record)
            upper -= 1
        more = first.number < upper != (after or 0) + 1
        if start is not None and not more:
            last = await self.get(LAST)
            if last is None or not _ends(last, first) or last.number < upper:
                return None
            newest = last
        return Page(found, more, None if start and more else newest.number - first.number + 1)

    async def _by_order(self, about: Info, before: int | None, after: int | None, limit: int) -> Page | None:
        """As :meth:`read`, using the order of all records; None if some have vanished meanwhile."""
        order = self._order
        if not await self._learn(about):
            order.numbers = array("H")
            return None
        begin, end = 0, len(order.numbers)
        if before is not None and before in order.numbers:
            end = order.numbers.index(before)
        if after is not None and after in order.numbers:
            begin = order.numbers.index(after) + 1
        found: list[Record] = []
        while end > begin and len(found) < limit and not (found and self._clock() >= self._end):
            record = await self.get(order.numbers[end - 1])
            if record is None:
                order.numbers = array("H")
                return None
            found.append(record)
            end -= 1
        return Page(found, end > begin, len(order.numbers))

    async def _learn(self, about: Info) -> bool:
        """Walk on to the newest record; return whether the part of the order known before is unchanged.

        :raises podium.errors.DriverError: the time is not enough; the next reader continues from there
        """
        order = self._order
        first = await self.get(FIRST)
        if first is None:
            return False
        if order.erased != about.erased or first.number not in order.numbers:
            order.erased, order.numbers = about.erased, array("H", (first.number,))
        else:  # the oldest may have been replaced
            order.numbers = order.numbers[order.numbers.index(first.number) :]
        seen = set(order.numbers)
        while True:
            record = await self.get(order.numbers[-1])
            if record is None:
                return False
            if record.following in (LAST, FIRST) or record.following in seen or len(seen) >= _RECORDS:
                return True
            order.numbers.append(record.following)
            seen.add(record.following)
            if self._clock() >= self._end:
                raise errors.DriverError(
                    f"BMC {self._inquiry.connection.target}: its log takes long; {len(seen)} of "
                    f"{about.entries} entries have been read so far: ask again, it goes on from there"
                )

    async def get(self, number: int) -> Record | None:
        """Return the record from Get SEL Entry, section 31.5; None if there is no such record.

        :param number: its ID, :data:`FIRST` or :data:`LAST`
        :raises podium.errors.DriverError: for an answer that is too short, and as :meth:`Inquiry.ask`
        """
        reserved = False
        while True:
            request = self.reservation + number.to_bytes(2, "little") + bytes((0, self._size))
            try:
                answer = await self._inquiry.ask(packet.GET_SEL_ENTRY, request)
            except commands.CommandFailed as refused:
                if refused.code in commands.TOO_MANY_BYTES and self._size == _WHOLE:
                    self._size = records.SIZE
                elif refused.code == commands.RESERVATION_LOST and not reserved:
                    reserved = True
                    self.reservation = await reserve(self._inquiry)
                elif refused.code == commands.NOT_PRESENT or (
                    number != FIRST and refused.code in commands.NOT_FOR_THIS | commands.TOO_MANY_BYTES
                ):
                    return None
                else:
                    raise _meaning(refused) from None
            else:
                return self._record(number, answer)

    def _record(self, number: int, answer: bytes) -> Record:
        by_place = number in (FIRST, LAST)
        if len(answer) < (4 if by_place else 2):
            raise errors.DriverError(
                f"BMC {self._inquiry.connection.target} gave too short a record of its log"
            )
        if by_place:
            number = int.from_bytes(answer[2:4], "little")
        return Record(number, answer[2:], int.from_bytes(answer[:2], "little"))


def _ends(newest: Record, first: Record) -> bool:
    """Whether the record reported as the newest names no other after it; some name the first."""
    return newest.following in (LAST, FIRST, first.number)


def _meaning(refused: commands.CommandFailed) -> errors.DriverError:
    if refused.code == _ERASING:
        return errors.DriverError(f"{refused}; its log is being erased, ask again in a moment")
    return refused


async def reserve(inquiry: Inquiry) -> bytes:
    """Return a reservation from Reserve SEL, section 31.4; none if the BMC lacks the command.

    :raises podium.errors.DriverError: as :meth:`Inquiry.ask`
    """
    try:
        answer = await inquiry.ask(packet.RESERVE_SEL)
    except commands.CommandFailed as refused:
        if refused.code not in commands.NEVER:
            raise
        return _NONE
    return answer[:2] if len(answer) >= 2 else _NONE
