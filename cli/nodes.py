"""``podium node list`` and ``podium node show``."""

import argparse
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import sqlalchemy as sa

from podium import states
from podium.cli import arguments, command
from podium.cli.catalog import MAPPINGS, Catalog
from podium.db import api
from podium.db.models import nodes

#: Every column that says something about the node; the others are the database's own.
COLUMNS: Final = tuple(column.name for column in nodes.columns if column.name not in ("id", "version"))
_DEFAULT_COLUMNS: Final = (
    "name",
    "driver",
    "power_state",
    "target_power_state",
    "power_checked_at",
    "maintenance",
    "health",
    "last_error",
)
_POWER_STATES: Final = {
    "on": states.POWER_ON,
    "off": states.POWER_OFF,
    **{state: state for state in sorted(states.READINGS)},
    "none": None,
}


class List(command.Lister):
    """List nodes and their power state.

    A node whose power was never read has no power_state. power_checked_at is when it was last read: a node
    that does not answer keeps its last known state, and this grows old.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        arguments.add_nodes(parser, nargs="*")
        parser.add_argument("--long", action="store_true", help="show every column")
        parser.add_argument("--driver", help="only nodes of this driver")
        parser.add_argument(
            "--power-state",
            choices=_POWER_STATES,
            metavar="STATE",
            help="only nodes in this state: on, off, error, or none for those that were never read",
        )
        parser.add_argument("--maintenance", action="store_true", help="only nodes in maintenance")
        parser.add_argument(
            "--failing", action="store_true", help="only nodes whose power could not be read the last time"
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[Sequence[str], Iterable[Any]]:
        wanted = arguments.expand(parsed_args.nodes)
        with self.database() as database, database.read() as connection:
            found = api.find_nodes(connection, wanted) if wanted else api.list_nodes(connection)
        chosen = _filter(parsed_args)
        rows = [row._asdict() for row in found if chosen(row)]
        columns = COLUMNS if parsed_args.long or parsed_args.columns else _DEFAULT_COLUMNS
        if set(columns) & set(parsed_args.columns or columns) & set(MAPPINGS):
            catalog = Catalog(self.config)
            rows = [catalog.masked(row) for row in rows]
        return columns, [[row[column] for column in columns] for row in rows]


def _filter(parsed_args: argparse.Namespace) -> Callable[[sa.Row[Any]], bool]:
    def chosen(row: sa.Row[Any]) -> bool:
        return (
            parsed_args.driver in (None, row.driver)
            and (parsed_args.power_state is None or row.power_state == _POWER_STATES[parsed_args.power_state])
            and (row.maintenance or not parsed_args.maintenance)
            and (row.power_failures > 0 or not parsed_args.failing)
        )

    return chosen


class Show(command.ShowOne):
    """Show everything that is known of a node, its secrets masked."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument("node", metavar="NODE", help="a name or a UUID")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[Sequence[str], Iterable[Any]]:
        with self.database() as database, database.read() as connection:
            (row,) = api.find_nodes(connection, [parsed_args.node])
        shown = Catalog(self.config).masked(row._asdict())
        return COLUMNS, [shown[column] for column in COLUMNS]
