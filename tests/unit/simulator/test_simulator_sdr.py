"""The sensors of simulated machines: records, readings and thresholds in a BMC's answers."""

import pytest

from podium.drivers.ipmi.lan import packet
from podium.simulator import bmc, faults, sensors
from podium.simulator.ipmi import codes

USER = packet.PRIVILEGE_USER
CPU1_TEMP, INLET_TEMP, FAN1, PSU1_STATUS, EVENT_LOG = 1, 3, 4, 15, 24
RESERVATION = b"\x01\x00"


def machine(*placed: str, on: bool = True, answer_limit: int = 255) -> bmc.BMC:
    made = bmc.BMC(bmc.Settings(answer_limit=answer_limit))
    made.power_on = on
    for fault in placed:
        made.faults = faults.parse_fault(fault).apply(made.faults)
    return made


def get_sdr(
    asked: bmc.BMC, record: int, offset: int = 0, size: int = 0xFF, reservation: bytes = b"\0\0"
) -> codes.Answer:
    data = reservation + record.to_bytes(2, "little") + bytes((offset, size))
    return asked.execute(*packet.GET_SDR, data, USER)


def reading(asked: bmc.BMC, number: int) -> bytes:
    code, data = asked.execute(*packet.GET_SENSOR_READING, bytes((number,)), USER)
    assert code == codes.OK
    return data


def test_the_repository_has_as_many_records_as_it_says() -> None:
    asked = machine()
    info = asked.execute(*packet.GET_SDR_REPOSITORY_INFO, b"", USER)[1]
    following, seen = 0, 0
    while following != 0xFFFF:
        code, answer = get_sdr(asked, following)
        assert (code, len(answer)) == (codes.OK, 2 + 5 + answer[6])
        following, seen = int.from_bytes(answer[:2], "little"), seen + 1
    assert (len(info), int.from_bytes(info[1:3], "little")) == (14, seen)


def test_a_part_of_a_record_takes_a_reservation() -> None:
    asked = machine()
    whole = get_sdr(asked, 1)[1]
    assert get_sdr(asked, 1, 5, 10) == (codes.RESERVATION_LOST, b"")
    assert asked.execute(*packet.RESERVE_SDR_REPOSITORY, b"", USER) == (codes.OK, RESERVATION)
    assert get_sdr(asked, 1, 5, 10, RESERVATION) == (codes.OK, whole[:2] + whole[7:17])


@pytest.mark.parametrize(
    ("record", "offset", "size", "code"),
    [
        (1, 0, 21, codes.TOO_MANY_BYTES),
        (1, 0, 20, codes.OK),
        (99, 0, 5, codes.NOT_PRESENT),
        (1, 200, 5, codes.OUT_OF_RANGE),
    ],
)
def test_what_a_bmc_cannot_return_has_a_code_of_its_own(
    record: int, offset: int, size: int, code: int
) -> None:
    assert get_sdr(machine(answer_limit=20), record, offset, size, RESERVATION)[0] == code


def test_a_machine_that_is_off_has_no_readings_of_what_needs_power() -> None:
    off, on = machine(on=False), machine()
    assert [reading(one, FAN1)[1] & 0x20 for one in (off, on)] == [0x20, 0]
    assert reading(off, INLET_TEMP)[1] & 0x20 == 0


@pytest.mark.parametrize(
    ("fault", "number", "states"),
    [
        ("cooling-fault", CPU1_TEMP, 0x18),
        ("cooling-fault", FAN1, 0x03),
        ("power-fault", PSU1_STATUS, 0x03),
        ("drive-fault", 19, 0x03),
        ("intrusion", 20, 0x01),
    ],
)
def test_a_fault_shows_in_the_sensors_that_would_see_it(fault: str, number: int, states: int) -> None:
    assert reading(machine(fault), number)[2] & 0x3F == states
    assert reading(machine(), number)[2] & 0x3F != states


def test_a_machine_without_faults_crosses_no_threshold() -> None:
    for on in (True, False):
        for number in range(1, 15):
            assert reading(machine(on=on), number)[2] & 0x3F == 0


def test_thresholds_are_those_of_the_record() -> None:
    code, told = machine().execute(*packet.GET_SENSOR_THRESHOLDS, bytes((INLET_TEMP,)), USER)
    found = sensors.record(INLET_TEMP)
    assert found is not None
    record = found[1]
    assert (code, told[0]) == (codes.OK, record[18])
    assert list(told[1:]) == [record[place] for place in (41, 40, 39, 38, 37, 36)]


@pytest.mark.parametrize("command", [packet.GET_SENSOR_READING, packet.GET_SENSOR_THRESHOLDS])
@pytest.mark.parametrize("number", [0, EVENT_LOG, 255])
def test_a_sensor_that_there_is_not_is_not_present(command: tuple[int, int], number: int) -> None:
    assert machine().execute(*command, bytes((number,)), USER) == (codes.NOT_PRESENT, b"")


@pytest.mark.parametrize(
    "command",
    [
        packet.GET_SDR, packet.GET_SENSOR_READING, packet.GET_SENSOR_THRESHOLDS, packet.READ_FRU_DATA,
        packet.GET_FRU_INVENTORY_AREA_INFO, packet.GET_SYSTEM_INFO_PARAMETERS,
    ],
)  # fmt: skip
def test_a_command_of_the_wrong_length_is_refused(command: tuple[int, int]) -> None:
    assert machine().execute(*command, b"\0\0", USER) == (codes.WRONG_LENGTH, b"")
