"""Database URLs in options: a URL with a password comes from a file or from standard input."""

import os
import re
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from podium import errors, masking
from podium.db.urls import parse_url

_LONGEST: Final = 10_000


def read(option: str, given: str, warn: Callable[[str], None]) -> str:
    """Return the URL that an argument stands for: ``@FILE``, ``-``, or itself.

    :param warn: called if other users can read the password in the file
    :raises podium.errors.ConfigError: if it cannot be read, or a password is on the command line
    """
    is_open = False
    try:
        if given == "-":
            text = sys.stdin.readline(_LONGEST)
        elif given.startswith("@"):
            with Path(given[1:]).open(encoding="utf-8") as file:
                is_open = bool(os.fstat(file.fileno()).st_mode & stat.S_IROTH)
                text = file.readline(_LONGEST)
        elif not _has_password(given):
            return given
        else:
            raise errors.ConfigError(
                f"{option}: other users of this machine can see a password on the command line; write the URL"
                f" into a file and give {option} @FILE, or give {option} - for standard input"
            )
    except (OSError, UnicodeDecodeError) as fault:
        raise errors.ConfigError(f"{option} {given}: cannot be read: {_why(fault)}") from None
    if not text.strip():
        raise errors.ConfigError(f"{option} {given}: its first line is empty, but should be a database URL")
    if is_open and _has_password(text.strip()):
        warn(f"warning: other users of this machine can read {given[1:]}; chmod o-r {given[1:]}")
    return text.strip()


def parse(option: str, text: str) -> sa.URL:
    """Return a URL that Podium can use.

    :raises podium.errors.ConfigError: naming the option
    """
    try:
        return parse_url(text)
    except errors.ConfigError as fault:
        raise errors.ConfigError(str(fault).replace("[database] connection", option)) from None


def plain(text: str) -> str:
    """Return a URL as people write it, without the name of a library."""
    return re.sub(r"^(\w+)\+\w+:", r"\1:", text)


def _why(fault: OSError | UnicodeDecodeError) -> str:
    return fault.strerror or "" if isinstance(fault, OSError) else "it is not UTF-8 text"


def _has_password(text: str) -> bool:
    try:
        url = parse_url(plain(text))
    except errors.ConfigError:
        return False  # the caller reports the wrong URL
    return bool(url.password) or any(masking.is_secret(key) for key in url.query)
