"""Entries of a field as people give them: as KEY=VALUE, from a file, or typed."""

import argparse
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, TextIO

from podium import errors
from podium.cli.typed import typed

#: For the help of commands that take values with :func:`read_values`.
SECRETS: Final = (
    "A secret does not belong on a command line, where other users can see it: KEY=@FILE takes a value from"
    " the first line of a file, KEY=- asks for it, or reads a line of standard input."
)
_LONGEST_SECRET: Final = 65_536


def key_value(text: str) -> tuple[str, str]:
    """Convert an argument KEY=VALUE."""
    key, equals, value = text.partition("=")
    if not equals or not key:
        name = re.split(r"[^\w.-]", text)[0]  # the text after a colon may be a secret
        raise argparse.ArgumentTypeError(f"{name!r}{'...' if name != text else ''} is not KEY=VALUE")
    return key, value


def read_values(
    pairs: Iterable[tuple[str, str]],
    stdin: TextIO,
    warn: Callable[[str], None],
    is_secret: Callable[[str], bool],
    field: str = "driver_info",
) -> dict[str, str]:
    """Return entries of a field: as given, ``KEY=@FILE`` from a file's first line, ``KEY=-`` by asking.

    :param warn: called for a secret on the command line, where other users can read it
    :param is_secret: returns whether a key's value is a secret
    :param field: the field of the node that has the entries
    :raises podium.errors.InvalidNode: if a file cannot be read, nothing was entered, or a secret is empty
    """
    values = {}
    for key, given in pairs:
        if given == "-":
            values[key] = _typed(key) if stdin.isatty() else _first_line(key, stdin)
        elif given.startswith("@"):
            values[key] = _read_file(key, given[1:])
        else:
            values[key] = given
            if is_secret(key):
                if not given:  # such as from an unset shell variable
                    raise errors.InvalidNode(
                        [
                            f"{key} is empty; leave it out if there is none;"
                            f" podium node set --unset {field}.{key} removes it"
                        ]
                    )
                warn(
                    f"warning: other users of this machine can see {key} on the command line;"
                    f" give it as {key}=@FILE or {key}=-"
                )
    return values


def _read_file(key: str, name: str) -> str:
    try:
        with Path(name).open(encoding="utf-8") as file:
            return _first_line(key, file)
    except OSError as fault:
        raise errors.InvalidNode([f"{key}: cannot read the file {name}: {fault.strerror}"]) from None
    except ValueError:
        raise errors.InvalidNode([f"{key}: the file {name} is not UTF-8 text"]) from None


def _typed(key: str) -> str:
    if not (value := typed(f"{key}: ")):
        raise errors.InvalidNode([f"{key}: a value was to be typed, but nothing was"])
    return value


def _first_line(key: str, file: TextIO) -> str:
    line = file.readline(_LONGEST_SECRET).removeprefix("\ufeff").rstrip("\r\n")  # Windows' mark of UTF-8
    if not line:
        raise errors.InvalidNode([f"{key}: a value was to be read, but the first line is empty"])
    return line
