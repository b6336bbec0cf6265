"""Decodes text in sensor records and FRU data: a byte of encoding and length, then the text.

Sources: IPMI v2.0 revision 1.1, section 43.15; Platform Management FRU Information Storage Definition v1.0,
section 13.
"""

from typing import Final

_BCD_PLUS: Final = "0123456789 -.???"
_LATIN1: Final = 3
UNICODE: Final = 0
BCD_PLUS: Final = 1
PACKED: Final = 2


def decode(encoding: int, data: bytes) -> str:
    """Return the text, printable and on one line, whatever the bytes are.

    :param encoding: the upper two bits of the type/length byte; 0 is unspecified binary in FRU data and
        Unicode in sensor records: taken for ASCII here unless every other byte is zero, as in UTF-16
    """
    if encoding == BCD_PLUS:
        found = "".join(_BCD_PLUS[byte >> 4] + _BCD_PLUS[byte & 0x0F] for byte in data)
    elif encoding == PACKED:
        found = _unpack(data)
    elif encoding == UNICODE and len(data) > 1 and not any(data[1::2]):
        found = data.decode("utf-16-le", "replace")
    else:
        found = data.decode("latin-1")
    printable = "".join(letter if letter.isprintable() else " " for letter in found.partition("\0")[0])
    return " ".join(printable.split())


def _unpack(data: bytes) -> str:
    """6-bit ASCII: the first letter in the lowest bits of the first byte, 20h the first of them."""
    bits = int.from_bytes(data, "little")
    return "".join(chr(0x20 + (bits >> shift & 0x3F)) for shift in range(0, len(data) * 8 - 5, 6))
