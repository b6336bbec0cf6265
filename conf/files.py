"""Which config files a program reads."""

import os
from collections.abc import Sequence
from pathlib import Path

from oslo_config import cfg

from podium.conf.api import HOSTS_SOCKET
from podium.conf.default import SQLITE_FILE, environment

#: The folder of this host's configuration.
HOSTS: Path = Path("/etc/podium")


def default_files(prog: str) -> tuple[list[str], list[str]]:
    """Return the config files and folders that are read if the command line names none.

    A program in a virtual environment reads ``etc/podium/podium.conf`` of the environment if it exists.
    Otherwise oslo.config looks for the files of the project ``podium``.
    """
    own = environment()
    if own is not None:
        file = own / "etc/podium/podium.conf"
        if file.exists():
            return [str(file)], [f"{file}.d"]
    return cfg.find_config_files("podium", prog), cfg.find_config_dirs("podium", prog)


def unreadable(files: Sequence[str]) -> str | None:
    """Return the config file that this user may not read; None if there is none.

    :param files: those that exist
    """
    for file in files:
        if not os.access(file, os.R_OK):
            return file
    # Files in a folder that the user may not enter are invisible.
    return str(HOSTS / "podium.conf") if HOSTS.is_dir() and not os.access(HOSTS, os.X_OK) else None


def may_not_read(file: str) -> str:
    """Return the remedy for a config file that this user may not read."""
    return (
        f"this user may not read config file {file}: run this as root, or start podium-api, which serves"
        f" other users at {HOSTS_SOCKET}"
    )


def is_own(state_path: str) -> bool:
    """Return whether a program without a config file belongs to this user's own Podium, not to the host's."""
    file = Path(state_path, SQLITE_FILE)
    where = environment() or Path("/")
    return "OS_DATABASE__CONNECTION" in os.environ or is_there(file) or os.access(where, os.W_OK)


def is_there(path: Path) -> bool:
    """Return whether this user finds a file; no error if they may not look."""
    return os.access(path, os.F_OK)
