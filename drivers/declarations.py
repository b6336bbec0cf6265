"""Checks what a driver declares before it is used, so that its author reads one line for each fault."""

import functools
import inspect
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from oslo_config import cfg

from podium import __version__, errors, states
from podium.conf import notifications, opts
from podium.drivers import additions, base, push, signatures
from podium.drivers.periodic import is_task, marks
from podium.wording import safe_repr

#: For drivers that need a newer API.
OUR_API: Final = f"Podium {__version__} has API {base.API[0]}.{base.API[1]}"

#: As many characters as the database stores, and only those that task names and the config file allow.
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}\Z")

_METHODS: Final = (
    "get_power_state",
    "set_power_state",
    "inject_nmi",
    "validate",
    "identity",
    "endpoint",
    "statistics",
    "start",
    "close",
    "release",
)
#: Methods that are called where no event loop runs, such as in the command ``podium``.
_PLAIN: Final = frozenset({"validate", "identity", "endpoint", "statistics"})


@functools.cache
def reserved_names() -> frozenset[str]:
    """Return the names, in lower case, of the conductor's own options and their groups in the config file."""
    ours = cfg.ConfigOpts()
    opts.register(ours)
    return frozenset({"default", *(name.lower() for name in ours)})


def name_fault(name: str) -> str | None:
    """Return what is wrong with the name of a driver; None if nothing is."""
    if not _NAME.match(name):
        return "its name is not made of up to 64 letters, digits, _ and -, a letter or digit first"
    if name.lower() in reserved_names() or name.lower().startswith(notifications.PREFIX):
        return "podium.conf has an option or a group of that name; give the entry point another"
    return None


def faults(driver: base.Driver | type[base.Driver]) -> list[str]:
    """Return a line for each fault in what a driver declares."""
    own = driver if isinstance(driver, type) else type(driver)
    if api := list(_api(own.needs_api)):  # everything else may be right for the API that it needs
        return api
    try:
        return [
            *_properties(driver.properties),
            *_options(own.options),
            *additions.faults(own),
            *_power_states(driver.supported_power_states),
            *_methods(driver),
            *_tasks(own),
            *_actions(own),
            *_misfits(driver),
        ]
    except Exception as cause:
        return [f"what it declares cannot be read: {errors.one_line(cause)}"]


def faults_of_instance(driver: base.Driver, name: str) -> list[str]:
    """Return the faults of an instance of a driver, whose ``__init__`` may have changed its declarations.

    :param name: the name that it was given
    """
    called = getattr(driver, "name", None)
    if called is None:
        return ["its __init__ does not call super().__init__(name, options)"]
    if called != name:
        given = safe_repr(called)
        return [f"its __init__ names it {given} instead of {name}: super().__init__(name, options)"]
    return faults(driver) or list(push.misfits(driver))


def _api(needed: Any) -> Iterator[str]:
    if not (isinstance(needed, tuple) and len(needed) == 2 and all(isinstance(one, int) for one in needed)):
        yield f"needs_api is {safe_repr(needed)}, not two whole numbers such as {base.API}"
    elif needed > base.API:
        yield f"it needs API {needed[0]}.{needed[1]}; {OUR_API}: upgrade Podium"


def _properties(declared: Any) -> Iterator[str]:
    if not isinstance(declared, Mapping):
        yield f"properties is {_kind(declared)}, not a mapping of names to podium.drivers.base.Property"
        return
    for key, one in declared.items():
        if not isinstance(key, str):
            yield f"properties has the name {key!r}, which is not a text"
        elif not isinstance(one, base.Property):
            yield f"property {key} is {_kind(one)}, not a podium.drivers.base.Property"
        elif not isinstance(one.help, str):
            yield f"property {key}: its help is {_kind(one.help)}, not a text"
        elif not callable(one.type):
            yield f"property {key}: its type is {_kind(one.type)}, which cannot be called with a value"


def _options(declared: Any) -> Iterator[str]:
    if isinstance(declared, str | Mapping) or not isinstance(declared, Collection):
        yield f"options is {_kind(declared)}, not a tuple of oslo.config options"
        return
    if wrong := [_kind(one) for one in declared if not isinstance(one, cfg.Opt)]:
        yield f"options has {wrong[0]}, not an oslo.config option"
        return
    try:
        cfg.ConfigOpts().register_opts(declared)
    except cfg.Error as fault:
        yield f"options cannot be used: {errors.one_line(fault)}"


def _power_states(declared: Any) -> Iterator[str]:
    if isinstance(declared, str) or not isinstance(declared, Collection):
        yield f"supported_power_states is {declared!r}, not a tuple of words from podium.states"
        return
    for target in declared:
        if not (isinstance(target, str) and target in states.ACTIONS - states.BESIDE_POWER):
            known = ", ".join(sorted(states.TARGETS))
            yield f"supported_power_states has {target!r}, not one of {known}"


def _methods(driver: base.Driver | type[base.Driver]) -> Iterator[str]:
    for name in _METHODS:
        method = getattr(driver, name)
        if not callable(method):
            yield f"{name} is {_kind(method)}, not a method"
        elif name in _PLAIN and (inspect.iscoroutinefunction(method) or inspect.isasyncgenfunction(method)):
            yield f"{name} is async; it is called as a plain method and does no input or output"


def _tasks(driver_class: type[base.Driver]) -> Iterator[str]:
    for name, count in Counter(task.name for _, task in marks(driver_class)).items():
        if count > 1:
            yield f"{count} periodic tasks are named {name}; give each a name of its own"


def _actions(own: type[base.Driver]) -> Iterator[str]:
    try:
        found = base.driver_actions(own)
    except ValueError as fault:
        yield errors.one_line(fault).removeprefix("ValueError: ")
        return
    for one in found.values():
        if hasattr(base.Driver, one.method):
            yield f"{one.method} is marked as an action, but Podium calls it; give the action another method"
        elif is_task(getattr(own, one.method)):
            yield f"{one.method} is a periodic task and an action; make two methods of it"


def _misfits(driver: base.Driver | type[base.Driver]) -> Iterator[str]:
    if isinstance(driver, type):
        return  # its methods are not bound yet, and may take one more argument
    for task, method in base.periodic_tasks(driver):
        if fault := signatures.task_misfit(task, method):
            yield fault


def _kind(value: Any) -> str:
    """Describe a value in a few words, without the value, which may be long or fail to show itself."""
    match value:
        case None:
            return "None"
        case type():
            return f"the class {value.__qualname__}"
        case _:
            return f"a value of the type {type(value).__name__}"
