"""``podium node watch``: nodes whose lines change in place, or a line of JSON for each change."""

import argparse
import json
import time
from collections.abc import Sequence
from contextlib import closing, nullcontext, suppress
from datetime import UTC, datetime
from typing import Any, Final

from podium.cli import arguments, command
from podium.cli.showing import live
from podium.cli.showing.watched import COLUMNS, Seen, Watched
from podium.cli.showing.words import shown_in
from podium.client.calls.call import plain
from podium.client.calls.changes import FollowChanges, NodeChange, Reset, Started
from podium.client.calls.nodes import Node
from podium.client.podium import Podium
from podium.client.waiting.steps import AWAY

_FIELDS: Final = ("uuid", *COLUMNS)
#: Seconds until the next attempt after nodes could not be listed.
_AGAIN: Final = 1.0


class Watch(command.Command):
    """Watch nodes until Ctrl-C: changes are shown at once.

    At a terminal each node has a line, and q ends the command too. Changes of the last ten seconds are
    marked. If there are more nodes than lines, those that changed last are shown. Elsewhere, and with -f
    json, each change is a line of JSON: the node as it is now, or "gone": true if it was deleted or is no
    longer among the chosen nodes.
    """

    #: To be replaced by tests.
    clock = staticmethod(time.monotonic)
    sleep = staticmethod(time.sleep)
    _picture: live.Live | None = None

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        arguments.add_nodes(parser)
        parser.add_argument(
            "-f",
            "--format",
            choices=("table", "json"),
            default="table",
            help="the form of the output (default: table, and json where there is no terminal)",
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        wanted = arguments.chosen(self.parser, parsed_args)
        self._watched = Watched(self.clock)
        with suppress(KeyboardInterrupt), self.podium() as podium:
            self._watched.begin(podium.nodes(wanted.nodes, where=wanted.where, fields=_FIELDS))
            if parsed_args.format == "json" or not live.can_be(self.app.stdout):
                self._follow(podium, wanted)
                return
            with live.Live(self._watched.lines, keys=self.app.stdin) as self._picture:
                try:
                    self._follow(podium, wanted)
                finally:
                    self._picture = None

    def warn(self, text: str) -> None:
        """Print one line on standard error, or show it below the picture."""
        if self._picture is None:
            super().warn(text)
            return
        with self._picture.lock:
            self._watched.note(text)
        self._picture.wake()

    def _follow(self, podium: Podium, wanted: arguments.Chosen) -> None:
        call = FollowChanges(nodes=wanted.nodes, where=wanted.where, fields=_FIELDS, kinds=["nodes"])
        with closing(podium.follow(call)) as stream:
            for message in stream:
                nodes = self._listed(podium, wanted) if isinstance(message, Started | Reset) else None
                with nullcontext() if self._picture is None else self._picture.lock:
                    if nodes is not None:
                        self._shown(self._watched.begin(nodes))
                    elif isinstance(message, NodeChange):
                        self._shown(self._watched.take(message))

    def _listed(self, podium: Podium, wanted: arguments.Chosen) -> Sequence[Node]:
        """Return the nodes; wait until they can be listed again, if nobody answers."""
        while True:
            try:
                return [*podium.nodes(wanted.nodes, where=wanted.where, fields=_FIELDS)]
            except AWAY as fault:
                self.warn(f"warning: {fault}; trying again")
                self.sleep(_AGAIN)

    def _shown(self, seen: Sequence[Seen]) -> None:
        """Show the nodes that changed."""
        if self._picture is not None:
            self._picture.wake()
            return
        for one in seen:
            names = ("uuid", "name") if one.gone else _FIELDS
            values = {name: getattr(one.node, name) for name in names}
            line: dict[str, Any] = {"at": datetime.now(UTC), "gone": one.gone, **plain(values)}
            self.say(json.dumps(shown_in("json", line, at_terminal=False)))
