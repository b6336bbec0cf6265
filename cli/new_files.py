"""Writes files with secrets: new files, for their owner alone."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from podium import errors


@contextmanager
def new_file(path: Path) -> Iterator[TextIO]:
    """Open a new file for its owner alone, which appears once it is completely written.

    :raises podium.errors.ConfigError: if the file exists already, or cannot be written
    """
    try:
        if os.path.lexists(path):
            raise FileExistsError
        number, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(number, "w", encoding="utf-8") as stream:
                yield stream
                stream.flush()
                os.fsync(number)
            os.link(name, path)  # unlike a rename, this fails if somebody else was faster
        finally:
            Path(name).unlink()
    except FileExistsError:
        raise errors.ConfigError(f"{path} is there already; name a new file") from None
    except OSError as fault:
        raise errors.ConfigError(f"{path} cannot be written: {fault.strerror}") from None
