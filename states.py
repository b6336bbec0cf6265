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

#: What a read of the hardware may answer.
READINGS: Final = frozenset({POWER_ON, POWER_OFF, ERROR})

#: What may be asked of a node.
TARGETS: Final = frozenset({POWER_ON, POWER_OFF, REBOOTING, SOFT_POWER_OFF, SOFT_REBOOTING})

#: The state that a node is in once the target was reached.
REACHED: Final = {
    POWER_ON: POWER_ON,
    POWER_OFF: POWER_OFF,
    REBOOTING: POWER_ON,
    SOFT_POWER_OFF: POWER_OFF,
    SOFT_REBOOTING: POWER_ON,
}
