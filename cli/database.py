"""``podium db upgrade`` and ``podium db copy``."""

import argparse

from rich.console import Console
from rich.progress import Progress

from podium import errors
from podium.cli import command, database_urls
from podium.client.enrolling import identities
from podium.client.enrolling.catalog import Catalog
from podium.db import copying, opening, schema
from podium.db.engine import Database


class Upgrade(command.Command):
    """Create the database's schema or bring it up to date.

    Back up the database first: an upgrade cannot be undone. Conductors may keep running; if a step needs them
    stopped, the command says so and changes nothing. The drivers report the machine and the endpoint of each
    node, so that the nodes behind one chassis have one conductor. An SQLite file is created together with its
    folder, for its owner alone. Run this as root, or as the user that runs the conductor: what root creates
    in a folder belongs to the folder's owner.
    """

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        with self.any_database() as database:
            before = schema.current(database)
            timeout = self.config.conductor.heartbeat_timeout
            after = schema.upgrade(database, heartbeat_timeout=timeout)
            warnings = identities.renew(database, Catalog(self.config, self.warn))
            if remark := schema.check(database):
                self.warn(f"warning: {remark}")
            self._prepare_keys(database, is_new=before is None)
            where = database.where
        if before == after:
            self.say(f"{where}: the schema is at revision {after} already")
        elif before is None:
            self.say(f"{where}: created the schema, revision {after}")
        else:
            self.say(f"{where}: upgraded the schema from revision {before} to {after}")
        self.warn_of(warnings)

    def _prepare_keys(self, database: Database, *, is_new: bool) -> None:
        try:
            # The user who upgrades a database need not be the one who runs the daemons.
            remark = opening.prepare_keys(self.config, database, make=is_new)
        except errors.ConfigError as fault:
            remark = f"warning: {fault}"
        if remark:
            self.warn(remark)


class Copy(command.Command):
    """Copy everything from the configured database to another one, and compare every row afterwards.

    The target may be of another kind: SQLite, PostgreSQL or MariaDB. It must be empty; the command creates
    the schema. Stop every conductor first. The configured database is only read; set [database] connection to
    the target afterwards. If the command fails, the target is incomplete, and no conductor will use it.
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
        url = database_urls.read("--to", parsed_args.to, self.warn)
        with (
            self.any_database() as source,
            Progress(
                console=Console(file=self.app.stderr),
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
                disable=parsed_args.quiet or not self.app.stderr.isatty(),
            ) as progress,
        ):
            target = Database(database_urls.parse("--to", url))
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
            self.say(
                f"{sum(counts.values())} rows are the same in {source.where} and the copy; now set"
                f" [database] connection = {database_urls.plain(target.where)}"
            )
            if counts.get("secret_keys") and source.sealing is not None:
                self.say(
                    f"its secrets are encrypted with the keys of {source.sealing.source}: bring that file to"
                    " the programs that use the copy, and name it with [secrets] key_file"
                )
