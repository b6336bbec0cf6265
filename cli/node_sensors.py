"""``podium node sensors``."""

import argparse
from collections.abc import Iterable, Sequence
from typing import Any, Final

from podium.cli import arguments, command, converters
from podium.cli.showing.tables import Form
from podium.client.calls.hardware import SensorReading

_COLUMNS: Final = ("name", "kind", "value", "unit", "status")
#: The shortest wait in seconds, the longest, and the usual one.
_SHORTEST: Final = 0.1
_LONGEST: Final = 50.0
_WAIT: Final = 40.0


def _wait(text: str) -> float:
    return converters.within(text, _SHORTEST, _LONGEST)


class Sensors(command.Lister):
    """Read the sensors of a node, now.

    The conductor that has the node asks its hardware, which may take some seconds. A sensor without a reading
    at present has no value. A power change of the node goes first.
    """

    column_names = _COLUMNS
    form = Form("sensors", dropped=("kind",))

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        arguments.add_node(parser)
        parser.add_argument(
            "--timeout",
            type=_wait,
            default=_WAIT,
            metavar="TIME",
            help=f"how long to wait for the answer in seconds, at most {_LONGEST:g} (default: {_WAIT:g})",
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[Sequence[str], Iterable[Any]]:
        with self.podium() as podium:
            found = podium.sensors(parsed_args.node, wait=parsed_args.timeout)
        for_people = parsed_args.formatter == "table"
        return _COLUMNS, [_row(one, for_people=for_people) for one in found.sensors]


def _row(sensor: SensorReading, *, for_people: bool) -> list[Any]:
    row = [getattr(sensor, name) for name in _COLUMNS]
    # Without a reading nothing is known to be well, whatever the thresholds say.
    return [*row[:-1], None] if for_people and sensor.value is None and sensor.status == "OK" else row
