"""The arguments of actions, besides the nodes: their checks, and how they are stored and shown."""

import math
from collections.abc import Collection, Mapping
from typing import Any, Final

import msgspec

from podium import errors, states
from podium.client.calls.operations import AskPower, BootChoice, Identification, OwnAction, SeenLog
from podium.drivers import actions
from podium.drivers.abilities import BootDevice
from podium.drivers.actions import DriverAction
from podium.wording import shortened

#: Actions after which a machine boots.
_BOOTS: Final = (
    *(states.POWER_ON, states.REBOOTING, states.SOFT_REBOOTING, states.POWER_CYCLE),
    states.SET_BOOT_DEVICE,
)
_KINDS: Final[Mapping[str, type[msgspec.Struct]]] = {
    "boot": BootChoice,
    "identification": Identification,
    "log": SeenLog,
    "own": OwnAction,
}
#: The actions that each argument goes with, and those that need it.
_GOES_WITH: Final[Mapping[str, Collection[str]]] = {
    "boot": _BOOTS,
    "identification": (states.IDENTIFY,),
    "log": (states.CLEAR_LOG,),
    "own": (states.DRIVER_ACTION,),
}
_NEEDS: Final[Mapping[str, str]] = {
    states.SET_BOOT_DEVICE: "boot",
    states.IDENTIFY: "identification",
    states.CLEAR_LOG: "log",
    states.DRIVER_ACTION: "own",
}
#: Maximum characters of the words for the arguments.
_LONGEST: Final = 64


def check(call: AskPower) -> None:
    """Check that the arguments belong to the action, and none is missing.

    :raises podium.errors.BadRequest: naming those that do not belong
    """
    for name, which in _GOES_WITH.items():
        if (one := getattr(call, name)) is None:
            continue
        _check_values(name, one)
        if call.action not in which:
            raise errors.BadRequest(f"{name} goes with {' and '.join(which)}, not with {call.action}")
    if is_at_feed(call) and (call.action != states.POWER_CYCLE or call.boot or call.stagger):
        raise errors.BadRequest(
            f"at = feed goes with {states.POWER_CYCLE} alone, and without boot and stagger"
        )
    needed = _NEEDS.get(call.action)
    if needed is not None and getattr(call, needed) is None:
        raise errors.BadRequest(f"{call.action} needs {needed}")


def _check_values(name: str, one: Any) -> None:
    """Check values that did not come over HTTP, where they would have been checked."""
    if not isinstance(one, _KINDS[name]):
        raise errors.BadRequest(f"{name} is a {_KINDS[name].__name__}, not a {type(one).__name__}")
    try:
        found = msgspec.to_builtins(one)
        for value in (found.get("seconds"), *found.get("arguments", {}).values()):
            if isinstance(value, float) and not math.isfinite(value):
                raise errors.BadRequest(f"{name}: {value} is no number that can be asked for")
        msgspec.convert(found, _KINDS[name])
    except (msgspec.ValidationError, TypeError, ValueError, OverflowError) as wrong:
        raise errors.BadRequest(f"{name}: {errors.one_line(wrong)}") from None


def is_at_feed(call: AskPower) -> bool:
    """Whether nodes are switched at their feeds."""
    return call.at == "feed"


def arguments(call: AskPower) -> dict[str, Any] | None:
    """Return the arguments, as stored with the operation; None for nothing."""
    found = {
        name: msgspec.to_builtins(one) for name in _GOES_WITH if (one := getattr(call, name)) is not None
    }
    return found or None


def words(call: AskPower) -> str | None:
    """Return the arguments in a few words; None for nothing."""
    if call.boot is not None:
        return str(BootDevice(call.boot.device, call.boot.persistent, call.boot.mode))
    if call.identification is not None:
        return _length(call.identification)
    if call.log is not None:
        return cut(f"up to {call.log.last}")
    return None if call.own is None else cut(_own(call.own))


def _length(found: Identification) -> str:
    if found.seconds is None:
        return "until it is ended"
    return f"{found.seconds:g} s" if found.seconds else "end"


def _own(found: OwnAction) -> str:
    return " ".join((found.name, *(f"{name}={_shown(value)}" for name, value in found.arguments.items())))


def _shown(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def cut(text: str) -> str:
    """Shorten words that are too long for an operation."""
    return shortened(text, _LONGEST)


def unknown_own(found: OwnAction, driver: str, known: Mapping[str, DriverAction]) -> str | None:
    """Return why a driver does not have an action of its own; None if it has it.

    :param known: the actions of the driver
    :raises podium.errors.NotUnderstood: the action does not accept these arguments
    """
    of, _, name = found.name.partition(".")
    if of != driver or name not in known:
        there = ", ".join(f"{driver}.{one}" for one in sorted(known))
        rest = f", only {there}" if there else ", and has none of its own"
        return f"the driver {driver} does not know the action {found.name}{rest}"
    try:
        actions.given(known[name], found.arguments)
    except ValueError as wrong:
        raise errors.NotUnderstood(f"{driver}.{wrong}; nothing was requested") from None
    return None
