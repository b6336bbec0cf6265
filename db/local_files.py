"""Creates the files of a database without a server.

Files that root creates belong to the owner of the surrounding folder, who runs the daemons that use them.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def create(path: Path) -> int:
    """Create a file that only its owner may read, and return its descriptor.

    :raises FileExistsError: the path already exists, even as a dangling link
    :raises OSError: the file system does not allow it
    """
    with _opened(path.parent) as folder:
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        descriptor = os.open(path.name, flags, 0o600, dir_fd=folder)
        try:
            _give(descriptor, folder)
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor


def create_folder(path: Path, mode: int = 0o750) -> None:
    """Create a folder if it does not exist, and its parents with the usual permissions.

    :raises OSError: the file system does not allow it
    """
    if path.is_dir():
        return
    create_folder(path.parent, 0o777)
    with _opened(path.parent) as parent:
        try:
            os.mkdir(path.name, mode, dir_fd=parent)
        except FileExistsError:  # another process was faster
            return
        made = os.open(path.name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
        try:
            _give(made, parent)
        finally:
            os.close(made)


@contextmanager
def _opened(folder: Path) -> Iterator[int]:
    # The descriptor keeps pointing to the same folder, even if somebody replaces the folder of that name.
    descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _give(descriptor: int, folder: int) -> None:
    if os.geteuid() == 0:
        found = os.fstat(folder)
        os.fchown(descriptor, found.st_uid, found.st_gid)
