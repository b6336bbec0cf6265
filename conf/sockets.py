"""Whether somebody else could have made a Unix socket that is asked without being named."""

import os
import stat
from pathlib import Path


def open_folder(path: Path) -> Path | None:
    """Return the folder in which any user could have put the socket, or a part of its path; None for none.

    Who may write in the folder as its owner or in its group was let in by those to whom it belongs. Above
    it, in a folder such as /tmp, what belongs to root or to this user is kept from others.

    :param path: of the socket, which need not be there
    """
    real = Path(os.path.realpath(path))  # no error where links lead in a circle
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
    """Return the mode of a folder; 0 if it is not there."""
    try:
        return folder.stat().st_mode
    except OSError:
        return 0


def _is_kept(part: Path) -> bool:
    return bool(_mode(part.parent) & stat.S_ISVTX) and part.lstat().st_uid in (0, os.geteuid())
