"""The system event log of simulated BMCs, and the clock that dates its entries."""

from dataclasses import dataclass

import pytest

from podium.drivers.ipmi.lan import packet
from podium.simulator import bmc, faults
from podium.simulator.ipmi import codes
from simulated import ON, OPERATOR, USER, Clock, control

TODAY = 1_780_000_000
ERASING = 0x81
CLEAR, PROGRESS = 0xAA, 0x00
#: An upper critical threshold of sensor 1 was crossed, going high.
EVENT = bytes.fromhex("0000 02 00000000 2000 04 01 01 01 59 61 5f")
OEM = bytes.fromhex("0000 e0 0102030405060708090a0b0c0d")
DATED_OEM = bytes.fromhex("0000 c1 00000000 a20200 010203040506")


@dataclass
class Asked:
    """A BMC, and the questions for its log."""

    bmc: bmc.BMC
    clock: Clock

    def execute(self, command: tuple[int, int], data: bytes = b"", privilege: int = OPERATOR) -> bmc.Answer:
        return self.bmc.execute(*command, data, privilege)

    def info(self) -> tuple[int, int, int, int, int]:
        """Entries, free bytes, time of the last addition and erasure, and flags."""
        code, data = self.execute(packet.GET_SEL_INFO, privilege=USER)
        assert (code, data[0], len(data)) == (codes.OK, 0x51, 14)
        parts = data[1:3], data[3:5], data[5:9], data[9:13], data[13:]
        count, free, added, erased, flags = (int.from_bytes(part, "little") for part in parts)
        return count, free, added, erased, flags

    def add(self, record: bytes = EVENT) -> bytes:
        code, number = self.execute(packet.ADD_SEL_ENTRY, record)
        assert code == codes.OK
        return number

    def reserve(self) -> bytes:
        code, reservation = self.execute(packet.RESERVE_SEL, privilege=USER)
        assert code == codes.OK
        return reservation

    def entry(
        self, number: bytes, offset: int = 0, size: int = 0xFF, reservation: bytes = b"\0\0"
    ) -> bmc.Answer:
        return self.execute(packet.GET_SEL_ENTRY, reservation + number + bytes((offset, size)), USER)

    def walk(self) -> list[bytes]:
        """All records from the first on."""
        records, number = [], b"\0\0"
        while number != b"\xff\xff":
            code, data = self.entry(number)
            assert code == codes.OK
            records.append(data[2:])
            number = data[:2]
        return records

    def clear(self, reservation: bytes, action: int = CLEAR) -> bmc.Answer:
        return self.execute(packet.CLEAR_SEL, reservation + b"CLR" + bytes((action,)))


def log(*placed: str, entries: int = 4, answer_limit: int = 255) -> Asked:
    clock = Clock()
    settings = bmc.Settings(
        clock=clock, wall=lambda: TODAY + clock.now - 1000, log_entries=entries, answer_limit=answer_limit
    )
    made = bmc.BMC(settings)
    for fault in placed:
        made.faults = faults.parse_fault(fault).apply(made.faults)
    return Asked(made, clock)


def test_a_log_is_empty_at_first() -> None:
    asked = log()
    assert asked.info() == (0, 64, 0xFFFFFFFF, 0xFFFFFFFF, 0x0A)
    assert asked.entry(b"\0\0") == (codes.NOT_PRESENT, b"")
    assert asked.entry(b"\xff\xff") == (codes.NOT_PRESENT, b"")


def test_entries_are_read_in_the_order_in_which_they_came() -> None:
    asked = log()
    for record in (EVENT, OEM, DATED_OEM):
        asked.add(record)
    now = TODAY.to_bytes(4, "little")
    assert asked.walk() == [
        b"\1\0" + EVENT[2:3] + now + EVENT[7:],
        b"\2\0" + OEM[2:],
        b"\3\0" + DATED_OEM[2:3] + now + DATED_OEM[7:],
    ]
    assert asked.entry(b"\xff\xff")[1][2:4] == b"\3\0"
    assert asked.info()[:3] == (3, 16, TODAY)


def test_a_full_log_takes_no_more_and_says_so_until_it_is_cleared() -> None:
    asked = log(entries=2)
    asked.add()
    asked.add()
    assert asked.execute(packet.ADD_SEL_ENTRY, EVENT) == (codes.OUT_OF_SPACE, b"")
    assert (asked.info()[:2], asked.info()[4]) == ((2, 0), 0x8A)
    asked.clear(asked.reserve())
    assert asked.info()[4] == 0x0A


def test_a_log_of_the_greatest_size_has_more_room_than_its_field_can_say() -> None:
    assert log(entries=65534).info()[1] == 0xFFFF


def test_a_log_that_wraps_loses_its_oldest_entries() -> None:
    asked = log("log-wraps", entries=2)
    for _ in range(3):
        asked.add()
    assert [record[:2] for record in asked.walk()] == [b"\2\0", b"\3\0"]
    assert asked.entry(b"\1\0") == (codes.NOT_PRESENT, b"")


def test_ids_of_entries_go_round() -> None:
    asked = log("log-wraps", entries=1)
    for _ in range(0xFFFE):
        asked.bmc.events.add(EVENT, asked.bmc.faults)
    assert asked.add() == b"\1\0"


def test_a_part_of_an_entry_takes_a_reservation() -> None:
    asked = log()
    number = asked.add()
    whole = asked.entry(number)[1]
    assert asked.entry(number, 7, 4) == (codes.RESERVATION_LOST, b"")
    assert asked.entry(number, 7, 4, asked.reserve()) == (codes.OK, whole[:2] + whole[9:13])


@pytest.mark.parametrize("change", ["addition", "deletion", "clearing", "another reservation"])
def test_a_reservation_is_lost_with_any_change(change: str) -> None:
    asked = log()
    number, kept = asked.add(), asked.add()
    reservation = asked.reserve()
    match change:
        case "addition":
            asked.add()
        case "deletion":
            assert asked.execute(packet.DELETE_SEL_ENTRY, reservation + number) == (codes.OK, number)
        case "clearing":
            asked.clear(reservation)
        case _:
            asked.reserve()
    assert asked.clear(reservation) == (codes.RESERVATION_LOST, b"")
    if change != "clearing":
        assert asked.entry(kept, 7, 4, reservation) == (codes.RESERVATION_LOST, b"")


def test_a_cleared_log_is_empty_and_begins_anew() -> None:
    asked = log()
    asked.add()
    assert asked.clear(asked.reserve()) == (codes.OK, b"\1")
    assert asked.info() == (0, 64, TODAY, TODAY, 0x0A)
    assert asked.add() == b"\1\0"


def test_an_erasure_that_takes_its_time_is_asked_about_until_it_is_done() -> None:
    asked = log("slow-erase=5")
    asked.add()
    reservation = asked.reserve()
    assert asked.clear(reservation) == (codes.OK, b"\0")
    assert asked.clear(reservation, PROGRESS) == (codes.OK, b"\0")
    for command, data in (
        (packet.GET_SEL_INFO, b""),
        (packet.RESERVE_SEL, b""),
        (packet.ADD_SEL_ENTRY, EVENT),
    ):
        assert asked.execute(command, data) == (ERASING, b"")
    asked.clock.now += 5
    assert asked.clear(reservation, PROGRESS) == (codes.OK, b"\1")
    assert asked.info()[0] == 0


@pytest.mark.parametrize("action", [CLEAR, PROGRESS])
def test_the_log_is_not_cleared_for_somebody_without_a_reservation(action: int) -> None:
    asked = log()
    asked.add()
    asked.reserve()
    assert asked.clear(b"\x7f\0", action) == (codes.RESERVATION_LOST, b"")
    assert asked.info()[0] == 1


@pytest.mark.parametrize(
    ("command", "data", "code"),
    [
        (packet.GET_SEL_INFO, b"\0", codes.WRONG_LENGTH),
        (packet.RESERVE_SEL, b"\0", codes.WRONG_LENGTH),
        (packet.GET_SEL_ENTRY, b"\0\0\1\0\0", codes.WRONG_LENGTH),
        (packet.GET_SEL_ENTRY, b"\0\0\2\0\0\xff", codes.NOT_PRESENT),
        (packet.GET_SEL_ENTRY, b"\1\0\1\0\x10\1", codes.OUT_OF_RANGE),
        (packet.GET_SEL_ENTRY, b"\0\0\1\0\0\xff", codes.TOO_MANY_BYTES),
        (packet.ADD_SEL_ENTRY, EVENT[:-1], codes.WRONG_LENGTH),
        (packet.DELETE_SEL_ENTRY, b"\1\0\1", codes.WRONG_LENGTH),
        (packet.DELETE_SEL_ENTRY, b"\1\0\2\0", codes.NOT_PRESENT),
        (packet.DELETE_SEL_ENTRY, b"\2\0\1\0", codes.RESERVATION_LOST),
        (packet.CLEAR_SEL, b"\1\0CLR", codes.WRONG_LENGTH),
        (packet.CLEAR_SEL, b"\1\0CLA\xaa", codes.INVALID_FIELD),
        (packet.CLEAR_SEL, b"\1\0CLR\1", codes.INVALID_FIELD),
        (packet.GET_SEL_TIME, b"\0", codes.WRONG_LENGTH),
        (packet.SET_SEL_TIME, b"\0", codes.WRONG_LENGTH),
    ],
)
def test_what_makes_no_sense_is_refused(command: tuple[int, int], data: bytes, code: int) -> None:
    asked = log(answer_limit=8)
    asked.add()
    asked.reserve()
    assert asked.execute(command, data) == (code, b"")
    assert asked.info()[0] == 1


@pytest.mark.parametrize(
    ("command", "data"),
    [
        (packet.ADD_SEL_ENTRY, EVENT),
        (packet.DELETE_SEL_ENTRY, bytes(4)),
        (packet.CLEAR_SEL, bytes(6)),
        (packet.SET_SEL_TIME, bytes(4)),
    ],
)
def test_who_changes_the_log_is_an_operator(command: tuple[int, int], data: bytes) -> None:
    assert log().execute(command, data, USER) == (codes.INSUFFICIENT_PRIVILEGE, b"")


def test_what_sensors_see_of_a_fault_and_of_its_end_goes_to_the_log() -> None:
    asked = log("drive-fault")
    asked.bmc.faults = faults.HEALTHY
    seen, ended = (record[7:] for record in asked.walk())
    assert seen == bytes.fromhex("2000 04 0d 13 6f 01ffff")  # Drive 2, drive fault
    assert ended == bytes.fromhex("2000 04 0d 13 ef 01ffff")


def test_a_temperature_that_is_too_high_is_logged_while_the_machine_is_on() -> None:
    asked = log("cooling-fault", entries=64)
    assert asked.info()[0] == 0
    control(asked.bmc, ON)
    assert asked.walk()[0][7:] == bytes.fromhex("2000 04 01 01 01 576155")  # 97 degrees, more than 85


# -- the clock


def time(asked: Asked) -> int:
    code, data = asked.execute(packet.GET_SEL_TIME, privilege=USER)
    assert (code, len(data)) == (codes.OK, 4)
    return int.from_bytes(data, "little")


def set_time(asked: Asked, seconds: int) -> int:
    return asked.execute(packet.SET_SEL_TIME, seconds.to_bytes(4, "little"))[0]


def test_the_clock_is_right_until_it_is_set() -> None:
    asked = log()
    asked.clock.now += 7
    assert time(asked) == TODAY + 7
    set_time(asked, 1000)
    asked.clock.now += 7
    assert time(asked) == 1007


@pytest.mark.parametrize(("fault", "shown"), [("clock-off=-90", TODAY - 90), ("clock-unset", 0)])
def test_a_wrong_clock_runs_on_from_there_and_can_be_set(fault: str, shown: int) -> None:
    asked = log(fault)
    asked.clock.now += 10
    assert time(asked) == shown + 10
    assert set_time(asked, TODAY + 10) == codes.OK
    asked.clock.now += 5
    assert time(asked) == TODAY + 15


def test_a_clock_that_drifts_gains_seconds_in_each_hour() -> None:
    asked = log("clock-drifts=-10")
    asked.clock.now += 7200
    assert time(asked) == TODAY + 7200 - 20
    asked.bmc.faults = faults.HEALTHY
    asked.clock.now += 7200
    assert time(asked) == TODAY + 14400 - 20


def test_some_bmcs_do_not_let_their_clock_be_set() -> None:
    liar, stubborn = log("clock-off=600", "clock-lies"), log("clock-off=600", "clock-refuses")
    assert [set_time(one, TODAY) for one in (liar, stubborn)] == [codes.OK, codes.NOT_IN_THIS_STATE]
    assert [time(one) for one in (liar, stubborn)] == [TODAY + 600] * 2


# -- bent rules


def test_a_bmc_without_reservations_clears_its_log_all_the_same() -> None:
    asked = log("no-reservations")
    number = asked.add()
    assert (asked.execute(packet.RESERVE_SEL), asked.info()[4]) == ((codes.INVALID_COMMAND, b""), 0x08)
    assert asked.entry(number, 14, 2)[1][2:] == EVENT[14:]
    assert asked.clear(b"\0\0") == (codes.OK, b"\1")


def test_the_last_entry_is_followed_by_the_first() -> None:
    asked = log("log-loops")
    first, last = asked.add(), asked.add()
    assert asked.entry(last)[1][:2] == first


def test_entries_are_a_byte_short() -> None:
    asked = log("short-entries")
    assert len(asked.entry(asked.add())[1]) == 2 + 15


def test_the_last_entry_cannot_be_asked_for() -> None:
    asked = log("no-last-entry")
    asked.add()
    assert asked.entry(b"\xff\xff") == (codes.NOT_PRESENT, b"")


def test_ids_of_entries_have_gaps() -> None:
    asked = log("odd-entry-ids")
    assert [asked.add() for _ in range(3)] == [b"\1\0", b"\x11\0", b"\x21\0"]


def test_a_log_grows_while_it_is_read() -> None:
    asked = log("log-grows")
    number = asked.add()
    reservation = asked.reserve()
    asked.entry(number)
    assert asked.info()[0] == 2
    assert asked.entry(number, 7, 4, reservation) == (codes.RESERVATION_LOST, b"")


def test_a_log_shrinks_while_it_is_read() -> None:
    asked = log("log-shrinks")
    for _ in range(3):
        asked.add()
    assert asked.entry(b"\0\0")[1][:4] == b"\2\0\1\0"
    assert asked.entry(b"\2\0")[1][:4] == b"\3\0\2\0"
    assert asked.entry(b"\1\0") == (codes.NOT_PRESENT, b"")


def test_a_log_is_kept_though_it_was_cleared() -> None:
    asked = log("clear-lies")
    asked.add()
    assert asked.clear(asked.reserve()) == (codes.OK, b"\1")
    assert asked.info()[0] == 1


def test_a_cleared_log_begins_with_its_clearing() -> None:
    asked = log("clear-logged")
    asked.add()
    asked.clear(asked.reserve())
    assert [record[10:] for record in asked.walk()] == [b"\x10\0\x6f\x02\xff\xff"]
