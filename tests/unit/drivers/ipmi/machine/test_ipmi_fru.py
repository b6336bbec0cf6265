"""FRU data: what a machine is, whatever encodings, gaps and limits its BMC has."""

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inquiries import Answers, DirectInquiry
from podium import errors
from podium.drivers.ipmi.lan import packet
from podium.drivers.ipmi.machine import fru
from podium.simulator.bmc import BMC, Settings

NOTHING = fru.Identity()


def area(*fields: bytes, begin: bytes = b"\0") -> bytes:
    """An area by sections 11 and 12, its fields with their type/length bytes."""
    body = begin + b"".join(fields) + b"\xc1"
    body += bytes(-(len(body) + 3) % 8)
    return summed(bytes((1, (len(body) + 3) // 8)) + body)


def summed(content: bytes) -> bytes:
    return content + bytes((-sum(content) & 0xFF,))


def text(word: str) -> bytes:
    return bytes((0xC0 | len(word),)) + word.encode("latin-1")


def product(maker: str = "", name: str = "", serial: str = "") -> bytes:
    return area(text(maker), text(name), text("part"), text("version"), text(serial), text("tag"))


def board(maker: str = "", name: str = "", serial: str = "") -> bytes:
    return area(text(maker), text(name), text(serial), text("part"), begin=b"\0\0\0\0")


def data(*, boards: bytes = b"", products: bytes = b"") -> bytes:
    header = bytes((1, 0, 0, 1 if boards else 0, 1 + len(boards) // 8 if products else 0, 0, 0))
    return summed(header) + boards + products


class Memory:
    """A FRU device.

    :param limit: bytes that it returns at once
    :param words: whether it counts in units of two bytes
    """

    def __init__(self, content: bytes, *, limit: int = 255, words: bool = False) -> None:
        self.content = content
        self.limit = limit
        self.unit = 2 if words else 1

    def __call__(self, command: tuple[int, int], data: bytes) -> tuple[int, bytes]:
        if command == packet.GET_FRU_INVENTORY_AREA_INFO:
            return 0, len(self.content).to_bytes(2, "little") + bytes((self.unit - 1,))
        assert command == packet.READ_FRU_DATA
        offset, size = int.from_bytes(data[1:3], "little") * self.unit, data[3] * self.unit
        if size > self.limit:
            return 0xCA, b""
        found = self.content[offset : offset + size]
        return 0, bytes((len(found) // self.unit,)) + found


def identity(answers: Answers) -> fru.Identity:
    inquiry: Any = DirectInquiry(answers)
    return asyncio.run(fru.identity(inquiry))


def test_a_machine_is_its_product() -> None:
    content = data(boards=board("Bolt", "Board", "B1"), products=product("Acme", "Anvil", "42"))
    assert identity(Memory(content)) == fru.Identity("Acme", "Anvil", "42")


def test_what_the_product_does_not_tell_the_board_does() -> None:
    content = data(
        boards=board("Acme", "Board", "B1"), products=product("To Be Filled By O.E.M.", "Anvil", " ")
    )
    assert identity(Memory(content)) == fru.Identity("Acme", "Anvil", "B1")


def test_a_machine_with_a_board_alone_is_that() -> None:
    assert identity(Memory(data(boards=board("Bolt", "Board", "B1")))) == fru.Identity("Bolt", "Board", "B1")


@pytest.mark.parametrize("limit", [255, 20, 16, 8])
@pytest.mark.parametrize("words", [False, True])
def test_data_are_read_in_the_pieces_that_a_bmc_returns(limit: int, words: bool) -> None:
    content = data(products=product("Acme", "Anvil" * 10, "42"))
    assert identity(Memory(content, limit=limit, words=words)) == fru.Identity("Acme", "Anvil" * 10, "42")


def test_fields_are_read_in_every_encoding() -> None:
    fields = (b"\x83\x29\xdc\xa6", b"\xc5An\xb5il", b"\xc0", b"\xc0", b"\x43\x12\x34\x5b")
    assert fru.product(area(*fields)) == fru.Identity("IPMI", "An\xb5il", "12345-")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff" * 256,
        data(products=product("Acme"))[:20],
        data(products=product("Acme")).replace(b"Acme", b"Acne"),
        summed(bytes((1, 0, 0, 0, 255, 0, 0))),
        summed(bytes(7)),
    ],
    ids=["none", "erased", "cut off", "wrong checksum", "area outside", "no version"],
)
def test_data_that_are_not_intact_tell_nothing(content: bytes) -> None:
    assert identity(Memory(content)) == NOTHING


@pytest.mark.parametrize("damaged", [product("Acme").replace(b"Acme", b"Acne"), product("Acme")[:24]])
def test_a_board_is_told_when_the_product_area_is_damaged(damaged: bytes) -> None:
    content = data(boards=board("Bolt", "Board", "B1"), products=damaged)
    assert identity(Memory(content)) == fru.Identity("Bolt", "Board", "B1")


@pytest.mark.parametrize("code", [0xC1, 0xCB, 0xD4])
def test_a_bmc_without_fru_data_tells_nothing(code: int) -> None:
    assert identity(lambda *_: (code, b"")) == NOTHING


@pytest.mark.parametrize("code", [0xC0, 0x81])
def test_a_bmc_that_cannot_read_its_fru_data_now_is_an_error(code: int) -> None:
    with pytest.raises(errors.DriverError):
        identity(lambda *_: (code, b""))


def test_the_simulated_machines_differ_in_their_serial_numbers() -> None:
    def simulated(number: int) -> fru.Identity:
        bmc = BMC(Settings(), number)
        return identity(lambda command, data: bmc.execute(*command, data, packet.PRIVILEGE_USER))

    assert simulated(5) == fru.Identity("Podium", "Simulated Server", "SM00000005")
    assert simulated(6).serial == "SM00000006"


@given(st.binary(max_size=300), st.booleans())
def test_whatever_an_area_holds_there_are_words_or_none(content: bytes, checked: bool) -> None:
    content = b"\x01" + content
    for read in (fru.product, fru.board):
        found = read(summed(content) if checked else content)
        for word in (found.manufacturer, found.name, found.serial):
            assert word is None or (word and word.isprintable() and len(word) <= 84)


@given(st.lists(st.tuples(st.sampled_from([0, 0, 0, 0xCA, 0xC9]), st.binary(max_size=60)), min_size=1))
def test_whatever_a_bmc_answers_reading_ends(script: list[tuple[int, bytes]]) -> None:
    answered = 0

    def answers(command: tuple[int, int], data: bytes) -> tuple[int, bytes]:
        nonlocal answered
        answered += 1
        assert answered < 10_000
        return script[answered % len(script)]

    assert isinstance(identity(answers), fru.Identity)
