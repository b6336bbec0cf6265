"""The fields of a node that conditions can use, and the values with which each is compared."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from types import MappingProxyType
from typing import Final

from podium import durations, states

_ORDER: Final = ("<", "<=", ">", ">=")
_TEXT: Final = ("=", "!=", "~", "!~")
_NUMBER: Final = re.compile(r"-?\d{1,15}(?:\.\d{1,15})?", re.ASCII)


class Kind(Enum):
    """The kind of values of a field.

    :ivar words: for people
    :ivar operators: with which they are compared
    """

    TEXT = "a text", _TEXT
    #: One of a few texts, which may have other names.
    WORD = "one of some words", ("=", "!=")
    NUMBER = "a number", ("=", "!=", *_ORDER)
    TRUTH = "yes or no", ("=", "!=")
    #: Seconds since something, by the database's clock.
    AGE = f"an age in seconds, or such as {durations.EXAMPLES}", _ORDER
    TIME = "a time such as 2026-11-30 or 2026-11-30T12:00Z", _ORDER
    #: For how many seconds a node that should be read was not read.
    STALE = f"an age in seconds, or such as {durations.EXAMPLES}", (">",)
    #: The values that people gave an entry.
    ENTRY = "a text, or a number", (*_TEXT, *_ORDER)

    def __init__(self, words: str, operators: tuple[str, ...]) -> None:
        self.words = words
        self.operators = operators


@dataclass(frozen=True, slots=True)
class Field:
    """A field that a condition can use.

    :param words: the possible values, by the words that may be written for them
    """

    name: str
    kind: Kind
    words: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def fault(self, text: str) -> str:
        """Return the error for a text that is none of the words, with the shortest word for each value."""
        shortest = {value: one for one, value in sorted(self.words.items(), key=lambda its: -len(its[0]))}
        is_begun = any(one.startswith(f"{text.lower()} ") for one in self.words)
        hint = "put values with spaces into quotation marks" if is_begun else "none is for what is missing"
        return f"none of {', '.join(sorted(shortest.values()))}; {hint}"


_POWER: Final = {"on": states.POWER_ON, "off": states.POWER_OFF}
_POWER_STATES: Final = {**_POWER, **{one: one for one in (states.POWER_ON, states.POWER_OFF, states.ERROR)}}
_TARGETS: Final = {
    **_POWER_STATES,
    **{one: one for one in (*states.ACTIONS, states.CHANGE_CREDENTIALS)},
    "reboot": states.REBOOTING,
}
_HEALTHS: Final = {one: one for one in states.HEALTHS}

#: Boolean fields, whose name alone is a condition.
_TRUTHS: Final = ("maintenance", "retired", "failing", "unhealthy", "unserved", "would_enforce")
_TEXTS: Final = (
    *("uuid", "name", "driver", "power_policy", "enforcement", "power_requested_by", "last_error"),
    *("maintenance_reason", "fault", "reservation", "reserved_for", "conductor", "conductor_group"),
    *("provision_state", "instance_uuid", "instance_name", "resource_class", "owner", "lessee", "shard"),
    *("parent_node", "chassis_uuid", "description"),
)
_NUMBERS: Final = ("power_request_id", "power_failures", "slot", "clock_offset")
_TIMES: Final = (
    *("power_requested_at", "power_checked_at", "power_changed_at", "health_checked_at", "reserved_at"),
    *("provision_updated_at", "created_at", "updated_at"),
)
_ALL: Final = (
    *(Field(name, Kind.TEXT) for name in _TEXTS),
    Field("power_state", Kind.WORD, _POWER_STATES),
    Field("wanted_power_state", Kind.WORD, _TARGETS),
    Field("target_power_state", Kind.WORD, _TARGETS),
    Field("health", Kind.WORD, _HEALTHS),
    *(Field(name, Kind.NUMBER) for name in _NUMBERS),
    *(Field(name, Kind.TRUTH) for name in _TRUTHS),
    *(Field(name, Kind.TIME) for name in _TIMES),
    Field("age", Kind.AGE),
    Field("stale", Kind.STALE),
)
#: The fields without entries, by name.
FIELDS: Final[Mapping[str, Field]] = {one.name: one for one in sorted(_ALL, key=lambda one: one.name)}
#: The field of which only entries that are not secret can be compared.
DRIVER_INFO: Final = "driver_info"
#: The fields with entries, ``extra.rack``.
ENTRIES: Final[Mapping[str, Field]] = {
    name: Field(name, Kind.ENTRY) for name in ("extra", "properties", DRIVER_INFO)
}
#: The fields that are meant by words in tables and on the page.
MEANT: Final = {"power": "power_state", "error": "last_error", "under_way": "target_power_state"}
#: Other names of fields, taken from columns or options.
_ALIASES: Final = {"power_state_age": "age"}


def listed() -> str:
    """Return the fields and the values with which each is compared, in lines for people."""
    alike: dict[str, list[str]] = {}
    for name, one in [*FIELDS.items(), *((f"{name}.KEY", one) for name, one in ENTRIES.items())]:
        words = f"one of {', '.join(sorted(one.words))}" if one.words else one.kind.words
        alike.setdefault(words, []).append(name)
    lines = (f"  {', '.join(names)}: {words}" for words, names in alike.items())
    return "\n".join(("where: conditions are about these fields:", *lines))


def find(name: str) -> Field | None:
    """Return the field without entries that has this name."""
    return FIELDS.get(_ALIASES.get(name, name))


def number(text: str) -> float | None:
    """Return a number that a person wrote; None if the text is not a number."""
    return float(text) if _NUMBER.fullmatch(text) else None


def time(text: str) -> datetime | None:
    """Return the time that a text gives, in UTC if it has no offset; None if the text is not a time."""
    try:
        found = datetime.fromisoformat(text)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def truth(text: str) -> bool | None:
    """Return the truth value of a text; None if it has none."""
    return {"yes": True, "true": True, "no": False, "false": False}.get(text.lower())
