"""What it means to put a node into maintenance, and to take it out."""

from collections.abc import Mapping
from typing import Any, Final

#: A maintenance that the conductor or a driver had set becomes that of who sets it: neither takes it back.
SET: Final[Mapping[str, Any]] = {"maintenance": True, "fault": None}

#: Otherwise the next failed read of a power failure, rather than the next few, would set it again.
UNSET: Final[Mapping[str, Any]] = {
    "maintenance": False,
    "maintenance_reason": None,
    "fault": None,
    "power_failures": 0,
}
