"""Finds drivers by name: entry points in the group ``podium.drivers``, loaded with stevedore."""

import contextlib
import difflib
import inspect
from collections.abc import Sequence
from importlib import metadata
from typing import Any, Final

from oslo_config import cfg
from oslo_log import log
from stevedore import NamedExtensionManager

from podium import errors
from podium.drivers import base, class_options

LOG = log.getLogger(__name__)

NAMESPACE: Final = "podium.drivers"

#: Groups of the config file that are the conductor's own.
_RESERVED: Final = frozenset({"DEFAULT", "conductor", "database", "metrics", "periodic_tasks"})


def installed() -> list[str]:
    """The names of the installed drivers, without importing any of them."""
    return sorted({one.name for one in metadata.entry_points(group=NAMESPACE)})


def available() -> dict[str, type[base.Driver] | errors.DriverLoadError]:
    """Every installed driver by name; for one that cannot be used, the error that says why."""
    return {name: find(name) for name in installed()}


def find(name: str) -> type[base.Driver] | errors.DriverLoadError:
    """An installed driver, or why it cannot be used, naming package, entry point and cause."""
    failed: list[errors.DriverLoadError] = []

    def note(_manager: object, entry_point: Any, cause: BaseException) -> None:
        failed.append(_unusable(entry_point, f"cannot be imported: {errors.one_line(cause)}"))

    try:
        found: list[Any] = list(
            NamedExtensionManager(
                NAMESPACE,
                [name],
                on_load_failure_callback=note,
                on_missing_entrypoints_callback=lambda missing: None,
            )
        )
    except KeyboardInterrupt:
        raise
    except BaseException as cause:  # stevedore lets some pass, and a plugin may raise what it likes
        entry_point = next(iter(metadata.entry_points(group=NAMESPACE, name=name)))
        return _unusable(entry_point, f"cannot be imported: {errors.one_line(cause)}")
    if failed:
        return failed[0]
    if not found:  # stevedore remembers entry points, and this one is newer
        return errors.DriverLoadError(f"driver {name} was installed just now; try again")
    fault = _fault(found[0], len(found) > 1)
    return found[0].plugin if fault is None else _unusable(found[0].entry_point, fault)


def _unusable(entry_point: Any, fault: str) -> errors.DriverLoadError:
    return errors.DriverLoadError(f"{described(entry_point.name)} {fault}")


def described(name: str) -> str:
    """A driver with its package and entry point: ``driver acme (package acme, entry point acme:Driver)``."""
    # Not of stevedore's own entry points, which have lost their package.
    found = metadata.entry_points(group=NAMESPACE, name=name)
    packages = sorted({one.dist.name for one in found if one.dist})
    values = sorted({one.value for one in found})
    if not values:
        return f"driver {name}"
    return f"driver {name} (package {' and '.join(packages)}, entry point {' and '.join(values)})"


def _fault(extension: Any, twice: bool) -> str | None:
    if not (inspect.isclass(extension.plugin) and issubclass(extension.plugin, base.Driver)):
        return "is not a class that inherits podium.drivers.base.Driver"
    lacking = sorted(getattr(extension.plugin, "__abstractmethods__", ()))
    if lacking:
        return f"lacks the method {', '.join(lacking)}"
    if extension.name in _RESERVED:
        return "cannot be used: its name is that of a group of the config file"
    if twice:
        return "is not the only one of that name; uninstall the other package"
    return None


def load(
    names: Sequence[str], conf: cfg.ConfigOpts, *, skip_faulty: bool = False, log_faults: bool = True
) -> dict[str, base.Driver]:
    """One instance of each named driver, its options registered in ``conf`` under its name.

    :param skip_faulty: go on without a driver that cannot be used
    :param log_faults: log its error then
    :raises podium.errors.ConfigError: when there is no driver of that name, or none is named
    :raises podium.errors.DriverLoadError: when one, or none of them, can be used
    """
    known = installed()
    if not names:
        raise errors.ConfigError(f"[DEFAULT] enabled_drivers is empty; there are {', '.join(known)}")
    drivers: dict[str, base.Driver] = {}
    for name in dict.fromkeys(names):
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f"did you mean {near[0]}?" if near else "is its package installed?"
            raise errors.ConfigError(
                f"[DEFAULT] enabled_drivers = {','.join(names)}: there is no driver {name}, only"
                f" {', '.join(known)}; {hint}"
            )
        try:
            found = find(name)
            if isinstance(found, errors.DriverLoadError):
                raise found
            drivers[name] = instance(name, found, conf)
        except errors.DriverLoadError as error:
            if not skip_faulty:
                raise
            if log_faults:
                LOG.error("Started without it: %s", error)
    if not drivers:
        raise errors.DriverLoadError(f"none of the drivers {', '.join(names)} can be used")
    return drivers


def instance(name: str, found: type[base.Driver], conf: cfg.ConfigOpts) -> base.Driver:
    """A driver that was not started, its options registered in ``conf`` under its name.

    :raises podium.errors.DriverLoadError: when it cannot be made
    """
    try:
        conf.register_group(cfg.OptGroup(name))
        conf.register_opts(class_options.declared(found), group=name)
        driver = found(name, conf[name])
        names = [task.name for task, _ in base.periodic_tasks(driver)]
    except Exception as cause:
        raise errors.DriverLoadError(f"{described(name)} cannot be made: {errors.one_line(cause)}") from cause
    twice = sorted({task for task in names if names.count(task) > 1})
    if twice:
        raise errors.DriverLoadError(
            f"{described(name)} has two periodic tasks {', '.join(twice)}; give one another name"
        )
    return driver


def options(name: str, found: type[base.Driver] | errors.DriverLoadError) -> list[cfg.Opt]:
    """The options of an installed driver.

    :raises podium.errors.DriverLoadError: when it cannot be used, or has options that cannot be registered
    """
    if isinstance(found, errors.DriverLoadError):
        raise found
    try:
        declared = class_options.declared(found)
        cfg.ConfigOpts().register_opts(declared, group=name)
    except Exception as cause:
        raise errors.DriverLoadError(
            f"driver {name} ({found.__module__}.{found.__qualname__}) has options that cannot be used:"
            f" {errors.one_line(cause)}"
        ) from cause
    return declared


def list_opts() -> list[tuple[str, list[cfg.Opt]]]:
    """The options of every installed driver that can be used, for oslo-config-generator."""
    listed = []
    for name, found in available().items():
        with contextlib.suppress(errors.DriverLoadError):
            listed.append((name, options(name, found)))
    return [(name, declared) for name, declared in listed if declared]
