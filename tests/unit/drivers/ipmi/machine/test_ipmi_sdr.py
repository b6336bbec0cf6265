"""Sensor data records: what they say, and how they are read from BMCs of all kinds."""

import asyncio
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inquiries import Answers, DirectInquiry
from podium import errors
from podium.drivers.base import SENSOR_KINDS
from podium.drivers.ipmi.lan import packet
from podium.drivers.ipmi.machine import repository, sdr
from podium.simulator.bmc import BMC, Settings
from rounds import ROUNDS

VERSION = b"\x51\x01\x00" + bytes(8)


def full(
    *,
    name: bytes = b"\xc3Fan",
    number: int = 1,
    entity: tuple[int, int] = (7, 1),
    sensor_type: int = 1,
    units: tuple[int, int] = (0, 1),
    factors: tuple[int, int, int, int] = (1, 0, 0, 0),
    linearization: int = 0,
    owner: int = 0x20,
    lun: int = 0,
) -> bytes:
    """A full record by table 43-1; units are byte 21 and 22, factors M, B, K1 and K2."""
    m, b, k1, k2 = factors
    body = bytes((owner, lun, number, *entity, 0x7F, 0x47, sensor_type, 0x01)) + bytes(6)
    body += bytes((*units, 0, linearization, m & 0xFF, m >> 2 & 0xC0, b & 0xFF, b >> 2 & 0xC0, 0))
    body += bytes(((k2 & 15) << 4 | k1 & 15,)) + bytes(17) + name
    return b"\x01\x00\x51\x01" + bytes((len(body),)) + body


def compact(*, sharing: int = 1, more: int = 0, sensor_type: int = 0x08, number: int = 10) -> bytes:
    """A compact record by table 43-2."""
    body = bytes((0x20, 0, number, 10, 1, 0x63, 0x43, sensor_type, 0x6F)) + b"\0\0\0\0\x0f\0\xc0\0\0"
    body += bytes((sharing, more)) + bytes(6) + b"\xc3PSU"
    return b"\x02\x00\x51\x02" + bytes((len(body),)) + body


def event_only(*, number: int = 20, owner: int = 0x20, sharing: int = 1) -> bytes:
    """An event-only record by table 43-3."""
    body = bytes((owner, 0, number, 7, 1, 0x0C, 0x6F, sharing, 1, 0, 0)) + b"\xc4DIMM"
    return b"\x03\x00\x51\x03" + bytes((len(body),)) + body


def only(record: bytes) -> sdr.Sensor:
    (found,) = sdr.parse(record)
    return found


def value(raw: int, **made: Any) -> float | None:
    conversion = only(full(**made)).conversion
    assert conversion is not None
    return conversion.value(raw)


@pytest.mark.parametrize(
    ("factors", "raw", "expected"),
    [
        ((1, 0, 0, 0), 48, 48.0),
        ((60, 0, 0, 0), 90, 5400.0),
        ((6, 0, 0, -2), 200, 12.0),
        ((3, 20, 1, -2), 101, 5.03),
        ((-5, 0, 0, -1), 10, -5.0),
        ((511, -512, 0, 0), 2, 510.0),
        ((1, 5, 2, 1), 1, 5010.0),
    ],
)
def test_a_reading_becomes_a_number_by_the_factors_of_the_record(
    factors: tuple[int, int, int, int], raw: int, expected: float
) -> None:
    assert value(raw, factors=factors) == expected


@pytest.mark.parametrize(
    ("form", "raw", "expected"),
    [(0x00, 0xFF, 255.0), (0x40, 0xFE, -1.0), (0x40, 0xFF, 0.0), (0x80, 0xFF, -1.0), (0x80, 0x80, -128.0)],
    ids=["unsigned", "ones' complement", "ones' complement zero", "two's complement", "least"],
)
def test_a_reading_is_signed_as_the_record_says(form: int, raw: int, expected: float) -> None:
    assert value(raw, units=(form, 1)) == expected


@pytest.mark.parametrize(
    ("linearization", "raw", "expected"),
    [(1, 100, math.log(100)), (2, 100, 2), (3, 8, 3), (4, 2, math.exp(2)), (5, 3, 1000), (6, 4, 16),
     (7, 4, 0.25), (8, 5, 25), (9, 3, 27), (10, 81, 9), (11, 27, 3)],
)  # fmt: skip
def test_a_reading_is_linearized_as_the_record_says(linearization: int, raw: int, expected: float) -> None:
    assert value(raw, linearization=linearization) == pytest.approx(expected)


@pytest.mark.parametrize(("linearization", "raw"), [(1, 0), (7, 0)])
def test_a_reading_without_a_number_has_none(linearization: int, raw: int) -> None:
    assert value(raw, linearization=linearization) is None


@pytest.mark.parametrize("made", [{"linearization": 0x70}, {"units": (0xC0, 1)}])
def test_a_sensor_whose_numbers_the_record_does_not_explain_has_none(made: dict[str, Any]) -> None:
    assert only(full(**made)).conversion is None


@pytest.mark.parametrize(
    ("units", "sensor_type", "kind"),
    [
        ((0, 1), 1, "temperature"), ((0, 4), 2, "voltage"), ((0, 5), 3, "current"), ((0, 6), 0x0B, "power"),
        ((0, 18), 4, "fan"), ((1, 0), 4, "fan_share"), ((1, 0), 0x0B, None), ((0, 7), 0x0B, None),
        ((0x08, 6), 0x0B, None),  # watts in each microsecond
    ],
)  # fmt: skip
def test_the_unit_tells_what_a_sensor_measures(
    units: tuple[int, int], sensor_type: int, kind: str | None
) -> None:
    assert only(full(units=units, sensor_type=sensor_type)).kind == kind


@pytest.mark.parametrize(("unit", "raw", "celsius"), [(2, 212, 100.0), (3, 0, -273.15)])
def test_temperatures_are_in_celsius_whatever_the_record_says(unit: int, raw: int, celsius: float) -> None:
    assert value(raw, units=(0, unit)) == celsius


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (b"\xc8CPU Temp", "CPU Temp"),
        (b"\xc8Fan\0junk", "Fan"),
        (b"\xc6 A\x07  B", "A B"),
        (b"\x83\x29\xdc\xa6", "IPMI"),  # 6-bit ASCII, the example of section 43.15
        (b"\x42\x12\xc5", "12.5"),
        (b"\x06F\0a\0n\0", "Fan"),
        (b"\xc2\xb5C", "µC"),
        (b"\xc0", "sensor 1"),
        (b"\xcaFan", "Fan"),
    ],
    ids=["ASCII", "zeros", "controls", "packed", "BCD plus", "UTF-16", "Latin-1", "none", "cut off"],
)
def test_names_are_read_in_every_encoding(name: bytes, text: str) -> None:
    assert only(full(name=name)).name == text


def test_a_record_tells_the_states_and_thresholds_that_count() -> None:
    assert only(compact()).states == 0x0F
    assert only(full()).states == 0
    record = bytearray(full())
    record[14:18] = b"\xff\x2f\x00\x70"  # compared with the lower critical, and all upper ones
    assert only(bytes(record)).states == 0x3A


@pytest.mark.parametrize(
    ("sharing", "more", "sensors"),
    [
        (0x01, 0, [(10, "PSU", "10.1")]),
        (0x03, 1, [(10, "PSU1", "10.1"), (11, "PSU2", "10.1"), (12, "PSU3", "10.1")]),
        (0x12, 0x80, [(10, "PSUA", "10.1"), (11, "PSUB", "10.2")]),
    ],
)
def test_a_compact_record_may_be_of_several_sensors(
    sharing: int, more: int, sensors: list[tuple[int, str, str]]
) -> None:
    found = sdr.parse(compact(sharing=sharing, more=more))
    assert [(sensor.number, sensor.name, sensor.entity) for sensor in found] == sensors


@pytest.mark.parametrize(
    "record",
    [
        full(owner=0x2C), full(lun=1), full()[:40], compact()[:20], b"", b"\x01\0\x51\x03\x02\x20\0",
        b"\x01\0\x51\xc0\x02\x20\0",
    ],
    ids=["another controller", "another unit", "cut off", "cut off", "empty", "event-only", "the maker's"],
)  # fmt: skip
def test_what_cannot_be_read_is_no_sensor(record: bytes) -> None:
    assert not list(sdr.parse(record))


def test_sensors_that_only_log_have_names() -> None:
    found = sdr.repository([event_only(sharing=2), event_only(owner=0x2C), full(), full(number=2)])
    names = {key: sensor.name for key, sensor in found.logging.items()}
    own = {number: names[sdr.key(0x20, number)] for number in (1, 2, 20, 21)}
    assert own == {1: "Fan (7.1)", 2: "Fan (7.1) #1", 20: "DIMM1", 21: "DIMM2"}
    assert names[sdr.key(0x2C, 20)] == "DIMM"
    assert len(names) == 5 and len(found.watched) == 2


def test_machines_with_the_same_records_share_them() -> None:
    records = [full(), compact()]
    first = sdr.repository(records)
    assert sdr.repository(list(records)) is first
    assert sdr.repository([full(number=2), compact()]) is not first


def test_sensors_of_one_name_are_told_apart() -> None:
    records = [full(), full(entity=(7, 2)), full(entity=(7, 2)), full(name=b"\xc4Pump")]
    names = [sensor.name for sensor in sdr.repository(records).measuring]
    assert names == ["Fan (7.1)", "Fan (7.2)", "Fan (7.2) #2", "Pump"]


def test_a_machine_has_a_bounded_number_of_sensors() -> None:
    records = [compact(sharing=0x0F, number=number % 256) for number in range(100)]
    assert len(sdr.repository(records).watched) == 256


@given(st.lists(st.binary(max_size=80), max_size=20))
def test_whatever_the_records_are_there_are_sensors_or_none(records: list[bytes]) -> None:
    check(sdr.repository(records))


@given(st.binary(min_size=75, max_size=75), st.sampled_from([1, 2, 3]), st.integers(0, 255))
def test_whatever_a_record_of_a_sensor_says_it_can_be_read(body: bytes, kind: int, raw: int) -> None:
    record = body[:2] + b"\x51" + bytes((kind, 70, 0x20, 0)) + body[7:]
    found = sdr.repository([record])
    check(found)
    for sensor in found.measuring:
        assert sensor.conversion is not None
        told = sensor.conversion.value(raw)
        assert told is None or math.isfinite(told)


def check(found: sdr.Repository) -> None:
    for sensor in (*found.watched, *found.measuring, *found.logging.values()):
        assert sensor.name.isprintable() and sensor.name
        assert sensor.kind is None or sensor.kind in SENSOR_KINDS


# -- reading them


def sensors_of(found: sdr.Repository | None) -> list[str]:
    assert found is not None
    return [sensor.name for sensor in found.watched]


def walk(answers: Answers) -> sdr.Repository | None:
    inquiry: Any = DirectInquiry(answers)
    return asyncio.run(repository.Walk(VERSION).go_on(inquiry))


def simulated(**changes: Any) -> Answers:
    bmc = BMC(Settings(**changes))
    return lambda command, data: bmc.execute(*command, data, packet.PRIVILEGE_USER)


class Records:
    """A repository of records whose IDs are their places, with what goes wrong on the way."""

    def __init__(self, *records: bytes) -> None:
        self.records = list(records)
        self.following: dict[int, int] = {}
        self.reservations = 0
        self.lose = 0  # so many of the next reservations are lost
        self.limit = 16

    def __call__(self, command: tuple[int, int], data: bytes) -> tuple[int, bytes]:
        if command == packet.RESERVE_SDR_REPOSITORY:
            self.reservations += 1
            return 0, self.reservations.to_bytes(2, "little")
        assert command == packet.GET_SDR
        place = int.from_bytes(data[2:4], "little")
        if place >= len(self.records):
            return 0xCB, b""
        offset, size = data[4], data[5]
        if self.lose and offset:
            self.lose -= 1
            return 0xC5, b""
        if size > self.limit:
            return 0xCA, b""
        last = 0xFFFF if place + 1 >= len(self.records) else place + 1
        following = self.following.get(place, last)
        return 0, following.to_bytes(2, "little") + self.records[place][offset : offset + size]


def test_a_bmc_that_can_is_asked_once_for_each_record() -> None:
    inquiry: Any = DirectInquiry(simulated())
    assert len(sensors_of(asyncio.run(repository.Walk(VERSION).go_on(inquiry)))) == 23
    assert len(inquiry.asked) == 25


@pytest.mark.parametrize("limit", [40, 20, 16, 8])
def test_a_bmc_that_cannot_return_a_whole_record_is_asked_for_parts(limit: int) -> None:
    assert walk(simulated(answer_limit=limit)) is walk(simulated())


def test_a_bmc_that_is_silent_about_whole_records_is_asked_for_parts_the_next_time() -> None:
    answers = simulated()

    def silent(command: tuple[int, int], data: bytes) -> tuple[int, bytes]:
        if command == packet.GET_SDR and data[5] == 0xFF:
            raise errors.BMCUnreachable("no answer")
        return answers(command, data)

    async def main() -> None:
        inquiry: Any = DirectInquiry(silent)
        going = repository.Walk(VERSION)
        with pytest.raises(errors.BMCUnreachable):
            await going.go_on(inquiry)
        assert len(sensors_of(await going.go_on(inquiry))) == 23

    asyncio.run(main())


def test_a_bmc_that_cannot_return_even_a_little_is_an_error() -> None:
    with pytest.raises(errors.DriverError, match="cannot return number of requested data bytes"):
        walk(simulated(answer_limit=4))


def test_a_reservation_that_is_lost_is_made_again() -> None:
    records = Records(full(), compact())
    records.lose = 3
    assert sensors_of(walk(records)) == ["Fan", "PSU"]


def test_a_reservation_that_is_lost_every_time_is_an_error() -> None:
    records = Records(full())
    records.lose = 1000
    with pytest.raises(errors.DriverError, match=r"192.0.2.1:623: .*cancels every reservation"):
        walk(records)


def test_a_repository_that_leads_back_into_itself_is_an_error() -> None:
    records = Records(full(), compact(), compact())
    records.following[2] = 1
    with pytest.raises(errors.DriverError, match="has no end"):
        walk(records)


def test_a_repository_that_begins_again_has_ended() -> None:
    records = Records(full(), compact())
    records.following[1] = 0
    assert sensors_of(walk(records)) == ["Fan", "PSU"]


def test_a_repository_without_records_is_one_without_sensors() -> None:
    assert sensors_of(walk(Records())) == []


def test_a_repository_that_tells_of_a_record_it_does_not_have_is_an_error() -> None:
    records = Records(full(), compact())
    records.following[0] = 7
    with pytest.raises(errors.DriverError, match="does not have its record 0007h"):
        walk(records)


def test_a_repository_of_too_many_records_is_an_error() -> None:
    with pytest.raises(errors.DriverError, match="has no end"):
        walk(Records(*[compact()] * 1100))


@pytest.mark.parametrize("record", [b"", full()[:4], full()[:20]])
def test_a_record_that_is_shorter_than_it_says_is_an_error(record: bytes) -> None:
    with pytest.raises(errors.DriverError, match="sensor record repository"):
        walk(Records(record))


def test_a_walk_goes_on_where_the_time_was_up() -> None:
    async def main() -> None:
        inquiry: Any = DirectInquiry(simulated(), over=True)
        going = repository.Walk(VERSION)
        found = [await going.go_on(inquiry) for _ in range(25)]
        assert found[:24] == [None] * 24
        assert found[24] is await repository.Walk(VERSION).go_on(_unhurried())
        assert len(inquiry.asked) == 25

    def _unhurried() -> Any:
        return DirectInquiry(simulated())

    asyncio.run(main())


def test_the_version_changes_with_the_records_and_not_with_free_space() -> None:
    def version(info: bytes) -> bytes | None:
        inquiry: Any = DirectInquiry(lambda *_: (0, info))
        return asyncio.run(repository.version(inquiry))

    info = b"\x51\x19\x00" + b"\x10\x00" + b"AAAA" + b"EEEE" + b"\x02"
    assert version(info) == version(info[:3] + b"\x08\x00" + info[5:])
    assert version(info) != version(info[:5] + b"BBBB" + info[9:])
    assert version(info) != version(info[:9] + b"FFFF" + info[13:])


@pytest.mark.parametrize(("code", "raises"), [(0xC1, False), (0xD4, False), (0xC0, True), (0xD2, True)])
def test_a_bmc_without_a_repository_is_not_one_that_cannot_answer_now(code: int, raises: bool) -> None:
    inquiry: Any = DirectInquiry(lambda *_: (code, b""))
    if raises:
        with pytest.raises(errors.DriverError):
            asyncio.run(repository.version(inquiry))
    else:
        assert asyncio.run(repository.version(inquiry)) is None


@settings(max_examples=300 * ROUNDS)
@given(
    st.lists(st.tuples(st.sampled_from([0, 0, 0, 0, 0xC5, 0xCA, 0xC3]), st.binary(max_size=90)), min_size=1)
)
def test_whatever_a_bmc_answers_the_walk_ends(script: list[tuple[int, bytes]]) -> None:
    answered = 0

    def answers(command: tuple[int, int], data: bytes) -> tuple[int, bytes]:
        nonlocal answered
        answered += 1
        assert answered < 300_000
        return script[answered % len(script)]

    try:
        found = walk(answers)
    except errors.DriverError as failure:
        assert "192.0.2.1" in str(failure)
    else:
        assert found is not None
        check(found)
