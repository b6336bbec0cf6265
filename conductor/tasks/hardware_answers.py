"""What conductors can read from hardware for people, and how the answers are written down."""

import math
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from podium import errors, states
from podium.drivers import base
from podium.drivers.node import is_known
from podium.wording import safe_repr, safe_str

Scrubbed = Callable[[str], str]

#: Letters of the name of a sensor.
_LONGEST_NAME: Final = 128
#: Letters of a text about a login, and how many remarks there are at the most.
_LONGEST_TEXT: Final = 300
_MOST_REMARKS: Final = 10
_ONLY_READ: Final = "the driver cannot try a login: this proves only that a read works"


class Kind(NamedTuple):
    """Something that can be read.

    :param method: returns the driver's method, or raises DriverError if it has none
    :param shown: returns what the method returned as an object of JSON without secrets
    :param repeats: whether it begins anew after it gave way to somebody who switches the node
    """

    method: Callable[[base.Driver], Callable[[base.Node], Any]]
    shown: Callable[[Any, Scrubbed], dict[str, Any]]
    repeats: bool = True


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
        raise errors.DriverError(f"get_sensors returned {safe_repr(one, scrubbed)}, which is no known sensor")
    is_number = isinstance(one.value, int | float) and math.isfinite(one.value)
    return {
        "name": _line(one.name, _LONGEST_NAME, scrubbed),
        "kind": one.kind,
        "value": float(one.value) if is_number and one.value is not None else None,
        "unit": base.SENSOR_KINDS[one.kind],
        "status": one.status,
    }


def _login_of(driver: base.Driver) -> Callable[[base.Node], Any]:
    return driver.check_login if base.checks_login(driver) else driver.get_power_state


def _login(found: Any, scrubbed: Scrubbed) -> dict[str, Any]:
    if isinstance(found, str):  # of a driver that cannot try a login
        found = base.LoginReport(None, None, found, remarks=(_ONLY_READ,))
    if not isinstance(found, base.LoginReport) or found.power_state not in states.READINGS:
        raise errors.DriverError(f"the answer to a login is {safe_repr(found, scrubbed)}, which is none")

    def shown(text: Any) -> str | None:
        return None if text is None else _line(text, _LONGEST_TEXT, scrubbed)

    return {
        "username": shown(found.username),
        "privilege": shown(found.privilege),
        "protocol": shown(found.protocol),
        "power_state": found.power_state,
        "remarks": [_line(one, _LONGEST_TEXT, scrubbed) for one in found.remarks[:_MOST_REMARKS]],
    }


def _line(text: Any, longest: int, scrubbed: Scrubbed) -> str:
    hidden = scrubbed(safe_str(text))
    return "".join(letter if letter.isprintable() else " " for letter in hidden)[:longest]


KINDS: Final[Mapping[str, Kind]] = {
    "sensors": Kind(_sensors_of, _shown),
    # Begun anew, a login that is refused would count twice with the hardware.
    "login": Kind(_login_of, _login, repeats=False),
}
