"""The drivers installed here, with which commands check values of nodes and hide secrets.

A command imports only the drivers that it needs: an import may take seconds, and a driver may be broken.
"""

import copy
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, Final

from podium import conf, errors, masking
from podium.client.calls.nodes import MAPPINGS
from podium.drivers import base, registry
from podium.drivers.base import actions
from podium.wording import nearest

#: Ironic's name for the power interface of a driver, where that is not the driver's name.
_POWER: Final = {"ipmi": "ipmitool"}


class Catalog:
    """The installed drivers by name; each is imported and created when it is first used.

    :param config: the configuration, in which the options of a driver are registered and read
    :param warn: called once for each driver that cannot be used and that the command does not need
    """

    def __init__(self, config: conf.Config, warn: Callable[[str], None]) -> None:
        self._config = config
        self._warn = warn
        self._found: dict[str, type[base.Driver] | errors.DriverLoadError] = {}
        self._made: dict[str, base.Driver] = {}
        self._told: set[str] = set()

    @cached_property
    def _installed(self) -> Sequence[str]:
        return registry.installed()  # reads the metadata of every package, which many calls do not need

    def for_answer(self, warn: Callable[[str], None]) -> "Catalog":
        """Return the same drivers for one answer, which then warns of broken drivers itself."""
        _ = self._installed  # read once, for every copy
        found = copy.copy(self)
        found._warn, found._told = warn, set()
        return found

    def driver(self, name: str) -> base.Driver:
        """Return the driver of a name. It is not started and must not do any I/O.

        :raises podium.errors.DriverLoadError: if there is none, or it cannot be used
        :raises podium.errors.ConfigError: if the config file has a wrong value for it
        """
        if name not in self._made:
            found = self._find(name)
            if isinstance(found, errors.DriverLoadError):
                raise found
            self._made[name] = registry.instance(name, found, self._config)
            self._config.check()
        return self._made[name]

    def _find(self, name: str) -> type[base.Driver] | errors.DriverLoadError:
        if name not in self._installed:
            return self._unknown(name)  # and not kept: the number of such names is not limited
        if name not in self._found:
            self._found[name] = registry.find(name)
        return self._found[name]

    def _unknown(self, name: str) -> errors.DriverLoadError:
        near = nearest(name, self._installed)
        hint = f"did you mean {near}?" if near else f"there are {', '.join(self._installed)}"
        return errors.DriverLoadError(f"there is no driver {name}; {hint}")

    def _class(self, name: str) -> type[base.Driver] | None:
        """Return the class of a driver; None if it is not installed here, or cannot be used."""
        found = self._find(name)
        if not isinstance(found, errors.DriverLoadError):
            return found
        if name in self._installed and name not in self._told:
            self._told.add(name)
            self._warn(f"warning: {found}")
        return None

    def actions(self, name: str) -> frozenset[str] | None:
        """Return the actions of a driver's nodes; None if the driver cannot be used here."""
        found = self._class(name)
        return None if found is None else actions(found)

    def own_actions(self, name: str) -> Mapping[str, base.DriverAction]:
        """Return the actions that a driver defines; empty if the driver cannot be used here."""
        found = self._class(name)
        return {} if found is None else base.driver_actions(found)

    def login(self, name: str) -> base.Login | None:
        """Return the account of a driver's nodes; None if it cannot try a login, or cannot be used here."""
        found = self._class(name)
        return base.login_of(found) if found is not None and base.checks_login(found) else None

    def sets_password(self, name: str) -> bool:
        """Return whether a driver can change the password on the hardware."""
        found = self._class(name)
        return found is not None and base.sets_password(found)

    def interfaces(self, name: str) -> Mapping[str, str]:
        """Return a driver's interfaces in Ironic's words, such as power: ipmitool.

        Only a driver that stands for a driver of Ironic declares them; the others have only power.
        """
        found = getattr(self._class(name), "interfaces", None)
        return found if isinstance(found, Mapping) else {"power": _POWER.get(name, name)}

    def secrets(self, name: str) -> frozenset[str]:
        """Return the properties that a driver declares as secret; none if it cannot be used here."""
        found = self._class(name)
        declared = {} if found is None else found.properties
        return frozenset(key for key, one in declared.items() if one.secret)

    def open_names(self, name: str) -> frozenset[str]:
        """Return the properties of a driver that are no secrets; none if it cannot be used here."""
        found = self._class(name)
        declared = {} if found is None else found.properties
        return frozenset(
            key for key, one in declared.items() if not one.secret and not masking.is_secret(key)
        )

    def revealed(self, values: Mapping[str, Any], before: str, after: str) -> list[str]:
        """Return the keys whose values are hidden for nodes of one driver, and shown for those of another."""
        old, new = self.secrets(before), self.secrets(after)
        hidden, shown = masking.mask(values, old | new), masking.mask(values, new)
        return [key for key in values if hidden[key] != shown[key]]

    def revelations(self, fields: Mapping[str, Any], before: str, after: str) -> list[str]:
        """Return a line for each value of a node that another driver would show.

        :param fields: the node's new fields; those that are not mappings have no secrets
        """
        found = [
            f"{name}: {key} is, or has, a secret of the driver {before}, and the driver {after} does not know"
            " it; remove it"
            for name, value in fields.items()
            if isinstance(value, Mapping)
            for key in self.revealed(value, before, after)
        ]
        if before != after and self._class(before) is None:
            new = self._class(after)
            found += [
                f"driver_info: {key} may be a secret, as the driver {before} cannot be asked, and the driver"
                f" {after} does not know it; remove it"
                for key in fields["driver_info"]
                if new is not None and key not in new.properties and not masking.is_secret(key)
            ]
        return found

    def is_secret(self, key: str, drivers: Iterable[str]) -> bool:
        """Return whether a property is a secret by its name, or in one of these drivers."""
        return masking.is_secret(key) or any(key in self.secrets(name) for name in drivers)

    def masked(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Return columns of a node, including driver, without secrets; without the driver, all are secret."""
        shown = dict(row)
        for column in shown.keys() & set(MAPPINGS):
            if row[column] is not None:
                shown[column] = masking.mask(row[column], self.secrets(row["driver"]))
        if "driver_info" in shown and self._class(row["driver"]) is None:
            shown["driver_info"] = dict.fromkeys(row["driver_info"], masking.MASK)
        return shown
