"""``podium node log``."""

import argparse
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any, Final

from podium import errors
from podium.cli import arguments, command, converters
from podium.cli.hardware.log_pages import Found, newest
from podium.cli.hardware.reading import add_timeout
from podium.cli.showing import lines
from podium.cli.showing.lines import Lines
from podium.cli.showing.tables import Form
from podium.client.calls.call import plain
from podium.client.calls.hardware import LogLine
from podium.client.podium import Podium
from podium.client.waiting.steps import AWAY

COLUMNS: Final = ("id", "at", "clock_at", "severity", "sensor", "message", "raw")
#: The columns without --long, and their widths while following.
_SHORT: Final = {"at": 20, "severity": 8, "sensor": 24, "message": 0}
_LEAST: Final = {"sensor": 8}
_LIMIT: Final = 100
_SINCE_LIMIT: Final = 10_000
#: Entries with which --follow begins.
_FIRST: Final = 10
_POLL_SECONDS: Final = 10.0
#: Entries that --follow remembers, so that none is shown twice.
_REMEMBERED: Final = 2000
#: What may be otherwise at the next look.
_PASSING: Final = (*AWAY, errors.Conflict, errors.DriverError)


class Log(command.Lister):
    """Read the log that the hardware of a node keeps of itself, the oldest entry first.

    at is when something happened: the time of the hardware's clock, clock_at, without the seconds by which
    that was ahead when the log was read. Where nobody knows these, a table has the clock's time. Entries from
    before the clock was set have none.

    With --follow, what is new is printed as it comes, and -f json prints one object a line, until Ctrl-C; it
    begins with the newest 10 entries. The log is read every 10 seconds. See also podium node log clear.
    """

    column_names = COLUMNS
    newest_last = True
    _has_warned = False
    form = Form("entries", dropped=("sensor",), prose=("message",), stamped=("at", "clock_at"))

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        arguments.add_node(parser)
        parser.add_argument(
            "--since",
            type=converters.duration,
            metavar="TIME",
            help="only what happened in so many last seconds, or in the last 5m, 1h, 2d and so on",
        )
        parser.add_argument(
            "--limit",
            type=converters.count,
            metavar="N",
            help=f"only the newest N entries (default: {_LIMIT}, or {_SINCE_LIMIT} with --since)",
        )
        parser.add_argument("--follow", action="store_true", help="continue with new entries until Ctrl-C")
        parser.add_argument("--long", action="store_true", help="show every column in a table too")
        add_timeout(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[Sequence[str], Iterable[Any]]:
        usual = _LIMIT if parsed_args.since is None else _SINCE_LIMIT
        with self.podium() as podium:
            found = self._read(podium, parsed_args, parsed_args.limit or usual)
        if found.more and parsed_args.limit is None:
            self.warn(f"these are the newest {usual} entries; --limit shows more")
        columns = self.made(parsed_args, self._columns(parsed_args), COLUMNS)
        return columns, _rows(found.entries, columns, for_people=parsed_args.formatter == "table")

    def run(self, parsed_args: argparse.Namespace) -> int:
        if not parsed_args.follow:
            return super().run(parsed_args)
        out = self.lines(parsed_args, self._columns(parsed_args), _SHORT, _LEAST)
        with suppress(KeyboardInterrupt), self.podium() as podium:
            self._follow(podium, parsed_args, out)
        return 0

    def _columns(self, parsed_args: argparse.Namespace) -> Sequence[str]:
        """Return every column for programs, and the short ones for people."""
        short = parsed_args.formatter == "table" and not (parsed_args.long or parsed_args.columns)
        return tuple(_SHORT) if short else COLUMNS

    def _read(
        self, podium: Podium, parsed_args: argparse.Namespace, most: int, after: str | None = None
    ) -> Found:
        since = parsed_args.since if after is None else None
        node, wait = parsed_args.node, parsed_args.timeout
        found = newest(podium, node, most=most, since=since, after=after, wait=wait)
        if found.clock_offset is None and any(entry.clock_at for entry in found.entries):
            self._warn_of_clock(node)
        return found

    def _warn_of_clock(self, node: str) -> None:
        if not self._has_warned:
            self.warn(f"{node}: nobody knows how far its clock is off, by which its log is dated")
        self._has_warned = True

    def _follow(self, podium: Podium, parsed_args: argparse.Namespace, out: Lines) -> None:
        shown: deque[tuple[Any, ...]] = deque(maxlen=_REMEMBERED)
        for found in self._looks(podium, parsed_args):
            new = [entry for entry in found.entries if _which(entry) not in shown]
            shown.extend(map(_which, new))
            out.write(_rows(new, out.columns, for_people=parsed_args.formatter == "table"))

    def _looks(self, podium: Podium, parsed_args: argparse.Namespace) -> Iterator[Found]:
        """Yield the newest entries, and then what is new at every look that is answered."""
        usual = _FIRST if parsed_args.since is None else _SINCE_LIMIT
        yield (found := self._read(podium, parsed_args, parsed_args.limit or usual))
        last = found.newest[-1].id if found.newest else None
        is_silent = False
        while not lines.reader_gone(self.app.stdout, _POLL_SECONDS):
            try:
                found = self._read(podium, parsed_args, _SINCE_LIMIT, after=last)
            except _PASSING as fault:
                if not is_silent:
                    self.warn(f"{fault}; trying again")
                is_silent = True
                continue
            if is_silent:
                self.warn(f"{parsed_args.node}: its log can be read again")
            is_silent = False
            last = found.newest[-1].id if found.newest else last
            yield found


def _which(entry: LogLine) -> tuple[Any, ...]:
    """Return what tells an entry from those of a log that was cleared, which may have the same ids."""
    return entry.id, entry.clock_at, entry.message


def _rows(entries: Iterable[LogLine], columns: Sequence[str], *, for_people: bool) -> list[list[Any]]:
    rows = []
    for entry in entries:
        shown = plain(entry)
        if for_people and "clock_at" not in columns:
            shown["at"] = entry.at or entry.clock_at
        rows.append([shown[column] for column in columns])
    return rows
