"""``podium node power``: requests for nodes, as one operation for all nodes of a command."""

import argparse
from typing import ClassVar

import msgspec

from podium import errors, states
from podium.cli import arguments, converters, outcomes
from podium.client.calls.operations import Asked, AskPower
from podium.client.podium import Podium


class _Power(outcomes.Requesting):
    """Request an action; the conductor that owns a node carries it out."""

    action: ClassVar[states.Action]
    #: The action in words, for the question before it.
    words: ClassVar[str]
    #: Whether the operating system may refuse.
    is_soft: ClassVar[bool] = False

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        arguments.add_nodes(parser)
        arguments.add_wait(parser)
        arguments.add_timeout(parser)
        arguments.add_reason(parser, "the reason, for the record of power events")
        parser.add_argument(
            "--stagger",
            metavar="N/TIME",
            type=converters.stagger,
            help="begin with N nodes, and add N each time so many seconds have passed: 10/1, 10/5m",
        )
        arguments.add_yes(parser)
        parser.set_defaults(then_off=False)
        if self.is_soft:
            parser.add_argument(
                "--then-off",
                action="store_true",
                help="switch off nodes still on after the timeout ([conductor] soft_power_off_timeout)",
            )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        with self.podium() as podium:
            return self.show(podium, self._ask(podium, parsed_args), wait=parsed_args.wait)

    def _ask(self, podium: Podium, parsed_args: argparse.Namespace) -> Asked | None:
        """Request the action; None if a person was asked whether so many nodes are meant, and said no.

        :raises podium.errors.PodiumError: if there is nobody to ask
        """
        nodes, where = arguments.chosen_to_change(self.parser, parsed_args)
        call = AskPower(
            self.action,
            nodes,
            where,
            reason=parsed_args.reason,
            timeout=parsed_args.timeout,
            then_off=parsed_args.then_off,
            stagger=parsed_args.stagger,
            confirmed=parsed_args.yes,
        )
        try:
            return podium.ask(call)
        except errors.NeedsConfirmation as fault:
            confirmed = self.confirms_many(self.words.format(f"{fault.nodes:,} nodes"), fault)
        return podium.ask(msgspec.structs.replace(call, confirmed=True)) if confirmed else None


class On(_Power):
    """Power nodes on."""

    action = states.POWER_ON
    words = "switch {} on"


class Off(_Power):
    """Power nodes off at once, without asking their operating system."""

    action = states.POWER_OFF
    words = "switch {} off"


class Reboot(_Power):
    """Restart nodes, or switch on those that are off, without asking their operating system."""

    action = states.REBOOTING
    words = "reboot {}"


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


class Cycle(_Power):
    """Power nodes off, check that they are off, and power them on."""

    action = states.POWER_CYCLE
    words = "switch {} off and on again"


class InjectNMI(_Power):
    """Send nodes a diagnostic interrupt; most operating systems then write a dump and stop."""

    action = states.INJECT_NMI
    words = "send {} a diagnostic interrupt"
