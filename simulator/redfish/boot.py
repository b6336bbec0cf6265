"""The boot device of a simulated machine (schema ComputerSystem, ``Boot``), and changes of it."""

from collections.abc import Mapping
from typing import Any, Final

from podium.simulator.faults import Faults
from podium.simulator.redfish.answers import Message

TARGETS: Final = ("None", "Pxe", "Hdd", "Cd", "BiosSetup", "UefiHttp")
_TARGET: Final = "BootSourceOverrideTarget"
_ENABLED: Final = "BootSourceOverrideEnabled"
_MODE: Final = "BootSourceOverrideMode"
_VALUES: Final = {_TARGET: TARGETS, _ENABLED: ("Disabled", "Once", "Continuous"), _MODE: ("Legacy", "UEFI")}
_NOTHING: Final = {_TARGET: "None", _ENABLED: "Disabled"}
_AT_FIRST: Final[Mapping[str, str]] = {**_NOTHING, _MODE: "UEFI"}  # of every machine, until it is changed
_ORDER: Final = "default"


class Boot:
    """The next boot device of one machine, and the last one."""

    __slots__ = ("_chosen", "booted", "boots")

    def __init__(self) -> None:
        self._chosen = _AT_FIRST
        self.booted: str | None = None  #: the target of its last boot, or "default"
        self.boots = 0  #: the number of boots

    @property
    def _is_enabled(self) -> bool:
        return self._chosen[_ENABLED] != "Disabled" and self._chosen[_TARGET] != "None"

    @property
    def chosen(self) -> str:
        """The chosen boot device, in words."""
        if not self._is_enabled:
            return _ORDER
        return f"{self._chosen[_TARGET]}, {self._chosen[_ENABLED].lower()}, {self._chosen[_MODE]}"

    def document(self, faults: Faults) -> dict[str, Any]:
        """Return the object ``Boot`` of the system, or of its settings resource if changes are made there."""
        listed = {} if faults.boot_unlisted else {f"{_TARGET}@Redfish.AllowableValues": list(TARGETS)}
        return {**self._chosen, **listed}

    def change(self, properties: Any, faults: Faults) -> Message | None:
        """Carry out a change. Returns the reason if it is refused."""
        if not isinstance(properties, dict) or not properties:
            return _wrong("PropertyValueTypeError", "The value for the property Boot is no object.", "Boot")
        for name, value in properties.items():
            if name not in _VALUES:
                return _wrong("PropertyUnknown", f"The property {name} is not known.", name)
            if value not in _VALUES[name]:
                text = f"The value '{value}' for the property {name} is not in the list of acceptable values."
                return _wrong("PropertyValueNotInList", text, str(value), name)
        if faults.boot_mode_alone and _MODE in properties and len(properties) > 1:
            return _wrong("PropertyValueConflict", f"{_MODE} is changed by itself.", _MODE, _TARGET)
        if faults.boot_whole and len(properties) < len(_VALUES):
            (missing, *_) = _VALUES.keys() - properties.keys()
            return _wrong("PropertyMissing", f"The property {missing} is required and is missing.", missing)
        if not faults.boot_lies:
            self._chosen = {**self._chosen, **properties}
        return None

    def use(self) -> None:
        """Boot the machine."""
        self.boots += 1
        self.booted = self._chosen[_TARGET] if self._is_enabled else _ORDER
        if self._chosen[_ENABLED] == "Once":
            self._chosen = {**self._chosen, **_NOTHING}


def _wrong(name: str, text: str, *arguments: str) -> Message:
    return Message(400, name, text, arguments)
