"""Creates the files of a database that no server keeps."""

import os
from pathlib import Path


def create(path: Path) -> int:
    """Create a file that its owner alone may read, and return its descriptor.

    What root creates belongs to the owner of the folder, who runs the daemons that are to use it.

    :raises FileExistsError: there is something already, be it a link that leads nowhere
    :raises OSError: the file system does not allow it
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        if os.geteuid() == 0:
            folder = path.parent.stat()
            os.fchown(descriptor, folder.st_uid, folder.st_gid)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor
