"""One parser for all commands, with the options of only the command on the line."""

import argparse
from collections.abc import Mapping
from typing import Final

from podium.cli.app import COMMANDS, App, add_common_options
from podium.cli.completion.line import Line

_SUMMARIES: Final[Mapping[str, str]] = {name: summary for name, _, summary in COMMANDS}


def parser(line: Line) -> argparse.ArgumentParser:
    """Return a parser for a line and for what may follow it."""
    root = argparse.ArgumentParser(prog=App.NAME)
    root.add_argument("--version", action="store_true", help="show the version, and that of the schema")
    add_common_options(root, default=None)
    if not line.is_wrong:
        _add_commands(root, "", line)
    return root


def _add_commands(parser: argparse.ArgumentParser, before: str, line: Line) -> None:
    below: dict[str, list[str]] = {}
    for name in _SUMMARIES:
        if name.startswith(before):
            word, *further = name.removeprefix(before).split(maxsplit=1)
            below.setdefault(word, []).extend(further)
    commands = parser.add_subparsers()
    for word, further in below.items():
        name = f"{before}{word}"
        words = dict.fromkeys(one.split()[0] for one in further)
        its = commands.add_parser(word, help=_SUMMARIES.get(name) or ", ".join(words))
        if name == line.command:
            commands.choices[word] = _command(line, name)
        elif further:
            _add_commands(its, f"{name} ", line)


def _command(line: Line, name: str) -> argparse.ArgumentParser:
    app = App()
    factory, *_ = app.command_manager.find_command(name.split())
    found: argparse.ArgumentParser = factory(app, line.options).get_parser(f"{App.NAME} {name}")
    return found
