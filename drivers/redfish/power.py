"""Which reset brings about what is asked for, and what a PowerState means.

Source: DMTF DSP2046, schema ``Resource``: PowerState and ResetType; ``ComputerSystem``: action Reset.
"""

from typing import Any, Final

from podium import errors, states

ON: Final = "On"
OFF: Final = "Off"
PAUSED: Final = "Paused"
POWERING_ON: Final = "PoweringOn"
POWERING_OFF: Final = "PoweringOff"

#: The meaning of a PowerState that stays. A paused machine holds its memory and takes power.
SETTLED: Final = {ON: states.POWER_ON, OFF: states.POWER_OFF, PAUSED: states.POWER_ON}

#: The state before a PowerState that passes.
PASSING: Final = {POWERING_ON: states.POWER_OFF, POWERING_OFF: states.POWER_ON}

#: Resets that do no harm when a BMC hears them twice.
REPEATABLE: Final = frozenset({"On", "ForceOn", "ForceOff", "Resume"})

# A hard reboot does not rely on the operating system. A power button is never pressed: for a machine that is
# off in truth, or when pressed twice, it does the opposite.
_RESETS: Final = {
    states.POWER_ON: ("On", "ForceOn"),
    states.POWER_OFF: ("ForceOff", "GracefulShutdown"),
    states.REBOOTING: ("ForceRestart", "PowerCycle"),
    states.SOFT_POWER_OFF: ("GracefulShutdown", "PushPowerButton"),
    states.INJECT_NMI: ("Nmi",),
}
_UNDER_WAY: Final = {
    states.POWER_ON: (ON, POWERING_ON),
    states.POWER_OFF: (OFF, POWERING_OFF),
    states.SOFT_POWER_OFF: (OFF, POWERING_OFF),
}
_NOT_SUPPORTED: Final = frozenset(
    {
        "ActionNotSupported",
        "ActionParameterNotSupported",
        "ActionParameterValueNotInList",
        "PropertyValueNotInList",
    }
)
_METHOD_NOT_ALLOWED: Final = 405
_NOT_IMPLEMENTED: Final = 501


def resets(action: str, power: Any) -> tuple[str, ...]:
    """The ResetTypes that do what is asked for, the usual one first.

    :param action: one of podium.states.TARGETS or INJECT_NMI
    :param power: the PowerState that was just read; any JSON value
    :raises podium.errors.UnsupportedPowerState: no reset does that
    """
    if action == states.REBOOTING and power == OFF:
        action = states.POWER_ON
    if action == states.POWER_ON and power == PAUSED:
        return ("Resume", *_RESETS[action])
    if action == states.SOFT_POWER_OFF and power != ON:
        return ("GracefulShutdown",)
    if action not in _RESETS:
        raise errors.UnsupportedPowerState(f"no Redfish reset does {action!r} for certain")
    return _RESETS[action]


def is_under_way(action: str, power: Any) -> bool:
    """Whether a machine is, or is about to be, where an action leads, whoever brought it there."""
    return power in _UNDER_WAY.get(action, ())


def is_unsupported(status: int, messages: tuple[str, ...]) -> bool:
    """Whether a refused reset is one that the BMC does not have, in any state of the machine.

    :param status: of the HTTP answer
    :param messages: MessageIds, ``Base.1.8.ActionNotSupported`` (DSP0266, section on message registries)
    """
    names = {message.rpartition(".")[2] for message in messages}
    return status in (_METHOD_NOT_ALLOWED, _NOT_IMPLEMENTED) or not names.isdisjoint(_NOT_SUPPORTED)
