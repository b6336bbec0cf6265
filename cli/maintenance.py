"""``podium node maintenance set`` and ``unset``."""

import argparse

from podium.cli import arguments, command, converters
from podium.client.calls.node_changes import Changed


class _Maintenance(command.Command):
    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        arguments.add_nodes(parser)
        return parser

    def counted(self, done: Changed, how: str) -> int:
        """Report how many nodes were changed, and return the exit status."""
        if not (done.changed or done.unchanged):
            return self.none_meant()
        if not done.changed:
            self.say(f"nothing changed: {done.unchanged} {how} already")
        else:
            self.say(f"{done.changed} {how}" + (f", {done.unchanged} already" if done.unchanged else ""))
        return 0


class Set(_Maintenance):
    """Make the conductor leave nodes alone: all of the named nodes, or none.

    Maintenance that the conductor or a driver had set becomes yours: neither of them ends it.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        kind = converters.one_line
        parser.add_argument(
            "--reason",
            metavar="TEXT",
            type=kind,
            help="the reason, for other people; without it the node keeps the one that it has",
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        nodes, where = arguments.chosen_to_change(self.parser, parsed_args)
        with self.podium() as podium:
            done = podium.set_maintenance(nodes, reason=parsed_args.reason, where=where)
        return self.counted(done, "in maintenance")


class Unset(_Maintenance):
    """Hand nodes back to the conductor, and clear their fault: all of the named nodes, or none."""

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        nodes, where = arguments.chosen_to_change(self.parser, parsed_args)
        with self.podium() as podium:
            done = podium.set_maintenance(nodes, False, where=where)
        return self.counted(done, "out of maintenance")
