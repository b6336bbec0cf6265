"""The line that is being typed."""

import argparse
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from argcomplete.lexers import split_line

from podium.cli.app import COMMANDS, App, add_common_options


class Line(NamedTuple):
    """The complete part of a line.

    :param words: the words before the word at the cursor
    :param options: the options that may stand before or after the command
    :param command: the name of the command; None if there is none yet
    :param is_wrong: whether no command begins with these words
    """

    words: Sequence[str]
    options: argparse.Namespace
    command: str | None
    is_wrong: bool

    @classmethod
    def typed(cls, environment: Mapping[str, str]) -> "Line":
        """Return the line that a shell has put into the environment."""
        *_, words, _ = split_line(environment["COMP_LINE"], int(environment["COMP_POINT"]))
        options, rest = _parsed(words[1:])
        names = [name.split() for name, *_ in COMMANDS]
        found = [name for name in names if name == rest[: len(name)]]
        if found:
            return cls(words, options, max(map(" ".join, found), key=len), False)
        return cls(words, options, None, all(name[: len(rest)] != rest for name in names))


def _parsed(words: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    parser = argparse.ArgumentParser(prog=App.NAME, add_help=False, allow_abbrev=False, exit_on_error=False)
    add_common_options(parser, default=None)
    try:
        return parser.parse_known_args(words)
    except argparse.ArgumentError:  # the value of the last option is being typed
        return parser.parse_known_args(words[:-1])
