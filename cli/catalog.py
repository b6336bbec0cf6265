"""The drivers installed here, for the commands to check what nodes are given and to hide secrets."""

import difflib
from collections.abc import Mapping
from typing import Any, Final

from podium import conf, errors, masking
from podium.drivers import base, registry
from podium.drivers.base import actions

#: The columns of a node that hold what people or drivers put there.
MAPPINGS: Final = ("driver_info", "driver_internal_info", "properties", "extra")


class Catalog:
    """The installed drivers by name; each is made when it is first asked for.

    :param config: where the options of a driver are registered and read
    """

    def __init__(self, config: conf.Config) -> None:
        self._config = config
        self.classes = registry.available()
        self._made: dict[str, base.Driver] = {}

    def driver(self, name: str) -> base.Driver:
        """The driver of that name, which was not started and must not be asked for any I/O.

        :raises podium.errors.DriverLoadError: when there is none, or it cannot be used
        :raises podium.errors.ConfigError: when the config file has a wrong value for it
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
        """What may be asked of a driver's nodes; None when it is not installed here."""
        found = self.classes.get(name)
        if found is None or isinstance(found, errors.DriverLoadError):
            return None
        return actions(found)

    def secrets(self, name: str) -> frozenset[str]:
        """The properties that a driver declares as secret; none when it is not installed here."""
        found = self.classes.get(name)
        if found is None or isinstance(found, errors.DriverLoadError):
            return frozenset()
        return frozenset(key for key, declared in found.properties.items() if declared.secret)

    def is_secret(self, key: str) -> bool:
        """Whether the name of a property, or any driver that has it, says that it is a secret."""
        return masking.is_secret(key) or any(key in self.secrets(name) for name in self.classes)

    def masked(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Columns of a node, driver among them, without secrets; all are where the driver is missing."""
        shown = dict(row)
        for column in shown.keys() & set(MAPPINGS):
            shown[column] = masking.mask(row[column], self.secrets(row["driver"]))
        if "driver_info" in shown and self.actions(row["driver"]) is None:
            shown["driver_info"] = dict.fromkeys(row["driver_info"], masking.MASK)
        return shown
