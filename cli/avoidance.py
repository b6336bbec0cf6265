"""``podium conductor avoid``, ``unavoid`` and ``avoided``: nodes of a subnet go to other conductors."""

import argparse
import contextlib
import ipaddress
from collections.abc import Iterable, Sequence
from typing import Any

from podium.cli import command
from podium.db import avoidances, roster, subnets
from podium.db.subnets import Network


class _OfSubnet(command.Command):
    """A command about a conductor and a subnet."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument("hostname", metavar="HOST", help="a name of `podium conductor list`")
        parser.add_argument("subnet", metavar="SUBNET", type=_subnet, help="such as 10.0.1.0/24")
        return parser


class Avoid(_OfSubnet):
    """Take the nodes of a subnet from a conductor that cannot reach them; others take them over.

    In the subnet are nodes whose driver names an address in it as what is spoken to. Names are not looked up:
    nodes that were enrolled with the name of a BMC stay. Nodes that are enrolled there later are kept away
    from the conductor too, until `podium conductor unavoid`.
    """

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        host, subnet = parsed_args.hostname, parsed_args.subnet
        with self.database() as database:
            with database.read() as connection:
                roster.require(connection, host)
                its = subnets.within(connection, subnet, host)
            moved = avoidances.avoid(database, host, subnet)
            with database.read() as connection:
                unserved = subnets.unserved(connection)
        how = "already" if moved is None else f"from now on: {its} of its nodes go to others"
        self.say(f"{host} is kept from {subnet} {how}")
        if unserved:
            self.warn(
                f"warning: nodes of avoided subnets that no conductor may have: {len(unserved)};"
                " see: podium node list --unserved"
            )


class Unavoid(_OfSubnet):
    """Let a conductor have the nodes of a subnet again."""

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        host, subnet = parsed_args.hostname, parsed_args.subnet
        with self.database() as database:
            with database.read() as connection:
                roster.require(connection, host)
                its = subnets.within(connection, subnet)
            moved = avoidances.unavoid(database, host, subnet)
        if moved is None:
            self.say(f"{host} was not kept from {subnet}")
        else:
            self.say(f"{host} may have the {its} nodes in {subnet} again")


class Avoided(command.Lister):
    """List the subnets whose nodes conductors do not have, and how many nodes are in each."""

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[Sequence[str], Iterable[Any]]:
        with self.database() as database, database.read() as connection:
            found = subnets.listed(connection)
            counts = subnets.sizes(connection)
        return ("hostname", "subnet", "nodes"), [
            [one.host, one.subnet, sum(counts.get(slot, 0) for slot in one.slots)] for one in found
        ]


def _subnet(text: str) -> Network:
    try:
        return ipaddress.ip_network(text)
    except ValueError as fault:
        why = str(fault)
    with contextlib.suppress(ValueError):
        around = ipaddress.ip_network(text, strict=False)
        why = f"{text.partition('/')[0]} is an address within it; did you mean {around}?"
    raise argparse.ArgumentTypeError(f"{text!r} is not a subnet such as 10.0.1.0/24: {why}")
