"""``podium status``: the fleet in a few lines, once or until somebody ends it."""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any, Final

from podium import errors
from podium.cli import command, converters
from podium.cli.showing import live
from podium.cli.showing.colours import RED, painted
from podium.cli.showing.fleet_lines import MOST, fleet_lines
from podium.cli.showing.screen import Screen
from podium.cli.showing.widths import cut
from podium.cli.showing.words import one_line, stamp
from podium.client.calls.call import plain
from podium.client.calls.status import Status
from podium.client.podium import Podium
from podium.client.waiting.steps import AWAY

_COLUMNS: Final = Status.__struct_fields__
_EVERY: Final = 5.0
_RAREST: Final = 3600.0
#: Seconds that an answer may take before its absence is reported.
_PATIENCE: Final = 5.0


def _interval(text: str) -> float:
    return converters.within(text, 1, _RAREST)


class Show(command.ShowOne):
    """Show what needs attention, the worst first, and the state of the whole fleet.

    Below each thing that needs attention is the command that shows more.
    """

    column_names = _COLUMNS

    #: To be replaced by tests.
    clock = staticmethod(time.monotonic)
    sleep = staticmethod(time.sleep)

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "--watch",
            nargs="?",
            type=_interval,
            const=_EVERY,
            metavar="TIME",
            help=f"show it anew that often, in seconds or as 1m (default: {_EVERY:g}), until Ctrl-C or q",
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[Sequence[str], Sequence[Any]]:
        with self.podium() as podium:
            self._status = podium.status()
        return _COLUMNS, [plain(getattr(self._status, column)) for column in _COLUMNS]

    def produce_output(
        self, parsed_args: argparse.Namespace, column_names: Sequence[str], data: Sequence[Any]
    ) -> int:
        if parsed_args.formatter != "table" or parsed_args.columns:
            return super().produce_output(parsed_args, column_names, data)
        screen = self.screen(parsed_args)
        if screen is not None and parsed_args.wide:
            screen = screen._replace(columns=sys.maxsize)
        lines = fleet_lines(self._status, screen, self._status.at)
        if screen is None:
            self.say("\n".join(lines))
        else:
            screen.show(lines, paged=parsed_args.pager)
        return 0

    def run(self, parsed_args: argparse.Namespace) -> int:
        if parsed_args.watch is None:
            return super().run(parsed_args)
        if parsed_args.formatter != "table" or parsed_args.columns or not live.can_be(self.app.stdout):
            self.parser.error("--watch shows lines that change in place, which takes a terminal")
        with self.podium() as podium:
            watch = Watch(podium.status(), parsed_args.watch, self.clock)
            with suppress(KeyboardInterrupt), live.Live(watch.lines, keys=self.app.stdin) as picture:
                while True:
                    self.sleep(parsed_args.watch)
                    self._look(podium, watch, picture)
        return 0

    def _look(self, podium: Podium, watch: "Watch", picture: live.Live) -> None:
        try:
            found = podium.status()
        except AWAY as fault:
            with picture.lock:
                watch.miss(fault)
        else:
            with picture.lock:
                watch.take(found)
        picture.wake()


class Watch:
    """The last status of the fleet, and how long ago it was read.

    :param every: seconds from one look to the next
    :param clock: seconds, monotonic
    """

    def __init__(self, status: Status, every: float, clock: Callable[[], float]) -> None:
        self._every = every
        self._clock = clock
        self.take(status)

    def take(self, status: Status) -> None:
        """Keep the status that a look returned."""
        self._status, self._seen, self._fault = status, self._clock(), ""

    def miss(self, fault: errors.PodiumError) -> None:
        """Note that a look got no answer."""
        who = "podium-api" if isinstance(fault, errors.ApiUnavailable) else "the database"
        self._fault = f"{who} is away, and this is {{age}} s old: {errors.one_line(fault)}"

    def lines(self, screen: Screen) -> list[str]:
        """Return the lines to show now."""
        age = self._clock() - self._seen
        now = self._status.at + timedelta(seconds=age)
        head = [*self._head(age, screen), ""]
        for most in range(MOST, 0, -1):
            lines = [*head, *fleet_lines(self._status, screen, now, most)]
            if len(lines) <= screen.lines:  # with the figures, which come last
                break
        return lines

    def _head(self, age: float, screen: Screen) -> list[str]:
        fault = self._fault
        if not fault and age > self._every + _PATIENCE:
            fault = "there is no answer yet, and this is {age} s old"
        if not fault:
            return [f"podium status, every {self._every:g} s: {stamp(self._status.at)}"]
        text = cut(one_line(fault.replace("{age}", f"{age:.0f}")), screen.columns, screen.dots)
        return [painted(text, RED if screen.has_colours else None)]
