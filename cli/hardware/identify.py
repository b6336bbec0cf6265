"""``podium node identify``."""

import argparse
from collections.abc import Mapping
from typing import Any, Final

from podium import states
from podium.cli import converters
from podium.cli.operating import Operating
from podium.client.calls.operations import Identification

_SECONDS: Final = 60.0
_SHORTEST: Final = 1.0
_LONGEST: Final = 86_400.0


class Identify(Operating):
    """Have the LED of a machine blink, so that people find it in its rack."""

    action = states.IDENTIFY

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        how_long = parser.add_mutually_exclusive_group()
        how_long.add_argument(
            "--seconds",
            metavar="TIME",
            type=_seconds,
            default=_SECONDS,
            help=f"for how long, in seconds or as 5m, 2h (default: {_SECONDS:g})",
        )
        how_long.add_argument(
            "--on",
            dest="seconds",
            action="store_const",
            const=None,
            help="until somebody ends it with --off, or at the machine",
        )
        how_long.add_argument("--off", dest="seconds", action="store_const", const=0.0, help="end it")
        return parser

    def details(self, parsed_args: argparse.Namespace) -> Mapping[str, Any]:
        return {"identification": Identification(seconds=parsed_args.seconds)}

    def question(self, parsed_args: argparse.Namespace, nodes: str) -> str:
        if parsed_args.seconds == 0:
            return f"end the blinking of {nodes}"
        time = "" if parsed_args.seconds is None else f" for {parsed_args.seconds:g} s"
        return f"have the LEDs of {nodes} blink{time}"


def _seconds(text: str) -> float:
    return converters.within(text, _SHORTEST, _LONGEST)
