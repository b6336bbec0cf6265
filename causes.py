"""The causes of events, and how bad the events of each are.

The severity follows from the cause alone, so that the ledger need not keep it.
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

#: From the least to the greatest.
SEVERITIES: Final[tuple[str, ...]] = get_args(Severity)

SEVERITY: Final[Mapping[str, str]] = {
    # What people asked for, or chose as policy, is so.
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
    # Nobody asked Podium for it. It may be right, but somebody should know.
    "out-of-band": "warning",
    # A person has to look: a machine is not as it was asked for, or nothing is known of it any more.
    "failed request": "error",
    "fault": "error",
}


def of_severity(least: str) -> frozenset[str]:
    """Return the causes of events that are of a severity or a greater one."""
    wanted = SEVERITIES[SEVERITIES.index(least) :]
    return frozenset(cause for cause, severity in SEVERITY.items() if severity in wanted)
