"""What may be asked of a driver's nodes: what it does by itself, and what the conductor makes of that."""

from podium import states
from podium.drivers.base import Driver


def actions(driver: Driver | type[Driver]) -> frozenset[str]:
    """The words of podium.states.ACTIONS that a driver has what it takes for.

    The conductor makes a power cycle and a soft reboot of their halves.
    """
    able = set(driver.supported_power_states)
    if {states.POWER_OFF, states.POWER_ON} <= able:
        able.add(states.POWER_CYCLE)
    if {states.SOFT_POWER_OFF, states.POWER_ON} <= able:
        able.add(states.SOFT_REBOOTING)
    own = driver if isinstance(driver, type) else type(driver)
    if own.inject_nmi is not Driver.inject_nmi:
        able.add(states.INJECT_NMI)
    return frozenset(able)
