"""``podium driver list`` and ``podium driver show``."""

import argparse
from collections.abc import Iterable, Sequence
from typing import Any, Final

from podium import errors
from podium.cli import command, converters
from podium.cli.showing.tables import Form
from podium.client.calls.call import plain
from podium.client.calls.drivers import Driver, DriverSummary
from podium.client.podium import Podium

_COLUMNS: Final = DriverSummary.__struct_fields__
_SHOWN: Final = Driver.__struct_fields__


class List(command.Lister):
    """List the installed drivers, with the online conductors that have enabled them."""

    column_names = _COLUMNS
    form = Form(
        "drivers", by=("name",), dropped=("conductors",), prose=("description", "conductors", "error")
    )

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[Sequence[str], Iterable[Any]]:
        with self.podium() as podium:
            found = self._drivers(podium)
        return _COLUMNS, [[getattr(one, column) for column in _COLUMNS] for one in found]

    def _drivers(self, podium: Podium) -> list[DriverSummary]:
        """Return the drivers; if the database cannot be read, warn and return them without conductors."""
        try:
            return list(podium.drivers())
        except errors.DatabaseError as fault:
            self.warn(f"warning: {fault}")
            return list(podium.drivers(conductors=False))


class Show(command.ShowOne):
    """Show a driver's settings for a node, its options in the config file, and its actions."""

    column_names = _SHOWN

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument("driver", metavar="DRIVER", type=converters.filled, help="see podium driver list")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[Sequence[str], Iterable[Any]]:
        with self.podium() as podium:
            driver = podium.driver(parsed_args.driver)
        return _SHOWN, [plain(getattr(driver, name)) for name in _SHOWN]
