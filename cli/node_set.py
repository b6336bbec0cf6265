"""``podium node set``: it changes all of its nodes, or none."""

import argparse
from typing import Any, Final

from podium import node_ranges
from podium.cli import arguments, converters, node_changes, record_options
from podium.client.podium import Podium

#: The options whose values are set as they are.
_VALUES: Final = ("name", "driver", "conductor_group", "power_policy")


class Set(node_changes.Change):
    """Change the settings and the records of nodes: all of the named nodes, or none."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        arguments.add_nodes(parser)
        parser.add_argument("--name", type=converters.filled, help="a new name, for a single node")
        parser.add_argument("--driver", type=converters.filled, help="another driver")
        self.add_values(parser)
        arguments.add_force(parser)
        parser.add_argument(
            "--unset-driver-info",
            action="append",
            default=[],
            metavar="KEY",
            help="a setting to remove, as --unset driver_info.KEY",
        )
        parser.add_argument(
            "--power-policy",
            choices=("record", "enforce", "ignore", "default"),
            help="when somebody else switches it: note that, or switch it back; ignore: do not even read its"
            " power; default: as [conductor] force_power_state_during_sync says",
        )
        record_options.add(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        nodes, where = arguments.chosen_to_change(self.parser, parsed_args)
        wanted = node_ranges.expand(nodes or ())
        for option in ("name", "instance_uuid"):
            if getattr(parsed_args, option) and len(wanted) > 1:
                self.parser.error(
                    f"argument --{option.replace('_', '-')}: two nodes cannot have one {option}"
                )
        unset = [f"driver_info.{key}" for key in parsed_args.unset_driver_info] + parsed_args.unset
        with self.podium() as podium:
            changes = self._changes(podium, nodes, where, parsed_args)
            if not changes and not unset:
                self.parser.error("nothing to change: give at least one option")
            done = podium.set_nodes(nodes, changes, unset, parsed_args.force, where)
        if not (done.changed or done.unchanged):
            return self.none_meant()
        unchanged = f", {done.unchanged} unchanged" if done.unchanged else ""
        self.say(f"{done.changed} changed{unchanged}")
        return 0

    def _changes(
        self,
        podium: Podium,
        nodes: list[str] | None,
        where: list[str] | None,
        parsed_args: argparse.Namespace,
    ) -> dict[str, Any]:
        """Return the values to set, by name."""
        changes = record_options.wanted(parsed_args, self.app.stdin, self.warn)
        for name in _VALUES:
            if (value := getattr(parsed_args, name)) is not None:
                changes[name] = value
        for name, pairs in (("properties", parsed_args.property), ("extra", parsed_args.extra)):
            if pairs:
                changes[name] = dict(pairs)
        if parsed_args.driver_info:
            drivers = {parsed_args.driver}
            if parsed_args.driver is None:
                drivers = {node.driver for node in podium.nodes(nodes, ["driver"], where=where)}
            changes["driver_info"] = self.driver_info(podium, parsed_args, sorted(drivers))
        return changes
