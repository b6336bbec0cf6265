"""What a system boots from: BootSourceOverride in the object ``Boot`` of ComputerSystem (DMTF DSP2046).

The choice for the next boot is in the system itself or, if it has one with these properties, in its settings
resource (DSP0266, section "Settings resource").
"""

from dataclasses import dataclass
from typing import Any, Final

from podium import errors
from podium.drivers import base
from podium.drivers.redfish import resources
from podium.drivers.redfish.abilities.change import change, is_of_value
from podium.drivers.redfish.http.answers import ENDS
from podium.drivers.redfish.http.client import Refused, Response
from podium.drivers.redfish.machine.walk import linked
from podium.drivers.redfish.system import System

_TARGET: Final = "BootSourceOverrideTarget"
_ENABLED: Final = "BootSourceOverrideEnabled"
_MODE: Final = "BootSourceOverrideMode"
_LISTED: Final = "@Redfish.AllowableValues"
_NONE: Final = "None"
_OFF: Final = "Disabled"
#: A BMC's words for each device, the usual one first.
_TARGETS: Final = {
    "pxe": ("Pxe",),
    "disk": ("Hdd",),
    "cdrom": ("Cd", "UsbCd"),
    "bios": ("BiosSetup",),
    "default": (_NONE,),
}
_DEVICES: Final = {word.lower(): device for device, words in _TARGETS.items() for word in words}
_MODES: Final = {"bios": "Legacy", "uefi": "UEFI"}
_MODE_WORDS: Final = {word.lower(): mode for mode, word in _MODES.items()}


@dataclass(frozen=True, slots=True)
class _Place:
    """A resource in which the BMC accepts properties of ``Boot``."""

    path: str
    response: Response

    @property
    def boot(self) -> dict[str, Any]:
        return resources.part(self.response.body, "Boot")


class _Override:
    """What a system boots from, as just read.

    :param places: the system, and then its settings resource if that has some of these properties
    """

    def __init__(self, system: System, places: list[_Place]) -> None:
        self._system = system
        self._places = places
        given = (item for place in places for item in place.boot.items())
        self._boot = {key: value for key, value in given if value is not None}

    @property
    def chosen(self) -> base.BootDevice:
        target = (resources.text(self._boot, _TARGET) or "").lower()
        enabled = (resources.text(self._boot, _ENABLED) or "").lower()
        mode = _MODE_WORDS.get((self.mode or "").lower())
        if enabled == _OFF.lower() or target == _NONE.lower():
            return base.BootDevice("default", mode=mode)
        return base.BootDevice(_DEVICES.get(target, target) or None, enabled == "continuous", mode)

    @property
    def mode(self) -> str | None:
        """The mode in the BMC's word."""
        return resources.text(self._boot, _MODE)

    def target(self, device: str) -> str | None:
        """Return a device in the BMC's word; None if the BMC does not have it."""
        listed = resources.member(self._boot, _TARGET + _LISTED, list) or []
        spellings = {word.lower(): word for word in listed if isinstance(word, str)}
        words = _TARGETS.get(device, ())
        known = (spellings.get(word.lower()) if spellings else word for word in words)
        return next(filter(None, known), None)

    @property
    def supported(self) -> tuple[str, ...]:
        return tuple(device for device in base.BOOT_DEVICES if device == "default" or self.target(device))

    async def take(self, properties: dict[str, str]) -> None:
        """Change properties of ``Boot``, each in the resource where the BMC has it."""
        for place in reversed(self._places):
            own = {key: value for key, value in properties.items() if self._place(key) is place}
            if own:
                await change(self._system.bmc, place.path, place.response, {"Boot": own})

    def _place(self, key: str) -> _Place:
        return next((place for place in reversed(self._places) if key in place.boot), self._places[0])


async def read(system: System) -> base.Boot:
    """Read what a system boots from.

    :raises podium.errors.Unsupported: the BMC has no such setting
    :raises podium.errors.DriverError: it does not answer, or refuses
    """
    found = await _read(system)
    return base.Boot(found.chosen, found.supported)


async def choose(system: System, boot: base.BootDevice) -> None:
    """Change what a system boots from.

    :raises podium.errors.Unsupported: the BMC has no such device
    :raises podium.errors.DriverError: it does not answer, or refuses
    """
    found = await _read(system)
    target = found.target(boot.device or "")
    if target is None and boot.device != "default":
        raise errors.Unsupported(
            f"BMC {system.bmc.target} cannot have {system.path} boot from {boot.device}, only from "
            f"{', '.join(found.supported)}"
        )
    refusal: Refused | None = None
    for steps in _ways(boot, target, found.mode):
        try:
            for properties in steps:
                await found.take(properties)
            return
        except Refused as refused:
            if not is_of_value(refused):
                raise
            refusal = refusal or refused
    assert refusal is not None
    raise refusal


def _ways(boot: base.BootDevice, target: str | None, mode: str | None) -> list[list[dict[str, str]]]:
    """Return the possible request sequences, the usual one first.

    Some BMCs want all three properties together, others the mode in a request of its own; some do not accept
    a target together with ``Disabled``.

    :param mode: the present mode, in the BMC's word
    """
    wanted = _MODES.get(boot.mode or "")
    if wanted is not None and wanted.lower() == (mode or "").lower():
        wanted = None
    ways = []
    for device in _forms(boot, target):
        if wanted is not None:
            ways += [[device | {_MODE: wanted}], [{_MODE: wanted}, device]]
        else:
            ways += [[device]] + ([[device | {_MODE: mode}]] if mode and _TARGET in device else [])
    return ways


def _forms(boot: base.BootDevice, target: str | None) -> list[dict[str, str]]:
    """Return the properties without the mode, the usual form first."""
    if boot.device != "default":
        return [{_TARGET: target or "", _ENABLED: "Continuous" if boot.persistent else "Once"}]
    whole, switch = {_TARGET: target or _NONE, _ENABLED: _OFF}, {_ENABLED: _OFF}
    return [switch, whole] if target is None else [whole, switch, {_TARGET: target}]


async def _read(system: System) -> _Override:
    response = await system.resource()
    places = [_Place(system.path, response)]
    if path := linked(response.body, "@Redfish.Settings", "SettingsObject"):
        try:
            places.append(_Place(path, await system.bmc.get(path)))
        except ENDS:
            raise
        except errors.DriverError:
            pass  # it may be announced before it exists
    if not any(key in place.boot for place in places for key in (_TARGET, _ENABLED)):
        raise errors.Unsupported(f"BMC {system.bmc.target} does not say what {system.path} boots from")
    return _Override(system, places)
