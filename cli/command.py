"""The common parts of ``podium``'s commands: questions, lines, and the format of results."""

import argparse
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, ClassVar, Final

import cliff.lister
import cliff.show

from podium import errors, wording
from podium.cli.connecting import Connecting
from podium.cli.parsing import shortened
from podium.cli.showing import tables
from podium.cli.showing.lines import FORMATS, Lines
from podium.cli.showing.screen import Screen
from podium.cli.showing.tables import Form
from podium.cli.showing.words import harmless_lines, shown_in
from podium.node_ranges import natural

_WARNINGS_SHOWN: Final = 20
#: Found in arguments that choose nodes by a pattern or a group.
_SEVERAL: Final = re.compile(r"[*?@]")
#: Values of one object that are not shown to people.
_EMPTY: Final[tuple[Any, ...]] = (None, "", {}, [])


class Command(Connecting):
    """A command that prints lines or nothing."""

    def confirms(self, what: str, refusal: str, done: str | None = "changed") -> bool:
        """Ask a person at the terminal to confirm, and return whether the answer was yes.

        :param done: what was not done yet, reported at Ctrl-C; None if the caller reports it
        :raises podium.errors.PodiumError: with the refusal, if standard input is not a terminal
        """
        if not self.app.stdin.isatty():
            raise errors.PodiumError(refusal)
        self.app.stderr.write(f"{harmless_lines(what)}? [y/N] ")
        self.app.stderr.flush()
        try:
            answer = self.app.stdin.readline()
        except KeyboardInterrupt:
            self.app.stderr.write("\n")
            if done is not None:
                self.warn(f"nothing was {done}")
            raise
        if not answer.endswith("\n"):  # Ctrl-D leaves the cursor behind the question
            self.app.stderr.write("\n")
        return answer.strip().lower() in ("y", "yes")

    def confirms_many(self, what: str, fault: errors.NeedsConfirmation, done: str = "requested") -> bool:
        """Ask for confirmation because of the number of nodes, and return whether the answer was yes.

        :param done: what was not done yet
        :raises podium.errors.PodiumError: if there is nobody to ask
        """
        return self.confirms(
            what,
            f"to {what} needs --yes: these are more than [conductor] confirm_above = {fault.limit};"
            f" nothing was {done}",
            done,
        )

    def screen(self, parsed_args: argparse.Namespace) -> Screen | None:
        """Return the terminal that shows a table; None for other formats or without a terminal."""
        is_table = parsed_args.formatter == "table"
        return Screen.of(self.app.stdout, parsed_args.max_width) if is_table else None

    def cell(self, parsed_args: argparse.Namespace) -> Callable[[Any], Any]:
        """Return the function that converts a value for the output format."""
        return partial(shown_in, parsed_args.formatter, at_terminal=self.app.stdout.isatty())

    def say(self, text: str) -> None:
        """Print one line of the command's result, or several."""
        self.app.stdout.write(f"{harmless_lines(text)}\n")
        self.app.stdout.flush()

    def none_meant(self, done: str = "changed") -> int:
        """Report that no node meets the conditions, and return the exit status.

        :param done: what was therefore not done
        """
        self.warn(f"there are no such nodes, so nothing was {done}")
        return 1

    def warn_of(self, warnings: Sequence[str]) -> None:
        """Print the first warnings on standard error, and how many more there are."""
        for warning in warnings[:_WARNINGS_SHOWN]:
            self.warn(f"warning: {warning}")
        if warnings[_WARNINGS_SHOWN:]:
            self.warn(f"warning: and {len(warnings) - _WARNINGS_SHOWN} more")


class Lister(Command, cliff.lister.Lister):
    """A command whose result is a table."""

    only_reads = True

    #: All possible columns, for completion.
    column_names: ClassVar[Sequence[str]] = ()
    form: ClassVar[Form]
    #: Whether the newest rows are last, so that a pager starts at the end.
    newest_last: ClassVar[bool] = False
    #: The columns that are shown, if others are made only for sorting.
    shown: Sequence[str] = ()

    @property
    def need_sort_by_cliff(self) -> bool:
        return False  # cliff sorts the shown texts, and gives up on a column with empty cells

    def check_columns(self, parsed_args: argparse.Namespace) -> None:
        """Refuse to show columns that do not exist, or to sort by them."""
        _check_columns(self.parser, "-c/--column", parsed_args.columns, self.column_names)
        _check_columns(self.parser, "--sort-column", parsed_args.sort_columns, self.column_names)

    def made(
        self, parsed_args: argparse.Namespace, shown: Sequence[str], every: Sequence[str]
    ) -> Sequence[str]:
        """Return the columns to make: those to show, or all if rows are sorted by one that is not shown."""
        self.shown = shown
        return shown if all(one in shown for one in parsed_args.sort_columns) else every

    def check_following(self, parsed_args: argparse.Namespace) -> None:
        """Refuse a format or a column that :meth:`lines` does not support."""
        if parsed_args.formatter not in FORMATS:
            self.parser.error(f"--follow takes the formats {', '.join(FORMATS)}")
        _check_columns(self.parser, "-c/--column", parsed_args.columns, self.column_names)

    def lines(
        self,
        parsed_args: argparse.Namespace,
        columns: Sequence[str],
        most: Mapping[str, int],
        least: Mapping[str, int],
    ) -> Lines:
        """Return the object that prints rows as they arrive, in the wanted columns that fit.

        :param most: the widths of columns in a table
        :param least: the widths at a terminal until longer cells arrive
        """
        self.check_following(parsed_args)
        shown = [name for name in columns if name in (parsed_args.columns or columns)]
        screen = None if parsed_args.wide or parsed_args.long else self.screen(parsed_args)
        if screen is not None and not parsed_args.columns:
            shown = tables.that_fit(self.form, {**most, **least}, screen.columns)
        return Lines(
            parsed_args.formatter,
            shown,
            self.app.stdout,
            screen,
            most=most,
            least=least,
            hanging=self.form.hanging and shown[-1] in self.form.prose,
        )

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        # Replaces cliff's option, whose help says that it ignores wrong names.
        parser.add_argument_group("order", conflict_handler="resolve").add_argument(
            "--sort-column",
            action="append",
            default=[],
            dest="sort_columns",
            metavar="COLUMN",
            help="sort by this column; may be repeated, and the first counts most",
        )
        _add_wide(parser)
        _add_pager(parser)
        return parser

    def produce_output(
        self,
        parsed_args: argparse.Namespace,
        column_names: Sequence[str],
        data: Iterable[Sequence[Any]],
    ) -> int:
        _check_columns(self.parser, "-c/--column", parsed_args.columns, column_names)
        _check_columns(self.parser, "--sort-column", parsed_args.sort_columns, column_names)
        rows = list(data)
        self._sort(parsed_args, column_names, rows)
        if parsed_args.columns:
            wanted = [index for index, name in enumerate(column_names) if name in parsed_args.columns]
        else:
            wanted = [column_names.index(name) for name in self.shown or column_names]
        names = [column_names[index] for index in wanted]
        if not rows and parsed_args.formatter == "table" and not parsed_args.print_empty:
            if any(stream.isatty() for stream in (self.app.stdout, self.app.stderr)):
                self.app.stderr.write(f"no {self.form.of}\n")
            return 0  # cliff would print an empty line
        screen = self.screen(parsed_args)
        if screen is None:
            cell = self.cell(parsed_args)
            shown = [[cell(row[index]) for index in wanted] for row in rows]
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
        screen.show(lines, paged=parsed_args.pager, at_end=self.newest_last)
        return 0

    def _sort(
        self, parsed_args: argparse.Namespace, column_names: Sequence[str], rows: list[Sequence[Any]]
    ) -> None:
        by = parsed_args.sort_columns
        named = getattr(parsed_args, "nodes", None)
        if not by and (not named or _SEVERAL.search("".join(named))):  # named nodes stay in the given order
            by = [one for one in self.form.by if one in column_names]
        for column in reversed(by):
            key = _sort_key(column_names.index(column))
            rows.sort(key=key, reverse=parsed_args.sort_direction == "desc")


class ShowOne(Command, cliff.show.ShowOne):
    """A command whose result is one object."""

    only_reads = True

    #: All possible fields, for completion.
    column_names: ClassVar[Sequence[str]] = ()
    #: How a terminal shows fields that are lists of objects, or objects by name.
    forms: ClassVar[Mapping[str, Form]] = {}

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        _add_wide(parser)
        _add_pager(parser)
        return parser

    def produce_output(
        self,
        parsed_args: argparse.Namespace,
        column_names: Sequence[str],
        data: Sequence[Any],
    ) -> int:
        _check_columns(self.parser, "-c/--column", parsed_args.columns, column_names)
        screen = self.screen(parsed_args)
        if screen is None:
            texts = list(map(self.cell(parsed_args), data))
            return super().produce_output(parsed_args, column_names, texts)
        chosen = [
            (name, value)
            for name, value in zip(column_names, data, strict=True)
            if (name in parsed_args.columns if parsed_args.columns else value not in _EMPTY)
        ]
        lines = tables.of_one(self.forms, chosen, screen, datetime.now(UTC), whole=parsed_args.wide)
        screen.show(lines, paged=parsed_args.pager)
        return 0


def _add_wide(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--wide",
        action="store_true",
        help="at a terminal: leave no column out, cut nothing off and break no line, however wide it gets",
    )


def _add_pager(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--no-pager",
        dest="pager",
        action="store_false",
        help="at a terminal: print what is longer than the screen without a pager",
    )


def _check_columns(
    parser: argparse.ArgumentParser, option: str, wanted: Sequence[str], names: Sequence[str]
) -> None:
    # cliff ignores a wrong name beside a right one, and any wrong name to sort by.
    for column in wanted:
        if column not in names:
            near = wording.nearest(column, names)
            hint = f"did you mean {near}?" if near else f"there are {', '.join(names)}"
            if len(several := column.split(",")) > 1 and all(one in names for one in several):
                short = option.partition("/")[0]
                hint = f"did you mean {' '.join(f'{short} {one}' for one in several)}?"
            parser.error(f"argument {option}: there is no column {shortened(column)}; {hint}")


def _sort_key(index: int) -> Callable[[Sequence[Any]], tuple[bool, Any]]:
    def key(row: Sequence[Any]) -> tuple[bool, Any]:
        value = row[index]
        if isinstance(value, Mapping | list):
            value = str(value)
        return value is None, natural(value) if isinstance(value, str) else value

    return key
