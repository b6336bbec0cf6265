"""``podium node power``: requests power changes, one operation for all nodes of a command."""

import argparse
from collections.abc import Mapping
from typing import Any, ClassVar, Final

from podium import errors, node_ranges, states
from podium.cli.arguments import Chosen
from podium.cli.hardware import boot_options, second_opinions
from podium.cli.operating import Operating
from podium.client.podium import Podium

#: Actions that no operating system can refuse.
_FORCED: Final = (states.POWER_OFF, states.REBOOTING, states.POWER_CYCLE)


class _Power(Operating):
    """Switch nodes."""

    #: Whether the operating system may refuse.
    is_soft: ClassVar[bool] = False
    #: Whether the machine boots.
    boots: ClassVar[bool] = False

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        if self.is_soft:
            parser.add_argument(
                "--then-off",
                action="store_true",
                help="switch off nodes still on after the timeout ([conductor] soft_power_off_timeout)",
            )
        if self.boots:
            boot_options.add_boot(parser)
        return parser

    def details(self, parsed_args: argparse.Namespace) -> Mapping[str, Any]:
        found = {"then_off": parsed_args.then_off} if self.is_soft else {}
        return found | ({"boot": boot_options.chosen(self.parser, parsed_args)} if self.boots else {})

    def question(self, parsed_args: argparse.Namespace, nodes: str) -> str:
        asked = super().question(parsed_args, nodes)
        boot = boot_options.chosen(self.parser, parsed_args) if self.boots else None
        return asked if boot is None else f"{asked}, to boot {boot_options.in_words(boot)}"

    def confirmed(
        self, podium: Podium, parsed_args: argparse.Namespace, nodes: Chosen, fault: errors.NeedsConfirmation
    ) -> bool:
        is_forced = self.action in _FORCED or (self.is_soft and parsed_args.then_off)
        if is_forced and self.app.stdin.isatty():
            for line in second_opinions.of_failing(podium, nodes):
                self.warn(line)
        return super().confirmed(podium, parsed_args, nodes, fault)


class On(_Power):
    """Power nodes on."""

    action = states.POWER_ON
    words = "switch {} on"
    boots = True


class Off(_Power):
    """Power nodes off at once, without asking their operating system."""

    action = states.POWER_OFF
    words = "switch {} off"


class Reboot(_Power):
    """Restart nodes, or switch on those that are off, without asking their operating system."""

    action = states.REBOOTING
    words = "reboot {}"
    boots = True


class SoftOff(_Power):
    """Shut down the operating system of nodes and switch them off."""

    action = states.SOFT_POWER_OFF
    words = "shut {} down"
    is_soft = True


class SoftReboot(_Power):
    """Shut down the operating system of nodes, and switch them on again."""

    action = states.SOFT_REBOOTING
    words = "shut {} down and start them again"
    is_soft = True
    boots = True


class Cycle(_Power):
    """Power nodes off, check that they are off, and power them on.

    With --at feed the power is switched where the nodes are plugged in: at the nodes that they name as
    power_feeds in their extra, for at most 10 nodes at a time. That cuts the power of everything on these
    feeds, and always needs confirmation.
    """

    action = states.POWER_CYCLE
    words = "switch {} off and on again"
    boots = True

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "--at",
            choices=("node", "feed"),
            default="node",
            help="feed: cut the power of the nodes at their feeds, where their own hardware does not answer",
        )
        return parser

    def details(self, parsed_args: argparse.Namespace) -> Mapping[str, Any]:
        return {**super().details(parsed_args), "at": parsed_args.at}

    def confirmed(
        self, podium: Podium, parsed_args: argparse.Namespace, nodes: Chosen, fault: errors.NeedsConfirmation
    ) -> bool:
        if parsed_args.at == "node":
            return super().confirmed(podium, parsed_args, nodes, fault)
        names = [node.name for node in podium.nodes(nodes.nodes, fields=["name"], where=nodes.where)]
        question = f"CUT THE POWER of {node_ranges.fold(names)} at feeds"
        if self.app.stdin.isatty():
            lines, feeds, others = second_opinions.of_all(podium, names)
            for line in lines:
                self.warn(line)
            question = f"{question} {node_ranges.fold(feeds)}" if feeds else question
            if others:
                question += f", AND OF {node_ranges.fold(others)}"
        refusal = f"to {question} needs --yes; nothing was requested"
        return self.confirms(f"{question}, and switch on again", refusal, "requested")


class InjectNMI(_Power):
    """Send nodes a diagnostic interrupt; most operating systems then write a dump and stop."""

    action = states.INJECT_NMI
    words = "send {} a diagnostic interrupt"
