"""Options without a group: the conductor's name, its state folder, the drivers that it loads."""

import re
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from oslo_config import cfg, types

#: The database file in state_path, used if no other database is configured.
SQLITE_FILE: Final = "podium.sqlite"


class AbsolutePath(types.String):
    """A path that does not depend on the working directory; ``~`` is the user's home."""

    def __init__(self) -> None:
        super().__init__(type_name="absolute path")

    def __call__(self, value: Any) -> str:
        path = Path(super().__call__(value)).expanduser()
        if not path.is_absolute():
            raise ValueError("the path does not start with /")
        return str(path)


class Word(types.String):
    """A text of a given form, which its type name describes.

    :param form: a regular expression that the whole text must match
    :param hints: the remedy, by text that is not allowed
    """

    def __init__(self, form: str, type_name: str, hints: Mapping[str, str] | None = None) -> None:
        super().__init__(type_name=type_name)
        self._form = form
        self._hints = dict(hints or {})

    def __call__(self, value: Any) -> str:
        text = str(super().__call__(value))
        if re.fullmatch(self._form, text) is None:
            raise ValueError(self._hints.get(text, f"{text!r} is not allowed"))
        return text


def environment() -> Path | None:
    """Return the virtual environment that this program is installed in, if there is one."""
    return Path(sys.prefix) if sys.prefix != sys.base_prefix else None


opts = [
    cfg.Opt(
        "host",
        type=Word(r"\S{1,250}", "name of up to 250 characters without spaces"),
        default=socket.gethostname(),
        sample_default="<the machine's host name>",
        help="The name of this conductor, unique among the conductors of one database. Nodes record by this "
        "name which conductor holds them, so it should stay the same after a restart.",
    ),
    cfg.Opt(
        "state_path",
        type=AbsolutePath(),
        default=str((environment() or Path("/")) / "var/lib/podium"),
        sample_default="/var/lib/podium",
        help="The folder of the conductor's files, such as the SQLite database. In a virtual environment the "
        "default is a folder inside the environment.",
    ),
    cfg.ListOpt(
        "enabled_drivers",
        default=["ipmi", "redfish", "fake", "fake-hardware"],
        help="The drivers to load: names of entry points in the group podium.drivers. Nodes of other drivers "
        "are left alone.",
    ),
    cfg.StrOpt(
        "driver_startup_errors",
        default="fail",
        choices=[
            ("fail", "the conductor does not start"),
            ("skip", "the conductor starts without the driver, and logs an error"),
        ],
        help="What happens when one of the enabled drivers cannot be imported, created or started. With "
        "skip, the others wait 5 seconds for a driver that starts slowly; it joins them within 10 minutes.",
    ),
]


def register(conf: cfg.ConfigOpts) -> None:
    """Register the options."""
    conf.register_opts(opts)
