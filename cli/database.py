"""``podium db upgrade`` and ``podium db copy``."""

import argparse
import re
import sys
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.progress import Progress

from podium import errors, masking
from podium.cli import command
from podium.client import identities
from podium.client.catalog import Catalog
from podium.db import copying, schema
from podium.db.engine import Database
from podium.db.urls import parse_url

_LONGEST_URL: Final = 10_000


class Upgrade(command.Command):
    """Create the database's schema or bring it up to date.

    Back up the database before: there is no way back. Conductors may go on meanwhile; where a step needs them
    stopped, the command says so and changes nothing. The drivers are asked which machines the nodes are, and
    what is spoken to: the nodes behind one chassis have one conductor. An SQLite file is created together
    with its folder, for its owner alone: run this as the user that runs the conductor.
    """

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        with self.any_database() as database:
            before = schema.current(database)
            timeout = self.config.conductor.heartbeat_timeout
            after = schema.upgrade(database, heartbeat_timeout=timeout)
            warnings = identities.renew(database, Catalog(self.config, self.warn))
            if remark := schema.check(database):
                self.warn(f"warning: {remark}")
            where = database.where
        if before == after:
            self.say(f"{where}: the schema is at revision {after} already")
        elif before is None:
            self.say(f"{where}: created the schema, revision {after}")
        else:
            self.say(f"{where}: upgraded the schema from revision {before} to {after}")
        self.warn_of(warnings)


class Copy(command.Command):
    """Copy everything from the configured database to another one, and compare every row afterwards.

    The other one may be of another kind: SQLite, PostgreSQL or MariaDB. It must be empty, and gets the
    schema. Stop every conductor before. The configured database is only read; set [database] connection to
    the other one afterwards. If the command fails, the other one is incomplete, and no conductor will use it.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "--to",
            required=True,
            metavar="URL",
            help="the other database, in the form of [database] connection: @FILE for the first line of a"
            " file, - for a line of standard input; as it is only without a password",
        )
        parser.add_argument("-q", "--quiet", action="store_true", help="print errors only")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        url = _url(parsed_args.to)
        with (
            self.database() as source,
            Progress(
                console=Console(file=self.app.stderr),
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
                disable=parsed_args.quiet or not self.app.stderr.isatty(),
            ) as progress,
        ):
            target = _target(url)
            bars = {what: progress.add_task(what, total=None) for what in ("copying", "checking")}
            try:
                counts = copying.copy(
                    source,
                    target,
                    lambda what, done, total: progress.update(bars[what], completed=done, total=total),
                )
            finally:
                target.dispose()
        if not parsed_args.quiet:
            for table, rows in counts.items():
                if rows:
                    self.say(f"{table}: {rows}")
            where = re.sub(
                r"^(\w+)\+\w+:", r"\1:", target.where
            )  # as people write it, without a library's name
            self.say(
                f"{sum(counts.values())} rows are the same in {source.where} and the copy; now set"
                f" [database] connection = {where}"
            )


def _target(url: str) -> Database:
    try:
        return Database(url)
    except errors.ConfigError as fault:
        raise errors.ConfigError(str(fault).replace("[database] connection", "--to")) from None


def _url(given: str) -> str:
    """Return the URL that an argument stands for.

    :raises podium.errors.ConfigError: if it cannot be read, or has a password that other users could read
    """
    try:
        if given == "-":
            text = sys.stdin.readline(_LONGEST_URL)
        elif given.startswith("@"):
            with Path(given[1:]).open(encoding="utf-8") as file:
                text = file.readline(_LONGEST_URL)
        else:
            _refuse_password(given)
            return given
    except (OSError, UnicodeDecodeError) as fault:
        raise errors.ConfigError(f"--to {given}: cannot be read: {_why(fault)}") from None
    if not text.strip():
        raise errors.ConfigError(f"--to {given}: its first line is empty, but should be a database URL")
    return text.strip()


def _why(fault: OSError | UnicodeDecodeError) -> str:
    return fault.strerror or "" if isinstance(fault, OSError) else "it is not UTF-8 text"


def _refuse_password(given: str) -> None:
    try:
        url = parse_url(given)
    except errors.ConfigError:
        return  # which is reported as what it is
    if url.password or any(masking.is_secret(key) for key in url.query):
        raise errors.ConfigError(
            "--to: other users of this machine can see a password on the command line; write the URL into a"
            " file and give --to @FILE, or give --to - for standard input"
        )
