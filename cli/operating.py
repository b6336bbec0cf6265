"""Commands that act on nodes: all nodes of a command are one operation."""

import argparse
from collections.abc import Mapping
from typing import Any, ClassVar

import msgspec

from podium import errors, states
from podium.cli import arguments, converters, outcomes
from podium.client.calls.operations import Asked, AskPower
from podium.client.podium import Podium


class Operating(outcomes.Requesting):
    """Request an action; the conductor that owns a node carries it out."""

    action: ClassVar[states.Action]
    #: The action in words, for the confirmation.
    words: ClassVar[str]

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        self.add_nodes(parser)
        arguments.add_wait(parser)
        arguments.add_timeout(parser)
        arguments.add_reason(parser, "the reason, for the record of the nodes")
        parser.add_argument(
            "--stagger",
            metavar="N/TIME",
            type=converters.stagger,
            help="begin with N nodes, and add N each time so many seconds have passed: 10/1, 10/5m",
        )
        arguments.add_yes(parser)
        return parser

    def add_nodes(self, parser: argparse.ArgumentParser) -> None:
        """Add the arguments that choose nodes, and those that stand before and after them."""
        arguments.add_nodes(parser)

    def details(self, parsed_args: argparse.Namespace) -> Mapping[str, Any]:
        """Return the parameters of the action.

        :raises podium.errors.NotUnderstood: if they make no sense
        """
        return {}

    def question(self, parsed_args: argparse.Namespace, nodes: str) -> str:
        """Return the question to ask before so many nodes are changed."""
        return self.words.format(nodes)

    def confirmed(
        self,
        podium: Podium,
        parsed_args: argparse.Namespace,
        nodes: arguments.Chosen,
        fault: errors.NeedsConfirmation,
    ) -> bool:
        """Return whether a person confirms the action.

        :param nodes: the chosen nodes
        :raises podium.errors.PodiumError: if there is nobody to ask
        """
        return self.confirms_many(self.question(parsed_args, f"{fault.nodes:,} nodes"), fault)

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        with self.podium() as podium:
            return self.show(podium, self._ask(podium, parsed_args), wait=parsed_args.wait)

    def _ask(self, podium: Podium, parsed_args: argparse.Namespace) -> Asked | None:
        """Request the action; return None if a person was asked to confirm it, and said no.

        :raises podium.errors.PodiumError: if there is nobody to ask
        """
        chosen = arguments.chosen_to_change(self.parser, parsed_args)
        call = AskPower(
            self.action,
            *chosen,
            reason=parsed_args.reason,
            timeout=parsed_args.timeout,
            stagger=parsed_args.stagger,
            confirmed=parsed_args.yes,
            **self.details(parsed_args),
        )
        try:
            return podium.ask(call)
        except errors.NeedsConfirmation as fault:
            confirmed = self.confirmed(podium, parsed_args, chosen, fault)
        return podium.ask(msgspec.structs.replace(call, confirmed=True)) if confirmed else None
