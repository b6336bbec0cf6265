"""A node, and what a driver reports of it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Node:
    """A node as it was when the conductor last looked: a snapshot, never changed.

    :param as_of: when that was, in seconds of ``time.monotonic()``
    """

    uuid: str
    name: str
    driver: str
    driver_info: Mapping[str, Any] = field(default_factory=dict, repr=False)  # may hold secrets
    power_state: str | None = None
    target_power_state: str | None = None
    maintenance: bool = False
    properties: Mapping[str, Any] = field(default_factory=dict)
    driver_internal_info: Mapping[str, Any] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)
    as_of: float = field(default=math.inf, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Health:
    """How a node fares, in Redfish's words: ``OK``, ``Warning`` or ``Critical``, and why."""

    status: str
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sensor:
    """One sensor of a node, as it was read last.

    :param name: what the hardware calls it
    :param kind: one of :data:`SENSOR_KINDS`, which gives the unit too
    :param value: None when the sensor has no reading at present
    :param status: ``OK``, ``Warning`` or ``Critical``, by the hardware's own thresholds
    """

    name: str
    kind: str
    value: float | None
    status: str = "OK"


#: What sensors measure, and in which unit; a fan's speed is given in one of two ways.
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
