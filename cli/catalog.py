"""The drivers installed here: commands use them to check values of nodes and to hide secrets."""

import difflib
from collections.abc import Mapping
from typing import Any, Final

from podium import conf, errors, masking
from podium.drivers import base, registry
from podium.drivers.base import actions

#: The columns of a node with values of people or drivers.
MAPPINGS: Final = ("driver_info", "driver_internal_info", "properties", "extra")


class Catalog:
    """The installed drivers by name; each is created when it is first used.

    :param config: the configuration, in which the options of a driver are registered and read
    """

    def __init__(self, config: conf.Config) -> None:
        self._config = config
        self.classes = registry.available()
        self._made: dict[str, base.Driver] = {}

    def driver(self, name: str) -> base.Driver:
        """Return the driver of that name. It was not started and must not do any I/O.

        :raises podium.errors.DriverLoadError: if there is none, or it cannot be used
        :raises podium.errors.ConfigError: if the config file has a wrong value for it
        """
        if name not in self._made:
            self._made[name] = registry.instance(name, self._class(name), self._config)
            self._config.check()
        return self._made[name]

    def _class(self, name: str) -> type[base.Driver]:
        if name not in self.classes:
            near = difflib.get_close_matches(name, self.classes, 1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(self.classes)}"
            raise errors.DriverLoadError(f"there is no driver {name}; {hint}")
        found = self.classes[name]
        if isinstance(found, errors.DriverLoadError):
            raise found
        return found

    def actions(self, name: str) -> frozenset[str] | None:
        """Return the actions of a driver's nodes; None if the driver is not installed here."""
        found = self.classes.get(name)
        if found is None or isinstance(found, errors.DriverLoadError):
            return None
        return actions(found)

    def secrets(self, name: str) -> frozenset[str]:
        """Return the properties that a driver declares as secret; none if it is not installed here."""
        found = self.classes.get(name)
        if found is None or isinstance(found, errors.DriverLoadError):
            return frozenset()
        return frozenset(key for key, declared in found.properties.items() if declared.secret)

    def is_secret(self, key: str) -> bool:
        """Return whether a property is a secret by its name, or in any driver that has it."""
        return masking.is_secret(key) or any(key in self.secrets(name) for name in self.classes)

    def masked(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Return columns of a node, including driver, without secrets; all are secret without the driver."""
        shown = dict(row)
        for column in shown.keys() & set(MAPPINGS):
            shown[column] = masking.mask(row[column], self.secrets(row["driver"]))
        if "driver_info" in shown and self.actions(row["driver"]) is None:
            shown["driver_info"] = dict.fromkeys(row["driver_info"], masking.MASK)
        return shown
