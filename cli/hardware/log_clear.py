"""``podium node log clear``."""

import argparse
import json
from collections.abc import Sequence
from datetime import UTC
from pathlib import Path
from typing import Final

from podium import errors, states
from podium.cli import arguments, converters, outcomes
from podium.cli.hardware import log_pages
from podium.cli.hardware.reading import WAIT
from podium.cli.new_files import new_file
from podium.cli.showing.words import shown_in
from podium.client.calls.call import plain
from podium.client.calls.hardware import LogLine
from podium.client.calls.operations import AskPower, SeenLog

#: The most entries that are copied; hardware keeps a few thousand.
_MOST: Final = 100_000


class Clear(outcomes.Requesting):
    """Clear the log that the hardware of a node keeps, after writing a copy of it.

    The copy is a new file that only you may read, with one entry as JSON in each line, the oldest first.
    Nothing is cleared if the copy cannot be written, or if the log has entries by then that the copy lacks.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        arguments.add_node(parser)
        parser.add_argument(
            "--copy",
            type=_file,
            metavar="FILE",
            help="where the copy goes, which must not be there yet; by default NODE-log-TIME.jsonl in this"
            " folder",
        )
        arguments.add_wait(parser)
        arguments.add_timeout(parser)
        arguments.add_reason(parser, "the reason, for the record of the node")
        parser.add_argument("--yes", action="store_true", help="do not ask")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        with self.podium() as podium:
            node = podium.node(parsed_args.node)
            name = node.name or node.uuid
            log = log_pages.newest(podium, node.uuid, most=_MOST, wait=WAIT)
            if log.fault is not None:
                raise log.fault
            if log.more:
                raise errors.Conflict(
                    f"{name}: its log has more than the {len(log.entries):,} entries that could be read;"
                    " nothing was cleared"
                )
            if not log.newest:
                self.say(f"{name}: its log is empty")
                return 0
            file = parsed_args.copy or Path(f"{name}-log-{log.read_at.astimezone(UTC):%Y%m%dT%H%M%SZ}.jsonl")
            entries = "1 entry" if len(log.entries) == 1 else f"{len(log.entries):,} entries"
            what = f"clear the log of {name}, {entries}, after copying it to {file}"
            if not parsed_args.yes and not self.confirms(
                what, f"to clear the log of {name} needs --yes; nothing was cleared", "cleared"
            ):
                raise errors.PodiumError("nothing was cleared")
            _write(file, log.entries)
            self.say(f"{name}: {entries} copied to {file}")
            last = log.newest[-1]
            call = AskPower(
                states.CLEAR_LOG,
                [node.uuid],
                reason=parsed_args.reason,
                timeout=parsed_args.timeout,
                confirmed=True,
                log=SeenLog(last=last.id, clock_at=last.clock_at, message=last.message),
            )
            try:
                asked = podium.ask(call)
            except errors.NotAllowed as fault:
                file.unlink(missing_ok=True)
                raise errors.NotAllowed(f"{fault}; nothing was cleared, and {file} was removed") from None
            return self.show(podium, asked, wait=parsed_args.wait)


def _file(text: str) -> Path:
    if text == "-":
        raise argparse.ArgumentTypeError("what is printed may get lost; name a file (./- is one, too)")
    return Path(converters.filled(text))


def _write(file: Path, entries: Sequence[LogLine]) -> None:
    try:
        with new_file(file) as stream:
            for entry in entries:
                stream.write(f"{json.dumps(shown_in('json', plain(entry), at_terminal=False))}\n")
    except errors.ConfigError as fault:
        raise errors.ConfigError(f"{fault}; nothing was cleared") from None
