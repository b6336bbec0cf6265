"""``podium node manage``, ``provide`` and ``adopt``: provision states."""

import argparse
from typing import ClassVar, Literal

from podium import node_ranges
from podium.cli import arguments, command


class _Provision(command.Command):
    """Bring nodes into another provision state."""

    target: ClassVar[Literal["manage", "provide", "adopt"]]

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        arguments.add_nodes(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        nodes, where = arguments.chosen_to_change(self.parser, parsed_args)
        with self.podium() as podium:
            found = podium.provision(nodes, self.target, where).nodes
        if not found:
            return self.none_meant()
        alike: dict[str, list[str]] = {}
        for one in found:
            text = one.provision_state if one.changed else f"{one.provision_state} already"
            alike.setdefault(text, []).append(one.name)
        for text, names in alike.items():
            self.say(f"{node_ranges.fold(names)}: {text}")
        return 0


class Manage(_Provision):
    """Have a conductor look after nodes, or keep programs from choosing them.

    The power of a node in enroll is read first: meanwhile the node is verifying. It then becomes manageable,
    or returns to enroll, and last_error shows why. Nodes that are available or active become manageable at
    once.
    """

    target = "manage"


class Provide(_Provision):
    """Let programs choose manageable nodes, such as Nova and Metal3: they become available."""

    target = "provide"


class Adopt(_Provision):
    """Note that manageable nodes are in use: they become active."""

    target = "adopt"
