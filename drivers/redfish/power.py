"""Which reset achieves a requested power state, and what a PowerState means.

Source: DMTF DSP2046, schema ``Resource``: PowerState and ResetType; ``ComputerSystem``: action Reset.
"""

from typing import Any, Final

from podium import errors, states
from podium.drivers.redfish import resources
from podium.drivers.redfish.http import answers

ON: Final = "On"
OFF: Final = "Off"
PAUSED: Final = "Paused"
POWERING_ON: Final = "PoweringOn"
POWERING_OFF: Final = "PoweringOff"

#: The meaning of a lasting PowerState. A paused machine keeps its memory and consumes power.
SETTLED: Final = {ON: states.POWER_ON, OFF: states.POWER_OFF, PAUSED: states.POWER_ON}

#: The state before a transitional PowerState.
PASSING: Final = {POWERING_ON: states.POWER_OFF, POWERING_OFF: states.POWER_ON}

#: Resets that do no harm when a BMC receives them twice.
REPEATABLE: Final = frozenset({"On", "ForceOn", "ForceOff", "Resume"})

# A hard reboot does not rely on the operating system. A power button is never pressed: if the machine is off
# in truth, or if it is pressed twice, it does the opposite.
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
_STATES: Final = frozenset({*SETTLED, *PASSING})
_AROUND: Final = " \t\r\n\0"
_SPELLINGS: Final = {state.lower(): state for state in _STATES}
_NOT_SUPPORTED: Final = frozenset(
    {
        "ActionNotSupported",
        "ActionParameterNotSupported",
        "ActionParameterValueNotInList",
        "PropertyValueNotInList",
    }
)
#: Messages of refusals that depend on the moment, or on who asks.
_NOT_NOW: Final = frozenset(
    {
        "ActionParameterValueConflict",
        "InsufficientPrivilege",
        "InternalError",
        "OperationTimeout",
        "ResourceInStandby",
        "ResourceInUse",
        "ServiceInUnknownState",
        "ServiceShuttingDown",
        "ServiceTemporarilyUnavailable",
    }
)
_CONDITIONS: Final = frozenset({"PreconditionFailed", "PreconditionRequired"})
_BAD_REQUEST: Final = 400
_METHOD_NOT_ALLOWED: Final = 405
_NOT_IMPLEMENTED: Final = 501
_PRECONDITION_FAILED: Final = 412
_PRECONDITION_REQUIRED: Final = 428


def known(value: Any) -> str | None:
    """Return the PowerState that a BMC means, in whichever case it writes it; None for any other value.

    :param value: any JSON value
    """
    if not isinstance(value, str):
        return None
    return value if value in _STATES else _SPELLINGS.get(value[:20].strip(_AROUND).lower())


def missing(bmc: object, path: str, body: dict[str, Any]) -> errors.DriverError:
    """Return the error for a resource without a power state, with the BMC's own explanation.

    :param bmc: its name, and ``path`` the resource's
    """
    own = answers.words({"@Message.ExtendedInfo": body.get("PowerState@Message.ExtendedInfo")})
    why = resources.line(own or answers.words(body) or body.get("message") or "")
    word = _shown(body["PowerState"]) if "PowerState" in body else "missing"
    return errors.DriverError(
        f"BMC {bmc} reports no power state of {path}: PowerState is {word}{'; ' if why else ''}{why}"
    )


def _shown(value: Any) -> str:
    """Return a JSON value as the BMC may have written it, shortened for people."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return f'"{resources.line(value, 40)}"' if isinstance(value, str) else "not a text"


def resets(action: str, power: str | None) -> tuple[str, ...]:
    """Return the ResetTypes that carry out an action, the usual one first.

    :param action: one of podium.states.TARGETS or INJECT_NMI
    :param power: the PowerState that was just read; None if it was not valid
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


def is_under_way(action: str, power: str | None) -> bool:
    """Whether a machine is in the state that an action leads to, or about to be, whatever the cause."""
    return power in _UNDER_WAY.get(action, ())


def is_unsupported(status: int, messages: tuple[str, ...]) -> bool:
    """Whether the BMC refused a reset because it does not have it, in any state of the machine.

    :param status: of the HTTP answer
    :param messages: MessageIds, ``Base.1.8.ActionNotSupported`` (DSP0266, section on message registries)
    """
    return status in (_METHOD_NOT_ALLOWED, _NOT_IMPLEMENTED) or not _names(messages).isdisjoint(
        _NOT_SUPPORTED
    )


def may_be_unsupported(status: int, messages: tuple[str, ...]) -> bool:
    """Whether the BMC may lack a refused reset: it calls the request invalid."""
    return status == _BAD_REQUEST and not is_passing(messages)


def is_passing(messages: tuple[str, ...]) -> bool:
    """Whether a refusal depends on the moment, or on the user."""
    return not _names(messages).isdisjoint(_NOT_NOW)


def is_conditional(status: int, messages: tuple[str, ...]) -> bool:
    """Whether a request was not carried out because it needs another ETag, or needs one at all."""
    return status in (_PRECONDITION_FAILED, _PRECONDITION_REQUIRED) or (
        not _names(messages).isdisjoint(_CONDITIONS)
    )


def _names(messages: tuple[str, ...]) -> set[str]:
    return {message.rpartition(".")[2] for message in messages}
