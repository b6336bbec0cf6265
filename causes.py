"""The causes of events, and the severity of each.

The severity follows from the cause alone, so the ledger does not store it.
"""

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias, get_args

__all__ = ["FAILED_REQUEST", "SEVERITIES", "SEVERITY", "Cause", "Severity", "of_severity"]

Cause: TypeAlias = Literal[
    "request",
    "enforced",
    "out-of-band",
    "first reading",
    "fault",
    "recovery",
    "credentials",
    "set boot device",
    "identify",
    "clear log",
    "set clock",
    "driver action",
    "failed request",
]
Severity: TypeAlias = Literal["info", "warning", "error"]

#: A request that failed, whatever it did to the power.
FAILED_REQUEST: Final = "failed request"

#: In ascending order.
SEVERITIES: Final[tuple[str, ...]] = get_args(Severity)

SEVERITY: Final[Mapping[str, str]] = {
    # Requested by people, or chosen as policy.
    "request": "info",
    "enforced": "info",
    "credentials": "info",
    "set boot device": "info",
    "identify": "info",
    "clear log": "info",
    "set clock": "info",
    "driver action": "info",
    # Nothing happened to the machine: Podium sees it for the first time, or again.
    "first reading": "info",
    "recovery": "info",
    # Not requested from Podium. It may be right, but somebody should know.
    "out-of-band": "warning",
    # A person has to look: a machine is not in the requested state, or its state is not known any more.
    "failed request": "error",
    "fault": "error",
}


def of_severity(least: str) -> frozenset[str]:
    """Return the causes of events with at least this severity."""
    wanted = SEVERITIES[SEVERITIES.index(least) :]
    return frozenset(cause for cause, severity in SEVERITY.items() if severity in wanted)
