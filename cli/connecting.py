"""Connects commands to their configuration, and to a podium-api or the database.

Database libraries take long to import, so they are imported only where a command needs them.
"""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, NoReturn

import cliff.command

from podium import conf, errors
from podium.cli import ways
from podium.cli.app import LOCAL, App, add_common_options
from podium.cli.parsing import Parser
from podium.cli.showing.words import harmless_lines
from podium.client.podium import Podium

if TYPE_CHECKING:
    from podium.db.engine import Database


class Connecting(cliff.command.Command):
    """A command that connects to Podium."""

    app: App
    #: Whether the command only reads, and never changes anything.
    only_reads: ClassVar[bool] = False
    conflict_handler = "error"  # only cliff's parsers know cliff's own value

    def get_epilog(self) -> str:
        # cliff's epilog names the package of a command, for which it reads the metadata of every package.
        return ""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        its = super().get_parser(prog_name)
        self.parser = Parser(
            prog=prog_name,
            description=its.description,
            epilog=its.epilog,
            formatter_class=its.formatter_class,
            parents=[its],
            add_help=False,
        )
        #: The command as it is typed. The manual pages are made without an app.
        self.name = prog_name.removeprefix(f"{App.NAME} ")
        if self.name in LOCAL:
            self.parser.epilog = (
                f"{self.parser.epilog} This works on this host alone, not with --url.".strip()
            )
        add_common_options(self.parser)
        return self.parser

    @cached_property
    def config(self) -> "conf.Config":
        """The configuration, read when it is first used.

        :raises podium.errors.ConfigError: see podium.conf.load
        """
        file = self.app.options.config_file
        return conf.load(["--config-file", file] if file else [], prog=self.app.NAME, delivers=False)

    @cached_property
    def way(self) -> ways.Way:
        """The way to Podium.

        :raises podium.errors.ConfigError: see podium.conf.load
        """
        return ways.choose(self.app.options, self.app.NAME)

    @contextmanager
    def podium(self) -> Iterator[Podium]:
        """Connect to Podium for the command's calls.

        :raises podium.errors.ConfigError: if the way to Podium cannot be used
        """
        if self.way.url is not None:
            if self.app.options.config_file and self.way.source == ways.VARIABLE:
                raise errors.ConfigError(
                    f"--config-file is not read because of {ways.VARIABLE}; unset that, or give --url"
                )
            from podium.cli.remote import connect

            with self.way.explained(), connect(self.way, self.warn) as podium:
                yield podium
            return
        from podium.client.local.local import Local

        with Local(self.config, warn=self.warn) as podium:
            yield podium

    def needs_database(self, what: str) -> None:
        """Exit with status 2 if a podium-api was named, because this works on the database alone.

        :param what: the command, or its option
        """
        if self.way.is_given:
            remedy = "; run it as root" if self.way.is_only else ""
            self._leave(f"{what} works on the database alone, not with {self.way.source}{remedy}")

    def _leave(self, text: str) -> NoReturn:
        self.parser.exit(2, f"podium: {harmless_lines(text)}\n")

    def run(self, parsed_args: argparse.Namespace) -> int:
        options = self.app.options
        if self.name in LOCAL:
            for option, is_given in (
                ("--url", options.url not in (None, ways.DATABASE)),
                ("--credentials-file", options.credentials_file),
                ("--cafile", options.cafile),
            ):
                if is_given:
                    self._leave(f"{self.app.NAME} {self.name} works on this host alone, not with {option}")
        return super().run(parsed_args)

    @contextmanager
    def database(self) -> "Iterator[Database]":
        """Return the configured database, after checking its schema and keys.

        :raises podium.errors.ConfigError: when the URL cannot be used, or a key is missing
        :raises podium.errors.DatabaseError: when it cannot be reached, or needs ``podium db upgrade``
        """
        from podium.db import schema, secret_keys

        with self.any_database() as database:
            if remark := schema.check(database):
                self.warn(f"warning: {remark}")
            with database.read() as connection:
                secret_keys.check(connection, database.sealing)
            yield database

    @contextmanager
    def any_database(self) -> "Iterator[Database]":
        """Return the configured database, with or without a schema, and without keys if they are faulty."""
        from podium.client.enrolling.declared import secret_names
        from podium.db import opening

        if self.name not in LOCAL:
            self.needs_database(f"{self.app.NAME} {self.name}")
        database = opening.configured(self.config, secret_names, needs_keys=False)
        try:
            yield database
        finally:
            database.dispose()

    def warn(self, text: str) -> None:
        """Print one line on standard error."""
        self.app.stderr.write(f"podium: {harmless_lines(text)}\n")
