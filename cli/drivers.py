"""``podium driver list`` and ``podium driver show``."""

import argparse
import inspect
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from oslo_config import cfg

from podium import errors
from podium.cli import command
from podium.client.catalog import Catalog
from podium.db import conductors
from podium.drivers import base, class_options, registry
from podium.drivers.base import actions


def _description(driver: type[base.Driver]) -> str:
    return (inspect.cleandoc(driver.__doc__ or "").splitlines() or [""])[0]


class List(command.Lister):
    """List the installed drivers, with the online conductors that have enabled them."""

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[Sequence[str], Iterable[Any]]:
        hosts = self._conductors()
        rows = []
        for name, found in registry.available().items():
            if isinstance(found, errors.DriverLoadError):
                description, error = None, errors.one_line(found)
            else:
                description, error = _description(found), None
            enabled = name in self.config.enabled_drivers
            rows.append((name, description, enabled, None if hosts is None else hosts.get(name, []), error))
        return ("name", "description", "enabled", "conductors", "error"), rows

    def _conductors(self) -> dict[str, list[str]] | None:
        """Return the online conductors by driver; None, with a warning, if the database cannot be read."""
        timeout = self.config.conductor.heartbeat_timeout
        hosts: dict[str, list[str]] = {}
        try:
            with self.database() as database, database.read() as connection:
                found = conductors.list_conductors(connection)
        except errors.DatabaseError as fault:
            self.warn(f"warning: {fault}")
            return None
        for one in found:
            for driver in one.drivers if one.is_alive(timeout) else ():
                hosts.setdefault(driver, []).append(one.hostname)
        return hosts


class Show(command.ShowOne):
    """Show a driver's settings of a node, its options in the config file, and its actions."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument("driver", metavar="DRIVER", help="see podium driver list")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[Sequence[str], Iterable[Any]]:
        driver = Catalog(self.config, self.warn).driver(parsed_args.driver)
        shown = {
            "name": driver.name,
            "description": _description(type(driver)),
            "properties": [
                {
                    "name": key,
                    "required": declared.required,
                    "secret": declared.secret,
                    "default": _default(declared.default, declared.secret),
                    "help": declared.help,
                }
                for key, declared in driver.properties.items()
            ],
            "options": [_option(option) for option in class_options.declared(type(driver))],
            "supported_power_states": list(driver.supported_power_states),
            "power_actions": sorted(actions(driver)),
            "periodic_tasks": [
                {"name": f"{driver.name}.{task.name}", "spacing": task.spacing, "enabled": task.enabled}
                for task, _ in base.periodic_tasks(driver)
            ],
        }
        return tuple(shown), list(shown.values())


def _default(value: Any, secret: bool) -> Any:
    return None if secret or value in (None, "", b"") else value


def _option(option: cfg.Opt) -> Mapping[str, Any]:
    return {"name": option.name, "default": _default(option.default, option.secret), "help": option.help}
