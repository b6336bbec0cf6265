"""Parses events for hints that a system's power or health should be read again.

An event is never taken for the state itself: BMCs send events early, late, twice and not at all.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

from podium import errors, states
from podium.drivers.redfish.http import requests, texts
from podium.pacing import Gaps

_MOST: Final = 256  # maximum entries of one event that are read; the standard limit is 100 or less
_HEARTBEAT: Final = "RedfishServiceFunctional"
_HEALTH_WORDS: Final = ("status", "health", "error", "threshold", "fault", "fail")
_BAD: Final = frozenset({"Warning", "Critical"})

_GAPS: Final = Gaps(0.3, 60.0)  # seconds between two reads for hints; longer if reads show nothing new
_QUIET: Final = 120.0  # seconds without a read, after which a noisy system counts as quiet again

_BEATS: Final = 3
_REGULAR: Final = 1.5
_SHORTEST_SILENCE: Final = 15.0


class Urgency(IntEnum):
    """How likely a hint means that a system's power changed."""

    NONE = 0  # it is about something else
    VAGUE = 1  # about a part of the system, or unknown
    NAMED = 2  # about the system itself
    POWER = 3  # and about its power


_LONGEST_GAPS: Final = {Urgency.VAGUE: _GAPS.longest, Urgency.NAMED: 2.0, Urgency.POWER: 2.0}


@dataclass(frozen=True, slots=True)
class Hint:
    """One entry of an event.

    :param origin: the path of the resource concerned; may be empty
    :param power: whether it mentions power
    :param health: whether the health of something may have changed
    :param expected: the power state that is or will be reached, if the event names one
    """

    origin: str
    power: bool
    health: bool
    expected: str | None = None

    def urgency(self, path: str) -> Urgency:
        """Return what it means for the power of the system at this path."""
        at_home = self._is_within(path)
        if not at_home and self._is_of_another_system(path):
            return Urgency.NONE
        if self.power:
            return Urgency.POWER
        if self.origin == path.rstrip("/"):
            return Urgency.NAMED
        return Urgency.VAGUE if at_home or not self.origin else Urgency.NONE

    def concerns_health(self, path: str) -> bool:
        """Whether the health of the system at this path may have changed; a chassis concerns every system."""
        return self.health and (self._is_within(path) or not self._is_of_another_system(path))

    def _is_within(self, path: str) -> bool:
        home = path.rstrip("/")
        return self.origin == home or self.origin.startswith((f"{home}/", f"{home}#"))

    def _is_of_another_system(self, path: str) -> bool:
        collection = path.rstrip("/").rpartition("/")[0]
        return self.origin.startswith(f"{collection}/")


def hints(data: bytes) -> list[Hint]:
    """Return the hints in the data of one event, in order, each once.

    Telemetry, which some BMCs send in the same stream, gives no hints. Sources: DSP0266, section "Server-sent
    events"; DSP2046, schema ``Event``.

    :raises podium.errors.DriverError: when it is not JSON
    """
    if b'"Events"' not in data and data.lstrip()[:1] == b"{":
        return []
    try:
        event = texts.loads(data)
    except (ValueError, RecursionError):
        raise errors.DriverError("its event stream has an event that is no JSON") from None
    entries = event.get("Events") if isinstance(event, dict) else None
    return list(dict.fromkeys(_read(entries[:_MOST]))) if isinstance(entries, list) else []


def _read(entries: list[Any]) -> Iterator[Hint]:
    for entry in entries:
        if isinstance(entry, dict):
            name = _text(entry.get("MessageId")).rpartition(".")[2]
            if name != _HEARTBEAT:
                kind = f"{name} {_text(entry.get('EventType'))}".lower()
                severity = _text(entry.get("MessageSeverity")) or _text(entry.get("Severity"))
                health = severity in _BAD or any(word in kind for word in _HEALTH_WORDS)
                power = "power" in kind
                expected = _expected(name) if power else None
                yield Hint(_origin(entry.get("OriginOfCondition")), power, health, expected)


def _expected(name: str) -> str | None:
    # ResourcePoweredOn, ResourcePoweringOff of the registry ResourceEvent (DSP8011); makers' own are similar.
    if name.endswith("Off"):
        return states.POWER_OFF
    return states.POWER_ON if name.endswith("On") else None


def _origin(given: Any) -> str:
    # A link since about schema version 1.1, its bare path in older ones.
    link = _text(given.get("@odata.id") if isinstance(given, dict) else given)
    # Only the path of a whole URL is used, whatever name the BMC has in it: a hint does no harm.
    return (link if requests.is_path(link) else requests.own_path(link) or "").rstrip("/")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


class Pace:
    """How soon a hint triggers a read: at once, unless hints have repeatedly led to nothing.

    Some BMCs report every login, and some treat every request as a login.
    """

    __slots__ = ("_in_vain", "_read_at")

    def __init__(self) -> None:
        self._in_vain = 0  # consecutive reads that showed nothing new
        self._read_at = -math.inf

    def delay(self, now: float, urgency: Urgency) -> float:
        """Seconds to wait before the next read."""
        if now - self._read_at > _QUIET:
            self._in_vain = 0
        return max(0.0, self._read_at + min(_GAPS[self._in_vain], _LONGEST_GAPS[urgency]) - now)

    def was_read(self, now: float, *, changed: bool) -> None:
        """Record a read, and whether it showed anything new."""
        self._read_at = now
        self._in_vain = 0 if changed else self._in_vain + 1


class Habit:
    """How long a stream may be silent, learned from the comments that a BMC sends as keep-alives.

    :param doubt: factor for a BMC whose longer silences turned out to be harmless
    """

    __slots__ = ("_doubt", "_gaps", "_last", "_last_was_beat", "allowed")

    def __init__(self, now: float, doubt: float) -> None:
        self.allowed: float | None = None  #: seconds, None as long as there is no habit
        self._doubt = doubt
        self._gaps: tuple[float, ...] = ()  # the last ones
        self._last = now
        self._last_was_beat = False

    def heard(self, now: float, *, beat: bool) -> None:
        """Record that data arrived.

        :param beat: whether it was only a comment
        """
        if beat and self._last_was_beat:
            self._gaps = (*self._gaps[1 - _BEATS :], now - self._last)
            shortest, longest = min(self._gaps), max(self._gaps)
            regular = len(self._gaps) == _BEATS and 0 < longest <= _REGULAR * shortest
            self.allowed = max(_SHORTEST_SILENCE, _BEATS * longest) * self._doubt if regular else None
        self._last, self._last_was_beat = now, beat
