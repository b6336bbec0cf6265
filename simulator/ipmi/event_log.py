"""The system event log (SEL) of one simulated BMC.

Section and table numbers are those of the IPMI v2.0 specification, revision 1.1.
"""

from collections.abc import Callable
from typing import Final

from podium.simulator.faults import Faults
from podium.simulator.ipmi import codes

RECORD: Final = 16  #: bytes of a record, table 32-1
SYSTEM_EVENT: Final = 0x02
_BMC_TIMED: Final = (SYSTEM_EVENT, *range(0xC0, 0xE0))  # types of records that the BMC dates

_VERSION: Final = 0x51
_ERASING: Final = 0x81  # completion code of most commands
_NEVER: Final = 0xFFFFFFFF
_FIRST: Final = 0x0000
_LAST: Final = 0xFFFF
_HIGHEST_ID: Final = 0xFFFE
_ODD_STEP: Final = 16
_WHOLE: Final = 0xFF
_INITIATE, _STATUS = 0xAA, 0x00
_IN_PROGRESS, _COMPLETED = 0, 1
#: The event that the fault log-grows adds: timestamp clock set (sensor type 12h, offset 5), without a sensor.
_CLOCK_SET: Final = bytes((0x20, 0, 0x04, 0x12, 0, 0x6F, 0x05, 0xFF, 0xFF))
#: The first event with the fault clear-logged: log cleared (sensor type 10h, offset 2).
_CLEARED: Final = bytes((0x20, 0, 0x04, 0x10, 0, 0x6F, 0x02, 0xFF, 0xFF))


class EventLog:
    """The records of a log, and the commands for them.

    :param capacity: the most records that it holds
    :param clock: seconds, monotonic
    :param now: the time of the BMC, in seconds since 1970
    """

    __slots__ = (
        "_added", "_capacity", "_clock", "_erased", "_erasing_until", "_ids", "_next_id", "_now",
        "_overflowed", "_records", "_reservation", "_reserved",
    )  # fmt: skip

    def __init__(self, capacity: int, clock: Callable[[], float], now: Callable[[], int]) -> None:
        self._capacity = capacity
        self._clock = clock
        self._now = now
        self._records: dict[int, bytes] = {}
        self._ids: list[int] = []  # oldest first
        self._next_id = 1
        self._added = self._erased = _NEVER
        self._overflowed = False
        self._erasing_until = 0.0
        self._reservation = 0
        self._reserved = False

    def __len__(self) -> int:
        return len(self._ids)

    def add(self, record: bytes, faults: Faults, *, dated: bool = False) -> int | None:
        """Add a record. Returns its ID, or None if the log is full.

        :param record: 16 bytes; the ID is ignored
        :param dated: whether to keep its time, whatever its type
        """
        if len(self) >= self._capacity:
            if not faults.log_wraps:
                self._overflowed = True
                return None
            self._drop(self._ids[0])
        number = self._next_id
        while not 0 < number <= _HIGHEST_ID or number in self._records:
            number = number + 1 if number < _HIGHEST_ID else 1
        self._next_id = number + (_ODD_STEP if faults.odd_entry_ids else 1)
        self._added = self._now()
        if record[2] in _BMC_TIMED and not dated:
            record = record[:3] + self._added.to_bytes(4, "little") + record[7:]
        self._records[number] = number.to_bytes(2, "little") + record[2:]
        self._ids.append(number)
        self._reserved = False
        return number

    def add_event(self, event: bytes, faults: Faults) -> None:
        """Add a system event.

        :param event: 9 bytes of a record from the generator ID on, table 32-1
        """
        self.add(bytes((0, 0, SYSTEM_EVENT)) + bytes(4) + event, faults)

    def _drop(self, number: int) -> None:
        del self._records[number]
        self._ids.remove(number)
        self._reserved = False

    def _is_erasing(self) -> bool:
        return self._clock() < self._erasing_until

    def _holds(self, reservation: bytes, faults: Faults) -> bool:
        mine = self._reserved and int.from_bytes(reservation, "little") == self._reservation
        return mine or faults.no_reservations

    # -- commands, section 31

    def info(self, data: bytes, faults: Faults) -> codes.Answer:
        """Get SEL Info, section 31.2."""
        if data:
            return codes.WRONG_LENGTH, b""
        if self._is_erasing():
            return _ERASING, b""
        free = min((self._capacity - len(self)) * RECORD, 0xFFFF)
        can = self._overflowed << 7 | 1 << 3 | (not faults.no_reservations) << 1
        counts = len(self).to_bytes(2, "little") + free.to_bytes(2, "little")
        times = self._added.to_bytes(4, "little") + self._erased.to_bytes(4, "little")
        return codes.OK, bytes((_VERSION,)) + counts + times + bytes((can,))

    def reserve(self, data: bytes, faults: Faults) -> codes.Answer:
        """Reserve SEL, section 31.4. The next reservation and any change of the log end a reservation."""
        if faults.no_reservations:
            return codes.INVALID_COMMAND, b""
        if data:
            return codes.WRONG_LENGTH, b""
        if self._is_erasing():
            return _ERASING, b""
        self._reservation = self._reservation % 0xFFFF + 1
        self._reserved = True
        return codes.OK, self._reservation.to_bytes(2, "little")

    def get(self, data: bytes, faults: Faults, limit: int) -> codes.Answer:
        """Get SEL Entry, section 31.5. Reading from the middle of a record needs a reservation.

        :param limit: bytes of a record that fit into an answer
        """
        if len(data) != 6:
            return codes.WRONG_LENGTH, b""
        if self._is_erasing():
            return _ERASING, b""
        number, offset, size = int.from_bytes(data[2:4], "little"), data[4], data[5]
        try:  # another thread may change the log meanwhile
            place = self._place(number, faults)
            record = self._records[self._ids[place]][: RECORD - faults.short_entries]
            following = self._following(place, faults).to_bytes(2, "little")
        except (LookupError, ValueError):
            return codes.NOT_PRESENT, b""
        if (offset or faults.reserved_entries) and not self._holds(data[:2], faults):
            return codes.RESERVATION_LOST, b""
        if offset >= len(record):
            return codes.OUT_OF_RANGE, b""
        part = record[offset:] if size == _WHOLE else record[offset : offset + size]
        if len(part) > limit:
            return codes.TOO_MANY_BYTES, b""
        self._change_meanwhile(faults)
        return codes.OK, following + part

    def _place(self, number: int, faults: Faults) -> int:
        """:raises LookupError, ValueError: if there is no such record"""
        if number == _FIRST:
            return 0
        if number == _LAST and not faults.no_last_entry:
            return -1
        return self._ids.index(number)

    def _following(self, place: int, faults: Faults) -> int:
        if 0 <= place < len(self) - 1:
            return self._ids[place + 1]
        return self._ids[0] if faults.log_loops else _LAST

    def _change_meanwhile(self, faults: Faults) -> None:
        if faults.log_grows:
            self.add_event(_CLOCK_SET, faults)
        if faults.log_shrinks and self._ids:
            self._drop(self._ids[0])

    def add_entry(self, data: bytes, faults: Faults) -> codes.Answer:
        """Add SEL Entry, section 31.6."""
        if len(data) != RECORD:
            return codes.WRONG_LENGTH, b""
        if self._is_erasing():
            return _ERASING, b""
        number = self.add(data, faults)
        return (codes.OUT_OF_SPACE, b"") if number is None else (codes.OK, number.to_bytes(2, "little"))

    def delete(self, data: bytes, faults: Faults) -> codes.Answer:
        """Delete SEL Entry, section 31.8."""
        if len(data) != 4:
            return codes.WRONG_LENGTH, b""
        if self._is_erasing():
            return _ERASING, b""
        if not self._holds(data[:2], faults):
            return codes.RESERVATION_LOST, b""
        try:
            number = self._ids[self._place(int.from_bytes(data[2:], "little"), faults)]
        except (LookupError, ValueError):
            return codes.NOT_PRESENT, b""
        self._drop(number)
        self._erased = self._now()
        return codes.OK, number.to_bytes(2, "little")

    def clear(self, data: bytes, faults: Faults) -> codes.Answer:
        """Clear SEL, section 31.9. The same reservation may ask for the progress afterwards."""
        if len(data) != 6:
            return codes.WRONG_LENGTH, b""
        if data[2:5] != b"CLR" or data[5] not in (_INITIATE, _STATUS):
            return codes.INVALID_FIELD, b""
        mine = int.from_bytes(data[:2], "little") == self._reservation or faults.no_reservations
        if not (mine if data[5] == _STATUS else self._holds(data[:2], faults)):
            return codes.RESERVATION_LOST, b""
        if data[5] == _INITIATE:
            if self._is_erasing():
                return _ERASING, b""
            self._erase(faults)
        return codes.OK, bytes((_IN_PROGRESS if self._is_erasing() else _COMPLETED,))

    def _erase(self, faults: Faults) -> None:
        self._reserved = False
        if not faults.clear_lies:
            self._records.clear()
            self._ids.clear()
            self._next_id, self._overflowed, self._erased = 1, False, self._now()
        self._erasing_until = self._clock() + faults.slow_erase
        if faults.clear_logged:
            self.add_event(_CLEARED, faults)
