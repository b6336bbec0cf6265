"""Finds an option that a command does not have: in other commands, or as the name of one."""

import argparse
from collections.abc import Sequence
from typing import cast

from podium.cli.app import COMMANDS, App
from podium.cli.connecting import Connecting


def named(option: str, command: Sequence[str]) -> str | None:
    """Return the command named like an option, among those with the first word of another command."""
    word = option.lstrip("-")
    for name, *_ in COMMANDS:
        words = name.split()
        if words[:1] == [*command[:1]] and word in words[1:]:
            return " ".join([App.NAME, *words[: words.index(word) + 1]])
    return None


def having(option: str, command: Sequence[str]) -> list[str]:
    """Return the last words of the commands beside another that have an option, if that has three words."""
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
