"""Completion codes of a simulated BMC's answers, table 5-2 of the IPMI v2.0 specification, revision 1.1."""

from typing import Final

OK: Final = 0x00
NODE_BUSY: Final = 0xC0
INVALID_COMMAND: Final = 0xC1
OUT_OF_SPACE: Final = 0xC4
RESERVATION_LOST: Final = 0xC5
WRONG_LENGTH: Final = 0xC7
OUT_OF_RANGE: Final = 0xC9
TOO_MANY_BYTES: Final = 0xCA
NOT_PRESENT: Final = 0xCB
INVALID_FIELD: Final = 0xCC
INSUFFICIENT_PRIVILEGE: Final = 0xD4
NOT_IN_THIS_STATE: Final = 0xD5
SILENT: Final = -1  #: no answer

#: A completion code and the data after it.
Answer = tuple[int, bytes]
