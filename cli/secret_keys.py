"""``podium secret new-key`` and ``forget``: the keys themselves."""

import argparse
import os
import re
from pathlib import Path
from typing import Final

from podium import errors, node_ranges
from podium.cli import secrets
from podium.conf.database import database_url
from podium.conf.secrets import key_file
from podium.db import opening, schema, secret_keys
from podium.db.engine import Database
from podium.db.keyring import Keyring, write_new_file
from podium.db.resealing import loss, new_key, tally

_NEXT: Final = """\
The key {name} is the first of {file} now. Nothing is encrypted with it yet. What to do next:
1. Copy the file to every other host that runs podium-conductor or podium-api.
2. On every host: systemctl reload podium-api; then on each: systemctl reload podium-conductor
   (restart, where systemd passes the file with LoadCredential)
3. podium secret rotate
4. podium secret check
5. When nothing is encrypted with the old key any more, delete its line on every host, and reload them again.
   Keep a copy of it as long as backups of the database from before, in another place."""
_NAME: Final = re.compile(r"[0-9a-f]{12}")


class NewKey(secrets.Command):
    """Make a new key the first of the key file, and create the file if there is none.

    Secrets that are encrypted with another key, or not at all, stay so until podium secret rotate. Run this
    on one host, as the user that the daemons run as; the output lists the next steps.
    """

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        database = Database(database_url(self.config))
        file = key_file(self.config, database.sqlite_file)
        if file is None:
            raise errors.ConfigError("no option names the key file: set [secrets] key_file")
        is_there = os.path.lexists(file.path)
        name = new_key.add_key(file.path) if is_there else self._made(file.path, database)
        self.say(_NEXT.format(name=name, file=file.path))

    def _made(self, path: Path, database: Database) -> str:
        """Create a key file, and return the name of its key.

        :raises podium.errors.ConfigError: if it cannot be written, or the database needs the keys of a lost
            file
        """
        if schema.current(database) is not None:
            schema.check(database)
            with database.read() as connection:
                if used := secret_keys.in_use(connection):
                    raise errors.ConfigError(
                        f"{path} is not there, and secrets in the database are encrypted with the key"
                        f" {used[0]}: put the file back from a backup, or see: podium secret forget"
                    )
        try:
            write_new_file(path)
        except OSError as error:
            raise errors.ConfigError(f"{path} cannot be written: {error.strerror}") from None
        return Keyring.from_file(path).names[0]


def _key(text: str) -> str:
    if _NAME.fullmatch(text) is None:
        raise argparse.ArgumentTypeError(
            f"{text[:100]!r} is not the name of a key, which podium secret check shows: 12 of 0-9 and a-f"
        )
    return text


class Forget(secrets.Command):
    """Remove the secrets that nobody can decrypt any more, because their key is lost.

    Until then, nothing works on a database whose key is missing. Nodes keep everything else. Until their
    passwords are set again with podium credential set, Podium does not contact their hardware, and the error
    shows why. Do not forget a key of which there may be a copy.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument("key", metavar="KEY", type=_key, help="its name, see podium secret check")
        parser.add_argument("--yes", action="store_true", help="do not ask for confirmation")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        key = parsed_args.key
        with self.stored() as database:
            self._check(database, key)
            if not parsed_args.yes and not self.confirms(
                f"Remove all secrets that are encrypted with the key {key}, for good",
                "this removes secrets for good: give --yes, as nobody can be asked here",
                "removed",
            ):
                self.warn("nothing was removed")
                return 1
            with self.progress("removing") as report:
                lacking = loss.forget(database, key, report)
        self.say(f"the key {key} is forgotten")
        if lacking:
            self.say(f"{len(lacking)} nodes lack a secret: {node_ranges.fold(lacking)}")
            self.say(secrets.SET_AGAIN)
        return 0

    def _check(self, database: Database, key: str) -> None:
        """Refuse to forget a key that is not lost.

        :raises podium.errors.PodiumError: saying where it is, or that nothing needs it
        """
        try:
            names = opening.read_keys_again(self.config, database).names
        except errors.ConfigError:
            names = ()
        if key in names:
            raise errors.NodeConflict(f"the key {key} is not lost: the key file has it")
        with database.read() as connection:
            if held := [str(one) for one, its in tally.holders(connection).items() if key in (its or ())]:
                raise errors.NodeConflict(
                    f"the key {key} is not lost: {held[0]} holds it; copy the key file from that host,"
                    " or, if the host is gone, see: podium conductor forget"
                )
            if not loss.needs(connection, key):
                raise errors.NotFound(f"nothing is encrypted with a key {key}; see: podium secret check")
