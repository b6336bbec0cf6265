"""The sensors of a simulated machine: their records, and their readings, which depend on the machine.

All machines have the same ones, so that they cost no memory. Section and table numbers are those of the IPMI
v2.0 specification, revision 1.1.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from podium.drivers.ipmi.lan import packet
from podium.simulator.faults import Faults
from podium.simulator.ipmi import codes, identity

_FULL, _COMPACT, _EVENT_ONLY, _CONTROLLER = 0x01, 0x02, 0x03, 0x12  # record types
_VERSION: Final = 0x51
_WHOLE: Final = 0xFF
RESERVATION: Final = b"\x01\x00"  #: the only one, as nobody changes the records
_THRESHOLD: Final = 0x01  # event/reading type, table 42-1
_SENSOR_SPECIFIC: Final = 0x6F
_SCANNED: Final = 0xC0
_UNAVAILABLE: Final = 0xE0
_RESERVED: Final = 0xC0  # bits of a comparison status that read as ones
#: Events of a threshold sensor (table 42-2), by the place of the threshold in the comparison status: going
#: low past the three lower ones, going high past the three upper ones.
_CROSSINGS: Final = (0x00, 0x02, 0x04, 0x07, 0x09, 0x0B)
_WITH_READING: Final = 0x50  # in the first byte of event data: a reading and a threshold follow, table 29-6
_NO_DATA: Final = 0xFF
_EVENT_REVISION: Final = 0x04
_DEASSERTED: Final = 0x80

_TEMPERATURE, _VOLTAGE, _CURRENT, _FAN, _INTRUSION, _PROCESSOR = 0x01, 0x02, 0x03, 0x04, 0x05, 0x07
_SUPPLY, _POWER, _DRIVE, _EVENT_LOG, _BATTERY = 0x08, 0x0B, 0x0D, 0x10, 0x29
_CELSIUS, _VOLTS, _AMPERES, _WATTS, _RPM = 1, 4, 5, 6, 18


@dataclass(frozen=True, slots=True, kw_only=True)
class _Analog:
    """A sensor with numbers and thresholds, all of them as raw readings.

    :param factors: M, B, B exponent and result exponent, section 36.3
    :param signed: whether readings are in two's complement
    :param off: its reading while the machine is off; None for no reading
    :param upper: non-critical, critical and non-recoverable threshold, as many as exist
    :param faulty: its reading with a fault of that name
    """

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
        """Return a full sensor record, table 43-1, without record ID."""
        m, b, b_exponent, exponent = self.factors
        readable = (1 << len(self.lower)) - 1 | ((1 << len(self.upper)) - 1) << 3
        events = sum(1 << offset for place, offset in enumerate(_CROSSINGS) if readable >> place & 1)
        masks = events | (readable & 7) << 12, events | (readable >> 3) << 12
        body = bytes((packet.BMC_ADDRESS, 0, number, *self.entity, 0x7F, 0x46, self.type, _THRESHOLD))
        body += masks[0].to_bytes(2, "little") + masks[1].to_bytes(2, "little") + bytes((readable, 0))
        body += bytes(
            (self.signed << 7, self.unit, 0, 0, m & 0xFF, m >> 2 & 0xC0, b & 0xFF, b >> 2 & 0xC0, 0)
        )
        body += bytes(((exponent & 0x0F) << 4 | b_exponent & 0x0F, 0, 0, 0, 0))
        body += b"\x7f\x80" if self.signed else b"\xff\x00"
        body += bytes((*reversed(_three(self.upper)), *reversed(_three(self.lower)), 1, 1, 0, 0, 0))
        return _record(_FULL, body, self.name)

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
        """Return the event data of an event, table 29-6: with reading and threshold, if there are such."""
        raw = self.reading(on, faults)
        if raw[1] == _UNAVAILABLE or offset not in _CROSSINGS:
            return bytes((offset, _NO_DATA, _NO_DATA))
        return bytes((_WITH_READING | offset, raw[0], self.thresholds()[1 + _CROSSINGS.index(offset)]))

    def _signed(self, raw: int) -> int:
        return raw - 256 if self.signed and raw & 0x80 else raw


@dataclass(frozen=True, slots=True, kw_only=True)
class _Discrete:
    """A sensor with states, as bits.

    :param possible: the states that it can have
    :param faulty: the states with a fault of that name
    """

    name: str
    entity: tuple[int, int]
    type: int
    reading_type: int = _SENSOR_SPECIFIC
    possible: int
    states: int
    faulty: dict[str, int] = field(default_factory=dict)

    def record(self, number: int) -> bytes:
        """Return a compact sensor record, table 43-2, without record ID."""
        body = bytes((packet.BMC_ADDRESS, 0, number, *self.entity, 0x63, 0x42, self.type, self.reading_type))
        body += (
            self.possible.to_bytes(2, "little") * 2
            + self.possible.to_bytes(2, "little")
            + bytes((0xC0, 0, 0, 0x01, 0))
            + bytes(6)
        )
        return _record(_COMPACT, body, self.name)

    def reading(self, on: bool, faults: Faults) -> bytes:
        """Return the answer to Get Sensor Reading, table 35-15."""
        states = self.states
        for fault, value in self.faulty.items():
            states = value if getattr(faults, fault) else states
        return bytes((0, _SCANNED)) + (states | 0x8000).to_bytes(2, "little")

    def asserted(self, on: bool, faults: Faults) -> tuple[int, ...]:
        """Return the offsets of the states that it has."""
        states = int.from_bytes(self.reading(on, faults)[2:], "little") & 0x7FFF
        return tuple(offset for offset in range(15) if states >> offset & 1)

    def event_data(self, offset: int, on: bool, faults: Faults) -> bytes:
        """Return the event data of an event, table 29-6: there is nothing but the state."""
        return bytes((offset, _NO_DATA, _NO_DATA))


def _three(values: Sequence[int]) -> tuple[int, ...]:
    return (*values, *[0] * (3 - len(values)))


def _record(kind: int, body: bytes, name: str) -> bytes:
    body += bytes((0xC0 | len(name),)) + name.encode("ascii")
    return bytes((_VERSION, kind, len(body))) + body


def _fan(place: int, **faulty: int) -> _Analog:
    return _Analog(
        name=f"FAN{place}",
        entity=(29, place),
        type=_FAN,
        unit=_RPM,
        factors=(60, 0, 0, 0),
        on=88 + place,
        off=None,
        lower=(15, 10),
        faulty=faulty,
    )


def _volts(name: str, factors: tuple[int, int, int, int], on: int) -> _Analog:
    """Return a voltage sensor with thresholds at 5 and 10 % from its value."""
    m, b, b_exponent, _ = factors
    base = b * 10.0**b_exponent

    def raw(share: float) -> int:
        return round(((m * on + base) * share - base) / m)

    return _Analog(
        name=name,
        entity=(7, 1),
        type=_VOLTAGE,
        unit=_VOLTS,
        factors=factors,
        on=on,
        off=None,
        upper=(raw(1.05), raw(1.10)),
        lower=(raw(0.95), raw(0.90)),
    )


def _watts(name: str, entity: tuple[int, int], on: int, off: int, **faulty: int) -> _Analog:
    return _Analog(
        name=name,
        entity=entity,
        type=_POWER,
        unit=_WATTS,
        factors=(4, 0, 0, 0),
        on=on,
        off=off,
        faulty=faulty,
    )


#: By sensor number, from 1 on.
_SENSORS: Final[Sequence[_Analog | _Discrete]] = (
    _Analog(
        name="CPU1 Temp", entity=(3, 1), type=_TEMPERATURE, unit=_CELSIUS, on=48, off=None,
        upper=(85, 95, 100), faulty={"cooling_fault": 97},
    ),
    _Analog(
        name="CPU2 Temp", entity=(3, 2), type=_TEMPERATURE, unit=_CELSIUS, on=47, off=None,
        upper=(85, 95, 100), faulty={"cooling_fault": 88},
    ),
    _Analog(
        name="Inlet Temp", entity=(55, 1), type=_TEMPERATURE, unit=_CELSIUS, signed=True, on=23, off=21,
        upper=(38, 42, 45), lower=(5, 0xFE, 0xFB),
    ),
    _fan(1, cooling_fault=0),
    _fan(2),
    _fan(3),
    _fan(4),
    _volts("12V", (6, 0, 0, -2), 200),
    _volts("5VCC", (3, 20, 1, -2), 101),
    _volts("3.3VCC", (2, 0, 0, -2), 166),
    _watts("System Power", (7, 1), on=90, off=4),
    _watts("PSU1 Power", (10, 1), on=45, off=2, power_fault=0),
    _watts("PSU2 Power", (10, 2), on=45, off=2),
    _Analog(
        name="PSU1 Current", entity=(10, 1), type=_CURRENT, unit=_AMPERES, factors=(1, 0, 0, -1), on=8, off=1,
        upper=(60, 80), faulty={"power_fault": 0},
    ),
    _Discrete(
        name="PSU1 Status", entity=(10, 1), type=_SUPPLY, possible=0x0F, states=0x01,
        faulty={"power_fault": 0x03},
    ),
    _Discrete(name="PSU2 Status", entity=(10, 2), type=_SUPPLY, possible=0x0F, states=0x01),
    _Discrete(
        name="PSU Redundancy", entity=(19, 1), type=_SUPPLY, reading_type=0x0B, possible=0x03, states=0x01,
        faulty={"power_fault": 0x02},
    ),
    _Discrete(name="Drive 1", entity=(26, 1), type=_DRIVE, possible=0x1FF, states=0x01),
    _Discrete(
        name="Drive 2", entity=(26, 2), type=_DRIVE, possible=0x1FF, states=0x01,
        faulty={"drive_fault": 0x03},
    ),
    _Discrete(
        name="Intrusion", entity=(23, 1), type=_INTRUSION, possible=0x01, states=0, faulty={"intrusion": 0x01}
    ),
    _Discrete(name="CPU1 Status", entity=(3, 1), type=_PROCESSOR, possible=0xFFF, states=0x80),
    _Discrete(name="CPU2 Status", entity=(3, 2), type=_PROCESSOR, possible=0xFFF, states=0x80),
    _Discrete(name="CMOS Battery", entity=(40, 1), type=_BATTERY, possible=0x07, states=0x04),
)  # fmt: skip


def _others() -> list[bytes]:
    """Return records without readings: an event-only sensor (table 43-3), and the BMC itself (table 43-9)."""
    number = len(_SENSORS) + 1
    event_log = bytes((packet.BMC_ADDRESS, 0, number, 7, 1, _EVENT_LOG, _SENSOR_SPECIFIC, 0x01, 0, 0, 0))
    controller = bytes((packet.BMC_ADDRESS, 0, 0, identity.DEVICES, 0, 0, 0, 46, 1, 0))
    return [_record(_EVENT_ONLY, event_log, "Event Log"), _record(_CONTROLLER, controller, "BMC")]


_RECORDS: Final = tuple(
    identity.to_bytes(2, "little") + record
    for identity, record in enumerate(
        [sensor.record(number) for number, sensor in enumerate(_SENSORS, 1)] + _others(), 1
    )
)


def info() -> bytes:
    """Return the answer to Get SDR Repository Info (section 33.9): full, never changed, with reservations."""
    changed = (0x60000000).to_bytes(4, "little")
    return bytes((_VERSION,)) + len(_RECORDS).to_bytes(2, "little") + bytes(2) + changed * 2 + b"\x02"


def part(data: bytes, limit: int) -> codes.Answer:
    """Get SDR, section 33.12: a part of a record needs a reservation, the beginning of one does not.

    :param limit: bytes of a record that fit into an answer
    """
    if len(data) != 6:
        return codes.WRONG_LENGTH, b""
    found = record(int.from_bytes(data[2:4], "little"))
    if found is None:
        return codes.NOT_PRESENT, b""
    following, whole = found
    offset, size = data[4], data[5]
    if offset and data[:2] != RESERVATION:
        return codes.RESERVATION_LOST, b""
    if offset >= len(whole):
        return codes.OUT_OF_RANGE, b""
    asked = whole[offset:] if size == _WHOLE else whole[offset : offset + size]
    return (codes.TOO_MANY_BYTES, b"") if len(asked) > limit else (codes.OK, following + asked)


def record(identity: int) -> tuple[bytes, bytes] | None:
    """Return the ID of the following record, as bytes, and a record; None if no record has that ID.

    :param identity: 0 for the first
    """
    place = max(identity - 1, 0)
    if place >= len(_RECORDS):
        return None
    following = place + 2 if place + 1 < len(_RECORDS) else 0xFFFF
    return following.to_bytes(2, "little"), _RECORDS[place]


def reading(data: bytes, on: bool, faults: Faults) -> codes.Answer:
    """Get Sensor Reading, section 35.14."""
    if len(data) != 1:
        return codes.WRONG_LENGTH, b""
    if not 0 < data[0] <= len(_SENSORS):
        return codes.NOT_PRESENT, b""
    return codes.OK, _SENSORS[data[0] - 1].reading(on, faults)


def thresholds(data: bytes) -> codes.Answer:
    """Get Sensor Thresholds, section 35.9; a sensor with states has none."""
    if len(data) != 1:
        return codes.WRONG_LENGTH, b""
    found = _SENSORS[data[0] - 1] if 0 < data[0] <= len(_SENSORS) else None
    return (codes.OK, found.thresholds()) if isinstance(found, _Analog) else (codes.NOT_PRESENT, b"")


#: Names of sensors, and for events of each its number, its type and its event/reading type.
_EVENTS: Final = {
    sensor.name: (
        number,
        sensor.type,
        sensor.reading_type if isinstance(sensor, _Discrete) else _THRESHOLD,
    )
    for number, sensor in enumerate(_SENSORS, 1)
} | {"Event Log": (len(_SENSORS) + 1, _EVENT_LOG, _SENSOR_SPECIFIC)}
NAMES: Final = tuple(_EVENTS)


def event(name: str, offset: int, *, ended: bool, on: bool, faults: Faults) -> bytes:
    """Return 9 bytes of a system event record from the generator ID on, table 32-1.

    :param name: one of NAMES
    :param offset: which event, 0 to 15, by tables 42-2 and 42-3
    :param ended: whether it was deasserted
    """
    number, kind, reading_type = _EVENTS[name]
    data = bytes((offset, _NO_DATA, _NO_DATA))
    if number <= len(_SENSORS):
        data = _SENSORS[number - 1].event_data(offset, on, faults)
    direction = _DEASSERTED if ended else 0
    return bytes((packet.BMC_ADDRESS, 0, _EVENT_REVISION, kind, number, direction | reading_type)) + data


@functools.lru_cache(maxsize=64)
def asserted(
    on: bool, power_fault: bool, cooling_fault: bool, drive_fault: bool, intrusion: bool
) -> frozenset[tuple[str, int]]:
    """Return names of sensors and offsets of events: what is the case in a machine with some faults."""
    faults = Faults(
        power_fault=power_fault, cooling_fault=cooling_fault, drive_fault=drive_fault, intrusion=intrusion
    )
    return frozenset((sensor.name, offset) for sensor in _SENSORS for offset in sensor.asserted(on, faults))


#: What is the case in a machine without faults, whether it is on or off.
USUAL: Final = asserted(False, False, False, False, False)
