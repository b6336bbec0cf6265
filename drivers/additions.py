"""Names that the second edition added, which older drivers may use for things of their own."""

import inspect
from collections.abc import Iterator, Mapping
from typing import Any, Final

from podium import errors
from podium.drivers import signatures
from podium.wording import safe_repr

_EDITION: Final = (2, 0)
#: Methods, and what each is called with.
METHODS: Final[Mapping[str, str]] = {
    "get_power_states": "nodes",
    "get_sensors": "node",
    "node_added": "node",
    "node_changed": "node",
    "node_removed": "node",
}
#: The highest value of each number.
MOST: Final[Mapping[str, int]] = {"threads": 256, "endpoint_calls": 4096, "interval": 86_400}


def faults(driver: type[Any]) -> Iterator[str]:
    """A line for each of these names that a driver of this edition does not have as it must be."""
    if driver.needs_api >= _EDITION:
        yield from _misfits(driver).values()


def unused(driver: type[Any]) -> list[str]:
    """Those of these names that a driver of an earlier edition means something else by."""
    return [] if driver.needs_api >= _EDITION else [*_misfits(driver)]


def uses(driver: type[Any], name: str) -> bool:
    """Whether a driver means by one of these names what it means here."""
    return driver.needs_api >= _EDITION or _misfit(driver, name) is None


def fits(name: str, number: Any) -> bool:
    """Whether one of these numbers can have such a value."""
    if number is None:
        return name != "threads"
    kinds = int | float if name == "interval" else int
    return isinstance(number, kinds) and not isinstance(number, bool) and 1 <= number <= MOST[name]


def _misfits(driver: type[Any]) -> dict[str, str]:
    found = ((name, _misfit(driver, name)) for name in (*METHODS, *MOST))
    return {name: fault for name, fault in found if fault is not None}


def _misfit(driver: type[Any], name: str) -> str | None:
    """Why one of these names is not what it is here; None if it is."""
    try:
        return _method_misfit(driver, name) if name in METHODS else _number_misfit(driver, name)
    except Exception as cause:  # it may be anything
        return f"{name} cannot be used: {errors.one_line(cause)}"


def _number_misfit(driver: type[Any], name: str) -> str | None:
    number = getattr(driver, name)
    if fits(name, number):
        return None
    kind = "a number of seconds" if name == "interval" else "a whole number"
    return f"{name} is {safe_repr(number)}, not {kind} from 1 to {MOST[name]}"


def _method_misfit(driver: type[Any], name: str) -> str | None:
    found = inspect.getattr_static(driver, name)
    method = found.__get__(object(), driver) if hasattr(found, "__get__") else found  # bound, but to nothing
    if not callable(method):
        return f"{name} is a value of the type {type(method).__name__}, not a method"
    fault = signatures.misfit(method, (METHODS[name],))
    return None if fault is None else f"{name} {fault}"
