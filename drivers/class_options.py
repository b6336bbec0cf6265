"""Options that drivers have without declaring them: class attributes that the operator may override."""

import inspect
from typing import Any, Final

from oslo_config import cfg

from podium.drivers import additions, base
from podium.drivers.periodic import is_task

#: Methods that need a thread if they are plain. So do tasks and actions.
_METHODS: Final = frozenset(
    {"get_power_state", "get_power_states", "set_power_state", "inject_nmi"}.union(*base.ABILITIES.values())
)


def declared(driver: type[base.Driver]) -> list[cfg.Opt]:
    """Return the options of a driver: its own, and those of this module that it does not replace."""
    own = list(driver.options)
    names = {option.dest for option in own}
    return own + [option for option in _of_class(driver) if option.dest not in names]


def value(driver: base.Driver, name: str) -> Any:
    """Return the value of one of these options from the config file, or else from the class.

    An instance may use that name for something else, such as the value of an option of its own.
    """
    of_class = _default(type(driver), name)
    if name in {option.dest for option in type(driver).options}:  # the option means something else
        return of_class
    found = getattr(driver.options, name, of_class)
    return found if additions.fits(name, found) else of_class  # the instance's options may be anything by now


def _default(driver: type[base.Driver], name: str) -> Any:
    return getattr(driver if additions.uses(driver, name) else base.Driver, name)


def _of_class(driver: type[base.Driver]) -> list[cfg.Opt]:
    is_plain, found = _has_plain_methods(driver), list[cfg.Opt]()
    if is_plain:
        text = "Calls of the driver's plain methods at the same time. Two more are made if people wait."
        found.append(_number(driver, "threads", text))
    if is_plain or _default(driver, "endpoint_calls") is not None:
        text = (
            "Calls at the same time to one chassis, PDU, hypervisor or controller that several nodes share."
            " By default, for plain methods, a quarter of the threads."
        )
        found.append(_number(driver, "endpoint_calls", text))
    text = (
        "Seconds in which a node's power is read once, if [conductor] sync_power_state_interval is less."
        " Rounded up to a multiple of that."
    )
    default = _default(driver, "interval")
    found.append(cfg.FloatOpt("interval", default=default, min=1, max=additions.MOST["interval"], help=text))
    return found


def _number(driver: type[base.Driver], name: str, text: str) -> cfg.Opt:
    return cfg.IntOpt(name, default=_default(driver, name), min=1, max=additions.MOST[name], help=text)


def _has_plain_methods(driver: type[base.Driver]) -> bool:
    own = {action.method for action in base.driver_actions(driver).values()}
    return any(
        (name in _METHODS or name in own or is_task(method)) and not inspect.iscoroutinefunction(method)
        for name, method in inspect.getmembers(driver, inspect.isfunction)
        if method is not getattr(base.Driver, name, None)
        and (name not in additions.METHODS or additions.uses(driver, name))
    )
