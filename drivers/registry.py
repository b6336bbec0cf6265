"""Finds drivers by name: entry points in the group ``podium.drivers``, loaded with stevedore."""

import contextlib
import difflib
import functools
import inspect
import re
import traceback
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, Final, TypeVar

from oslo_config import cfg
from oslo_log import log
from stevedore import NamedExtensionManager

from podium import errors
from podium.drivers import additions, base, class_options, declarations

LOG = log.getLogger(__name__)

_Driver = TypeVar("_Driver", bound=base.Driver)

NAMESPACE: Final = "podium.drivers"

#: Python's messages for an unknown argument of a function or class; 3.13 also suggests a name.
_MISSPELT: Final = re.compile(
    r" (\w+)(?:\.__init__)?\(\) got an unexpected keyword argument '(\w+)'(?:\. Did you mean '\w+'\?)?$"
)


def installed() -> list[str]:
    """Return the names of the installed drivers, without importing any of them."""
    return sorted({one.name for one in metadata.entry_points(group=NAMESPACE)})


def available() -> dict[str, type[base.Driver] | errors.DriverLoadError]:
    """Return every installed driver by name; for a driver that cannot be used, the error that says why.

    This imports all drivers, which may take long; to look at some drivers only, :func:`find` them.
    """
    return {name: find(name) for name in installed()}


def find(name: str) -> type[base.Driver] | errors.DriverLoadError:
    """Return an installed driver, or why it cannot be used, with package, entry point and cause."""
    if (fault := declarations.name_fault(name)) is not None:
        return _faulty(name, [fault])
    found = _imported(name)
    if isinstance(found, errors.DriverLoadError):
        return found
    faults = declarations.faults(found)
    return _faulty(name, faults) if faults else found


def _imported(name: str) -> type[base.Driver] | errors.DriverLoadError:
    failed: list[errors.DriverLoadError] = []

    def note(_manager: object, entry_point: Any, cause: BaseException) -> None:
        failed.append(_unimportable(entry_point, cause))

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
    except BaseException as cause:  # stevedore lets some pass, and a plugin may raise anything
        return _unimportable(next(iter(metadata.entry_points(group=NAMESPACE, name=name))), cause)
    if failed:
        return failed[0]
    if not found:  # stevedore caches entry points, and this one is newer
        return errors.DriverLoadError(f"driver {name} was installed just now; try again")
    fault = _no_driver(found[0].plugin, len(found) > 1)
    return found[0].plugin if fault is None else errors.DriverLoadError(f"{described(name)} {fault}")


def _unimportable(entry_point: Any, cause: BaseException) -> errors.DriverLoadError:
    place = ""
    package = entry_point.value.partition(":")[0].partition(".")[0]
    for frame, line in traceback.walk_tb(cause.__traceback__):
        module = frame.f_globals.get("__name__", "")
        if module.partition(".")[0] == package and module != __name__:
            place = f" ({Path(frame.f_code.co_filename).name}, line {line})"
    return errors.DriverLoadError(
        f"{described(entry_point.name)} cannot be imported: {errors.one_line(cause)}{place}{_hint(cause)}"
    )


def _hint(cause: BaseException) -> str:
    """Return a hint about a driver that uses a name that Podium does not have."""
    misspelt = _MISSPELT.search(errors.one_line(cause))
    if misspelt and misspelt[1] in base.__all__:
        known = inspect.signature(getattr(base, misspelt[1])).parameters
        if near := difflib.get_close_matches(misspelt[2], known, 1):
            return f"; did you mean {near[0]}?"
    if isinstance(cause, ImportError):
        module = cause.name
    else:
        module = getattr(getattr(cause, "obj", None), "__name__", None)  # of an AttributeError
    is_ours = f"{module}.".startswith("podium.")
    return f"; {declarations.OUR_API}, and the driver may need a newer one" if is_ours else ""


def _faulty(name: str, faults: Sequence[str]) -> errors.DriverLoadError:
    return errors.DriverLoadError(f"{described(name)}: {'; '.join(faults)}", faults)


def described(name: str) -> str:
    """Describe a driver and its origin: ``driver acme (package acme, entry point acme:Driver)``."""
    # Not from stevedore's own entry points, which have lost their package.
    found = metadata.entry_points(group=NAMESPACE, name=name)
    packages = sorted({one.dist.name for one in found if one.dist})
    values = sorted({one.value for one in found})
    if not values:
        return f"driver {name}"
    return f"driver {name} (package {' and '.join(packages)}, entry point {' and '.join(values)})"


def _no_driver(plugin: Any, twice: bool) -> str | None:
    if not (inspect.isclass(plugin) and issubclass(plugin, base.Driver)):
        return "is not a class that inherits podium.drivers.base.Driver"
    lacking = sorted(getattr(plugin, "__abstractmethods__", ()))
    if lacking:
        return f"lacks the method {', '.join(lacking)}"
    if twice:
        return "is not the only one of that name; uninstall the other package"
    return None


def load(
    names: Sequence[str], conf: cfg.ConfigOpts, *, skip_faulty: bool = False, log_faults: bool = True
) -> dict[str, base.Driver]:
    """Return an instance of each named driver, with its options registered in ``conf`` under its name.

    :param skip_faulty: continue without a driver that cannot be used
    :param log_faults: then log its error, and what Podium does not use of older drivers
    :raises podium.errors.ConfigError: when there is no driver of a name, or no driver is named
    :raises podium.errors.DriverLoadError: when a driver, or none of them, can be used
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
            if log_faults and (unused := additions.unused(found)):
                LOG.warning(
                    "%s was written for API %s, and means by %s something else than Podium has meant since:"
                    " not used; rename it, or make it what docs/contract.md says, with needs_api = %s",
                    described(name),
                    ".".join(map(str, found.needs_api)),
                    ", ".join(unused),
                    max(map(additions.since, unused)),
                )
        except errors.DriverLoadError as error:
            if not skip_faulty:
                raise
            if log_faults:
                LOG.error("Started without it: %s", error)
    if not drivers:
        raise errors.DriverLoadError(f"none of the drivers {', '.join(names)} can be used")
    return drivers


def instance(name: str, found: type[_Driver], conf: cfg.ConfigOpts) -> _Driver:
    """Return a driver that is not started, with its options registered in ``conf`` under its name.

    :raises podium.errors.DriverLoadError: when it cannot be created, or declares what cannot be used
    """
    fault = declarations.name_fault(name)
    if faults := [fault] if fault else declarations.faults(found):
        raise _faulty(name, faults)
    conf.register_group(cfg.OptGroup(name))
    conf.register_opts(class_options.declared(found), group=name)
    try:
        driver = found(name, conf[name])
    except KeyboardInterrupt:
        raise
    except BaseException as cause:  # SystemExit must not end the program either
        raise errors.DriverLoadError(f"{described(name)} cannot be made: {errors.one_line(cause)}") from cause
    if faults := declarations.faults_of_instance(driver, name):
        raise _faulty(name, faults)
    return driver


def options(name: str, found: type[base.Driver] | errors.DriverLoadError) -> list[cfg.Opt]:
    """Return the options of an installed driver.

    :raises podium.errors.DriverLoadError: when it cannot be used
    """
    if isinstance(found, errors.DriverLoadError):
        raise found
    if faults := declarations.faults(found):
        raise _faulty(name, faults)
    return class_options.declared(found)


def list_opts() -> list[tuple[str, list[cfg.Opt]]]:
    """Return the options of every installed driver that can be used, for oslo-config-generator."""
    listed = []
    for name, found in available().items():
        with contextlib.suppress(errors.DriverLoadError):
            listed.append((name, options(name, found)))
    return [(name, declared) for name, declared in listed if declared]


@functools.cache
def secret_names() -> frozenset[str]:
    """Return the names that any installed driver declares as secret. This imports all drivers, once."""
    found = (one for one in available().values() if not isinstance(one, errors.DriverLoadError))
    return frozenset(name for one in found for name, declared in one.properties.items() if declared.secret)
