"""``podium node log``."""

import argparse
import heapq
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Any, Final

from podium import errors, node_ranges
from podium.cli import converters
from podium.cli.hardware import log_pages
from podium.cli.hardware.log_follow import Follower, News
from podium.cli.hardware.log_pages import Found
from podium.cli.hardware.reading import ReadingNodes, side_by_side
from podium.cli.showing import lines
from podium.cli.showing.lines import Lines
from podium.cli.showing.tables import Form
from podium.client.calls.call import plain
from podium.client.calls.hardware import LogLine
from podium.client.podium import Podium
from podium.client.waiting.steps import AWAY

COLUMNS: Final = ("node", "id", "at", "clock_at", "severity", "sensor", "message", "raw")
#: The columns without --long, and their widths while following.
_SHORT: Final = {"node": 24, "at": 20, "severity": 8, "sensor": 24, "message": 0}
_LEAST: Final = {"node": 4, "sensor": 8}
_LIMIT: Final = 100
_SINCE_LIMIT: Final = 10_000
#: Entries of each node with which --follow begins.
_FIRST: Final = 10
_POLL_SECONDS: Final = 10.0
#: The levels of --severity, and the severities of the entries that each shows.
_LEVELS: Final[Mapping[str, tuple[str, ...]]] = {
    "warning": ("Warning", "Critical"),
    "critical": ("Critical",),
}
#: Errors that may be gone at the next look.
_PASSING: Final = (*AWAY, errors.Conflict, errors.DriverError)


class Log(ReadingNodes):
    """Read the logs that the hardware of nodes keeps, the oldest entry first.

    The entries of several nodes are merged by time. at is when something happened: clock_at, the time of the
    hardware's clock, less the seconds by which that was ahead. If these are unknown, a table shows the
    clock's time. Entries from before the clock was set have no time.

    With --follow, new entries are printed as they appear until Ctrl-C, and -f json prints one object a line.
    The output begins with the newest 10 entries, or with those of --since or --limit, and the logs are read
    every 10 seconds. The exit status is 1 if the log of any node could not be read. See also podium node log
    clear.
    """

    column_names = COLUMNS
    newest_last = True
    form = Form("entries", dropped=("sensor",), prose=("message",), stamped=("at", "clock_at"), hanging=True)

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
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
            help=f"only the newest N entries of each node (default: {_LIMIT}, or {_SINCE_LIMIT} with"
            " --since)",
        )
        parser.add_argument(
            "--severity",
            choices=(*_LEVELS,),
            metavar="LEVEL",
            help=f"only entries of this severity or a greater one: {', '.join(_LEVELS)}",
        )
        parser.add_argument("--follow", action="store_true", help="continue with new entries until Ctrl-C")
        parser.add_argument("--long", action="store_true", help="show every column in a table too")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[Sequence[str], Iterable[Any]]:
        usual = _LIMIT if parsed_args.since is None else _SINCE_LIMIT
        with self.podium() as podium:
            names = self.names(podium, parsed_args)
            found = self.found(names, lambda name: _begin(podium, name, parsed_args, usual))
        self._warn_of_clocks(found)
        self._tell_of_faults(found)
        more = [name for name, one in found if one.more and one.fault is None]
        if parsed_args.limit is None and more:
            self.warn(f"{node_ranges.fold(more)}: these are the newest {usual} entries; --limit shows more")
        columns = self.made(parsed_args, self._columns(parsed_args, names), COLUMNS)
        return columns, _rows(found, columns, for_people=parsed_args.formatter == "table")

    def run(self, parsed_args: argparse.Namespace) -> int:
        if not parsed_args.follow:
            return super().run(parsed_args)
        self.check_following(parsed_args)
        with suppress(KeyboardInterrupt), self.podium() as podium:
            names = self.names(podium, parsed_args)
            out = self.lines(parsed_args, self._columns(parsed_args, names), _SHORT, _LEAST)
            self._follow(podium, names, parsed_args, out)
        return int(self._failed)

    def _columns(self, parsed_args: argparse.Namespace, names: Sequence[str]) -> Sequence[str]:
        """Return every column for programs, and the short list for people."""
        if parsed_args.formatter != "table" or parsed_args.long or parsed_args.columns:
            return COLUMNS
        return [name for name in _SHORT if name != "node" or len(names) > 1]

    def _warn_of_clocks(self, found: Iterable[tuple[str, Found]]) -> None:
        unknown = [
            name
            for name, one in found
            if one.clock_offset is None and any(entry.clock_at for entry in one.entries)
        ]
        if unknown:
            names = node_ranges.fold(unknown)
            self.warn(f"{names}: nobody knows how far its clock is off, by which its log is dated")

    def _tell_of_faults(self, found: Iterable[tuple[str, Found]]) -> None:
        faults = [(name, str(one.fault)) for name, one in found if one.fault is not None]
        self._failed |= bool(faults)
        self.tell(faults, "; what was read is shown")

    def _follow(
        self, podium: Podium, names: Sequence[str], parsed_args: argparse.Namespace, out: Lines
    ) -> None:
        """Print the newest entries, and then the new entries of every look that succeeds.

        Nodes that could not be read are tried again, unless no node could be read at the first look.
        """
        usual = _FIRST if parsed_args.since is None else _SINCE_LIMIT
        followers = {
            name: Follower(
                partial(_begin, podium, name, parsed_args, usual),
                partial(log_pages.newest, podium, name, wait=parsed_args.timeout),
            )
            for name in names
        }
        begun = self.found(names, lambda name: followers[name].look())
        self._failed = not begun
        if not begun:
            return
        first = [(name, news.found) for name, news in begun]
        self._warn_of_clocks(first)
        self._tell_of_faults(first)
        show = partial(_rows, columns=out.columns, for_people=parsed_args.formatter == "table")
        out.write(show(first))
        wanted = _wanted(parsed_args) or bool
        is_silent = {*names} - {name for name, _ in begun}
        while not lines.reader_gone(self.app.stdout, _POLL_SECONDS):
            failures: list[tuple[str, str]] = []
            for name, news in side_by_side(names, lambda name: followers[name].look()):
                if isinstance(news, News):
                    self._say_of(name, news, is_silent)
                    entries = [entry for entry in news.found.entries if wanted(entry)]
                    out.write(show([(name, news.found._replace(entries=entries))]))
                    continue
                if not isinstance(news, _PASSING):
                    raise news
                if name not in is_silent:
                    failures.append((name, str(news)))
                is_silent.add(name)
            self.tell(failures, "; trying again")

    def _say_of(self, name: str, news: News, is_silent: set[str]) -> None:
        if name in is_silent:
            self.warn(f"{name}: its log can be read again")
        is_silent.discard(name)
        if news.was_cleared:
            self.warn(f"{name}: the log was cleared")


def _wanted(parsed_args: argparse.Namespace) -> Callable[[LogLine], bool] | None:
    if parsed_args.severity is None:
        return None
    severities = _LEVELS[parsed_args.severity]
    return lambda entry: entry.severity in severities


def _begin(podium: Podium, node: str, parsed_args: argparse.Namespace, usual: int) -> Found:
    """Return the newest entries that the options select."""
    return log_pages.newest(
        podium,
        node,
        most=parsed_args.limit or usual,
        since=parsed_args.since,
        wanted=_wanted(parsed_args),
        wait=parsed_args.timeout,
    )


def _rows(
    found: Iterable[tuple[str, Found]], columns: Sequence[str], *, for_people: bool
) -> Iterable[list[Any]]:
    """Yield rows ordered by time; the rows of one node keep their order."""
    merged = heapq.merge(*(_dated(name, one) for name, one in found), key=lambda row: row[0])
    for _, name, entry in merged:
        shown = {"node": name, **plain(entry)}
        if for_people and "clock_at" not in columns:
            shown["at"] = entry.at or entry.clock_at
        yield [shown[column] for column in columns]


def _dated(name: str, found: Found) -> list[tuple[datetime, str, LogLine]]:
    """Return entries with their times; an entry without a time gets that of the next."""
    dated = []
    at = found.read_at
    for entry in reversed(found.entries):
        at = entry.at or entry.clock_at or at
        dated.append((at, name, entry))
    return dated[::-1]
