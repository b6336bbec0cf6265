"""What is spoken to (a BMC, a PDU, a hypervisor; mostly the node itself) falls into one of 1,024 slots."""

import hashlib
from typing import Final

#: Slots of each conductor group and driver, numbered from 0.
SLOTS: Final = 1024


def slot_of(endpoint: str) -> int:
    """The slot of an endpoint.

    Hashed by BLAKE2b, which is the same in every process and on every machine.
    """
    return int.from_bytes(hashlib.blake2b(endpoint.encode(), digest_size=8).digest()) % SLOTS
