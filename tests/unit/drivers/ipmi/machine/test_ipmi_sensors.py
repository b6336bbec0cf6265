"""What sensors say: numbers, thresholds and states, and which of them are a fault."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inquiries import DirectInquiry
from podium.drivers import base
from podium.drivers.ipmi.lan import packet
from podium.drivers.ipmi.machine import sdr, sensors

CELSIUS = sdr.Conversion(form=0, slope=1.0, offset=0.0, linearization=0, base_unit=1)
CPU = sdr.Sensor(1, "CPU1 Temp", "3.1", 0x01, sdr.THRESHOLD, 0, "temperature", CELSIUS)
FAN = sdr.Sensor(2, "FAN1", "29.1", 0x04, sdr.THRESHOLD, 0, "fan", replace(CELSIUS, slope=60.0, base_unit=18))
PSU = sdr.Sensor(3, "PSU2", "10.2", 0x08, 0x6F, 0x0F)


def fault(sensor: sdr.Sensor, raw: int, states: int, *, powered: bool = True) -> tuple[str, str] | None:
    return sensors.fault(sensor, sensors.Reading(raw, states), powered)


@pytest.mark.parametrize(
    ("answer", "reading"),
    [
        ("30c0c0", sensors.Reading(0x30, 0xC0)),
        ("30c00180", sensors.Reading(0x30, 0x01)),
        ("00c0ff7f", sensors.Reading(0, 0x7FFF)),
        ("30c0", sensors.Reading(0x30, 0)),
        ("30e0c0", None),
        ("3080c0", None),
        ("30", None),
        ("", None),
    ],
    ids=["threshold", "state", "all states", "no states", "unavailable", "not scanned", "short", "empty"],
)
def test_a_reading_counts_while_the_sensor_is_scanned(answer: str, reading: sensors.Reading | None) -> None:
    assert sensors.decode(bytes.fromhex(answer)) == reading


@pytest.mark.parametrize(
    ("states", "found"),
    [
        (0xC0, None),
        (0x08, ("Warning", "CPU1 Temp 97 degrees C, above its upper non-critical threshold")),
        (0x18, ("Critical", "CPU1 Temp 97 degrees C, above its upper critical threshold")),
        (0x38, ("Critical", "CPU1 Temp 97 degrees C, above its upper non-recoverable threshold")),
        (0x01, ("Warning", "CPU1 Temp 97 degrees C, below its lower non-critical threshold")),
        (0x03, ("Critical", "CPU1 Temp 97 degrees C, below its lower critical threshold")),
        (0x07, ("Critical", "CPU1 Temp 97 degrees C, below its lower non-recoverable threshold")),
    ],
)
def test_a_threshold_that_is_crossed_is_a_fault(states: int, found: tuple[str, str] | None) -> None:
    assert fault(CPU, 97, states) == found


def test_a_sensor_without_numbers_can_cross_a_threshold() -> None:
    bare = replace(CPU, kind=None, conversion=None)
    assert fault(bare, 0, 0x10) == ("Critical", "CPU1 Temp above its upper critical threshold")


def test_what_rests_in_a_machine_that_is_off_is_not_at_fault() -> None:
    assert fault(FAN, 0, 0x02) == ("Critical", "FAN1 0 RPM, below its lower critical threshold")
    assert fault(FAN, 0, 0x02, powered=False) is None
    assert fault(CPU, 97, 0x10, powered=False) is not None


@pytest.mark.parametrize(
    ("states", "found"),
    [
        (0x01, None),
        (0x03, ("Critical", "PSU2: presence detected, failure detected")),
        (0x05, ("Warning", "PSU2: presence detected, predictive failure")),
    ],
)
def test_the_states_of_a_discrete_sensor_are_told_when_one_is_a_fault(
    states: int, found: tuple[str, str] | None
) -> None:
    assert fault(PSU, 0, states) == found


@pytest.mark.parametrize(
    ("sensor_type", "reading_type", "states", "found"),
    [
        (0x08, 0x0B, 0x02, ("Critical", "redundancy lost")),
        (0x0D, 0x6F, 0x03, ("Critical", "presence detected, drive fault")),
        (0x05, 0x6F, 0x01, ("Warning", "chassis intrusion")),
        (0x0C, 0x6F, 0x01, ("Warning", "correctable error")),
        (0x07, 0x6F, 0x80, None),
        (0x01, 0x07, 0x04, ("Critical", "critical")),
        (0x08, 0x08, 0x01, None),  # device removed: nobody knows whether it should be there
        (0xC0, 0x6F, 0x7FFF, None),
        (0x01, 0x70, 0x7FFF, None),
    ],
)
def test_each_kind_of_discrete_sensor_has_its_faults(
    sensor_type: int, reading_type: int, states: int, found: tuple[str, str] | None
) -> None:
    sensor = replace(PSU, sensor_type=sensor_type, reading_type=reading_type, states=0)
    assert fault(sensor, 0, states) == (found and (found[0], f"PSU2: {found[1]}"))


@pytest.mark.parametrize(
    ("code", "answer", "words"),
    [
        (0, bytes((0x3F, 5, 4, 3, 85, 95, 100)), " 95"),
        (0, bytes((0x0F, 5, 4, 3, 85, 95, 100)), ""),
        (0, b"\x3f\x05", ""),
        (0xCD, b"", ""),
    ],
    ids=["told", "not readable", "cut off", "refused"],
)
def test_the_threshold_is_told_where_the_bmc_has_it(code: int, answer: bytes, words: str) -> None:
    inquiry: Any = DirectInquiry(lambda *_: (code, answer))
    assert asyncio.run(sensors.threshold(inquiry, CPU, sensors.Reading(97, 0x18))) == words
    assert inquiry.asked == [(packet.GET_SENSOR_THRESHOLDS, b"\x01")]


LIMITED = replace(CPU, thresholds=bytes((0x18, 0, 0, 0, 80, 90, 0)))
ASKED = [(packet.GET_SENSOR_THRESHOLDS, b"\x01")]


@pytest.mark.parametrize(
    ("sensor", "code", "answer", "found", "asked"),
    [
        (LIMITED, 0, "3f050403555f64", base.Thresholds(3.0, 4.0, 5.0, 85.0, 95.0, 100.0), ASKED),
        (LIMITED, 0, "10000000555f64", base.Thresholds(upper_critical=95.0), ASKED),
        (LIMITED, 0, "00000000555f64", None, ASKED),
        (LIMITED, 0xCB, "", base.Thresholds(upper_caution=80.0, upper_critical=90.0), ASKED),
        (LIMITED, 0, "3f05", base.Thresholds(upper_caution=80.0, upper_critical=90.0), ASKED),
        (replace(LIMITED, fixed=True), 0, "", base.Thresholds(upper_caution=80.0, upper_critical=90.0), []),
        (CPU, 0, "3f050403555f64", None, []),
    ],
    ids=["all", "some", "none now", "refused", "cut off", "fixed", "none ever"],
)
def test_thresholds_are_those_that_the_bmc_has_or_else_those_of_the_record(
    sensor: sdr.Sensor, code: int, answer: str, found: base.Thresholds | None, asked: list[Any]
) -> None:
    inquiry: Any = DirectInquiry(lambda *_: (code, bytes.fromhex(answer)))
    assert asyncio.run(sensors.thresholds(inquiry, sensor)) == found
    assert inquiry.asked == asked


@pytest.mark.parametrize(
    ("sensor", "answer", "states"),
    [
        (PSU, "00c02180", 0x01),
        (replace(PSU, states=0), "00c02180", 0x21),
        (replace(CPU, states=0x38), "61c0db", 0x18),
    ],
)
def test_a_state_that_the_sensor_cannot_have_does_not_count(
    sensor: sdr.Sensor, answer: str, states: int
) -> None:
    inquiry: Any = DirectInquiry(lambda *_: (0, bytes.fromhex(answer)))
    reading = asyncio.run(sensors.read(inquiry, sensor))
    assert reading is not None and reading.states == states


def test_a_sensor_that_the_bmc_does_not_have_reads_nothing() -> None:
    inquiry: Any = DirectInquiry(lambda *_: (0xCB, b""))
    assert asyncio.run(sensors.read(inquiry, CPU)) is None


def test_a_measurement_has_the_status_of_its_thresholds() -> None:
    assert sensors.measured(CPU, sensors.Reading(48, 0xC0), True) == base.Sensor(
        "CPU1 Temp", "temperature", 48.0, "OK"
    )
    assert sensors.measured(FAN, sensors.Reading(5, 0x02), True) == base.Sensor(
        "FAN1", "fan", 300.0, "Critical"
    )
    assert sensors.measured(FAN, None, True) == base.Sensor("FAN1", "fan", None, "OK")


@given(
    st.builds(
        sdr.Sensor,
        st.integers(0, 255),
        st.just("Name"),
        st.just("1.1"),
        st.integers(0, 255),
        st.integers(0, 255),
        st.integers(0, 0x7FFF),
        st.sampled_from([None, *base.SENSOR_KINDS]),
        st.one_of(
            st.none(),
            st.builds(
                sdr.Conversion,
                st.integers(0, 2),
                st.floats(-1e10, 1e10),
                st.floats(-1e20, 1e20),
                st.integers(0, 11),
                st.integers(0, 255),
            ),
        ),
    ),
    st.binary(max_size=6),
    st.booleans(),
)
def test_whatever_a_sensor_answers_it_is_a_fault_in_one_line_or_none(
    sensor: sdr.Sensor, answer: bytes, powered: bool
) -> None:
    reading = sensors.decode(answer)
    found = None if reading is None else sensors.fault(sensor, reading, powered)
    if found is not None:
        assert found[0] in ("Warning", "Critical")
        assert found[1].startswith("Name") and found[1].isprintable()
    if sensor.kind and sensor.conversion:
        assert sensors.measured(sensor, reading, powered).kind == sensor.kind
