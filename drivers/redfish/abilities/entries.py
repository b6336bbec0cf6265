"""Converts one entry of a BMC's log to words (DMTF DSP2046, schema ``LogEntry``)."""

import datetime
import hashlib
import json
import re
from typing import Any, Final

from podium.drivers.base import LogEntry
from podium.drivers.node import STATUSES
from podium.drivers.redfish import resources
from podium.drivers.redfish.abilities.moments import moment

_LONGEST: Final = 2000  # people see half of it, once secrets are hidden
_ARGUMENTS: Final = 16
_FIRST_YEAR: Final = 1998  # a clock that was set never shows an earlier year
_SEVERITIES: Final = {
    **dict.fromkeys(("warning", "caution", "minor", "degraded", "noncritical"), "Warning"),
    **dict.fromkeys(("critical", "major", "error", "fatal", "severe", "nonrecoverable", "alert"), "Critical"),
}
#: A message in a registry: prefix, version, name (DSP0266, section "MessageId format").
_REGISTERED: Final = re.compile(r"[A-Za-z]\w*(?:\.\d+){1,3}\.(\w+)\Z")
_HUMP: Final = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_PLACE: Final = re.compile(r"%(\d)")
#: Properties that are already in the message, or of no interest.
_SAID: Final = frozenset({"Id", "Name", "Description", "Message"})
_DIGITS: Final = 8

Member = dict[str, Any]


def entry_id(member: Member) -> str:
    """Return the BMC's id of an entry or of a reference to one; digits of its content if there is none."""
    path = resources.line(member.get("@odata.id"), 1024)
    its_id = resources.line(member.get("Id"), 128) or path.rstrip("/").rpartition("/")[2]
    return its_id or f"~{_digits(member)}"


class Ids:
    """The ids of entries: the BMC's, made unique if the BMC uses one several times.

    It goes from the newest entry to the oldest. The newest of several entries keeps the id; the others get
    digits of their content, which are the same in each reading.
    """

    def __init__(self) -> None:
        self._given: dict[str, Member] = {}
        self.are_doubled = False  #: whether there were different entries with one id

    def of(self, member: Member) -> str | None:
        """Return the id of the next older entry; None for one that was there already: new ones moved it."""
        its_id = entry_id(member)
        another = self._given.get(its_id)
        if another is None:
            self._given[its_id] = member
            return its_id
        if is_same(another, member):
            return None
        self.are_doubled = True
        own = f"{its_id}~{_digits(member)}"
        if own in self._given:
            return None
        self._given[own] = member
        return own


def is_same(one: Member, another: Member) -> bool:
    """Whether two entries have the same content."""
    return _content(one) == _content(another)


def _content(member: Member) -> Member:
    """Return an entry without what the service adds to any resource; a reference has nothing else."""
    return {key: value for key, value in member.items() if not key.startswith("@")} or member


def _digits(member: Member) -> str:
    return hashlib.sha256(json.dumps(_content(member), sort_keys=True).encode()).hexdigest()[:_DIGITS]


def created(member: Member, zone: datetime.tzinfo) -> datetime.datetime | None:
    """Return when an entry was created; None if it does not say, or its clock was not set."""
    at = moment(member, "Created", zone) or moment(member, "EventTimestamp", zone)
    return None if at is None or at.year < _FIRST_YEAR else at


def sensor_path(member: Member) -> str:
    """Return the path of the sensor that an entry is about; empty if its origin is not a sensor."""
    origin = resources.part(member, "Links", "OriginOfCondition") or resources.part(
        member, "OriginOfCondition"
    )
    path = resources.line(origin.get("@odata.id"), 1024)
    folder, _, name = path.rstrip("/").rpartition("/")
    return path if folder.endswith("/Sensors") and name else ""


def entry(member: Member, zone: datetime.tzinfo, its_id: str | None = None, sensor: str = "") -> LogEntry:
    """Convert an entry of the collection.

    :param zone: of times without an offset
    :param its_id: see :class:`Ids`; by default the BMC's id
    :param sensor: the name of its sensor; by default the last part of its path
    """
    at = created(member, zone)
    severity = resources.text(member, "Severity") or resources.text(member, "MessageSeverity") or ""
    message = _message(member)
    return LogEntry(
        id=entry_id(member) if its_id is None else its_id,
        at=at,
        severity=_SEVERITIES.get(severity.lower().replace("-", "").replace(" ", ""), "OK"),
        message=message or "an entry without words",
        sensor=sensor or sensor_path(member).rstrip("/").rpartition("/")[2] or None,
        raw=_rest(member, at),
    )


def _message(member: Member) -> str:
    """Return the message, or a text from its identifier, or from what an entry of IPMI's log has instead."""
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


def _rest(member: Member, at: datetime.datetime | None) -> str:
    """Return the rest of the entry, besides its words, as JSON."""
    said = _SAID | ({"Created"} if at is not None else set())
    ordered = sorted(member.items(), key=lambda item: isinstance(item[1], dict))  # the longest last
    own = {
        key: value
        for key, value in ordered
        if value not in (None, "", [], {}) and not key.startswith("@")
        if key not in said and (key != "Severity" or value not in STATUSES)
    }
    return json.dumps(own, ensure_ascii=False, separators=(",", ":"))[:_LONGEST] if own else ""
