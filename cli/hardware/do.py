"""``podium node do``: actions of a driver's own."""

import argparse
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from podium import errors, states
from podium.cli.operating import Operating
from podium.client.calls.operations import OwnAction

_ACTION: Final = re.compile(r"[^\s.]+\.[a-z][a-z0-9_]*")
_ARGUMENT: Final = re.compile(r"[A-Za-z_]\w*=")


class Do(Operating):
    """Carry out an action that only one driver has, on nodes of that driver.

    podium driver show lists the actions of a driver and their arguments. Arguments are recorded, and are no
    place for secrets.
    """

    action = states.DRIVER_ACTION

    def add_nodes(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("own", metavar="DRIVER.ACTION", type=_action, help="such as acme.blink")
        super().add_nodes(parser)
        # argparse cannot tell them from nodes, which have no = in their names.
        parser.add_argument(
            "given", nargs="*", metavar="ARGUMENT=VALUE", help="what the action is given, such as colour=red"
        )

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        words = [*parsed_args.nodes, *parsed_args.given]
        parsed_args.nodes = [word for word in words if not _ARGUMENT.match(word)]
        parsed_args.given = [word for word in words if _ARGUMENT.match(word)]
        return super().take_action(parsed_args)

    def details(self, parsed_args: argparse.Namespace) -> Mapping[str, Any]:
        return {"own": OwnAction(name=parsed_args.own, arguments=_values(parsed_args.given))}

    def question(self, parsed_args: argparse.Namespace, nodes: str) -> str:
        return f"do {parsed_args.own} with {nodes}"


def _action(text: str) -> str:
    if not _ACTION.fullmatch(text):
        raise argparse.ArgumentTypeError(
            f"{text[:80]} is not DRIVER.ACTION; podium driver show DRIVER lists the actions of a driver"
        )
    return text


def _values(given: Iterable[str]) -> dict[str, str | int | float | bool]:
    """Return the arguments of an action by name.

    :raises podium.errors.NotUnderstood: if an argument is given twice
    """
    values: dict[str, str | int | float | bool] = {}
    for word in given:
        name, _, value = word.partition("=")
        if name in values:
            raise errors.NotUnderstood(f"{name} is given twice; give it once")
        values[name] = value
    return values
