"""Where an option is, or a command of its name, that a command does not have."""

import argparse
from collections.abc import Sequence
from typing import cast

from podium.cli.app import COMMANDS, App
from podium.cli.connecting import Connecting


def named(option: str, command: Sequence[str]) -> str | None:
    """Return the command that has the name of an option, among those that begin as another."""
    word = option.lstrip("-")
    for name, *_ in COMMANDS:
        words = name.split()
        if words[:1] == [*command[:1]] and word in words[1:]:
            return " ".join([App.NAME, *words[: words.index(word) + 1]])
    return None


def having(option: str, command: Sequence[str]) -> list[str]:
    """Return the last words of the commands beside another that have an option, if they have three."""
    if len(command) < 3:
        return []
    beside = [words[-1] for name, *_ in COMMANDS if (words := name.split())[:-1] == [*command[:-1]]]
    return [last for last in beside if option in _options([*command[:-1], last])]


def _options(command: list[str]) -> list[str]:
    app = App()
    factory, *_ = app.command_manager.find_command(command)
    its = cast("Connecting", factory(app, argparse.Namespace()))
    its.get_parser(" ".join([App.NAME, *command]))
    return its.parser.options()
