"""Completes the values of the commands' arguments."""

import argparse
import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from argcomplete.completers import BaseCompleter, DirectoriesCompleter, FilesCompleter

from podium.cli.app import COMMANDS, App
from podium.cli.completion.line import Line
from podium.node_ranges import natural

if TYPE_CHECKING:
    from podium.cli.completion.asking import Asking

_Found: TypeAlias = Iterable[str] | Mapping[str, str]
#: Characters that no node name contains: they make it a range or a pattern.
_SEVERAL: Final = re.compile(r"[\[\],*?@]")
#: A condition that ends with a field, and one that ends with a value.
_FIELD: Final = re.compile(r"((?:.*(?:\b(?:and|or|not)\s+|\())?\s*)[a-z_]*", re.DOTALL)
_WORD: Final = re.compile(r"(.*\b([a-z_]+)\s*!?=\s*)[a-z]*", re.DOTALL)


class Values(BaseCompleter):
    """Completes the value of an argument that has no choices."""

    def __init__(self, line: Line) -> None:
        self._line = line

    def __call__(self, *, prefix: str, action: argparse.Action, **_: Any) -> _Found:
        name = action.option_strings[-1] if action.option_strings else ""
        find = OF_OPTIONS.get(name) or OF_METAVARS.get(str(action.metavar), _nothing)
        found: list[_Found] = [] if action.option_strings else [self._further(prefix)]
        with suppress(Exception, SystemExit):  # errors cannot be shown while somebody is typing
            found.append(find(self, prefix))
        if all(isinstance(some, Mapping) for some in found):
            return {one: text for some in found if isinstance(some, Mapping) for one, text in some.items()}
        return [one for some in found for one in some]

    def _further(self, prefix: str) -> Mapping[str, str]:
        """Return words that extend the command on the line to another one, such as clear after node log."""
        typed = str(self._line.command).split()
        if [*self._line.words[-len(typed) :]] != typed:
            return {}
        before = f"{self._line.command} "
        return {
            word: summary
            for name, _, summary in COMMANDS
            if name.startswith(before) and (word := name.removeprefix(before)).startswith(prefix)
        }

    @property
    def command(self) -> object:
        """The class of the command on the line."""
        factory, *_ = App().command_manager.find_command(str(self._line.command).split())
        return factory

    @cached_property
    def asking(self) -> "Asking":
        """The object that asks Podium."""
        from podium.cli.completion.asking import Asking  # its import takes longer than completing a command

        return Asking(self._line)


def _nothing(_: Values, _prefix: str) -> _Found:
    return ()


def _nodes(values: Values, prefix: str) -> _Found:
    if prefix.startswith("@"):
        from podium.cli import groups

        return sorted(groups.begun(prefix), key=natural)
    return () if _SEVERAL.search(prefix) else values.asking.nodes(prefix)


def _condition(_: Values, prefix: str) -> _Found:
    from podium.db.selection.fields import FIELDS, Kind

    if found := _FIELD.fullmatch(prefix):
        return [f"{found[1]}{name}" for name in FIELDS]
    if found := _WORD.fullmatch(prefix):
        field = FIELDS[found[2]]
        words = ("yes", "no") if field.kind is Kind.TRUTH else (one for one in field.words if " " not in one)
        return [f"{found[1]}{word}" for word in words]
    return ()


def _columns(values: Values, _prefix: str) -> _Found:
    return getattr(values.command, "column_names", ())


def _driver_info(values: Values, prefix: str) -> _Found:
    """Complete KEY=@FILE, or the key of a setting that is no secret."""
    return _value(values, prefix) if "=" in prefix else values.asking.driver_info()


def _actions(values: Values, prefix: str) -> _Found:
    return values.asking.actions(prefix)


def _action_arguments(values: Values, _prefix: str) -> _Found:
    return values.asking.action_arguments()


def _drivers(values: Values, _prefix: str) -> _Found:
    return values.asking.drivers()


def _tasks(values: Values, _prefix: str) -> _Found:
    return values.asking.tasks()


def _conductors(values: Values, _prefix: str) -> _Found:
    return values.asking.conductors()


def _operations(values: Values, _prefix: str) -> _Found:
    return values.asking.operations()


def _urls(_: Values, _prefix: str) -> _Found:
    return {
        "https://": "a podium-api",
        "unix:/": "the socket of a podium-api on this host",
        "database": "the database itself",
    }


def _file(_: Values, prefix: str) -> _Found:
    # A completion must begin with what was typed, which has the variable and not its value.
    return () if "$" in prefix else sorted(FilesCompleter()(prefix), key=natural)


def _folder(_: Values, prefix: str) -> _Found:
    return sorted(DirectoriesCompleter()(prefix=prefix), key=natural)


def _file_after_at(values: Values, prefix: str) -> _Found:
    return [f"@{file}" for file in _file(values, prefix.removeprefix("@"))]


def _value(values: Values, prefix: str) -> _Found:
    """Complete KEY=@FILE; any other value may be a secret."""
    key, equals, file = prefix.partition("=@")
    return [f"{key}=@{one}" for one in _file(values, file)] if equals else ()


_Find: TypeAlias = Callable[[Values, str], _Found]
OF_OPTIONS: Final[Mapping[str, _Find]] = {
    "--driver": _drivers,
    "--driver-info": _driver_info,
    "--url": _urls,
    "--only": _nothing,  # nodes of a file
    "--to": _file_after_at,
}
OF_METAVARS: Final[Mapping[str, _Find]] = {
    "@FILE": _file_after_at,
    "ARGUMENT=VALUE": _action_arguments,
    "COLUMN": _columns,
    "CONDITION": _condition,
    "DIR": _folder,
    "DRIVER": _drivers,
    "DRIVER.ACTION": _actions,
    "FILE": _file,
    "HOST": _conductors,
    "HOSTNAME": _conductors,
    "ID": _operations,
    "KEY=VALUE": _value,
    "NODE": _nodes,
    "TASK": _tasks,
}
