"""``podium secret check`` and ``rotate``: which keys encrypt the secrets in the database."""

import argparse
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import sqlalchemy as sa
from rich.console import Console
from rich.progress import Progress

from podium import errors, node_ranges
from podium.cli import command
from podium.cli.showing.tables import Form
from podium.conf.database import database_url, engine_options
from podium.conf.secrets import key_file
from podium.db import opening, schema, secret_keys
from podium.db.engine import Database
from podium.db.keyring import Keyring
from podium.db.models import nodes
from podium.db.resealing import erasure, loss, tally
from podium.db.resealing.documents import Secrets
from podium.db.resealing.places import PLACES, Report
from podium.db.resealing.rotation import SETTLED, Rotation
from podium.drivers import registry

_TABLES: Final = tuple(place.table.name for place in PLACES)
_COLUMNS: Final = ("key", "place", "since", "held_by", *_TABLES)
#: What to do about secrets that were lost with their key.
SET_AGAIN: Final = "set it again: podium credential set NODE... --password-file FILE, or podium node set"
#: The most secrets that cannot be decrypted and are named one by one.
_SHOWN: Final = 20


class Command(command.Command):
    """A command on secrets as they are stored."""

    @contextmanager
    def stored(self) -> Iterator[Database]:
        """Return the configured database without encryption and decryption, after checking its schema.

        :raises podium.errors.PodiumError: if it cannot be used; a missing key is no error
        """
        database = Database(database_url(self.config), **engine_options(self.config))
        try:
            if remark := schema.check(database):
                self.warn(f"warning: {remark}")
            yield database
        finally:
            database.dispose()

    @contextmanager
    def progress(self, what: str) -> Iterator[Report]:
        """Show the progress on a terminal."""
        with Progress(
            console=Console(file=self.app.stderr),
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
            disable=not self.app.stderr.isatty(),
        ) as progress:
            bar = progress.add_task(what, total=None)
            yield lambda done, total: progress.update(bar, completed=done, total=total)


class Check(Command, command.Lister):
    """Show with which keys the secrets in the database are encrypted, but not the secrets themselves.

    place is first or other for a key of the key file, and missing for a key that the file lacks. The row
    without a key counts secrets that are not encrypted. The exit status is 0 if all secrets are encrypted
    with the first key and none was lost with another, 1 otherwise.
    """

    column_names = _COLUMNS
    form = Form("secrets", dropped=(*reversed(_TABLES), "since"), prose=("held_by",))

    def run(self, parsed_args: argparse.Namespace) -> int:
        return super().run(parsed_args) or self._status

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[Sequence[str], list[list[Any]]]:
        with self.stored() as database, self.progress("reading") as report:
            names = self._names(database)
            file = key_file(self.config, database.sqlite_file)
            is_made = file is not None and file.made
            found = tally.tally(database, Secrets(registry.secret_names()), report)
            with database.read() as connection:
                holders, lacking = tally.holders(connection), loss.lacking(connection)
        in_use = {one.key for one in found}
        found = [tally.Tally(name, None, {}) for name in names if name not in in_use] + found
        wrong = [one for one in found if one.counts and one.key not in names[:1]]
        self._status = int(bool(wrong or lacking))
        for one in wrong:
            self.warn(_remark(one, names, is_made=is_made))
        if lacking:
            self.warn(f"{node_ranges.fold(lacking)}: a secret was lost with its key; {SET_AGAIN}")
        return _COLUMNS, [
            [
                one.key,
                _place(one.key, names),
                one.since,
                [str(member) for member, held in holders.items() if one.key in (held or ())],
                *(one.counts.get(table, 0) for table in _TABLES),
            ]
            for one in found
        ]

    def _names(self, database: Database) -> tuple[str, ...]:
        try:
            return opening.read_keys_again(self.config, database).names
        except errors.ConfigError as fault:
            self.warn(f"warning: {fault}")
            return ()


def _place(key: str | None, names: Sequence[str]) -> str | None:
    if key is None:
        return None
    if key not in names:
        return "missing"
    return "first" if key == names[0] else "other"


def _remark(one: tally.Tally, names: Sequence[str], *, is_made: bool) -> str:
    """Return what to do about secrets that are not encrypted with the first key.

    :param is_made: whether daemons create a key file if there is none
    """
    count = sum(one.counts.values())
    secrets = f"{count} secret{'s are' if count > 1 else ' is'}"
    if one.key is None:
        if is_made and not names:
            return (
                f"{secrets} not encrypted; the next daemon that starts makes a key, or: podium secret new-key"
            )
        return f"{secrets} not encrypted; see: podium secret {'rotate' if names else 'new-key'}"
    if one.key in names:
        return f"{secrets} encrypted with the key {one.key}, not with the first; see: podium secret rotate"
    return (
        f"{secrets} encrypted with the key {one.key}, which the key file lacks; put it back from a backup,"
        f" or, if there is none, see: podium secret forget {one.key}"
    )


class Rotate(Command):
    """Encrypt all secrets in the database with the first key, including those in plain text.

    Conductors may keep running, but each must hold the key. The command can be interrupted and run again. At
    the end it overwrites what rows held before: SQLite's file is rewritten, and so are the tables of a
    server, which cannot be used meanwhile. The page about secrets describes what logs and backups keep.
    """

    #: Seconds, to be replaced by tests.
    settled = SETTLED

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        with self.stored() as database:
            keyring = opening.read_keys_again(self.config, database)
            name = self._begin(database, keyring)
            rotation = Rotation(database, Secrets(registry.secret_names()), keyring, name, self.settled)
            with self.progress("encrypting") as report:
                written = rotation.run(report)
            with self.progress("overwriting what was before"):
                left = erasure.erase(database, [place.table for place in PLACES])
            unreadable = _named(database, rotation.unreadable)
        rest = f"; {len(unreadable)} could not be" if unreadable else ""
        self.say(f"{written} rows were encrypted anew with the key {name}{rest}")
        self._warn(unreadable, left)
        return int(bool(unreadable or left))

    def _begin(self, database: Database, keyring: Keyring) -> str:
        """Begin to use the first key, and return its name.

        :raises podium.errors.ConfigError: if there is none, or a key is missing here or on another host
        """
        if not keyring.names:
            raise errors.ConfigError(
                "there is no key: name the file with [secrets] key_file, and run: podium secret new-key"
            )
        name = keyring.names[0]

        def begin(connection: sa.Connection) -> None:
            secret_keys.check_held(connection, keyring.names)
            secret_keys.begin(connection, keyring)
            if lacking := secret_keys.lacking(connection, name):
                raise errors.ConfigError(
                    f"{', '.join(lacking)} does not hold the key {name}: put it into the key file of that"
                    " host, reload podium-conductor there, and run this again"
                )

        database.written(begin)
        return name

    def _warn(self, unreadable: Sequence[str], left: Sequence[str]) -> None:
        for what in unreadable[:_SHOWN]:
            self.warn(f"{what}: a secret cannot be decrypted, and stays as it is; set it anew")
        for line in left:
            self.warn(f"what rows held before may still be there; run this again: {line}")


def _named(database: Database, rows: Collection[tuple[str, int]]) -> list[str]:
    """Return names of rows for people: the names of nodes, or table and number."""
    numbers = [number for table, number in sorted(rows) if table == nodes.name][:_SHOWN]
    with database.read() as connection:
        found = connection.execute(sa.select(nodes.c.id, nodes.c.name).where(nodes.c.id.in_(numbers)))
        names = {(nodes.name, row.id): row.name for row in found}
    return [names.get(row, f"{row[0]}, row {row[1]}") for row in sorted(rows)]
