"""The help of a program on its manual page, as the program itself gives it."""

import argparse
import contextlib
import re
from collections.abc import Iterator
from importlib.metadata import entry_points
from unittest import mock

from docutils import nodes, statemachine
from docutils.parsers.rst import Directive


class Help(Directive):
    """What a program does, its arguments, and what its help ends with."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        section = nodes.section()
        lines = statemachine.StringList(list(_lines(parser_of(self.arguments[0]))), self.arguments[0])
        self.state.nested_parse(lines, 0, section)
        return section.children


def parser_of(program: str) -> argparse.ArgumentParser:
    """Return the parser that prints the help of a program of this package."""
    (start,) = entry_points(group="console_scripts", name=program)
    with (
        mock.patch.object(argparse.ArgumentParser, "print_help", autospec=True) as shown,
        mock.patch("sys.argv", [program, "--help"]),
        contextlib.suppress(SystemExit),
    ):
        start.load()()
    parser: argparse.ArgumentParser = shown.call_args.args[0]
    return parser


def _lines(parser: argparse.ArgumentParser) -> Iterator[str]:
    yield from (parser.description or "", "")
    yield from _as_it_is(re.sub(r"^(usage: | {7})", "", parser.format_usage(), flags=re.MULTILINE))
    yield f".. program:: {parser.prog}"
    formatter = parser._get_formatter()
    for action in parser._actions:
        if action.help and action.help != argparse.SUPPRESS:
            names = action.option_strings or [formatter._metavar_formatter(action, action.dest)(1)[0]]
            value = f" {formatter._format_args(action, action.dest.upper())}".rstrip()
            yield from (f".. option:: {', '.join(name + value for name in names)}", "")
            yield from (f"   {formatter._expand_help(action)}", "")
    yield from _as_it_is(parser.epilog or "")


def _as_it_is(text: str) -> Iterator[str]:
    if text:
        yield from ("::", "", *(f"    {line}" for line in text.splitlines()), "")
