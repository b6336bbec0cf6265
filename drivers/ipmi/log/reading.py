"""The ``ipmi`` driver's operations on a BMC's log: reading it in pages, and clearing it.

Section numbers are those of the IPMI v2.0 specification, revision 1.1.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Mapping
from typing import Final

from podium import errors
from podium.drivers import base
from podium.drivers.bmc.connections import Connections
from podium.drivers.ipmi.lan import commands, packet
from podium.drivers.ipmi.lan.client import Connection
from podium.drivers.ipmi.lan.inquiry import Inquiries, Inquiry
from podium.drivers.ipmi.lan.session import Target
from podium.drivers.ipmi.log import clock, records, sel
from podium.drivers.ipmi.machine import repository, sdr
from podium.drivers.ipmi.machine.sensor_watch import SensorWatch

_SECONDS: Final = 10.0  # of one read, after which other callers may use the BMC
_ORDERS: Final = 64  # orders that are kept, of at most 128 KiB
_ATTEMPTS: Final = 4  # at clearing, with a reservation each
_CLEAR, _STATUS = b"CLR\xaa", b"CLR\x00"
_ERASED: Final = 0x01
_ERASING: Final = 20.0  # seconds
_GAP: Final = 0.5  # seconds between two checks of the progress


class LogReader:
    """Reads and clears the logs of BMCs.

    :param patience: seconds that one command may take, as a person waits for its answer
    :param seconds: of one read
    """

    def __init__(
        self,
        connections: Connections[Connection],
        inquiries: Inquiries,
        *,
        patience: float,
        seconds: float = _SECONDS,
    ) -> None:
        self._connections = connections
        self._inquiries = inquiries
        self._patience = patience
        self._seconds = seconds
        self._orders: OrderedDict[Target, sel.Order] = OrderedDict()

    async def read(self, node: base.Node, before: str | None, after: str | None, limit: int) -> base.Log:
        """As :meth:`podium.drivers.base.Driver.get_log`; a slow BMC returns fewer entries than requested.

        :raises podium.errors.DriverError: the BMC does not answer, keeps no log, or its records make no sense
        """
        connection = self._connections.of(node)
        inquiry = self._inquiries.begin(connection, self._patience)
        offset = await clock.offset(inquiry)
        known = await self._sensors(connection)
        order = self._order(connection.target)
        async with order.lock:
            reader = sel.Reader(inquiry, order, self._seconds)
            page = await reader.read(await sel.info(inquiry), _number(before), _number(after), limit)
        entries = [records.entry(number, data, known) for number, data, _ in reversed(page.found)]
        return base.Log(entries, page.more, offset)

    async def clear(self, node: base.Node, last: str) -> None:
        """As :meth:`podium.drivers.base.Driver.clear_log`.

        The BMC itself prevents losses: a reservation ends when an entry is added (31.4).

        :raises podium.errors.LogChanged: the newest entry is not ``last``
        :raises podium.errors.BMCUnreachable: it is not known whether the log was cleared
        :raises podium.errors.DriverError: the BMC does not answer, refuses, or does nothing
        """
        inquiry = self._inquiries.begin(self._connections.of(node), self._patience)
        async with self._order(inquiry.connection.target).lock:
            await self._clear(inquiry, last)

    async def _clear(self, inquiry: Inquiry, last: str) -> None:
        """As :meth:`clear`, while nobody else reads the log."""
        for attempt in range(_ATTEMPTS):
            reservation = await sel.reserve(inquiry)
            before = await sel.info(inquiry)
            reader = self._reader(inquiry, reservation)
            newest = await reader.newest(before)
            if newest is None:
                return
            if str(newest.number) != last:
                raise errors.LogChanged(
                    f"BMC {inquiry.connection.target}: the newest entry of its log is {newest.number}, not "
                    f"{last}; read the log again and keep what is new"
                )
            if reader.reservation != reservation:
                continue  # an entry was added, perhaps after the newest was read
            try:
                status = await _erase(inquiry, reservation + _CLEAR, repeatable=False)
            except commands.CommandFailed as refused:
                if refused.code != commands.RESERVATION_LOST or attempt == _ATTEMPTS - 1:
                    raise _meaning(refused) from None
                if await self._is_erased(inquiry, before, newest):  # by a command whose answer was lost
                    return
            else:
                end = time.monotonic() + _ERASING
                await _wait(inquiry, reservation, status, end)
                await self._verify(inquiry, before, newest, end)
                return
        raise errors.DriverError(
            f"BMC {inquiry.connection.target}: its log changes all the time, or others read it; ask again"
        )

    async def _verify(self, inquiry: Inquiry, before: sel.Info, newest: sel.Record, end: float) -> None:
        """:raises podium.errors.DriverError: the log was not erased; BMCUnreachable if that is not known"""
        while True:
            try:
                is_erased = await self._is_erased(inquiry, before, newest)
                break
            except errors.DriverError as failure:  # it may be in progress
                if isinstance(failure, errors.BMCUnreachable) or time.monotonic() >= end:
                    raise errors.BMCUnreachable(
                        f"BMC {inquiry.connection.target} accepted that its log is cleared; whether it was "
                        f"cannot be read: {failure}"
                    ) from None
            await asyncio.sleep(_GAP)
        if not is_erased:
            raise errors.DriverError(
                f"BMC {inquiry.connection.target} accepted that its log is cleared, but still has its "
                f"{before.entries} entries"
            )

    async def _is_erased(self, inquiry: Inquiry, before: sel.Info, newest: sel.Record) -> bool:
        """Whether the log is not the one from before; it may already have new entries."""
        after = await sel.info(inquiry)
        if after.entries < before.entries or after.erased != before.erased:
            return True
        found = await self._reader(inquiry).get(newest.number)
        return found is None or found.data != newest.data

    def _reader(self, inquiry: Inquiry, reservation: bytes = b"\0\0") -> sel.Reader:
        order = self._order(inquiry.connection.target)
        return sel.Reader(inquiry, order, self._seconds, reservation=reservation)

    def _order(self, target: Target) -> sel.Order:
        """Return the known order of a log; if there are many, others are forgotten."""
        order = self._orders.pop(target, None) or sel.Order()
        self._orders[target] = order
        while len(self._orders) > _ORDERS:
            self._orders.popitem(last=False)
        return order

    async def _sensors(self, connection: Connection) -> Mapping[int, sdr.Sensor]:
        """Return the sensors that may be named in the log; empty if they cannot be read.

        :raises podium.errors.AuthenticationRefused: the BMC refuses the login
        """
        watch = SensorWatch.of(connection)
        try:
            async with watch.lock, asyncio.timeout(self._seconds):
                version = await repository.version(self._inquiries.begin(connection, self._patience))
                found = await watch.records(lambda: self._inquiries.begin(connection), version)
        except errors.AuthenticationRefused:
            raise
        except (errors.DriverError, TimeoutError):
            return {}
        return found.logging


def _number(entry: str | None) -> int | None:
    """Return the record ID of an entry's ID; None if it is not valid."""
    if entry is None or not entry.isdecimal():
        return None
    number = int(entry)
    return number if sel.FIRST < number < sel.LAST else None


async def _erase(inquiry: Inquiry, data: bytes, *, repeatable: bool) -> bytes:
    """Clear SEL, section 31.9."""
    return await inquiry.connection.command(
        packet.CLEAR_SEL,
        data,
        privilege=packet.PRIVILEGE_OPERATOR,
        repeatable=repeatable,
        patience=inquiry.patience,
    )


async def _wait(inquiry: Inquiry, reservation: bytes, status: bytes, end: float) -> None:
    """Wait until the log is erased; a BMC that does not report progress has finished.

    :raises podium.errors.BMCUnreachable: it takes longer than 20 s, or does not answer any more
    """
    while status and status[0] & 0x0F != _ERASED:
        if time.monotonic() >= end:
            raise errors.BMCUnreachable(
                f"BMC {inquiry.connection.target} has been erasing its log for {_ERASING:g} s, and goes on"
            )
        await asyncio.sleep(_GAP)
        try:
            status = await _erase(inquiry, reservation + _STATUS, repeatable=True)
        except commands.CommandFailed:
            return


def _meaning(refused: commands.CommandFailed) -> errors.DriverError:
    if refused.code in commands.NEVER:
        return errors.Unsupported(f"{refused}; it does not let others clear its log")
    return refused
