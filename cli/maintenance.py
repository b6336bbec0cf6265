"""``podium node maintenance set`` and ``unset``."""

import argparse
from collections.abc import Mapping
from typing import Any

from podium import node_ranges
from podium.cli import arguments, command
from podium.client import maintenance
from podium.db import api


class _Maintenance(command.Command):
    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        arguments.add_nodes(parser)
        return parser

    def _change(self, nodes: list[str], values: Mapping[str, Any]) -> int:
        wanted = node_ranges.expand(nodes)
        with self.database() as database, database.write() as connection:
            found = api.find_keys(connection, wanted)
            api.update_nodes(connection, {node.id: values for node in found})
        return len(found)


class Set(_Maintenance):
    """Make the conductor leave nodes alone: all of the named nodes, or none.

    A maintenance that the conductor or a driver had set becomes yours: neither takes it back.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        kind = arguments.one_line
        parser.add_argument(
            "--reason",
            metavar="TEXT",
            type=kind,
            help="the reason, for other people; without it the node keeps the one that it has",
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        values = dict(maintenance.SET)
        if parsed_args.reason is not None:
            values["maintenance_reason"] = parsed_args.reason
        self.say(f"{self._change(parsed_args.nodes, values)} in maintenance")


class Unset(_Maintenance):
    """Hand nodes back to the conductor, and clear their fault: all of the named nodes, or none."""

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        self.say(f"{self._change(parsed_args.nodes, maintenance.UNSET)} out of maintenance")
