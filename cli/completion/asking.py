"""The names that completion asks Podium for: nodes, drivers, tasks, conductors and operations."""

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib.metadata import entry_points
from typing import Final, NoReturn

from podium import conf, errors
from podium.cli import ways
from podium.cli.app import LOCAL, App
from podium.cli.completion.line import Line
from podium.client.calls.drivers import DriverAction
from podium.client.podium import Podium
from podium.node_ranges import natural

#: The most names that are looked up for one completion.
_MOST: Final = 200
_OPERATIONS: Final = 50
_ACTION: Final = re.compile(r"([\w-]+)\.\w+")
#: The values of action arguments without choices, by kind.
_VALUES: Final[Mapping[str, Iterable[str]]] = {"true or false": ("true", "false")}


class Asking:
    """Asks the podium-api or the database that the command on the line would use.

    :raises podium.errors.PodiumError: from each method
    """

    def __init__(self, line: Line) -> None:
        self._line = line
        file = line.options.config_file
        self._arguments = ["--config-file", file] if file else []

    def nodes(self, prefix: str) -> Iterable[str]:
        """Return the names of nodes that begin with a prefix, except those on the line."""
        way = self._way()
        file = self._file() if way.url is None else None
        if file is not None:
            from podium.db import sqlite_names

            found, _ = sqlite_names.beginning_with(file, prefix, _MOST)
            names = sorted(found, key=natural)
        else:
            with self._podium(way) as podium:
                names = podium.node_names(prefix, _MOST).names
        return [name for name in names if name not in self._line.words]

    def drivers(self) -> Mapping[str, str]:
        """Return the drivers and their descriptions."""
        if self._line.command not in LOCAL and (way := self._way()).url is not None:
            with self._podium(way) as podium:
                return {driver.name: driver.description or "" for driver in podium.drivers()}
        return dict.fromkeys(sorted(entry_points(group="podium.drivers").names), "")

    def driver_info(self) -> Mapping[str, str]:
        """Return the settings that are no secrets, of the drivers on the line or else of all drivers."""
        drivers = [*self.drivers()]
        named = [name for name in drivers if name in self._line.words]
        found: dict[str, str] = {}
        with self._podium(self._way()) as podium:
            for name in named or drivers:
                with suppress(errors.DriverLoadError):
                    its = podium.driver(name).properties
                    found |= {f"{one.name}=": one.help for one in its if not one.secret}
        return found

    def actions(self, prefix: str) -> Mapping[str, str]:
        """Return the drivers' own actions that begin with a prefix, and what each does."""
        begun, dot, _ = prefix.partition(".")
        drivers = [name for name in self.drivers() if name == begun or (not dot and name.startswith(begun))]
        with self._podium(self._way()) as podium:
            return {one.name: one.help for one in _actions(podium, drivers)}

    def action_arguments(self) -> Iterable[str]:
        """Return the arguments that the action on the line still lacks, with their choices."""
        given = {word.partition("=")[0] for word in self._line.words if "=" in word}
        with self._podium(self._way()) as podium:
            drivers = [found[1] for word in self._line.words if (found := _ACTION.fullmatch(word))]
            return [
                f"{argument.name}={value}"
                for action in _actions(podium, drivers)
                if action.name in self._line.words
                for argument in action.arguments
                if argument.name not in given
                for value in argument.choices or _VALUES.get(argument.kind, ("",))
            ]

    def tasks(self) -> Iterable[str]:
        """Return the names of the periodic tasks, each once."""
        with self._podium(self._way()) as podium:
            return [*dict.fromkeys(task.task for task in podium.tasks())]

    def conductors(self) -> Mapping[str, str]:
        """Return the host names of the conductors, and their states."""
        with self._podium(self._way()) as podium:
            return {one.hostname: one.state for one in podium.conductors()}

    def operations(self) -> Mapping[str, str]:
        """Return the numbers of the newest operations, and a description of each."""
        with self._podium(self._way()) as podium:
            found = podium.operations(limit=_OPERATIONS)
            return {str(one.id): f"{one.action}, nodes: {one.nodes}, {one.requested_by}" for one in found}

    def _way(self) -> ways.Way:
        return ways.choose(self._line.options, App.NAME)

    def _file(self) -> str | None:
        """Return the file of the configured database, if it is SQLite without parameters.

        The file is read without SQLAlchemy, which takes three times as long to import as everything else.
        """
        from podium.conf import database

        kind, _, file = database.read_url(self._arguments, prog=App.NAME).partition(":///")
        return file if kind == "sqlite" and "?" not in file else None

    @contextmanager
    def _podium(self, way: ways.Way) -> Iterator[Podium]:
        if way.url is not None:
            from podium.cli.remote import connect

            with connect(way, _ignore, _give_up) as podium:
                yield podium
            return
        from podium.client.local.local import Local

        with Local(conf.load(self._arguments, prog=App.NAME, delivers=False), warn=_ignore) as podium:
            yield podium


def _actions(podium: Podium, drivers: Iterable[str]) -> Iterator[DriverAction]:
    for name in drivers:
        with suppress(errors.DriverLoadError, errors.NotFound):
            yield from podium.driver(name).actions


def _ignore(_warning: str) -> None:
    pass


def _give_up(_seconds: float) -> NoReturn:
    raise errors.ApiUnavailable("nobody waits for another attempt")
