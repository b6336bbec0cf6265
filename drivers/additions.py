"""Names that were added since the first edition; older drivers may use them for something else."""

import inspect
from collections.abc import Iterator, Mapping
from typing import Any, Final

from podium import errors
from podium.drivers import signatures
from podium.drivers.login import Login
from podium.wording import safe_repr

#: Methods, and the arguments of each.
METHODS: Final[Mapping[str, tuple[str, ...]]] = {
    "get_power_states": ("nodes",),
    "get_sensors": ("node",),
    "node_added": ("node",),
    "node_changed": ("node",),
    "node_removed": ("node",),
    "check_login": ("node",),
    "set_password": ("node", "password"),
    "get_boot_device": ("node",),
    "set_boot_device": ("node", "boot"),
    "identify": ("node", "seconds"),
    "get_log": ("node", "before", "after", "limit"),
    "clear_log": ("node", "last"),
    "get_clock": ("node",),
    "set_clock": ("node",),
}
#: Methods whose arguments after the node are given by name.
_BY_NAME: Final = frozenset({"get_log"})
#: The maximum of each number.
MOST: Final[Mapping[str, int]] = {"threads": 256, "endpoint_calls": 4096, "interval": 86_400}
_LOGIN: Final = "login"
_SECOND: Final = (2, 0)
#: The API that each name came with, for names that the second edition did not begin with.
_SINCE: Final = {
    **dict.fromkeys(("check_login", "set_password", _LOGIN), (2, 1)),
    **dict.fromkeys(("get_boot_device", "set_boot_device", "identify", "get_log", "clear_log"), (2, 2)),
    **dict.fromkeys(("get_clock", "set_clock"), (2, 2)),
}
#: Bytes that a password may have.
_LONGEST_PASSWORD: Final = 1024


def since(name: str) -> tuple[int, int]:
    """Return the API that introduced one of these names."""
    return _SINCE.get(name, _SECOND)


def faults(driver: type[Any]) -> Iterator[str]:
    """Yield a line for each of these names that a driver needs and that is not as it must be."""
    for name, fault in _misfits(driver).items():
        if driver.needs_api >= since(name):
            yield fault


def unused(driver: type[Any]) -> list[str]:
    """Return the names that a driver written before them uses for something else."""
    return [name for name in _misfits(driver) if driver.needs_api < since(name)]


def uses(driver: type[Any], name: str) -> bool:
    """Whether a driver uses one of these names in the sense of Podium."""
    return driver.needs_api >= since(name) or _misfit(driver, name) is None


def fits(name: str, number: Any) -> bool:
    """Whether one of these numbers can have a value."""
    if number is None:
        return name != "threads"
    kinds = int | float if name == "interval" else int
    return isinstance(number, kinds) and not isinstance(number, bool) and 1 <= number <= MOST[name]


def _misfits(driver: type[Any]) -> dict[str, str]:
    found = ((name, _misfit(driver, name)) for name in (*METHODS, *MOST, _LOGIN))
    return {name: fault for name, fault in found if fault is not None}


def _misfit(driver: type[Any], name: str) -> str | None:
    """Return why a name is not used in the sense of Podium; None if it is."""
    try:
        if name == _LOGIN:
            return _login_misfit(driver)
        return _method_misfit(driver, name) if name in METHODS else _number_misfit(driver, name)
    except Exception as cause:  # any exception is possible
        return f"{name} cannot be used: {errors.one_line(cause)}"


def _number_misfit(driver: type[Any], name: str) -> str | None:
    number = getattr(driver, name)
    if fits(name, number):
        return None
    kind = "a number of seconds" if name == "interval" else "a whole number"
    return f"{name} is {safe_repr(number)}, not {kind} from 1 to {MOST[name]}"


def _method_misfit(driver: type[Any], name: str) -> str | None:
    found = inspect.getattr_static(driver, name)
    method = found.__get__(object(), driver) if hasattr(found, "__get__") else found  # bound to a placeholder
    if not callable(method):
        return f"{name} is a value of the type {type(method).__name__}, not a method"
    node, *given = METHODS[name]
    fault = signatures.misfit(method, (node, *given))
    if fault is None and name in _BY_NAME:
        fault = signatures.misfit(method, (node,), tuple(given))
    return None if fault is None else f"{name} {fault}"


def _login_misfit(driver: type[Any]) -> str | None:
    login = driver.login
    if login is None:
        return None
    if not isinstance(login, Login):
        return f"login is a value of the type {type(login).__name__}, not a podium.drivers.base.Login"
    for name in (login.password, login.username):
        if name is not None and name not in driver.properties:
            return f"login names {safe_repr(name)}, which is none of its properties"
    if not driver.properties[login.password].secret:
        return f"login names {login.password}, which is not declared with secret=True"
    longest = login.longest
    if isinstance(longest, bool) or not isinstance(longest, int) or not 1 <= longest <= _LONGEST_PASSWORD:
        return f"login has longest = {safe_repr(longest)}, not a whole number from 1 to {_LONGEST_PASSWORD}"
    return None
