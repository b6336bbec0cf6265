"""``podium events`` and ``podium node history``: the ledger of power events."""

import argparse
import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any, Final

from podium import errors
from podium.causes import SEVERITIES, SEVERITY
from podium.cli import arguments, command, converters
from podium.cli.showing import lines
from podium.cli.showing.lines import Lines
from podium.cli.showing.tables import Form
from podium.client.calls.events import Event
from podium.client.podium import Podium
from podium.client.waiting.following import Following
from podium.client.waiting.steps import AWAY

#: Columns, and the field of an event that each shows.
_SHOWN: Final = {
    "id": "id",
    "at": "at",
    "node": "node_name",
    "from_state": "from_state",
    "to_state": "to_state",
    "cause": "cause",
    "who": "who",
    "reason": "reason",
    "operation": "operation_id",
    "request_id": "request_id",
    "conductor": "conductor",
    "worker": "worker",
}
COLUMNS: Final = tuple(_SHOWN)
#: The columns without --long, and their widths while following.
_SHORT: Final = {
    "at": 20,
    "node": 16,
    "from_state": 10,
    "to_state": 10,
    "cause": 14,
    "who": 16,
    "operation": 9,
    "reason": 0,
}
#: The initial widths at a terminal of columns that grow with their cells, up to the widths above.
_LEAST: Final = {"node": 8, "to_state": 9, "who": 8, "reason": 8}
CAUSES: Final = tuple(SEVERITY)
_LIMIT: Final = 100
_SINCE_LIMIT: Final = 10_000
_MOST: Final = 1_000_000
_POLL_SECONDS: Final = 0.5


def _count(text: str) -> int:
    if not re.fullmatch(r"\d{1,7}", text) or not 1 <= int(text) <= _MOST:
        raise argparse.ArgumentTypeError(f"{text} is not a number between 1 and {_MOST}")
    return int(text)


class _Ledger(command.Lister):
    """Shows events, the oldest first."""

    column_names = COLUMNS
    newest_last = True
    form = Form(
        "events",
        dropped=("operation", "from_state", "who", "cause"),
        prose=("reason",),
        stamped=("at",),
    )

    #: How many events are shown without --limit, in words.
    default_limit = f"{_LIMIT}"

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument("--long", action="store_true", help="show every column in a table too")
        parser.add_argument(
            "--limit",
            type=_count,
            metavar="N",
            help=f"only the newest N events (default: {self.default_limit})",
        )
        parser.set_defaults(since=None, cause=None, severity=None)
        return parser

    def show(
        self, wanted: arguments.Chosen, parsed_args: argparse.Namespace
    ) -> tuple[Sequence[str], Iterable[Any]]:
        """Return the events of these nodes as a table."""
        with self.podium() as podium:
            found = self.events(podium, wanted, parsed_args)
        columns = self.made(parsed_args, self.columns(parsed_args), COLUMNS)
        return columns, [_values(event, columns) for event in found]

    def events(
        self, podium: Podium, wanted: arguments.Chosen, parsed_args: argparse.Namespace
    ) -> list[Event]:
        """Return the newest events, and warn if there are more."""
        since = parsed_args.since
        limit = parsed_args.limit or (_LIMIT if since is None else _SINCE_LIMIT)
        nodes, where = wanted
        found = list(
            podium.events(
                nodes,
                since=since,
                cause=parsed_args.cause,
                min_severity=parsed_args.severity,
                newest=limit + 1,
                where=where,
            )
        )
        if len(found) > limit and parsed_args.limit is None:
            self.warn(f"these are the newest {limit} events; --limit shows more")
        return found[-limit:]

    def columns(self, parsed_args: argparse.Namespace) -> Sequence[str]:
        """Return every column for programs, and the short list for people."""
        short = parsed_args.formatter == "table" and not (parsed_args.long or parsed_args.columns)
        return tuple(_SHORT) if short else COLUMNS


class History(_Ledger):
    """Show what happened to the power of nodes, when, why and by whom, including deleted nodes."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        arguments.add_nodes(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[Sequence[str], Iterable[Any]]:
        return self.show(arguments.chosen_to_change(self.parser, parsed_args), parsed_args)


class Events(_Ledger):
    """Show what happened to the power of nodes; with --follow, also what happens from now on.

    With --follow, events are printed as they happen until Ctrl-C, and -f json prints one object a line.
    Without --since and --limit, the output begins with the next event.
    """

    default_limit = f"{_LIMIT}, or {_SINCE_LIMIT} with --since"

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        arguments.add_nodes(parser)
        parser.add_argument("--follow", action="store_true", help="continue with new events until Ctrl-C")
        parser.add_argument(
            "--since",
            type=converters.duration,
            metavar="TIME",
            help="only events of so many last seconds, or of the last 5m, 1h, 2d and so on",
        )
        parser.add_argument(
            "--cause", choices=CAUSES, metavar="CAUSE", help=f"only events of this cause: {', '.join(CAUSES)}"
        )
        parser.add_argument(
            "--severity",
            choices=SEVERITIES,
            metavar="LEVEL",
            help=f"only events of this severity or a greater one: {', '.join(SEVERITIES)}",
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[Sequence[str], Iterable[Any]]:
        return self.show(arguments.chosen(self.parser, parsed_args), parsed_args)

    def run(self, parsed_args: argparse.Namespace) -> int:
        if not parsed_args.follow:
            return super().run(parsed_args)
        out = self.lines(parsed_args, self.columns(parsed_args), _SHORT, _LEAST)
        with suppress(KeyboardInterrupt), self.podium() as podium:
            self._follow(podium, parsed_args, out)
        return 0

    def _follow(self, podium: Podium, parsed_args: argparse.Namespace, out: Lines) -> None:
        wanted = arguments.chosen(self.parser, parsed_args)
        following = Following(
            wanted.nodes, parsed_args.cause, where=wanted.where, min_severity=parsed_args.severity
        )
        following.take(podium.ask(following.look()))
        earlier = parsed_args.since is not None or parsed_args.limit is not None
        found = self.events(podium, wanted, parsed_args) if earlier else []
        out.write(_values(event, out.columns) for event in found if following.has_passed(event.id))
        away = None
        while not lines.reader_gone(self.app.stdout, 0 if following.more else _POLL_SECONDS):
            try:
                news = podium.ask(following.look())
            except AWAY as error:
                if away is None:
                    away = "podium-api" if isinstance(error, errors.ApiUnavailable) else "the database"
                    self.warn(f"{away} is away, waiting for it: {error}")
                continue
            if away is not None:
                self.warn(f"{away} is back")
            away = None
            out.write(_values(event, out.columns) for event in following.take(news))


def _values(event: Event, columns: Sequence[str]) -> list[Any]:
    return [getattr(event, _SHOWN[column]) for column in columns]
