"""The words for power states, the same as Ironic's.

A node that was never read has no state: None, not one of these words. The words are plain texts; with their
types, as in ``-> states.PowerState``, a type checker finds misspelt words.
"""

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias, get_args

__all__ = [
    "ACTIONS",
    "BESIDE_POWER",
    "CHANGE_CREDENTIALS",
    "CLEAR_LOG",
    "DRIVER_ACTION",
    "ERROR",
    "HEALTHS",
    "IDENTIFY",
    "INJECT_NMI",
    "POWER_CYCLE",
    "POWER_OFF",
    "POWER_ON",
    "REACHED",
    "READINGS",
    "REBOOTING",
    "SET_BOOT_DEVICE",
    "SET_CLOCK",
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
SET_BOOT_DEVICE: Final = "set boot device"
IDENTIFY: Final = "identify"
CLEAR_LOG: Final = "clear log"
SET_CLOCK: Final = "set clock"
DRIVER_ACTION: Final = "driver action"
#: The action of a request that changes credentials instead of the power.
CHANGE_CREDENTIALS: Final = "change credentials"

#: The health of nodes and sensors in Redfish's words, as drivers report it, by the word that people type.
HEALTHS: Final[Mapping[str, str]] = {"ok": "OK", "warning": "Warning", "critical": "Critical"}

#: Possible results of a read of the hardware.
PowerState: TypeAlias = Literal["power on", "power off", "error"]
#: Possible targets of ``Driver.set_power_state``.
Target: TypeAlias = Literal["power on", "power off", "rebooting", "soft power off", "soft rebooting"]
#: What people may request of a node's hardware besides its power.
_BesidePower: TypeAlias = Literal["set boot device", "identify", "clear log", "set clock", "driver action"]
#: What people may request for a node.
Action: TypeAlias = Literal[Target, "power cycle", "inject nmi", _BesidePower]

#: States that a read of the hardware may return.
READINGS: Final[frozenset[str]] = frozenset(get_args(PowerState))

#: Targets of ``Driver.set_power_state``.
TARGETS: Final[frozenset[str]] = frozenset(get_args(Target))

#: Actions that people may request for a node.
ACTIONS: Final[frozenset[str]] = frozenset(get_args(Action))

#: Actions that do not change the power: boot device, LED, log, clock, and actions that drivers define.
BESIDE_POWER: Final[frozenset[str]] = frozenset(get_args(_BesidePower))

#: The state of a node once the action is done. Other actions are done when the driver's method returns.
REACHED: Final[Mapping[str, PowerState]] = {
    POWER_ON: POWER_ON,
    POWER_OFF: POWER_OFF,
    REBOOTING: POWER_ON,
    SOFT_POWER_OFF: POWER_OFF,
    SOFT_REBOOTING: POWER_ON,
    POWER_CYCLE: POWER_ON,
}
