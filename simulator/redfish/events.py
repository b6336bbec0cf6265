"""The events of a simulated Redfish BMC (DSP0266, clause "Server-sent events")."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from podium.simulator.redfish.machine import OFF, ON, PAUSED, POWERING_OFF, POWERING_ON

_REGISTRY: Final = "ResourceEvent.1.4"
_POWER: Final = {
    ON: ("ResourcePoweredOn", "has powered on"),
    OFF: ("ResourcePoweredOff", "has powered off"),
    POWERING_ON: ("ResourcePoweringOn", "is powering on"),
    POWERING_OFF: ("ResourcePoweringOff", "is powering off"),
    PAUSED: ("ResourcePaused", "has been paused"),
}


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a machine.

    :param name: name in the registry ResourceEvent
    :param system: the id of the machine
    """

    name: str
    text: str
    arguments: tuple[str, ...]
    severity: str
    system: str


def power_event(system: str, power: str) -> Event:
    """Return the event of a changed power state."""
    name, what = _POWER[power]
    subject = f"System {system}"
    return Event(name, f"The resource `{subject}` {what}.", (subject,), "OK", system)


def status_event(system: str, health: str) -> Event:
    """Return the event of a changed health."""
    subject = f"System {system}"
    text = f"The health of resource `{subject}` has changed to {health}."
    return Event(f"ResourceStatusChanged{health}", text, (subject, health), health, system)


def render(event: Event, number: int) -> bytes:
    """Return an event in the format of an event stream.

    :param number: number of the event on this BMC
    """
    record = {
        "EventId": str(number),
        "EventType": "Other",
        "EventTimestamp": datetime.now(UTC).isoformat(timespec="seconds"),
        "MessageId": f"{_REGISTRY}.{event.name}",
        "Message": event.text,
        "MessageArgs": list(event.arguments),
        "MessageSeverity": event.severity,
        "Severity": event.severity,
        "MemberId": "0",
        "OriginOfCondition": {"@odata.id": f"/redfish/v1/Systems/{event.system}"},
    }
    document = {
        "@odata.type": "#Event.v1_11_0.Event",
        "Id": str(number),
        "Name": "Events",
        "Context": "",
        "Events": [record],
    }
    return f"id: {number}\ndata: {json.dumps(document)}\n\n".encode()
