"""``podium node create`` and ``delete``, and the options that ``create`` shares with ``set``."""

import argparse
import uuid
from collections.abc import Iterable
from typing import Any

import msgspec

from podium import errors, masking
from podium.cli import arguments, command, converters, entries, node_update
from podium.client.calls.node_changes import DeleteNodes
from podium.client.enrolling import rows
from podium.client.podium import Podium


class Change(command.Command):
    """A command with values for nodes."""

    def get_epilog(self) -> str:
        return entries.SECRETS

    def add_values(self, parser: argparse.ArgumentParser) -> None:
        """Add the options for these values."""
        for option, text in (
            ("--driver-info", "a setting for the driver, see podium driver show"),
            ("--property", "something to note about the machine"),
            ("--extra", "something else to note"),
        ):
            parser.add_argument(
                option, action="append", default=[], metavar="KEY=VALUE", type=entries.key_value, help=text
            )
        parser.add_argument(
            "--conductor-group",
            metavar="GROUP",
            type=converters.group_name,
            help="the conductors that serve it: those with this [conductor] conductor_group",
        )

    def driver_info(
        self, podium: Podium, parsed_args: argparse.Namespace, drivers: Iterable[str]
    ) -> dict[str, str]:
        """Return the values of --driver-info, from the command line, files and the terminal.

        :param drivers: the drivers of the nodes
        :raises podium.errors.DriverLoadError: if a driver cannot be used, before asking for secrets
        """
        secrets = {one.name for driver in drivers for one in podium.driver(driver).properties if one.secret}
        return entries.read_values(
            parsed_args.driver_info,
            self.app.stdin,
            self.warn,
            lambda key: key in secrets or masking.is_secret(key),
        )


class Create(Change):
    """Enrol a node."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument("--driver", required=True, type=converters.filled, help="see podium driver list")
        parser.add_argument("--name", type=converters.filled, help="a host name, by default the UUID")
        parser.add_argument("--uuid", help="by default a new one")
        self.add_values(parser)
        arguments.add_force(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        number = parsed_args.uuid or str(uuid.uuid4())
        driver = parsed_args.driver
        with self.podium() as podium:
            row: dict[str, Any] = {
                "name": parsed_args.name or number,
                "uuid": number,
                "driver": driver,
                "driver_info": self.driver_info(podium, parsed_args, [driver]),
                "properties": dict(parsed_args.property),
                "extra": dict(parsed_args.extra),
                "conductor_group": parsed_args.conductor_group or "",
            }
            try:
                podium.enrol_nodes([row], force=parsed_args.force)
            except errors.InvalidNode as wrong:
                place = f"node 1 ({rows.label(row)})"
                faults = [fault.replace(place, row["name"], 1) for fault in wrong.faults]
                raise errors.InvalidNode(faults) from None
        self.say(f"{row['name']} enrolled, UUID {uuid.UUID(number)}")


class Delete(command.Command):
    """Forget nodes: all of the named nodes, or none. Their history of power changes is kept.

    A node is not forgotten if it is protected, or if it is active or has an instance and is not in
    maintenance. Many nodes are forgotten only after you confirm it, or with --yes.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        arguments.add_nodes(parser)
        parser.add_argument(
            "--force",
            action="store_true",
            help="even where it is unknown which of two passwords the BMC has; both are deleted",
        )
        arguments.add_yes(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        nodes, where = arguments.chosen_to_change(self.parser, parsed_args)
        call = DeleteNodes(nodes, where, force=parsed_args.force, confirmed=parsed_args.yes)
        with self.podium() as podium:
            try:
                done = podium.ask(call)
            except errors.NeedsConfirmation as fault:
                meant = list(podium.nodes(nodes, ["name", "uuid"], where=where))
                what = f"delete {node_update.named([node.name for node in meant])}"
                if not self.confirms_many(what, fault, "changed"):
                    self.warn("nothing was changed")
                    return 1
                # Exactly these: others may meet the conditions by now.
                its = [node.uuid for node in meant]
                done = podium.ask(msgspec.structs.replace(call, nodes=its, where=None, confirmed=True))
        if not done.changed:
            return self.none_meant()
        self.say(f"{done.changed} deleted")
        return 0
