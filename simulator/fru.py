"""The FRU data of a simulated machine: manufacturer, model and serial number.

Source: Platform Management FRU Information Storage Definition v1.0.
"""

import functools
from typing import Final

from podium.simulator.ipmi import codes

_VERSION: Final = 1
_ENGLISH: Final = 0
_END: Final = 0xC1


def area_info(number: int, asked: bytes) -> codes.Answer:
    """Get FRU Inventory Area Info, section 34.1: one device, in bytes."""
    if len(asked) != 1:
        return codes.WRONG_LENGTH, b""
    if asked[0]:
        return codes.NOT_PRESENT, b""
    return codes.OK, len(data(number)).to_bytes(2, "little") + b"\0"


def read(number: int, asked: bytes, limit: int) -> codes.Answer:
    """Read FRU Data, section 34.2.

    :param limit: bytes that fit into an answer
    """
    if len(asked) != 4:
        return codes.WRONG_LENGTH, b""
    if asked[0]:
        return codes.NOT_PRESENT, b""
    offset, size = int.from_bytes(asked[1:3], "little"), asked[3]
    part = data(number)[offset : offset + size]
    if not part:
        return codes.OUT_OF_RANGE, b""
    if len(part) > limit:
        return codes.TOO_MANY_BYTES, b""
    return codes.OK, bytes((len(part),)) + part


@functools.lru_cache(maxsize=256)
def data(number: int) -> bytes:
    """Return the common header (section 8), board area (section 11) and product area (section 12).

    :param number: determines the serial numbers
    """
    board = _area(bytes((_ENGLISH, 0, 0, 0)), "Podium", "Simulated Board", f"SB{number:08X}", "SB-1", "")
    product = _area(
        bytes((_ENGLISH,)), "Podium", "Simulated Server", "SM-1", "1.0", f"SM{number:08X}", "", ""
    )
    header = bytes((_VERSION, 0, 0, 1, 1 + len(board) // 8, 0, 0))
    return _summed(header) + board + product


def _area(begin: bytes, *fields: str) -> bytes:
    body = begin + b"".join(bytes((0xC0 | len(text),)) + text.encode("ascii") for text in fields)
    body += bytes((_END,))
    body += bytes(-(len(body) + 3) % 8)
    return _summed(bytes((_VERSION, (len(body) + 3) // 8)) + body)


def _summed(content: bytes) -> bytes:
    return content + bytes((-sum(content) & 0xFF,))
