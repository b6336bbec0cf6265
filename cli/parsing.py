"""Reports a wrong command line in one line: the fault, what may have been meant, and where the help is."""

import argparse
import re
from collections.abc import Sequence
from itertools import takewhile
from typing import Any, Final, NoReturn

import autopage.argparse

from podium import wording
from podium.cli.showing.words import one_line

#: An option in the lines of the help that begin with options.
_OPTION: Final = re.compile(r"(?<![\w-])--?[a-z][\w-]*")
#: The most characters of typed text that a message repeats.
_LONGEST: Final = 80


class Parser(autopage.argparse.ArgumentParser):
    """A parser with errors of one line and without abbreviated options: --a must not mean --all."""

    _argv: Sequence[str] = ()

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{"allow_abbrev": False, **options})

    def parse(self, argv: Sequence[str]) -> argparse.Namespace:
        """Return the values of a command line; exit with status 2 if it contains anything else."""
        self._argv = argv
        parsed_args, others = self.parse_known_intermixed_args(argv)  # options may stand between nodes
        self.refuse(others)
        return parsed_args

    def refuse(self, others: Sequence[str], where: str = "") -> None:
        """Exit with status 2 if part of the command line was not understood.

        :param where: the place of that part, in words
        """
        if options := [one for one in others if one.startswith("-") and len(one) > 1]:
            self.error(self._unknown(options[0], where))
        if others:
            self.error(f"{shortened(others[0])} is one argument too many")

    def error(self, message: str) -> NoReturn:
        # A wrong option explains why another argument is missing, or seems to be one too many.
        written = [one for one in takewhile(lambda one: one != "--", self._argv) if one.startswith("--")]
        known = self.options() if written else []
        for one in written:
            if " " not in one and not any(option.startswith(one.partition("=")[0]) for option in known):
                message = self._unknown(one)
                break
        self.exit(2, told(self._plain(message), self.prog))

    def _plain(self, message: str) -> str:
        """Return argparse's message, in plain words for a missing value or a wrong number."""
        if found := re.fullmatch(r"(argument (?:\S+/)?(\S+)): expected one argument", message):
            following = [*self._argv, ""][self._argv.index(found[2]) + 1 :] if found[2] in self._argv else []
            if following and following[0].startswith("-"):
                return f"{found[1]}: a value does not begin with -, as {shortened(following[0])} does"
            return f"{found[1]}: a value is missing"
        return re.sub(r"invalid int value: (.*)", r"\1 is not a number", message)

    def _unknown(self, given: str, where: str = "") -> str:
        from podium.cli import elsewhere  # it imports this module

        option = given.partition("=")[0]  # what follows may be a secret
        command = self.prog.split()[1:]
        known = {one.lstrip("-"): one for one in self.options()}
        begun = next((one for one in known.values() if len(option) > 2 and one.startswith(option)), None)
        near = begun or elsewhere.named(option, command)
        near = near or known.get(wording.nearest(option.lstrip("-"), known) or "")
        meant = f"; did you mean {near}?" if near else ""
        if not near and (others := elsewhere.having(option, command)):
            meant = f"; {' and '.join(others)} {'have' if others[1:] else 'has'} it"
        return f"there is no option {shortened(option)}{where}{meant}"

    def options(self) -> list[str]:
        """Return the options that the help shows."""
        lines = self.format_help().splitlines()
        heads = [line[2:].split("  ")[0] for line in lines if line.startswith("  -")]
        return _OPTION.findall(" ".join(heads))


def told(text: str, command: str) -> str:
    """Return the line that reports a mistake.

    :param command: the command whose help is mentioned
    """
    text = one_line(text)
    see = " See:" if text.endswith("?") else "; see:"
    return f"podium: {text}{see} {command} --help\n"


def shortened(text: str) -> str:
    """Return what somebody typed, or its beginning."""
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
