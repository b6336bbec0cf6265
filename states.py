"""The words for power states, as Ironic's users and tools know them.

A node that was never read has no state: None, not one of these words.
"""

from typing import Final

POWER_ON: Final = "power on"
POWER_OFF: Final = "power off"
REBOOTING: Final = "rebooting"
SOFT_POWER_OFF: Final = "soft power off"
SOFT_REBOOTING: Final = "soft rebooting"
ERROR: Final = "error"
POWER_CYCLE: Final = "power cycle"
INJECT_NMI: Final = "inject nmi"

#: What a read of the hardware may answer.
READINGS: Final = frozenset({POWER_ON, POWER_OFF, ERROR})

#: What a driver may be told to bring a node to.
TARGETS: Final = frozenset({POWER_ON, POWER_OFF, REBOOTING, SOFT_POWER_OFF, SOFT_REBOOTING})

#: What people may ask of a node.
ACTIONS: Final = TARGETS | {POWER_CYCLE, INJECT_NMI}

#: The state that a node is in once the action is done; an NMI has none, its driver's word is its end.
REACHED: Final = {
    POWER_ON: POWER_ON,
    POWER_OFF: POWER_OFF,
    REBOOTING: POWER_ON,
    SOFT_POWER_OFF: POWER_OFF,
    SOFT_REBOOTING: POWER_ON,
    POWER_CYCLE: POWER_ON,
}
