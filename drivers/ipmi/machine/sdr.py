"""Sensor data records: which sensors a machine has, and how to read them.

Section and table numbers are those of the IPMI v2.0 specification, revision 1.1.
"""

import hashlib
import math
import weakref
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from types import MappingProxyType
from typing import Final

from podium.drivers.ipmi.lan import packet
from podium.drivers.ipmi.machine import discrete, strings

HEADER: Final = 5  # bytes: record ID, version, type, and how many follow
FULL: Final = 0x01
COMPACT: Final = 0x02
EVENT_ONLY: Final = 0x03

THRESHOLD: Final = 0x01  # event/reading type, table 42-1
_OWN: Final = packet.BMC_ADDRESS  # at the first logical unit
_FAN: Final = 0x04  # sensor type, table 42-3
_NOT_ANALOG: Final = 3
_FIXED_SIZE: Final = {FULL: 48, COMPACT: 32, EVENT_ONLY: 17}  # bytes before the name
_SENSORS: Final = 256  # of one machine
_LOGGING: Final = 1024  # of these, and of others that log to the BMC
_NO_THRESHOLDS, _FIXED_THRESHOLDS = 0, 3  # threshold access support, table 43-1
_NONLINEAR: Final = 12  # higher linearizations need a command for each reading, and are left out

#: Base units (table 43-15) of each kind of sensor, and their conversion to the unit of the kind.
_UNITS: Final[dict[int, tuple[str, Callable[[float], float]]]] = {
    1: ("temperature", lambda celsius: celsius),
    2: ("temperature", lambda fahrenheit: (fahrenheit - 32) / 1.8),
    3: ("temperature", lambda kelvin: kelvin - 273.15),
    4: ("voltage", lambda volts: volts),
    5: ("current", lambda amperes: amperes),
    6: ("power", lambda watts: watts),
    18: ("fan", lambda rpm: rpm),
}

#: Linearizations, table 43-1, byte 24.
_LINEARIZATIONS: Final[tuple[Callable[[float], float], ...]] = (
    lambda y: y,
    math.log,
    math.log10,
    math.log2,
    math.exp,
    lambda y: 10.0**y,
    lambda y: 2.0**y,
    lambda y: 1 / y,
    lambda y: y**2,
    lambda y: y**3,
    math.sqrt,
    math.cbrt,
)


@dataclass(frozen=True, slots=True)
class Conversion:
    """Converts a raw reading, section 36.3: ``L((M * raw + B * 10**K1) * 10**K2)``, then the unit.

    :param form: 0 unsigned, 1 ones' complement, 2 two's complement
    """

    form: int
    slope: float
    offset: float
    linearization: int
    base_unit: int

    def value(self, raw: int) -> float | None:
        """Return the number, in the unit of the sensor's kind; None if there is none.

        :param raw: 0 to 255
        """
        if self.form and raw & 0x80:
            raw -= 255 if self.form == 1 else 256
        try:
            found = _LINEARIZATIONS[self.linearization](self.slope * raw + self.offset)
        except (ValueError, ArithmeticError):  # the logarithm of zero, and similar
            return None
        if self.base_unit in _UNITS:
            found = _UNITS[self.base_unit][1](found)
        return round(found, 6) if math.isfinite(found) else None


@dataclass(frozen=True, slots=True)
class Sensor:
    """One of a BMC's own sensors.

    :param entity: entity ID and instance, as in 7.1
    :param sensor_type: table 42-3
    :param reading_type: event/reading type, table 42-1
    :param states: the possible states, or the thresholds that are compared, as the bits of a reading; 0 if
        the record does not say
    :param kind: one of podium.drivers.base.SENSOR_KINDS, if it has one
    :param conversion: None for a sensor without numbers
    :param thresholds: as in an answer to Get Sensor Thresholds (table 35-9), those in the record; empty for
        none
    :param fixed: whether the BMC cannot be asked for these
    """

    number: int
    name: str
    entity: str
    sensor_type: int
    reading_type: int
    states: int
    kind: str | None = None
    conversion: Conversion | None = None
    thresholds: bytes = b""
    fixed: bool = False


class Repository:
    """The sensors of a machine, with unique names; shared between machines with the same records."""

    __slots__ = ("__weakref__", "logging", "measuring", "watched")

    def __init__(
        self, sensors: Sequence[Sensor], logging: Mapping[int, Sensor] = MappingProxyType({})
    ) -> None:
        #: Sensors that can show a fault.
        self.watched = tuple(sensor for sensor in sensors if _can_be_faulty(sensor))
        #: Sensors that measure a kind of value that Podium knows.
        self.measuring = tuple(sensor for sensor in sensors if sensor.kind and sensor.conversion)
        #: Sensors that may be named in the BMC's log, by :func:`key`.
        self.logging = logging


def _can_be_faulty(sensor: Sensor) -> bool:
    if sensor.reading_type == THRESHOLD:
        return True
    return any(rank for rank, _ in discrete.states(sensor.reading_type, sensor.sensor_type).values())


_known: Final[weakref.WeakValueDictionary[bytes, Repository]] = weakref.WeakValueDictionary()


def repository(records: Sequence[bytes]) -> Repository:
    """Return the repository in records; machines with the same records get the same object.

    Records that are too short for their contents are left out, as are records of other things than sensors.
    """
    digest = hashlib.blake2b(digest_size=16)
    for record in records:
        digest.update(len(record).to_bytes(2) + record)
    found = _known.get(digest.digest())
    if found is None:
        own = _distinguish([sensor for record in records for sensor in parse(record)][:_SENSORS])
        described = (found for record in records for found in _described(record))
        logging = {key(owner, sensor.number): sensor for owner, sensor in islice(described, _LOGGING)}
        logging |= {key(_OWN, sensor.number): sensor for sensor in own}
        found = _known[digest.digest()] = Repository(own, logging)
    return found


def key(owner: int, number: int) -> int:
    """Return the key of a sensor, as a number.

    :param owner: slave address or software ID, and the logical unit above it, as bytes 8 and 9 of a log's
        record have them (table 32-1)
    """
    return (owner & 0x03FF) << 8 | number


def is_of_sensor(record: bytes) -> bool:
    """Whether a record describes sensors."""
    return len(record) > HEADER and record[3] in _FIXED_SIZE


def parse(record: bytes) -> Iterator[Sensor]:
    """Yield the sensors with a reading that one record describes.

    It yields none for a record of another type, or one that is too short, or whose sensors are not the BMC's
    own: those behind other controllers, or at another logical unit than the first. Event-only sensors have
    nothing to read.
    """
    for owner, sensor in _described(record):
        if owner == _OWN and record[3] != EVENT_ONLY:
            yield sensor


def _described(record: bytes) -> Iterator[tuple[int, Sensor]]:
    """Yield the sensors that one record describes, each with its owner as for :func:`key`.

    Full (table 43-1), or compact or event-only (tables 43-2 and 43-3), which may be several.
    """
    if not is_of_sensor(record) or len(record) < _FIXED_SIZE[record[3]]:
        return
    owner = record[5] | (record[6] & 0x03) << 8
    full, event_only = record[3] == FULL, record[3] == EVENT_ONLY
    fixed = _FIXED_SIZE[record[3]]
    described = record[fixed - 1]
    name = strings.decode(described >> 6, record[fixed : fixed + (described & 0x1F)])
    access = record[11] >> 2 & 0x03
    sensor = Sensor(
        number=record[7],
        name=name or f"sensor {record[7]}",
        entity=f"{record[8]}.{record[9] & 0x7F}",
        sensor_type=record[10 if event_only else 12],
        reading_type=record[11 if event_only else 13],
        states=0 if event_only else _states(record),
        kind=_kind(record) if full else None,
        conversion=_conversion(record) if full else None,
        thresholds=_thresholds(record) if full and access != _NO_THRESHOLDS else b"",
        fixed=full and access == _FIXED_THRESHOLDS,
    )
    sharing, more = (record[12], record[13]) if event_only else (record[23], record[24])
    if full or sharing & 0x0F < 2:
        yield owner, sensor
    else:
        for shared in _shared(sensor, sharing, more):
            yield owner, shared


def _thresholds(record: bytes) -> bytes:
    readable = record[18] & 0x3F
    return bytes((readable, *record[41:35:-1])) if readable and record[13] == THRESHOLD else b""


def _states(record: bytes) -> int:
    if record[13] != THRESHOLD:
        return int.from_bytes(record[18:20], "little") & 0x7FFF
    return record[15] >> 4 & 0x07 | (record[17] >> 4 & 0x07) << 3


def _kind(record: bytes) -> str | None:
    modifiers, unit = record[20] & 0x3E, record[21]
    if record[20] >> 6 == _NOT_ANALOG or modifiers:
        return None
    if record[20] & 0x01:  # percentage
        return "fan_share" if record[12] == _FAN else None
    return _UNITS[unit][0] if unit in _UNITS else None


def _conversion(record: bytes) -> Conversion | None:
    form, linearization = record[20] >> 6, record[23] & 0x7F
    if form == _NOT_ANALOG or linearization >= _NONLINEAR:
        return None
    multiplier = _signed(record[24] | (record[25] & 0xC0) << 2, 10)
    offset = _signed(record[26] | (record[27] & 0xC0) << 2, 10)
    result_exponent, offset_exponent = _signed(record[29] >> 4, 4), _signed(record[29] & 0x0F, 4)
    return Conversion(
        form=form,
        slope=multiplier * 10.0**result_exponent,
        offset=offset * 10.0 ** (offset_exponent + result_exponent),
        linearization=linearization,
        base_unit=0 if record[20] & 0x3F else record[21],
    )


def _signed(value: int, bits: int) -> int:
    return value - (1 << bits) if value >> bits - 1 else value


def _shared(sensor: Sensor, sharing: int, more: int) -> Iterator[Sensor]:
    """Yield the sensors of a shared record; names count up from an offset (byte 25, if compact)."""
    for place in range(sharing & 0x0F):
        instance = (more & 0x7F) + place
        letters = sharing >> 4 & 0x03 == 1
        suffix = chr(ord("A") + instance % 26) if letters else str(instance)
        entity_id, _, entity = sensor.entity.partition(".")
        if more & 0x80:
            entity = str(int(entity) + place)
        yield replace(
            sensor,
            number=sensor.number + place & 0xFF,
            name=f"{sensor.name}{suffix}",
            entity=f"{entity_id}.{entity}",
        )


def _distinguish(sensors: Sequence[Sensor]) -> tuple[Sensor, ...]:
    """Make shared names unique, by entity or else by place."""
    named = Counter(sensor.name for sensor in sensors)
    taken: set[str] = set()
    distinct = []
    for place, sensor in enumerate(sensors):
        name = sensor.name if named[sensor.name] == 1 else f"{sensor.name} ({sensor.entity})"
        while name in taken:
            name = f"{name} #{place}"
        taken.add(name)
        distinct.append(replace(sensor, name=name))
    return tuple(distinct)
