"""A node, and what a driver reports about it."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from podium import states

#: The statuses of a node's health and of its sensors.
STATUSES: Final = tuple(states.HEALTHS.values())
#: Fields of a node that may hold secrets.
_HOLDING: Final = ("driver_info", "properties", "extra", "driver_internal_info")
#: Maximum number of reasons of a node's health, and maximum characters shown of each.
_MOST: Final = 50
LONGEST_REASON: Final = 500


@dataclass(frozen=True, slots=True)
class Node:
    """A node as it was when the conductor last looked: a snapshot, never changed.

    :param as_of: when it last looked, in seconds of ``time.monotonic()``
    """

    uuid: str
    name: str
    driver: str
    driver_info: Mapping[str, Any] = field(default_factory=dict, repr=False)  # may hold secrets
    power_state: str | None = None
    target_power_state: str | None = None
    maintenance: bool = False
    properties: Mapping[str, Any] = field(default_factory=dict, repr=False)
    driver_internal_info: Mapping[str, Any] = field(default_factory=dict, repr=False)
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False)
    as_of: float = field(default=math.inf, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Health:
    """The health of a node, in Redfish's words: ``OK``, ``Warning`` or ``Critical``, and the reasons.

    :param reasons: up to 50 texts for people, who see 500 characters of each; a single text is one reason
    :raises ValueError: for any other status, or reasons that are not texts
    """

    status: str
    reasons: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.status not in STATUSES:
            raise ValueError(f"the status of a Health is {', '.join(STATUSES)}, not {self.status!r}")
        several = isinstance(self.reasons, Iterable) and not isinstance(self.reasons, str)
        reasons = tuple(self.reasons) if several else (self.reasons,)
        if not all(isinstance(reason, str) for reason in reasons):
            raise ValueError(f"the reasons of a Health are texts, not {reasons!r}")
        object.__setattr__(self, "reasons", reasons[:_MOST])


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Readings of a sensor beyond which hardware warns; None where there is no such limit.

    The names are Redfish's. IPMI calls caution *non-critical*, and fatal *non-recoverable*.
    """

    lower_fatal: float | None = None
    lower_critical: float | None = None
    lower_caution: float | None = None
    upper_caution: float | None = None
    upper_critical: float | None = None
    upper_fatal: float | None = None


@dataclass(frozen=True, slots=True)
class Sensor:
    """One sensor of a node, as last read.

    :param name: the hardware's name for it
    :param kind: one of :data:`SENSOR_KINDS`, which also gives the unit
    :param value: None when the sensor has no reading at present
    :param status: ``OK``, ``Warning`` or ``Critical``, by the hardware's own thresholds
    :param thresholds: in the unit of the value; None if the sensor has none, or does not report them
    """

    name: str
    kind: str
    value: float | None
    status: str = "OK"
    thresholds: Thresholds | None = None


def held(node: Node) -> dict[str, Any]:
    """Return everything of a node that may hold secrets, for :func:`podium.masking.scrub`."""
    return {name: getattr(node, name) for name in _HOLDING}


#: What sensors measure, and in which unit; a fan's speed has one of two units.
SENSOR_KINDS: Final = MappingProxyType(
    {
        "temperature": "celsius",
        "fan": "rpm",
        "fan_share": "percent",
        "power": "watts",
        "voltage": "volts",
        "current": "amperes",
    }
)


def is_known(sensor: object) -> bool:
    """Whether an object is a sensor of a known kind and status."""
    return isinstance(sensor, Sensor) and sensor.kind in SENSOR_KINDS and sensor.status in STATUSES
