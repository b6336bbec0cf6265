"""What the records of a BMC's log say."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podium.drivers import base
from podium.drivers.ipmi.log import records
from podium.drivers.ipmi.machine import sdr
from rounds import ROUNDS

AT: Final = datetime(2020, 2, 2, 2, 2, 2, tzinfo=UTC)
STAMP: Final = int(AT.timestamp()).to_bytes(4, "little").hex()
CELSIUS: Final = sdr.Conversion(form=0, slope=1.0, offset=0.0, linearization=0, base_unit=1)
CPU: Final = sdr.Sensor(1, "CPU", "3.1", 0x01, sdr.THRESHOLD, 0, "temperature", CELSIUS)
KNOWN: Final = {
    sdr.key(0x20, 1): CPU,
    sdr.key(0x20, 2): replace(CPU, number=2, name="VRM", kind=None, conversion=None),
    sdr.key(0x2C, 1): replace(CPU, name="Riser Temp"),
}


def event(tail: str, *, owner: str = "2000", number: int = 7) -> base.LogEntry:
    """A system event: what follows generator and format, of which byte 3 is direction and type."""
    record = bytes.fromhex(f"{number:02x}0002{STAMP}{owner}04{tail}")
    return records.entry(number, record, KNOWN)


@pytest.mark.parametrize(
    ("tail", "severity", "message", "sensor"),
    [
        ("010101 59615f", "Critical", "97 degrees C, above its upper critical threshold 95", "CPU"),
        ("010181 595d5f", "OK", "93 degrees C, no longer above its upper critical threshold 95", "CPU"),
        ("010101 585d5f", "OK", "93 degrees C, back below its upper critical threshold 95", "CPU"),
        ("010101 500405", "Warning", "4 degrees C, below its lower non-critical threshold 5", "CPU"),
        ("010101 07ffff", "Warning", "above its upper non-critical threshold", "CPU"),
        ("010101 8b6100", "Critical", "above its upper non-recoverable threshold", "CPU"),
        ("010201 59615f", "Critical", "above its upper critical threshold", "VRM"),
        ("010901 59615f", "Critical", "above its upper critical threshold", "temperature 09h"),
        ("010101 0cffff", "OK", "event 12 of a threshold, which is reserved", "CPU"),
        ("08306f 03ffff", "Critical", "input lost", "power supply 30h"),
        ("0830ef 03ffff", "OK", "no longer: input lost", "power supply 30h"),
        ("083008 00ffff", "OK", "device removed or absent", "power supply 30h"),
        ("09310b 01ffff", "Critical", "redundancy lost", "power unit 31h"),
        ("0c406f 30ff05", "Warning", "correctable error, module 5", "memory 40h"),
        ("0c406f 21ff05", "Critical", "uncorrectable error", "memory 40h"),
        ("0f006f c201ff", "OK", "firmware progress, memory initialization", "system firmware 00h"),
        ("0f006f c002ff", "Critical", "POST error, no usable memory", "system firmware 00h"),
        ("0f006f c0feff", "Critical", "POST error", "system firmware 00h"),
        ("23416f c304ff", "Critical", "watchdog: power cycle, SMS/OS", "watchdog 41h"),
        ("10a06f 02ffff", "OK", "log cleared", "event logging A0h"),
        ("20006f 01ffff", "Critical", "run-time critical stop", "OS stop 00h"),
        ("136fef a40010", "OK", "no longer: PCI parity error", "critical interrupt 6Fh"),
        ("06006f 45ffff", "Warning", "wrong password out of band", "platform security 00h"),
        ("c1016f 02ffff", "OK", "event 2 of sensor", "CPU"),
        ("080172 03ffff", "OK", "event 3 of type 72h", "CPU"),
    ],
)  # fmt: skip
def test_an_event_is_told_in_words(tail: str, severity: str, message: str, sensor: str) -> None:
    found = event(tail)
    assert (found.severity, found.message, found.sensor) == (severity, message, sensor)
    assert (found.id, found.at) == ("7", AT)
    assert found.raw == bytes.fromhex(f"070002{STAMP}200004{tail}")


@pytest.mark.parametrize(
    ("owner", "sensor"),
    [
        ("2000", "CPU"),
        ("2c00", "Riser Temp"),
        ("2c50", "Riser Temp"),
        ("2001", "temperature 01h"),
        ("4100", "temperature 01h"),
    ],
    ids=["the BMC", "another controller", "over a channel", "another unit", "the operating system"],
)
def test_a_sensor_is_named_by_whose_it_is(owner: str, sensor: str) -> None:
    assert event("010101 07ffff", owner=owner).sensor == sensor


@pytest.mark.parametrize(
    ("stamp", "at"),
    [
        ("00000000", None),
        ("00000020", None),
        ("01000020", datetime(1987, 1, 5, 18, 48, 33, tzinfo=UTC)),
        ("feffffff", datetime(2106, 2, 7, 6, 28, 14, tzinfo=UTC)),
        ("ffffffff", None),
    ],
)
def test_a_time_before_the_clock_was_set_is_none(stamp: str, at: datetime | None) -> None:
    record = bytes.fromhex(f"010002{stamp}20000401010107ffff")
    assert records.entry(1, record, KNOWN).at == at


@pytest.mark.parametrize(
    ("record", "at", "message"),
    [
        (f"0100c0{STAMP}5e2a00010203040506", AT, "record C0h of the maker 10846: 010203040506"),
        (f"0100df{STAMP}000000ffffffffffff", AT, "record DFh of the maker 0: ffffffffffff"),
        ("0100e0000102030405060708090a0b0c", None, "record E0h of the maker's: 000102030405060708090a0b0c"),
        ("0100fbffffffffffffffffffffffffff", None, "record FBh of the maker's: ffffffffffffffffffffffffff"),
        (f"010003{STAMP}20000401010107ffff", None, "a record of the reserved type 03h"),
        ("010002aabb", None, "a record of 5 bytes, not 16"),
        ("", None, "a record of 0 bytes, not 16"),
    ],
)
def test_what_is_no_event_is_kept_as_bytes(record: str, at: datetime | None, message: str) -> None:
    found = records.entry(1, bytes.fromhex(record), KNOWN)
    assert (found.at, found.message, found.severity, found.sensor) == (at, message, "OK", None)
    assert found.raw == bytes.fromhex(record)


def test_bytes_behind_a_record_do_no_harm() -> None:
    record = bytes.fromhex(f"010002{STAMP}20000401010107ffff") + b"more"
    found = records.entry(1, record, KNOWN)
    assert (found.message, found.raw) == ("above its upper non-critical threshold", record)


@settings(max_examples=200 * ROUNDS)
@given(st.integers(1, 0xFFFE), st.binary(max_size=20) | st.binary(min_size=16, max_size=16))
def test_whatever_the_bytes_are_they_are_an_entry_in_one_line(number: int, record: bytes) -> None:
    found = records.entry(number, record, KNOWN)
    assert found.id == str(number)
    assert found.message and found.message.isprintable()
    assert found.raw == record


@given(st.binary(min_size=7, max_size=7))
def test_whatever_an_event_is_there_are_words(tail: bytes) -> None:
    found = event(tail[:6].hex())
    assert found.message.isprintable() and found.sensor
