"""``podium conductor avoid``, ``unavoid`` and ``avoided``: nodes of a subnet go to other conductors."""

import argparse
from collections.abc import Iterable, Sequence
from typing import Any, Final

from podium import errors
from podium.cli import command, converters
from podium.cli.showing.tables import Form
from podium.client import networks
from podium.client.calls.drains import Avoided as AvoidedSubnet
from podium.client.calls.drains import Avoiding

_COLUMNS: Final = AvoidedSubnet.__struct_fields__


class _OfSubnet(command.Command):
    """A command about a conductor and a subnet."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "hostname", metavar="HOST", type=converters.filled, help="a name of `podium conductor list`"
        )
        parser.add_argument("subnet", metavar="SUBNET", type=_subnet, help="such as 10.0.1.0/24")
        return parser


class Avoid(_OfSubnet):
    """Take the nodes of a subnet from a conductor that cannot reach them; others take them over.

    A node is in the subnet if the endpoint that its driver names is an address in it. Names are not looked
    up: nodes that were enrolled with the name of a BMC stay. Nodes that are enrolled in the subnet later are
    kept from the conductor too, until `podium conductor unavoid`.
    """

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        host, subnet = parsed_args.hostname, parsed_args.subnet
        with self.podium() as podium:
            done = podium.avoid(host, subnet)
        self.say(f"{host} is kept from {subnet} {_how(done)}")


class Unavoid(_OfSubnet):
    """Let a conductor have the nodes of a subnet again."""

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        host, subnet = parsed_args.hostname, parsed_args.subnet
        with self.podium() as podium:
            done = podium.unavoid(host, subnet)
        if done.changed:
            nodes = "1 node" if done.nodes == 1 else f"{done.nodes} nodes"
            self.say(f"{host} may have the {nodes} in {subnet} again")
        else:
            self.say(f"{host} was not kept from {subnet}")


class Avoided(command.Lister):
    """List the subnets that conductors avoid, and how many nodes are in each."""

    column_names = _COLUMNS
    form = Form("subnets", by=("hostname", "subnet"))

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[Sequence[str], Iterable[Any]]:
        with self.podium() as podium:
            return _COLUMNS, [[getattr(one, column) for column in _COLUMNS] for one in podium.avoided()]


def _how(done: Avoiding) -> str:
    if not done.changed:
        return "already"
    found = [f"no conductor may have {done.left} of its nodes"] if done.left else []
    if done.nodes or not done.left:
        found.insert(0, f"{done.nodes} of its nodes {'goes' if done.nodes == 1 else 'go'} to others")
    return f"from now on: {', and '.join(found)}"


def _subnet(text: str) -> str:
    try:
        return str(networks.network(text))
    except errors.BadRequest as fault:
        raise argparse.ArgumentTypeError(str(fault)) from None
