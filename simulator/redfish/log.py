"""The log of a simulated machine (DMTF DSP2046, LogService and LogEntry), and its actions."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from podium import errors
from podium.simulator.faults import Faults
from podium.simulator.redfish.health import Condition

_SEVERITIES: Final = ("OK", "Warning", "Critical")
_FORMS: Final = (
    'an event is {"sensor": NAME, "offset": 0 to 11, "ended": true or false}, {"message": TEXT, "severity": '
    '"OK", "Warning" or "Critical"} or {"entry": {PROPERTY: VALUE}}'
)
#: In the order of table 42-2 of the IPMI v2.0 specification, which has two offsets for each.
_CROSSED: Final = (
    *("lower caution", "lower critical", "lower fatal"),
    *("upper caution", "upper critical", "upper fatal"),
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry.

    :param at: by the BMC's clock, in seconds since 1970
    :param message_id: from a registry
    :param origin: the path of the resource concerned, below the chassis; empty for the system itself
    :param own: properties that replace the usual ones
    """

    number: int
    at: int
    severity: str
    message: str
    message_id: str
    arguments: tuple[str, ...] = ()
    origin: str = ""
    own: Mapping[str, Any] | None = None


class Log:
    """The entries of one machine, oldest first.

    :param capacity: the most entries that it holds
    """

    __slots__ = ("_capacity", "_last", "entries")

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._last = 0
        self.entries: dict[str, Entry] = {}  #: by id

    def add(self, at: int, faults: Faults, severity: str, message: str, message_id: str, **more: Any) -> None:
        """Add an entry. A full log ignores it, or drops its oldest entry with the fault log-wraps."""
        if len(self.entries) >= self._capacity:
            if not faults.log_wraps:
                return
            del self.entries[next(iter(self.entries))]
        self._last += 1
        self.entries[str(self._last)] = Entry(self._last, at, severity, message, message_id, **more)

    def note(self, at: int, faults: Faults, condition: Condition, *, ended: bool) -> None:
        """Add an entry about a fault that has appeared or ended."""
        text = f"{condition.text[:-1]}: no longer." if ended else condition.text
        severity = "OK" if ended else condition.severity
        arguments, origin = condition.arguments, condition.origin
        self.add(at, faults, severity, text, condition.message_id, arguments=arguments, origin=origin)

    def clear(self, at: int, faults: Faults) -> None:
        """Carry out the action ClearLog."""
        if not faults.clear_lies:
            self.entries.clear()
            self._last = 0
        if faults.clear_logged:
            self.add(at, faults, "OK", "The log was cleared.", "PodiumSim.1.0.LogCleared")

    def add_event(
        self, at: int, faults: Faults, event: Mapping[str, Any], sensors: Mapping[str, str]
    ) -> None:
        """Add an entry in the form that users and tests write.

        :param sensors: sensor ids by name
        :raises podium.errors.ConfigError: if the entry has no known form
        """
        match dict(event):
            case {"message": str(message), **rest} if rest.keys() <= {"severity"}:
                severity = rest.get("severity", "OK")
                if severity not in _SEVERITIES:
                    raise errors.ConfigError(_FORMS)
                self.add(at, faults, severity, message, "PodiumSim.1.0.Event", arguments=(message,))
            case {"entry": dict(own), **rest} if not rest:
                self.add(at, faults, "OK", "", "", own=own)
            case {"sensor": str(name), "offset": int(offset), **rest} if rest.keys() <= {"ended"}:
                if offset not in range(2 * len(_CROSSED)) or not isinstance(rest.get("ended", False), bool):
                    raise errors.ConfigError(_FORMS)
                self._add_crossing(at, faults, _known(name, sensors), offset, rest.get("ended", False))
            case _:
                raise errors.ConfigError(_FORMS)

    def _add_crossing(
        self, at: int, faults: Faults, sensor: tuple[str, str], offset: int, ended: bool
    ) -> None:
        (name, id), threshold = sensor, _CROSSED[offset // 2]
        severity = "OK" if ended else "Warning" if threshold.endswith("caution") else "Critical"
        where = "is within" if ended else "is beyond"
        self.add(
            at,
            faults,
            severity,
            f"Sensor '{name}' {where} its {threshold} threshold.",
            f"SensorEvent.1.0.Reading{'Within' if ended else 'Beyond'}{threshold.title().replace(' ', '')}",
            arguments=(name, threshold),
            origin=f"/Sensors/{id}",
        )


def _known(name: str, sensors: Mapping[str, str]) -> tuple[str, str]:
    if name not in sensors:
        near = difflib.get_close_matches(name, sensors, 1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(sensors)}"
        raise errors.ConfigError(f"there is no sensor {name!r}; {hint}")
    return name, sensors[name]
