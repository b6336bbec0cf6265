"""The group [secrets]: the location of the keys that encrypt secrets in the database."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from oslo_config import cfg

from podium.conf.default import AbsolutePath

#: The file name where no option gives one.
_NAME: Final = "podium.keys"

opts: Final = [
    cfg.Opt(
        "key_file",
        type=AbsolutePath(),
        mutable=True,
        sample_default="$CREDENTIALS_DIRECTORY/podium.keys, or podium.keys beside an SQLite database",
        help="The keys that encrypt the passwords of BMCs, and all else that is a secret, in the database: "
        "one in each line, as podium secret new-key writes them. The first encrypts, all of them decrypt. "
        "Only its owner, or also a group, may read the file. It is read again at SIGHUP. By default it is "
        "the credential podium.keys that systemd passes, or the file podium.keys beside an SQLite database, "
        "which is made where it is missing. On a server's database nothing is encrypted without it.",
    ),
]


@dataclass(frozen=True, slots=True)
class KeyFile:
    """A file with keys.

    :param made: whether Podium may create it if it is missing
    """

    path: Path
    made: bool = False


def register(conf: cfg.ConfigOpts) -> None:
    """Register the options."""
    conf.register_opts(opts, group="secrets")


def key_file(conf: cfg.ConfigOpts, sqlite_file: Path | None) -> KeyFile | None:
    """Return the location of the keys; None for a server's database if no file is configured.

    :param sqlite_file: the file of the database, None for a server's
    """
    if conf.secrets.key_file is not None:
        return KeyFile(Path(conf.secrets.key_file))
    if folder := os.environ.get("CREDENTIALS_DIRECTORY"):
        passed = Path(folder) / _NAME
        if passed.exists():
            return KeyFile(passed)
    return None if sqlite_file is None else KeyFile(sqlite_file.absolute().with_name(_NAME), made=True)
