"""Files with secrets, which only their owner may be able to read."""

import os
import stat
from pathlib import Path

from podium import errors


def read(path: Path, what: str, longest: int) -> str:
    """Return the beginning of a file that nobody else can read.

    :param what: the kind of file, for errors
    :param longest: maximum characters
    :raises podium.errors.ConfigError: it cannot be read, or others may read it
    """
    try:
        # Without O_NONBLOCK the opening of a named pipe would wait for a writer.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), encoding="utf-8") as file:
            _check(path, what, os.fstat(file.fileno()))
            return file.read(longest)
    except OSError as fault:
        raise errors.ConfigError(f"the {what} {path} cannot be read: {fault.strerror}") from None
    except ValueError:
        raise errors.ConfigError(f"the {what} {path} is not UTF-8 text") from None


def _check(path: Path, what: str, found: os.stat_result) -> None:
    """Check the file that was opened, even if its name refers to another file by now.

    :raises podium.errors.ConfigError: others may read it or could have written it, or it is not a file
    """
    mode = stat.S_IMODE(found.st_mode)
    if not stat.S_ISREG(found.st_mode):
        raise errors.ConfigError(f"the {what} {path} is not a regular file")
    if found.st_uid not in (os.geteuid(), 0):
        raise errors.ConfigError(
            f"{path} belongs to the user {found.st_uid}, who could have written it; it must be your own"
        )
    if mode & 0o077:
        raise errors.ConfigError(
            f"{path} has the mode {mode:o}, so that others can read it; run: chmod 600 {path}"
        )
