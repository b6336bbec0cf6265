"""Decodes a record of a BMC's log, section 32 of the IPMI v2.0 specification, revision 1.1."""

from collections.abc import Mapping
from typing import Final

from podium.drivers.base import LogEntry
from podium.drivers.ipmi.log import clock, words
from podium.drivers.ipmi.machine import discrete, sdr, sensors

#: Size of every record in bytes.
SIZE: Final = 16

_SYSTEM_EVENT: Final = 0x02
_OWN_WITH_TIME: Final = range(0xC0, 0xE0)
_OWN: Final = range(0xE0, 0x100)
_ENDED: Final = 0x80  # event direction
# The contents of event data 2 or 3, in two bits of event data 1.
_EXTENSION: Final = 3  # specific to the sensor type
_READING: Final = 1  # of a threshold event: its reading, or its threshold

#: Thresholds by half of the offset of an event (table 42-2): the lower ones first.
_THRESHOLDS: Final = (
    ("Warning", "lower non-critical"),
    ("Critical", "lower critical"),
    ("Critical", "lower non-recoverable"),
    ("Warning", "upper non-critical"),
    ("Critical", "upper critical"),
    ("Critical", "upper non-recoverable"),
)


def entry(number: int, record: bytes, known: Mapping[int, sdr.Sensor]) -> LogEntry:
    """Return the entry for a record, whatever its bytes are.

    :param number: its record ID
    :param known: the sensors that may be named in the record, see :func:`podium.drivers.ipmi.machine.sdr.key`
    """
    if len(record) < SIZE:
        return LogEntry(str(number), None, "OK", f"a record of {len(record)} bytes, not {SIZE}", raw=record)
    kind = record[2]
    if kind == _SYSTEM_EVENT:
        return _event(number, record, known)
    if kind in _OWN_WITH_TIME:
        maker, data = int.from_bytes(record[7:10], "little"), record[10:SIZE].hex()
        message = f"record {kind:02X}h of the maker {maker}: {data}"
        return LogEntry(str(number), clock.moment(record[3:7]), "OK", message, raw=record)
    if kind in _OWN:
        return LogEntry(
            str(number), None, "OK", f"record {kind:02X}h of the maker's: {record[3:SIZE].hex()}", raw=record
        )
    return LogEntry(str(number), None, "OK", f"a record of the reserved type {kind:02X}h", raw=record)


def _event(number: int, record: bytes, known: Mapping[int, sdr.Sensor]) -> LogEntry:
    """A system event, table 32-1."""
    owner, kind, sensor_number, direction = record[7] | record[8] << 8, record[10], record[11], record[12]
    sensor = known.get(sdr.key(owner, sensor_number))
    if direction & ~_ENDED == sdr.THRESHOLD:
        rank, message = _threshold(record, sensor)
    else:
        rank, message = _discrete(record)
    return LogEntry(
        str(number),
        clock.moment(record[3:7]),
        rank or "OK",
        message,
        sensor.name if sensor else f"{words.sensor_type(kind)} {sensor_number:02X}h",
        record,
    )


def _threshold(record: bytes, sensor: sdr.Sensor | None) -> tuple[str, str]:
    """Return severity and words.

    An event has a direction: falling below an upper threshold again is not the same event as exceeding it.
    """
    ended, offset = bool(record[12] & _ENDED), record[13] & 0x0F
    if offset >= 2 * len(_THRESHOLDS):
        return "", f"{'no longer: ' * ended}event {offset} of a threshold, which is reserved"
    rank, threshold = _THRESHOLDS[offset // 2]
    upwards, upper = bool(offset & 1), threshold.startswith("upper")
    crossed = "above" if upwards else "below"
    if upwards != upper:
        crossed = f"back {crossed}"
    message = f"{'no longer ' * ended}{crossed} its {threshold} threshold"
    reading = _value(sensor, record[13] >> 6, record[14], with_unit=True)
    limit = _value(sensor, record[13] >> 4 & 0x03, record[15])
    message = f"{reading}, {message}" if reading else message
    message = f"{message} {limit}" if limit else message
    return rank if (upwards == upper) != ended else "", message


def _value(sensor: sdr.Sensor | None, form: int, raw: int, *, with_unit: bool = False) -> str:
    """Return a reading or threshold in an event; empty if there is none, or it cannot be put in words."""
    if form != _READING or sensor is None:
        return ""
    return sensors.amount(sensor, raw) if with_unit else sensors.number(sensor, raw)


def _discrete(record: bytes) -> tuple[str, str]:
    kind, reading_type, offset = record[10], record[12] & 0x7F, record[13] & 0x0F
    ended = bool(record[12] & _ENDED)
    known = words.event(reading_type, kind, offset)
    if known is None:
        whose = (
            words.sensor_type(kind)
            if reading_type == discrete.SENSOR_SPECIFIC
            else f"type {reading_type:02X}h"
        )
        return "", f"{'no longer: ' * ended}event {offset} of {whose}"
    rank, message = known
    if reading_type == discrete.SENSOR_SPECIFIC:
        second, third = words.second(kind, offset, record[14]), words.third(kind, record[15])
        for form, more in ((record[13] >> 6, second), (record[13] >> 4 & 0x03, third)):
            message += f", {more}" if more and form == _EXTENSION else ""
    return "" if ended else rank, f"{'no longer: ' * ended}{message}"
