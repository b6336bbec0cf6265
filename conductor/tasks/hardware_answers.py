"""What conductors can read from hardware for people, and how the answers are written down."""

import math
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from podium import errors
from podium.drivers import base
from podium.drivers.node import is_known
from podium.wording import safe_repr, safe_str

Scrubbed = Callable[[str], str]

#: Letters of the name of a sensor.
_LONGEST_NAME: Final = 128


class Kind(NamedTuple):
    """Something that can be read.

    :param method: returns the driver's method, or raises DriverError if it has none
    :param shown: returns what the method returned as an object of JSON without secrets
    """

    method: Callable[[base.Driver], Callable[[base.Node], Any]]
    shown: Callable[[Any, Scrubbed], dict[str, Any]]


def _sensors_of(driver: base.Driver) -> Callable[[base.Node], Any]:
    if not base.reads_sensors(driver):
        raise errors.DriverError(f"the driver {driver.name} cannot read sensors")
    return driver.get_sensors


def _shown(found: Any, scrubbed: Scrubbed) -> dict[str, Any]:
    if not isinstance(found, list | tuple):
        raise errors.DriverError(f"get_sensors returned a {type(found).__name__}, not a list of sensors")
    return {"sensors": [_sensor(one, scrubbed) for one in found]}


def _sensor(one: Any, scrubbed: Scrubbed) -> dict[str, Any]:
    if not is_known(one):
        raise errors.DriverError(f"get_sensors returned {scrubbed(safe_repr(one))}, which is no known sensor")
    name = "".join(letter if letter.isprintable() else " " for letter in safe_str(one.name))
    is_number = isinstance(one.value, int | float) and math.isfinite(one.value)
    return {
        "name": scrubbed(name)[:_LONGEST_NAME],
        "kind": one.kind,
        "value": float(one.value) if is_number and one.value is not None else None,
        "unit": base.SENSOR_KINDS[one.kind],
        "status": one.status,
    }


KINDS: Final[Mapping[str, Kind]] = {"sensors": Kind(_sensors_of, _shown)}
