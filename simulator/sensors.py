"""The sensors of a simulated machine: their records, and their readings, which depend on the machine.

All machines share the same sensors, which saves memory. Section and table numbers are those of the IPMI v2.0
specification, revision 1.1.
"""

import functools
from collections.abc import Sequence
from typing import Final

from podium.drivers.ipmi.lan import packet
from podium.simulator.faults import Faults
from podium.simulator.ipmi import codes, identity, sensor_kinds
from podium.simulator.ipmi.sensor_kinds import NO_DATA, SENSOR_SPECIFIC, VERSION, Analog, Discrete

_EVENT_ONLY, _CONTROLLER = 0x03, 0x12  # record types
_WHOLE: Final = 0xFF
RESERVATION: Final = b"\x01\x00"  #: the only reservation, because the records never change
_EVENT_REVISION: Final = 0x04
_DEASSERTED: Final = 0x80

_TEMPERATURE, _VOLTAGE, _CURRENT, _FAN, _INTRUSION, _PROCESSOR = 0x01, 0x02, 0x03, 0x04, 0x05, 0x07
_SUPPLY, _POWER, _DRIVE, _EVENT_LOG, _BATTERY = 0x08, 0x0B, 0x0D, 0x10, 0x29
_CELSIUS, _VOLTS, _AMPERES, _WATTS, _RPM = 1, 4, 5, 6, 18


def _fan(place: int, **faulty: int) -> Analog:
    return Analog(
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


def _volts(name: str, factors: tuple[int, int, int, int], on: int) -> Analog:
    """Return a voltage sensor with thresholds 5 and 10 % from its value."""
    m, b, b_exponent, _ = factors
    base = b * 10.0**b_exponent

    def raw(share: float) -> int:
        return round(((m * on + base) * share - base) / m)

    return Analog(
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


def _watts(name: str, entity: tuple[int, int], on: int, off: int, **faulty: int) -> Analog:
    return Analog(
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
_SENSORS: Final[Sequence[Analog | Discrete]] = (
    Analog(
        name="CPU1 Temp", entity=(3, 1), type=_TEMPERATURE, unit=_CELSIUS, on=48, off=None,
        upper=(85, 95, 100), faulty={"cooling_fault": 97},
    ),
    Analog(
        name="CPU2 Temp", entity=(3, 2), type=_TEMPERATURE, unit=_CELSIUS, on=47, off=None,
        upper=(85, 95, 100), faulty={"cooling_fault": 88},
    ),
    Analog(
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
    Analog(
        name="PSU1 Current", entity=(10, 1), type=_CURRENT, unit=_AMPERES, factors=(1, 0, 0, -1), on=8, off=1,
        upper=(60, 80), faulty={"power_fault": 0},
    ),
    Discrete(
        name="PSU1 Status", entity=(10, 1), type=_SUPPLY, possible=0x0F, states=0x01,
        faulty={"power_fault": 0x03},
    ),
    Discrete(name="PSU2 Status", entity=(10, 2), type=_SUPPLY, possible=0x0F, states=0x01),
    Discrete(
        name="PSU Redundancy", entity=(19, 1), type=_SUPPLY, reading_type=0x0B, possible=0x03, states=0x01,
        faulty={"power_fault": 0x02},
    ),
    Discrete(name="Drive 1", entity=(26, 1), type=_DRIVE, possible=0x1FF, states=0x01),
    Discrete(
        name="Drive 2", entity=(26, 2), type=_DRIVE, possible=0x1FF, states=0x01,
        faulty={"drive_fault": 0x03},
    ),
    Discrete(
        name="Intrusion", entity=(23, 1), type=_INTRUSION, possible=0x01, states=0, faulty={"intrusion": 0x01}
    ),
    Discrete(name="CPU1 Status", entity=(3, 1), type=_PROCESSOR, possible=0xFFF, states=0x80),
    Discrete(name="CPU2 Status", entity=(3, 2), type=_PROCESSOR, possible=0xFFF, states=0x80),
    Discrete(name="CMOS Battery", entity=(40, 1), type=_BATTERY, possible=0x07, states=0x04),
)  # fmt: skip


def _others() -> list[bytes]:
    """Return records without readings: an event-only sensor (table 43-3), and the BMC itself (table 43-9)."""
    number = len(_SENSORS) + 1
    event_log = bytes((packet.BMC_ADDRESS, 0, number, 7, 1, _EVENT_LOG, SENSOR_SPECIFIC, 0x01, 0, 0, 0))
    controller = bytes((packet.BMC_ADDRESS, 0, 0, identity.DEVICES, 0, 0, 0, 46, 1, 0))
    return [
        sensor_kinds.record(_EVENT_ONLY, event_log, "Event Log"),
        sensor_kinds.record(_CONTROLLER, controller, "BMC"),
    ]


_RECORDS: Final = tuple(
    identity.to_bytes(2, "little") + record
    for identity, record in enumerate(
        [sensor.record(number) for number, sensor in enumerate(_SENSORS, 1)] + _others(), 1
    )
)


def info() -> bytes:
    """Return the answer to Get SDR Repository Info (section 33.9): full, unchanged, with reservations."""
    changed = (0x60000000).to_bytes(4, "little")
    return bytes((VERSION,)) + len(_RECORDS).to_bytes(2, "little") + bytes(2) + changed * 2 + b"\x02"


def part(data: bytes, limit: int) -> codes.Answer:
    """Get SDR, section 33.12. Reading from the middle of a record needs a reservation.

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
    """Return the ID of the next record as bytes, and a record; None if no record has that ID.

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
    """Get Sensor Thresholds, section 35.9. Discrete sensors have none."""
    if len(data) != 1:
        return codes.WRONG_LENGTH, b""
    found = _SENSORS[data[0] - 1] if 0 < data[0] <= len(_SENSORS) else None
    return (codes.OK, found.thresholds()) if isinstance(found, Analog) else (codes.NOT_PRESENT, b"")


#: By sensor name: the number, sensor type and event/reading type in its events.
_EVENTS: Final = {
    sensor.name: (number, sensor.type, sensor.reading_type) for number, sensor in enumerate(_SENSORS, 1)
} | {"Event Log": (len(_SENSORS) + 1, _EVENT_LOG, SENSOR_SPECIFIC)}
NAMES: Final = tuple(_EVENTS)


def event(name: str, offset: int, *, ended: bool, on: bool, faults: Faults) -> bytes:
    """Return the 9 bytes of a system event record from the generator ID on (table 32-1).

    :param name: one of NAMES
    :param offset: of the event, 0 to 15, see tables 42-2 and 42-3
    :param ended: whether the event was deasserted
    """
    number, kind, reading_type = _EVENTS[name]
    data = bytes((offset, NO_DATA, NO_DATA))
    if number <= len(_SENSORS):
        data = _SENSORS[number - 1].event_data(offset, on, faults)
    direction = _DEASSERTED if ended else 0
    return bytes((packet.BMC_ADDRESS, 0, _EVENT_REVISION, kind, number, direction | reading_type)) + data


@functools.lru_cache(maxsize=64)
def asserted(
    on: bool, power_fault: bool, cooling_fault: bool, drive_fault: bool, intrusion: bool
) -> frozenset[tuple[str, int]]:
    """Return the asserted events of a machine with some faults: sensor names and event offsets."""
    faults = Faults(
        power_fault=power_fault, cooling_fault=cooling_fault, drive_fault=drive_fault, intrusion=intrusion
    )
    return frozenset((sensor.name, offset) for sensor in _SENSORS for offset in sensor.asserted(on, faults))


#: The asserted events of a machine without faults, whether it is on or off.
USUAL: Final = asserted(False, False, False, False, False)
