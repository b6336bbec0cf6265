"""Writes a new key into an existing key file."""

import fcntl
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from podium import errors
from podium.db.keyring import Keyring, new_key


def add_key(path: Path) -> str:
    """Put a new key at the beginning of a key file; its other contents, its mode and its owner stay the same.

    :returns: the name of the key
    :raises podium.errors.ConfigError: the file cannot be used or written
    """
    link, path = path, path.resolve()  # replaces the target of a link, not the link
    if not path.exists():
        raise errors.ConfigError(
            f"{link} is a link to {path}, which is not there: put the key file back there, or, if nothing is"
            " encrypted yet, remove the link"
        )
    try:
        with _locked(path.parent) as folder:
            Keyring.from_file(path)
            _replace(path, _with_key(path.read_text(encoding="utf-8-sig"), new_key()))
            os.fsync(folder)
    except BlockingIOError:
        raise errors.ConfigError(f"{path}: another command writes it just now; look at it first") from None
    except OSError as error:
        raise errors.ConfigError(
            f"{path} cannot be written: {error.strerror}; run this as its owner"
        ) from None
    return Keyring.from_file(path).names[0]


def _with_key(text: str, key: str) -> str:
    """Return the text of a key file with another key before the first one."""
    lines = text.splitlines(keepends=True)
    first = next(
        place for place, line in enumerate(lines) if line.strip() and not line.lstrip().startswith("#")
    )
    return "".join([*lines[:first], f"{key}\n", *lines[first:]])


@contextmanager
def _locked(path: Path) -> Iterator[int]:
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield folder
    finally:
        os.close(folder)


def _replace(path: Path, text: str) -> None:
    """Replace a file. Either the new file is complete or the old one is still there."""
    found = path.stat()
    new = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with os.fdopen(
            os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8"
        ) as file:
            os.fchown(file.fileno(), found.st_uid, found.st_gid)
            os.fchmod(file.fileno(), stat.S_IMODE(found.st_mode))
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)
