"""Decodes sensors: numbers, and whether numbers or states are a fault.

Section and table numbers are those of the IPMI v2.0 specification, revision 1.1.
"""

from typing import Final, NamedTuple

from podium.drivers import base
from podium.drivers.ipmi.lan import commands, packet
from podium.drivers.ipmi.lan.inquiry import Inquiry
from podium.drivers.ipmi.machine import discrete, sdr

_SCANNED: Final = 0x40
_UNAVAILABLE: Final = 0x20
_ALL_STATES: Final = 0x7FFF
_ANY_THRESHOLD: Final = 0x3F

#: By bit of the comparison status (table 35-15), worst first: rank and words. A Get Sensor Thresholds answer
#: (table 35-9) has the threshold at the same position, and the same bit for whether it is readable.
_THRESHOLDS: Final = (
    (5, "Critical", "above its upper non-recoverable threshold"),
    (2, "Critical", "below its lower non-recoverable threshold"),
    (4, "Critical", "above its upper critical threshold"),
    (1, "Critical", "below its lower critical threshold"),
    (3, "Warning", "above its upper non-critical threshold"),
    (0, "Warning", "below its lower non-critical threshold"),
)
#: The thresholds in the order of table 35-9, by the names of :class:`podium.drivers.base.Thresholds`.
_IN_ORDER: Final = (
    "lower_caution", "lower_critical", "lower_fatal", "upper_caution", "upper_critical", "upper_fatal",
)  # fmt: skip
#: Sensors that stand still or supply nothing while the machine is off.
_RESTING: Final = frozenset({"fan", "fan_share", "voltage", "current", "power"})
_UNIT_WORDS: Final = {"celsius": "degrees C", "rpm": "RPM"}


class Reading(NamedTuple):
    """An answer to Get Sensor Reading, section 35.14.

    :param raw: of a sensor with numbers
    :param states: crossed thresholds, or a discrete sensor's states, as bits
    """

    raw: int
    states: int


def decode(answer: bytes, counted: int = 0) -> Reading | None:
    """Return the reading in an answer; None while the sensor has none.

    :param counted: the possible states of the sensor, as bits; 0 for all
    """
    if len(answer) < 2 or not answer[1] & _SCANNED or answer[1] & _UNAVAILABLE:
        return None
    return Reading(answer[0], int.from_bytes(answer[2:4], "little") & (counted or _ALL_STATES))


async def read(inquiry: Inquiry, sensor: sdr.Sensor) -> Reading | None:
    """Read one sensor; return None when there is no reading at present.

    :raises podium.errors.DriverError: when the BMC does not answer
    """
    try:
        answer = await inquiry.ask(packet.GET_SENSOR_READING, bytes((sensor.number,)))
    except commands.CommandFailed:
        return None  # it is not fitted, or the BMC lacks what the record promises
    return decode(answer, sensor.states)


def fault(sensor: sdr.Sensor, reading: Reading, powered: bool) -> commands.Fault | None:
    """Return the fault in a reading, without the threshold's value.

    :param powered: whether the machine is on; sensors at rest in a machine that is off are not at fault
    """
    if sensor.reading_type != sdr.THRESHOLD:
        known = discrete.states(sensor.reading_type, sensor.sensor_type)
        found = discrete.fault(known, reading.states)
        return found and (found[0], f"{sensor.name}: {found[1]}")
    if not reading.states & _ANY_THRESHOLD or (sensor.kind in _RESTING and not powered):
        return None
    rank, words = next((rank, words) for bit, rank, words in _THRESHOLDS if reading.states >> bit & 1)
    value = amount(sensor, reading.raw)
    return rank, f"{sensor.name} {value}, {words}" if value else f"{sensor.name} {words}"


def amount(sensor: sdr.Sensor, raw: int) -> str:
    """Return a reading with its unit, as ``97 degrees C``; empty if there is no number."""
    unit = base.SENSOR_KINDS[sensor.kind] if sensor.kind else ""
    found = number(sensor, raw)
    return found and f"{found} {_UNIT_WORDS.get(unit, unit)}".rstrip()


def number(sensor: sdr.Sensor, raw: int) -> str:
    """Return a reading without its unit, as ``97``; empty if there is no number."""
    value = None if sensor.conversion is None else sensor.conversion.value(raw)
    return "" if value is None else f"{round(value, 2):.12g}"


async def threshold(inquiry: Inquiry, sensor: sdr.Sensor, reading: Reading) -> str:
    """Return the crossed threshold, as `` 95``, with Get Sensor Thresholds; empty if not known.

    :raises podium.errors.DriverError: when the BMC does not answer
    """
    bit = next((bit for bit, _, _ in _THRESHOLDS if reading.states >> bit & 1), None)
    if sensor.reading_type != sdr.THRESHOLD or sensor.conversion is None or bit is None:
        return ""
    try:
        answer = await inquiry.ask(packet.GET_SENSOR_THRESHOLDS, bytes((sensor.number,)))
    except commands.CommandFailed:
        return ""
    if len(answer) < 7 or not answer[0] >> bit & 1:
        return ""
    found = number(sensor, answer[1 + bit])
    return found and f" {found}"


async def thresholds(inquiry: Inquiry, sensor: sdr.Sensor) -> base.Thresholds | None:
    """Return all thresholds as the BMC has them now, or else as in the sensor's record; None for none.

    :raises podium.errors.DriverError: when the BMC does not answer
    """
    if not sensor.thresholds or sensor.fixed:
        return decode_thresholds(sensor, sensor.thresholds)
    try:
        answer = await inquiry.ask(packet.GET_SENSOR_THRESHOLDS, bytes((sensor.number,)))
    except commands.CommandFailed:
        answer = b""
    return decode_thresholds(sensor, answer if len(answer) >= 7 else sensor.thresholds)


def decode_thresholds(sensor: sdr.Sensor, answer: bytes) -> base.Thresholds | None:
    """Decode the readable part of a Get Sensor Thresholds answer (table 35-9), in the unit of the kind."""
    if sensor.conversion is None or not answer or not answer[0] & _ANY_THRESHOLD:
        return None
    convert = sensor.conversion.value
    found = [convert(raw) if answer[0] >> bit & 1 else None for bit, raw in enumerate(answer[1:7])]
    return base.Thresholds(**dict(zip(_IN_ORDER, found, strict=True)))


def measured(
    sensor: sdr.Sensor,
    reading: Reading | None,
    powered: bool,
    thresholds: base.Thresholds | None = None,
) -> base.Sensor:
    """Return a measuring sensor in the form that all drivers use."""
    assert sensor.kind is not None and sensor.conversion is not None
    if reading is None:
        return base.Sensor(sensor.name, sensor.kind, None, thresholds=thresholds)
    found = fault(sensor, reading, powered)
    status = found[0] if found else "OK"
    return base.Sensor(sensor.name, sensor.kind, sensor.conversion.value(reading.raw), status, thresholds)
