"""The columns that put a node into maintenance, and those that take it out."""

from collections.abc import Mapping
from typing import Any, Final

#: A maintenance that the conductor or a driver had set becomes the caller's: neither ends it.
SET: Final[Mapping[str, Any]] = {"maintenance": True, "fault": None}

#: Otherwise the next failed read, rather than the next few, would set a power failure again.
UNSET: Final[Mapping[str, Any]] = {
    "maintenance": False,
    "maintenance_reason": None,
    "fault": None,
    "power_failures": 0,
}
