"""The words for power states, the same as Ironic's.

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

#: States that a read of the hardware may return.
READINGS: Final = frozenset({POWER_ON, POWER_OFF, ERROR})

#: Targets of ``Driver.set_power_state``.
TARGETS: Final = frozenset({POWER_ON, POWER_OFF, REBOOTING, SOFT_POWER_OFF, SOFT_REBOOTING})

#: Actions that people may request for a node.
ACTIONS: Final = TARGETS | {POWER_CYCLE, INJECT_NMI}

#: The state of a node once the action is done. An NMI has none: it is done when the driver reports success.
REACHED: Final = {
    POWER_ON: POWER_ON,
    POWER_OFF: POWER_OFF,
    REBOOTING: POWER_ON,
    SOFT_POWER_OFF: POWER_OFF,
    SOFT_REBOOTING: POWER_ON,
    POWER_CYCLE: POWER_ON,
}
