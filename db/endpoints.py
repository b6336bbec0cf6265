"""Assigns an endpoint (a BMC, a PDU, a hypervisor; mostly the node itself) to one of 1,024 slots."""

import hashlib
from typing import Any, Final

#: Slots of each conductor group and driver, numbered from 0.
SLOTS: Final = 1024

_LONGEST: Final = 255


def slot_of(endpoint: str) -> int:
    """The slot of an endpoint.

    The hash is BLAKE2b, which gives the same result in every process and on every machine.
    """
    return int.from_bytes(hashlib.blake2b(endpoint.encode(), digest_size=8).digest()) % SLOTS


def columns_of(endpoint: str | None, uuid: str) -> dict[str, Any]:
    """The columns of a node for its endpoint.

    :param endpoint: None for the node itself
    """
    if endpoint is None:
        return {"endpoint": None, "slot": slot_of(uuid)}
    endpoint = short(endpoint)
    return {"endpoint": endpoint, "slot": slot_of(endpoint)}


def short(text: str) -> str:
    """A text that fits a column of 255 characters: the text itself unless it is too long."""
    return text if len(text) <= _LONGEST else f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
