"""The LED of a simulated machine (DSP2046, ``LocationIndicatorActive`` and the older ``IndicatorLED``)."""

from typing import Any, Final

from podium.simulator.redfish.answers import Message
from podium.simulator.redfish.bmc import BMC
from podium.simulator.redfish.documents import Document

NEWER: Final = "LocationIndicatorActive"
OLDER: Final = "IndicatorLED"
_LISTED: Final = f"{OLDER}@Redfish.AllowableValues"


def document(bmc: BMC, system: str, *, chassis: bool) -> Document:
    """Return the properties for the LED of a system or of its chassis."""
    wrong, lit = bmc.faults, bmc.machines[system].lit
    if "identify" in wrong.lacks or (wrong.chassis_indicator and not chassis):
        return {}
    if not wrong.old_indicator:
        return {NEWER: lit}
    return {OLDER: "Lit" if lit else "Off", _LISTED: ["Lit", "Off"]} if chassis else {OLDER: "Unknown"}


def change(bmc: BMC, system: str, name: str, value: Any, *, chassis: bool) -> Message | None:
    """Turn the LED on or off. Returns the reason if this is refused."""
    known = document(bmc, system, chassis=chassis)
    words = known.get(_LISTED, () if OLDER in known else (True, False))
    if name not in known or not words:
        text = f"The property {name} is a read-only property and cannot be assigned a value."
        return Message(400, "PropertyNotWritable", text, (name,))
    if value not in words:
        text = f"The value '{value}' for the property {name} is not in the list of acceptable values."
        return Message(400, "PropertyValueNotInList", text, (str(value), name))
    bmc.machines[system].lit = value in ("Lit", True)
    return None
