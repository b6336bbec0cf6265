"""One entry of a BMC's log in words (DMTF DSP2046, schema ``LogEntry``)."""

import datetime
import json
import re
from typing import Any, Final

from podium.drivers.base import LogEntry
from podium.drivers.redfish import resources
from podium.drivers.redfish.abilities.moments import moment

_LONGEST: Final = 1000
_ARGUMENTS: Final = 16
_FIRST_YEAR: Final = 1998  # no BMC that was set is older
_SEVERITIES: Final = {
    **dict.fromkeys(("warning", "caution", "minor", "degraded", "noncritical"), "Warning"),
    **dict.fromkeys(("critical", "major", "error", "fatal", "severe", "nonrecoverable", "alert"), "Critical"),
}
#: Of a message in a registry: prefix, version, name (DSP0266, section "MessageId format").
_REGISTERED: Final = re.compile(r"[A-Za-z]\w*(?:\.\d+){1,3}\.(\w+)\Z")
_HUMP: Final = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_PLACE: Final = re.compile(r"%(\d)")


def entry_id(member: dict[str, Any]) -> str:
    """What the BMC calls an entry: also of a reference to one."""
    path = resources.line(member.get("@odata.id"), 1024)
    return resources.line(member.get("Id"), 128) or path.rstrip("/").rpartition("/")[2]


def entry(member: dict[str, Any], zone: datetime.tzinfo) -> LogEntry:
    """An entry as it stands in the collection.

    :param zone: of times without an offset
    """
    at = moment(member, "Created", zone) or moment(member, "EventTimestamp", zone)
    severity = resources.text(member, "Severity") or resources.text(member, "MessageSeverity") or ""
    message = _message(member)
    return LogEntry(
        id=entry_id(member),
        at=None if at is None or at.year < _FIRST_YEAR else at,
        severity=_SEVERITIES.get(severity.lower().replace("-", "").replace(" ", ""), "OK"),
        message=message or "an entry without words",
        sensor=_sensor(member),
        raw=b"" if message else _rest(member),
    )


def _message(member: dict[str, Any]) -> str:
    """The message, or what is made of its identifier, or of what an entry of IPMI's log has instead."""
    listed = resources.member(member, "MessageArgs", list) or []
    arguments = [resources.line(one) for one in listed[:_ARGUMENTS]]
    message = resources.text(member, "Message", _LONGEST)
    if message is not None:
        return _PLACE.sub(lambda place: _argument(arguments, place), message)[:_LONGEST]
    kind, code = (resources.text(member, key) for key in ("SensorType", "EntryCode"))
    if kind or code:
        return f"{kind}: {code}" if kind and code else kind or code or ""
    identifier = resources.text(member, "MessageId") or ""
    registered = _REGISTERED.match(identifier)
    words = _HUMP.sub(" ", registered[1]) if registered else identifier
    if registered and " " in words:
        words = words.capitalize()
    details = ", ".join(filter(None, arguments))
    return f"{words}: {details}"[:_LONGEST] if words and details else words or details


def _argument(arguments: list[str], place: re.Match[str]) -> str:
    number = int(place[1])
    return arguments[number - 1] if 0 < number <= len(arguments) else place[0]


def _sensor(member: dict[str, Any]) -> str | None:
    """The sensor that an entry is about, where its origin is one."""
    origin = resources.part(member, "Links", "OriginOfCondition") or resources.part(
        member, "OriginOfCondition"
    )
    folder, _, name = resources.line(origin.get("@odata.id"), 1024).rstrip("/").rpartition("/")
    return name if folder.endswith("/Sensors") and name else None


def _rest(member: dict[str, Any]) -> bytes:
    own = {key: value for key, value in member.items() if not key.startswith("@")}
    return json.dumps(own, separators=(",", ":")).encode()
