"""The kinds of sensors of a simulated machine: their records, readings and events.

Section and table numbers are those of the IPMI v2.0 specification, revision 1.1.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Final

from podium.drivers.ipmi.lan import packet
from podium.simulator.faults import Faults

_FULL, _COMPACT = 0x01, 0x02  # record types
VERSION: Final = 0x51
# Event/reading types, table 42-1.
THRESHOLD: Final = 0x01
SENSOR_SPECIFIC: Final = 0x6F
NO_DATA: Final = 0xFF
_SCANNED: Final = 0xC0
_UNAVAILABLE: Final = 0xE0
_RESERVED: Final = 0xC0  # bits of a comparison status that read as 1
#: Events of a threshold sensor (table 42-2), by the threshold's bit in the comparison status: going low past
#: the three lower thresholds, going high past the three upper ones.
_CROSSINGS: Final = (0x00, 0x02, 0x04, 0x07, 0x09, 0x0B)
_WITH_READING: Final = 0x50  # in the first byte of event data: a reading and a threshold follow, table 29-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Analog:
    """A sensor with numbers and thresholds, all as raw readings.

    :param factors: M, B, B exponent and result exponent, section 36.3
    :param signed: whether readings are in two's complement
    :param off: its reading while the machine is off; None for no reading
    :param upper: non-critical, critical and non-recoverable threshold, as many as exist
    :param faulty: its reading with each fault, by the fault's name
    """

    reading_type: ClassVar[int] = THRESHOLD
    name: str
    entity: tuple[int, int]
    type: int
    unit: int
    factors: tuple[int, int, int, int] = (1, 0, 0, 0)
    signed: bool = False
    on: int
    off: int | None
    upper: Sequence[int] = ()
    lower: Sequence[int] = ()
    faulty: dict[str, int] = field(default_factory=dict)

    def record(self, number: int) -> bytes:
        """Return a full sensor record (table 43-1) without its record ID."""
        m, b, b_exponent, exponent = self.factors
        readable = (1 << len(self.lower)) - 1 | ((1 << len(self.upper)) - 1) << 3
        events = sum(1 << offset for place, offset in enumerate(_CROSSINGS) if readable >> place & 1)
        masks = events | (readable & 7) << 12, events | (readable >> 3) << 12
        body = bytes((packet.BMC_ADDRESS, 0, number, *self.entity, 0x7F, 0x46, self.type, self.reading_type))
        body += masks[0].to_bytes(2, "little") + masks[1].to_bytes(2, "little") + bytes((readable, 0))
        body += bytes(
            (self.signed << 7, self.unit, 0, 0, m & 0xFF, m >> 2 & 0xC0, b & 0xFF, b >> 2 & 0xC0, 0)
        )
        body += bytes(((exponent & 0x0F) << 4 | b_exponent & 0x0F, 0, 0, 0, 0))
        body += b"\x7f\x80" if self.signed else b"\xff\x00"
        body += bytes((*reversed(_three(self.upper)), *reversed(_three(self.lower)), 1, 1, 0, 0, 0))
        return record(_FULL, body, self.name)

    def thresholds(self) -> bytes:
        """Return the answer to Get Sensor Thresholds, table 35-9."""
        readable = (1 << len(self.lower)) - 1 | ((1 << len(self.upper)) - 1) << 3
        return bytes((readable, *_three(self.lower), *_three(self.upper)))

    def reading(self, on: bool, faults: Faults) -> bytes:
        """Return the answer to Get Sensor Reading, table 35-15."""
        raw = self.on if on else self.off
        if raw is None:
            return bytes((0, _UNAVAILABLE, _RESERVED))
        for fault, value in self.faulty.items():
            raw = value if getattr(faults, fault) and on else raw
        value = self._signed(raw)
        crossed = sum((value <= self._signed(low)) << place for place, low in enumerate(self.lower))
        crossed |= sum((value >= self._signed(up)) << place for place, up in enumerate(self.upper, 3))
        return bytes((raw, _SCANNED, _RESERVED | crossed))

    def asserted(self, on: bool, faults: Faults) -> tuple[int, ...]:
        """Return the offsets of the events whose thresholds are crossed."""
        crossed = self.reading(on, faults)[2]
        return tuple(offset for place, offset in enumerate(_CROSSINGS) if crossed >> place & 1)

    def event_data(self, offset: int, on: bool, faults: Faults) -> bytes:
        """Return the event data of an event (table 29-6), with reading and threshold if they exist."""
        raw = self.reading(on, faults)
        if raw[1] == _UNAVAILABLE or offset not in _CROSSINGS:
            return bytes((offset, NO_DATA, NO_DATA))
        return bytes((_WITH_READING | offset, raw[0], self.thresholds()[1 + _CROSSINGS.index(offset)]))

    def _signed(self, raw: int) -> int:
        return raw - 256 if self.signed and raw & 0x80 else raw


@dataclass(frozen=True, slots=True, kw_only=True)
class Discrete:
    """A sensor with states, as bits.

    :param possible: the states that it can have
    :param faulty: the states with each fault, by the fault's name
    """

    name: str
    entity: tuple[int, int]
    type: int
    reading_type: int = SENSOR_SPECIFIC
    possible: int
    states: int
    faulty: dict[str, int] = field(default_factory=dict)

    def record(self, number: int) -> bytes:
        """Return a compact sensor record (table 43-2) without its record ID."""
        body = bytes((packet.BMC_ADDRESS, 0, number, *self.entity, 0x63, 0x42, self.type, self.reading_type))
        body += (
            self.possible.to_bytes(2, "little") * 2
            + self.possible.to_bytes(2, "little")
            + bytes((0xC0, 0, 0, 0x01, 0))
            + bytes(6)
        )
        return record(_COMPACT, body, self.name)

    def reading(self, on: bool, faults: Faults) -> bytes:
        """Return the answer to Get Sensor Reading, table 35-15."""
        states = self.states
        for fault, value in self.faulty.items():
            states = value if getattr(faults, fault) else states
        return bytes((0, _SCANNED)) + (states | 0x8000).to_bytes(2, "little")

    def asserted(self, on: bool, faults: Faults) -> tuple[int, ...]:
        """Return the offsets of the present states."""
        states = int.from_bytes(self.reading(on, faults)[2:], "little") & 0x7FFF
        return tuple(offset for offset in range(15) if states >> offset & 1)

    def event_data(self, offset: int, on: bool, faults: Faults) -> bytes:
        """Return the event data of an event (table 29-6): only the state."""
        return bytes((offset, NO_DATA, NO_DATA))


def _three(values: Sequence[int]) -> tuple[int, ...]:
    return (*values, *[0] * (3 - len(values)))


def record(kind: int, body: bytes, name: str) -> bytes:
    """Return a record without its ID, section 43: its version, its type, its length, its body and a name."""
    body += bytes((0xC0 | len(name),)) + name.encode("ascii")
    return bytes((VERSION, kind, len(body))) + body
