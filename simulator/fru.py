"""The FRU data of a simulated machine: manufacturer, model, and its own serial number.

Source: Platform Management FRU Information Storage Definition v1.0.
"""

import functools
from typing import Final

_VERSION: Final = 1
_ENGLISH: Final = 0
_END: Final = 0xC1


@functools.lru_cache(maxsize=256)
def data(number: int) -> bytes:
    """Return the common header (section 8), board area (section 11) and product area (section 12).

    :param number: the number from which the serial numbers are derived
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
