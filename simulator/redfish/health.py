"""Shows the faults of a simulated machine as the Status of Redfish resources (schema Resource, DSP2046)."""

from dataclasses import dataclass
from typing import Any, Final

from podium.simulator.faults import Faults


@dataclass(frozen=True, slots=True)
class Condition:
    """The effect of a fault.

    :param fault: the field of :class:`podium.simulator.faults.Faults`
    :param message_id: message in the registries of DSP8011, if there is one
    :param origin: the faulty resource, below the chassis
    """

    fault: str
    severity: str
    message_id: str
    text: str
    arguments: tuple[str, ...]
    origin: str


CONDITIONS: Final = (
    Condition(
        "power_fault",
        "Critical",
        "Power.1.0.PowerSupplyFailed",
        "Power supply 'PSU2' has failed.",
        ("PSU2",),
        "/PowerSubsystem/PowerSupplies/PSU2",
    ),
    Condition(
        "cooling_fault",
        "Critical",
        "Environmental.1.0.FanFailed",
        "Fan 'Fan1' has failed.",
        ("Fan1",),
        "/ThermalSubsystem/Fans/Fan1",
    ),
    Condition(
        "drive_fault",
        "Critical",
        "StorageDevice.1.1.DriveFailure",
        "A failure condition exists on the drive located at 'Bay 1'.",
        ("Bay 1",),
        "/Drives/1",
    ),
    Condition(
        "intrusion",
        "Warning",
        "PodiumSim.1.0.ChassisOpened",
        "The chassis has been opened.",
        (),
        "",
    ),
)


def found(faults: Faults) -> list[Condition]:
    """Return the conditions that faults cause."""
    return [condition for condition in CONDITIONS if getattr(faults, condition.fault)]


def worst(faults: Faults) -> str:
    """Return the health of the whole machine."""
    severities = {condition.severity for condition in found(faults)}
    return "Critical" if "Critical" in severities else "Warning" if severities else "OK"


def status(health: str = "OK") -> dict[str, Any]:
    """Return the Status of a resource, regardless of its parts."""
    return {"State": "Enabled", "Health": health}


def part_status(faults: Faults, origin: str) -> dict[str, Any]:
    """Return the Status of a part, by its place below the chassis."""
    return status(next((one.severity for one in found(faults) if one.origin == origin), "OK"))


def rollup(faults: Faults, chassis: str) -> dict[str, Any]:
    """Return the Status of a resource that has parts.

    :param chassis: the path of the chassis of the parts
    """
    conditions = [
        {
            "MessageId": condition.message_id,
            "Message": condition.text,
            "MessageArgs": list(condition.arguments),
            "Severity": condition.severity,
            "OriginOfCondition": {"@odata.id": chassis + condition.origin},
        }
        for condition in found(faults)
    ]
    return {**status(), "HealthRollup": worst(faults), "Conditions": conditions}
