"""Finds drivers by name: entry points in the group ``podium.drivers``, loaded with stevedore."""

import difflib
import inspect
from collections.abc import Iterable, Sequence
from importlib import metadata
from typing import Any, Final

from oslo_config import cfg
from stevedore import ExtensionManager

from podium import errors
from podium.drivers import base

NAMESPACE: Final = "podium.drivers"

#: Groups of the config file that are the conductor's own.
_RESERVED: Final = frozenset({"DEFAULT", "conductor", "database", "periodic_tasks"})


def available() -> dict[str, type[base.Driver] | errors.DriverLoadError]:
    """Every installed driver by name; one that cannot be imported comes as the error that says why."""
    failed: dict[str, errors.DriverLoadError] = {}

    def note(_manager: object, entry_point: Any, cause: BaseException) -> None:
        failed[entry_point.name] = _unusable(entry_point, f"cannot be imported: {errors.one_line(cause)}")

    found: dict[str, type[base.Driver] | errors.DriverLoadError] = {}
    manager: Iterable[Any] = ExtensionManager(NAMESPACE, on_load_failure_callback=note)
    for extension in manager:
        fault = _fault(extension, extension.name in found)
        found[extension.name] = extension.plugin if fault is None else _unusable(extension.entry_point, fault)
    return dict(sorted((found | failed).items()))


def _unusable(entry_point: Any, fault: str) -> errors.DriverLoadError:
    # stevedore's own entry points have lost their package.
    same = metadata.entry_points(group=NAMESPACE, name=entry_point.name, value=entry_point.value)
    packages = sorted({one.dist.name for one in same if one.dist})
    origin = f"package {' and '.join(packages)}, entry point {entry_point.value}"
    return errors.DriverLoadError(f"driver {entry_point.name} ({origin}) {fault}")


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


def load(names: Sequence[str], conf: cfg.ConfigOpts) -> dict[str, base.Driver]:
    """One instance of each named driver, its options registered in ``conf`` under its name.

    :raises podium.errors.ConfigError: when there is no driver of that name, or none is named
    :raises podium.errors.DriverLoadError: when one cannot be used, naming package, entry point and cause
    """
    classes = available()
    if not names:
        raise errors.ConfigError(f"[DEFAULT] enabled_drivers is empty; there are {', '.join(classes)}")
    drivers: dict[str, base.Driver] = {}
    for name in dict.fromkeys(names):
        if name not in classes:
            near = difflib.get_close_matches(name, classes, 1)
            hint = f"did you mean {near[0]}?" if near else "is its package installed?"
            raise errors.ConfigError(
                f"[DEFAULT] enabled_drivers = {','.join(names)}: there is no driver {name}, only"
                f" {', '.join(classes)}; {hint}"
            )
        found = classes[name]
        if isinstance(found, errors.DriverLoadError):
            raise found
        drivers[name] = instance(name, found, conf)
    return drivers


def instance(name: str, found: type[base.Driver], conf: cfg.ConfigOpts) -> base.Driver:
    """A driver that was not started, its options registered in ``conf`` under its name.

    :raises podium.errors.DriverLoadError: when it cannot be made
    """
    try:
        conf.register_group(cfg.OptGroup(name))
        conf.register_opts(found.options, group=name)
        return found(name, conf[name])
    except Exception as cause:
        raise errors.DriverLoadError(
            f"driver {name} ({found.__module__}.{found.__qualname__}) cannot be made:"
            f" {errors.one_line(cause)}"
        ) from cause


def list_opts() -> list[tuple[str, list[cfg.Opt]]]:
    """The options of every installed driver, for oslo-config-generator."""
    return [
        (name, list(found.options))
        for name, found in available().items()
        if not isinstance(found, errors.DriverLoadError) and found.options
    ]
