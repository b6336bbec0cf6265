"""Options that drivers have without declaring them: attributes of the class that the operator may change."""

import inspect
from collections.abc import Iterator
from typing import Any, Final

from oslo_config import cfg

from podium.drivers import base
from podium.drivers.periodic import is_task

#: The highest number of each.
_MOST: Final = {"threads": 256, "endpoint_calls": 4096}
_LONGEST_INTERVAL: Final = 86_400.0
#: Methods that may be plain, and then need a thread. Tasks are the others.
_METHODS: Final = frozenset({"get_power_state", "get_power_states", "set_power_state", "inject_nmi"})


def declared(driver: type[base.Driver]) -> list[cfg.Opt]:
    """The options of a driver: its own, and those of these that it has no option of its own in place of."""
    own = list(driver.options)
    names = {option.dest for option in own}
    return own + [option for option in _of_class(driver) if option.dest not in names]


def faults(driver: type[base.Driver]) -> Iterator[str]:
    """A line for each of these attributes that has no value for its option."""
    for name, most in _MOST.items():
        number = getattr(driver, name)
        is_whole = isinstance(number, int) and not isinstance(number, bool)
        if not (is_whole and 1 <= number <= most) and not (number is None and name == "endpoint_calls"):
            yield f"{name} is {number!r}, not a whole number from 1 to {most}"
    interval = driver.interval
    is_number = isinstance(interval, int | float) and not isinstance(interval, bool)
    if interval is not None and not (is_number and 1 <= interval <= _LONGEST_INTERVAL):
        yield f"interval is {interval!r}, not a number of seconds from 1 to {_LONGEST_INTERVAL:.0f}"


def value(driver: base.Driver, name: str) -> Any:
    """What the config file says for one of these options, or else the class.

    An instance may have something else by that name, such as the value of an option of its own.
    """
    of_class = getattr(type(driver), name)
    if name in {option.dest for option in type(driver).options}:  # that of the driver means something else
        return of_class
    return getattr(driver.options, name, of_class)


def _of_class(driver: type[base.Driver]) -> list[cfg.Opt]:
    is_plain, found = _has_plain_methods(driver), list[cfg.Opt]()
    if is_plain:
        text = "Calls of the driver's plain methods at the same time. Two more are made if people wait."
        found.append(_number("threads", driver.threads, text))
    if is_plain or driver.endpoint_calls is not None:
        text = (
            "Calls at the same time to one chassis, PDU, hypervisor or controller that several nodes share."
            " By default, for plain methods, a quarter of the threads."
        )
        found.append(_number("endpoint_calls", driver.endpoint_calls, text))
    text = "Seconds in which a node's power is read once, if [conductor] sync_power_state_interval is less."
    found.append(cfg.FloatOpt("interval", default=driver.interval, min=1, max=_LONGEST_INTERVAL, help=text))
    return found


def _number(name: str, default: int | None, text: str) -> cfg.Opt:
    return cfg.IntOpt(name, default=default, min=1, max=_MOST[name], help=text)


def _has_plain_methods(driver: type[base.Driver]) -> bool:
    return any(
        (name in _METHODS or is_task(method)) and not inspect.iscoroutinefunction(method)
        for name, method in inspect.getmembers(driver, inspect.isfunction)
        if method is not getattr(base.Driver, name, None)
    )
