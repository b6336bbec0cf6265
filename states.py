"""The words for power states, the same as Ironic's.

A node that was never read has no state: None, not one of these words. The words are plain texts; with their
types, as in ``-> states.PowerState``, a type checker finds a misspelt one.
"""

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias, get_args

__all__ = [
    "ACTIONS",
    "CHANGE_CREDENTIALS",
    "ERROR",
    "HEALTHS",
    "INJECT_NMI",
    "POWER_CYCLE",
    "POWER_OFF",
    "POWER_ON",
    "REACHED",
    "READINGS",
    "REBOOTING",
    "SOFT_POWER_OFF",
    "SOFT_REBOOTING",
    "TARGETS",
    "Action",
    "PowerState",
    "Target",
]

POWER_ON: Final = "power on"
POWER_OFF: Final = "power off"
REBOOTING: Final = "rebooting"
SOFT_POWER_OFF: Final = "soft power off"
SOFT_REBOOTING: Final = "soft rebooting"
ERROR: Final = "error"
POWER_CYCLE: Final = "power cycle"
INJECT_NMI: Final = "inject nmi"
#: What a request is for that leaves the power alone, and stands where those for the power stand.
CHANGE_CREDENTIALS: Final = "change credentials"

#: What drivers report of the health of nodes and sensors, in Redfish's words, by the word that people type.
HEALTHS: Final[Mapping[str, str]] = {"ok": "OK", "warning": "Warning", "critical": "Critical"}

#: What a read of the hardware may return.
PowerState: TypeAlias = Literal["power on", "power off", "error"]
#: What ``Driver.set_power_state`` may be asked for.
Target: TypeAlias = Literal["power on", "power off", "rebooting", "soft power off", "soft rebooting"]
#: What people may request for a node.
Action: TypeAlias = Literal[Target, "power cycle", "inject nmi"]

#: States that a read of the hardware may return.
READINGS: Final[frozenset[str]] = frozenset(get_args(PowerState))

#: Targets of ``Driver.set_power_state``.
TARGETS: Final[frozenset[str]] = frozenset(get_args(Target))

#: Actions that people may request for a node.
ACTIONS: Final[frozenset[str]] = frozenset(get_args(Action))

#: The state of a node once the action is done. An NMI has none: it is done when the driver reports success.
REACHED: Final[Mapping[str, PowerState]] = {
    POWER_ON: POWER_ON,
    POWER_OFF: POWER_OFF,
    REBOOTING: POWER_ON,
    SOFT_POWER_OFF: POWER_OFF,
    SOFT_REBOOTING: POWER_ON,
    POWER_CYCLE: POWER_ON,
}
