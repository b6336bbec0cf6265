"""The common parts of ``podium``'s commands: the way to Podium, the configuration, the form of results.

The libraries of databases take long to import, so that this happens where a command needs them.
"""

import argparse
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Final, NoReturn

import cliff.command
import cliff.lister
import cliff.show

from podium import conf, errors
from podium.cli import ways
from podium.cli.app import LOCAL, App, add_common_options
from podium.cli.showing import tables
from podium.cli.showing.screen import Screen
from podium.cli.showing.tables import Form
from podium.cli.showing.words import shown_in
from podium.client.podium import Podium
from podium.node_ranges import natural

if TYPE_CHECKING:
    from podium.db.engine import Database

_WARNINGS_SHOWN: Final = 20
#: In arguments that stand for nodes of other names.
_SEVERAL: Final = re.compile(r"[*?@]")
#: What people need not see of one object.
_EMPTY: Final[tuple[Any, ...]] = (None, "", {}, [])


class Command(cliff.command.Command):
    """A command that prints lines, if anything."""

    app: App

    @cached_property
    def config(self) -> "conf.Config":
        """The configuration, read when it is first used.

        :raises podium.errors.ConfigError: see podium.conf.load
        """
        file = self.app.options.config_file
        return conf.load(["--config-file", file] if file else [], prog=self.app.NAME)

    def get_epilog(self) -> str:
        # cliff's own names the package of a command, and reads the metadata of every package for that.
        return ""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        self.parser = super().get_parser(prog_name)
        #: The command as it is typed. The pages ask without an app.
        self.name = prog_name.removeprefix(f"{App.NAME} ")
        if self.name in LOCAL:
            self.parser.epilog = (
                f"{self.parser.epilog} This works on this host alone, not with --url.".strip()
            )
        add_common_options(self.parser)
        return self.parser

    @cached_property
    def way(self) -> ways.Way:
        """The way to Podium.

        :raises podium.errors.ConfigError: see podium.conf.load
        """
        return ways.choose(self.app.options, self.app.NAME)

    @contextmanager
    def podium(self) -> Iterator[Podium]:
        """Return what answers the command's calls.

        :raises podium.errors.ConfigError: the way to Podium cannot be taken
        """
        if self.way.url is not None:
            from podium.cli.remote import connect

            with self.way.explained(), connect(self.way, self.warn) as podium:
                yield podium
            return
        from podium.client.local.local import Local

        with Local(self.config, warn=self.warn) as podium:
            yield podium

    def needs_database(self, what: str) -> None:
        """Leave with status 2 if a podium-api was named, because this is done on the database alone.

        :param what: the command, or its option
        """
        if self.way.is_given:
            self._leave(f"{what} works on the database alone, not with {self.way.source}")

    def _leave(self, text: str) -> NoReturn:
        self.parser.exit(2, f"podium: {text}\n")

    def run(self, parsed_args: argparse.Namespace) -> int:
        if self.name in LOCAL and self.app.options.url not in (None, ways.DATABASE):
            self._leave(f"{self.app.NAME} {self.name} works on this host alone, not with --url")
        return super().run(parsed_args)

    @contextmanager
    def database(self) -> "Iterator[Database]":
        """The configured database, whose schema and keys are checked.

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

    def confirms(self, what: str, refusal: str) -> bool:
        """Return whether a person at a terminal says yes to what is to be done.

        :raises podium.errors.PodiumError: with the refusal, if there is nobody to ask
        """
        if not self.app.stdin.isatty():
            raise errors.PodiumError(refusal)
        self.app.stderr.write(f"{what}? [y/N] ")
        self.app.stderr.flush()
        return self.app.stdin.readline().strip().lower() in ("y", "yes")

    def screen(self, parsed_args: argparse.Namespace) -> Screen | None:
        """Return the terminal at which somebody reads a table, if it is one."""
        is_table = parsed_args.formatter == "table"
        return Screen.of(self.app.stdout, parsed_args.max_width) if is_table else None

    def say(self, text: str) -> None:
        """Print one line of the command's result."""
        self.app.stdout.write(f"{text}\n")
        self.app.stdout.flush()

    def warn(self, text: str) -> None:
        """Print one line on standard error."""
        self.app.stderr.write(f"podium: {text}\n")

    def warn_of(self, warnings: Sequence[str]) -> None:
        """Print the first warnings on standard error, and how many more there are."""
        for warning in warnings[:_WARNINGS_SHOWN]:
            self.warn(f"warning: {warning}")
        if warnings[_WARNINGS_SHOWN:]:
            self.warn(f"warning: and {len(warnings) - _WARNINGS_SHOWN} more")


class Lister(Command, cliff.lister.Lister):
    """A command whose result is a table."""

    form: ClassVar[Form]

    @property
    def need_sort_by_cliff(self) -> bool:
        return False  # it would sort what is shown, and gives up on a column with empty cells

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        _add_wide(parser)
        _add_pager(parser)
        return parser

    def produce_output(
        self,
        parsed_args: argparse.Namespace,
        column_names: Sequence[str],
        data: Iterable[Sequence[Any]],
    ) -> int:
        _check_columns(self.parser, parsed_args.columns, column_names)
        rows = list(data)
        self._sort(parsed_args, column_names, rows)
        wanted = [
            index
            for index, name in enumerate(column_names)
            if not parsed_args.columns or name in parsed_args.columns
        ]
        names = [column_names[index] for index in wanted]
        if not rows and parsed_args.formatter == "table" and not parsed_args.print_empty:
            if any(stream.isatty() for stream in (self.app.stdout, self.app.stderr)):
                self.app.stderr.write(f"no {self.form.of}\n")
            return 0  # cliff would print an empty line
        screen = self.screen(parsed_args)
        if screen is None:
            shown = [[shown_in(parsed_args.formatter, row[index]) for index in wanted] for row in rows]
            return super().produce_output(parsed_args, names, shown)
        lines = tables.of_list(
            self.form,
            names,
            [[row[index] for index in wanted] for row in rows],
            screen,
            datetime.now(UTC),
            whole=parsed_args.wide or getattr(parsed_args, "long", False),
            keep=bool(parsed_args.columns),
        )
        screen.show(lines, paged=parsed_args.pager)
        return 0

    def _sort(
        self, parsed_args: argparse.Namespace, column_names: Sequence[str], rows: list[Sequence[Any]]
    ) -> None:
        by = [one for one in parsed_args.sort_columns if one in column_names]
        named = getattr(parsed_args, "nodes", None)
        if not by and (not named or _SEVERAL.search("".join(named))):  # names are in the order given
            by = [one for one in self.form.by if one in column_names]
        for column in reversed(by):
            key = _sort_key(column_names.index(column))
            rows.sort(key=key, reverse=parsed_args.sort_direction == "desc")


class ShowOne(Command, cliff.show.ShowOne):
    """A command whose result is one object."""

    #: Of fields that are lists of objects, at a terminal.
    forms: ClassVar[Mapping[str, Form]] = {}

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        if self.forms:
            _add_wide(parser)
        _add_pager(parser)
        return parser

    def produce_output(
        self,
        parsed_args: argparse.Namespace,
        column_names: Sequence[str],
        data: Sequence[Any],
    ) -> int:
        _check_columns(self.parser, parsed_args.columns, column_names)
        screen = self.screen(parsed_args)
        if screen is None:
            texts = [shown_in(parsed_args.formatter, value) for value in data]
            return super().produce_output(parsed_args, column_names, texts)
        chosen = [
            (name, value)
            for name, value in zip(column_names, data, strict=True)
            if (name in parsed_args.columns if parsed_args.columns else value not in _EMPTY)
        ]
        whole = bool(self.forms) and parsed_args.wide
        lines = tables.of_one(self.forms, chosen, screen, datetime.now(UTC), whole=whole)
        screen.show(lines, paged=parsed_args.pager)
        return 0


def _add_wide(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--wide",
        action="store_true",
        help="at a terminal: leave no column out and cut nothing off, however wide the table gets",
    )


def _add_pager(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--no-pager",
        dest="pager",
        action="store_false",
        help="at a terminal: print what is longer than the screen without a pager",
    )


def _check_columns(parser: argparse.ArgumentParser, wanted: Sequence[str], names: Sequence[str]) -> None:
    # cliff ignores a wrong name if there is a right one beside it.
    for column in wanted:
        if column not in names:
            parser.error(f"argument -c/--column: there is no column {column}; there are {', '.join(names)}")


def _sort_key(index: int) -> Callable[[Sequence[Any]], tuple[bool, Any]]:
    def key(row: Sequence[Any]) -> tuple[bool, Any]:
        value = row[index]
        if isinstance(value, Mapping | list):
            value = str(value)
        return value is None, natural(value) if isinstance(value, str) else value

    return key
