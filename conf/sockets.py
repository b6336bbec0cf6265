"""Whether somebody else could have created a Unix socket that is used without being named."""

import os
import stat
from pathlib import Path


def open_folder(path: Path) -> Path | None:
    """Return a folder in which any user could have put the socket or a part of its path; None for none.

    Users who may write in a folder as its owner or through its group are trusted: the owner let them in. In a
    folder such as /tmp, entries that belong to root or to this user are protected from other users.

    :param path: of the socket, which need not exist
    """
    real = Path(os.path.realpath(path))  # no error for circular links
    for folder in (path.parent, real.parent):
        if _mode(folder) & stat.S_IWOTH:
            return folder
    seen: set[Path] = set()
    left = [path]
    while left:
        one = left.pop()
        for part in (one, *one.parents):
            if part in seen:
                continue
            seen.add(part)
            if _mode(part.parent) & stat.S_IWOTH and not _is_kept(part):
                return part.parent
            if part.is_symlink():
                left.append(part.parent / part.readlink())
    return None


def _mode(folder: Path) -> int:
    """Return the mode of a folder; 0 if it does not exist."""
    try:
        return folder.stat().st_mode
    except OSError:
        return 0


def _is_kept(part: Path) -> bool:
    return bool(_mode(part.parent) & stat.S_ISVTX) and part.lstat().st_uid in (0, os.geteuid())
