"""Reads a config file line by line, because oslo.config does not keep the line of an option."""

import io
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from oslo_config import iniparser

from podium import errors, library_internals

#: Bytes; the sample with every option is a twentieth of this.
_LARGEST: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Assignment:
    """One assignment in a config file.

    :param line: the line of its name, counted from 1
    :param section: in lower case, except DEFAULT, as oslo.config compares it
    :param section_line: the line at which the section begins
    """

    file: str
    line: int
    section: str
    section_line: int
    name: str
    value: str = field(repr=False)  # may be a secret


class _Parser(library_internals.LineParser):
    def __init__(self, file: str, add: Callable[[Assignment], None]) -> None:
        self._file = file
        self._add = add
        self._section: tuple[str, int] | None = None
        self._line = 0

    def new_section(self, section: str) -> None:
        self._section = (section if section == "DEFAULT" else section.lower()), self.lineno

    def option(self, line: str) -> None:
        self._line = self.lineno  # lineno is greater when assignment() is called, at the end of the value
        if self._section is None:
            raise self.parse_exc("No [section] before the first option", self.lineno, line)

    def assignment(self, key: str, value: list[str]) -> None:
        if self._section is not None:
            section, line = self._section
            self._add(Assignment(self._file, self._line, section, line, key, "\n".join(value)))


def read(file: str) -> tuple[list[Assignment], list[str]]:
    """Return the assignments of a config file, and a line for each reason why a program would refuse it."""
    found: list[Assignment] = []
    faults: list[str] = []
    try:
        lines = iter(io.StringIO(_text(file), newline=None))
    except errors.ConfigError as fault:
        return [], [str(fault)]
    parser = _Parser(file, found.append)
    while True:
        try:
            parser.parse(lines)
            return found, faults
        except iniparser.ParseError as fault:  # its line is left out: it may hold a password
            what = f"{fault.msg}; a line is [section], option = value or # comment"
            faults.append(f"{file}:{fault.lineno}: {what}")


def _text(file: str) -> str:
    path = Path(file)
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # reading a pipe or a device might never end
            raise errors.ConfigError(f"{file}: is not a regular file; name a config file")
        with path.open("rb") as opened:
            content = opened.read(_LARGEST + 1)
    except OSError as fault:
        raise errors.ConfigError(
            f"{file}: cannot be read: {fault.strerror}; is the name right, and may this user read it?"
        ) from None
    if len(content) > _LARGEST:
        raise errors.ConfigError(f"{file}: is larger than {_LARGEST} bytes; name a config file")
    try:
        return content.decode()
    except UnicodeDecodeError as fault:
        line = content.count(b"\n", 0, fault.start) + 1
        raise errors.ConfigError(f"{file}:{line}: is not UTF-8 text; save the file as UTF-8") from None
