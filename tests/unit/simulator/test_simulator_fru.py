"""The FRU data of simulated machines."""

import pytest

from podium.drivers.ipmi.lan import packet
from podium.simulator import bmc, fru
from podium.simulator.ipmi import codes

USER, OPERATOR = packet.PRIVILEGE_USER, packet.PRIVILEGE_OPERATOR


def machine(number: int = 0x7F140001, **settings: int) -> bmc.BMC:
    return bmc.BMC(bmc.Settings(**settings), number)


def read(asked: bmc.BMC, offset: int, size: int, device: int = 0) -> codes.Answer:
    request = bytes((device,)) + offset.to_bytes(2, "little") + bytes((size,))
    return asked.execute(*packet.READ_FRU_DATA, request, USER)


def test_each_machine_has_serial_numbers_of_its_own() -> None:
    assert b"SM7F140001" in fru.data(0x7F140001) and b"SB7F140001" in fru.data(0x7F140001)
    assert fru.data(0x7F140001) != fru.data(0x7F140002)


def test_header_and_areas_add_up_to_zero() -> None:
    data = fru.data(1)
    board, product = data[3] * 8, data[4] * 8
    assert (board, product + data[product + 1] * 8) == (8, len(data))
    for area in (data[:8], data[board:product], data[product:]):
        assert sum(area) % 256 == 0


def test_data_are_read_in_parts_up_to_their_end() -> None:
    asked = machine()
    info = asked.execute(*packet.GET_FRU_INVENTORY_AREA_INFO, b"\0", USER)[1]
    size = int.from_bytes(info[:2], "little")
    parts = [read(asked, offset, 32)[1] for offset in range(0, size, 32)]
    assert all(part[0] == len(part) - 1 for part in parts)
    assert b"".join(part[1:] for part in parts) == fru.data(0x7F140001)
    assert read(asked, size, 8) == (codes.OUT_OF_RANGE, b"")


def test_a_bmc_returns_no_more_than_fits_into_its_answers() -> None:
    asked = machine(answer_limit=16)
    assert [read(asked, 0, size)[0] for size in (16, 17)] == [codes.OK, codes.TOO_MANY_BYTES]


def test_there_is_one_fru_device() -> None:
    assert read(machine(), 0, 8, device=1) == (codes.NOT_PRESENT, b"")
    info = machine().execute(*packet.GET_FRU_INVENTORY_AREA_INFO, b"\1", USER)
    assert info == (codes.NOT_PRESENT, b"")


@pytest.mark.parametrize(
    ("parameter", "level", "answer"),
    [
        (5, OPERATOR, (codes.OK, bytes.fromhex("1102007f140001"))),
        (5, USER, (codes.INSUFFICIENT_PRIVILEGE, b"")),
        (3, OPERATOR, (0x80, b"")),
    ],
)
def test_an_operator_is_told_the_mac_address(parameter: int, level: int, answer: codes.Answer) -> None:
    request = bytes((0x0E, parameter, 0, 0))
    assert machine().execute(*packet.GET_LAN_CONFIGURATION_PARAMETERS, request, level) == answer


def test_the_firmware_version_of_the_machine_is_told_in_one_block() -> None:
    def ask(parameter: int, block: int) -> codes.Answer:
        request = bytes((0, parameter, block, 0))
        return machine().execute(*packet.GET_SYSTEM_INFO_PARAMETERS, request, USER)

    assert ask(1, 0) == (codes.OK, b"\x11\0\0\x09SIM 2.4.1" + bytes(5))
    assert (ask(1, 1)[0], ask(2, 0)[0]) == (codes.OUT_OF_RANGE, 0x80)
