"""The action ComputerSystem.Reset of one system (DSP2046): its place, its values, and how it is sent."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from podium import errors
from podium.drivers.redfish import conditions, power, resources
from podium.drivers.redfish.http import answers, origin
from podium.drivers.redfish.http.client import BMC, Refused

_PUSH: Final = "PushPowerButton"


@dataclass(frozen=True, slots=True)
class Kind:
    """A ResetType.

    :param spelled: the BMC's spelling
    """

    name: str
    spelled: str

    @property
    def is_repeatable(self) -> bool:
        """Whether it does no harm when the BMC receives it twice."""
        return self.name in power.REPEATABLE

    @property
    def is_button(self) -> bool:
        """Whether it presses the power button, which does the opposite if pressed too often."""
        return self.name == _PUSH


def target(reset: dict[str, Any], path: str, own: str | None) -> str:
    """Return where a reset is posted to.

    :param reset: the action, from the system's resource
    :param path: the system's, and ``own`` the path that its resource names, which may differ
    :raises podium.errors.DriverError: it would reset another system
    """
    given = resources.member(reset, "target", str)
    if given and all(origin.is_of_sibling(given, home) for home in (path, own or path)):
        raise errors.DriverError(
            f"BMC names {resources.line(given)} for the reset of {path}: that would reset another system; "
            "set redfish_system_id to the one that is meant, or renew the BMC's firmware"
        )
    return given or f"{path.rstrip('/')}/Actions/ComputerSystem.Reset"


async def allowed(bmc: BMC, reset: dict[str, Any]) -> tuple[str, ...]:
    """Return the ResetTypes that the BMC allows; empty if it does not list them."""
    listed = _words(reset, "ResetType@Redfish.AllowableValues")
    info = resources.member(reset, "@Redfish.ActionInfo", str)
    if listed or not info:
        return listed
    try:
        return _parameter_values((await bmc.get(info)).body)
    except answers.ENDS:
        raise
    except errors.DriverError:
        return ()


def choices(wanted: tuple[str, ...], allowed: tuple[str, ...]) -> list[Kind]:
    """Return the resets that achieve the goal and that the BMC lists; none of these if it lists none.

    The others follow, for a BMC that refuses what it lists: then its list is of no use.
    """
    if not allowed:
        return [Kind(name, name) for name in wanted]
    spellings = {word.lower(): word for word in reversed(allowed)}
    listed = [Kind(name, spellings[name.lower()]) for name in wanted if name.lower() in spellings]
    others = [Kind(name, name) for name in wanted if name.lower() not in spellings and name != _PUSH]
    return listed + others if listed else []


async def attempt(
    kinds: Sequence[Kind],
    send: Callable[[Kind], Awaitable[None]],
    is_under_way: Callable[[], Awaitable[bool]],
) -> Refused | None:
    """Try one reset after another, until the BMC accepts one, or refuses one that it has.

    :param is_under_way: whether the goal of the resets is reached or under way already
    :returns: why the BMC accepted none; None once it accepted one
    :raises podium.errors.DriverError: a refusal for another or an uncertain reason, or no answer
    """
    refusal = doubtful = None
    for kind in kinds:
        if doubtful is not None and kind.is_button:
            break
        try:
            await send(kind)
            return None
        except Refused as refused:
            if await is_under_way():
                return None
            refusal = refused
        if not power.is_unsupported(refusal.status, refusal.messages):
            if not power.may_be_unsupported(refusal.status, refusal.messages):
                raise refusal
            doubtful = refusal
    if doubtful is not None:
        raise doubtful
    return refusal


async def send(bmc: BMC, target: str, kind: Kind, etags: Sequence[str | None]) -> Refused | None:
    """Post a reset with the first of these ETags that the BMC accepts.

    :returns: as :func:`podium.drivers.redfish.conditions.send`
    :raises podium.errors.DriverError: the same
    """

    async def post(etag: str | None) -> None:
        await bmc.post(target, {"ResetType": kind.spelled}, repeatable=kind.is_repeatable, etag=etag)

    return await conditions.send(post, etags)


def _words(body: dict[str, Any], key: str) -> tuple[str, ...]:
    words = resources.member(body, key, list) or []
    return tuple(word for word in words[: resources.MAX_ENTRIES] if isinstance(word, str))


def _parameter_values(info: dict[str, Any]) -> tuple[str, ...]:
    """Return what an ActionInfo allows for ResetType (DSP0266, section on the ActionInfo resource)."""
    for parameter in resources.objects(info, "Parameters"):
        if parameter.get("Name") == "ResetType":
            return _words(parameter, "AllowableValues")
    return ()
